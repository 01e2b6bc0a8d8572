r"""The Debye scattering equation over a distance table.

For a particle with :math:`N_s` sites of species :math:`s`, of occupancy
:math:`o`, form factor :math:`f` and damping :math:`T`,

.. math::

    I(Q) = \sum_s N_s\, o_s \left( |f_s|^2 + I_{\mathrm{inc},s} \right)
         + \sum_{s \le t} o_s o_t \,\mathrm{Re}(f_s f_t^*)\, T_s T_t
           \sum_d m_{st}(d)\, \frac{\sin Q d}{Q d}

where :math:`m_{st}(d)` counts ordered pairs. For neutrons :math:`f` is the bound
coherent scattering length and nothing incoherent is added. Where the outermost shell
of a particle is filled in part, sites count in part in :math:`N_s` and
:math:`m_{st}`, and their squares in the coherent self term: the coherent pattern of
the average density, without the diffuse scattering :math:`\sum o (1 - o) |f|^2` that
an ensemble of particles with differing shells has. The published patterns seem to be made so.

The last sum is a sine transform of :math:`m / d`. The direct method adds its terms
one by one in float64 and is the judge. The fast method is a non-uniform fast
Fourier transform [2]_ asked for :math:`10^{-12}`: the error of a pair sum is below
:math:`10^{-11}\, Q^{-1} \sum_d m(d) / d`, and that of a pattern below
:math:`10^{-6}` of it everywhere from 1 to 15 1/Angstrom for particles up to 20 nm
(both tested in ``tests/simulation/test_debye.py``).

References
----------
.. [1] P. Debye, Ann. Phys. 351, 809 (1915).
.. [2] A. H. Barnett, J. Magland, L. af Klinteberg, SIAM J. Sci. Comput. 41,
   C479 (2019): finufft.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from .._typing import CountArray, FloatArray
from .checks import positive
from .distances import DistanceTable
from .q_grid import q_from_two_theta
from .scattering_factors import (
    compton_intensity,
    debye_waller_factor,
    energy_from_wavelength,
    form_factor,
    neutron_scattering_length,
)

__all__ = ["debye_intensity", "pair_sums", "sine_sums", "strained_pair_sums"]

Method = Literal["fast", "direct"]
Radiation = Literal["xray", "neutron"]
BIso: TypeAlias = float | Mapping[str, float] | None

_TOLERANCE = 1e-12
_BLOCK = 2**22  # sine terms held at once by the direct method
_FEW_STRAINS = 3  # fewer are transformed one by one
_N_TAPS = 12  # points that an interpolation takes
_PHASE = 0.4  # rad, of the longest distance, from one point of its grid to the next
_UNIFORM = 1e-11  # rad; a grid whose phases are this near to those of an even one is even


def pair_sums(
    table: DistanceTable,
    q: FloatArray,
    *,
    strain: float = 0.0,
    method: Method = "fast",
) -> list[FloatArray]:
    """Sum m(d) sin(Qd)/(Qd) over the distances of every group of a table.

    Parameters
    ----------
    table : DistanceTable
    q : ndarray of shape (n_q,)
        Positive, in 1/Angstrom.
    strain : float, default=0.0
        Isotropic (a - a_bulk) / a_bulk; every distance is scaled by 1 + strain.
    method : {"fast", "direct"}, default="fast"
        Non-uniform fast Fourier transform, or the plain float64 sum.

    Returns
    -------
    list of ndarray of shape (n_clusters, n_q)
        One entry for each entry of ``table.groups``.

    Raises
    ------
    ValueError
        If q is not positive, the strain is not above -1, or the method is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation import cut_cluster, distance_table, pair_sums
    >>> table = distance_table(cut_cluster("Pt", "sphere", diameter=2.0))
    >>> [sums.shape for sums in pair_sums(table, np.linspace(1.0, 15.0, 100))]
    [(1, 100)]
    """
    checked_table(table)
    q = checked_q(q)
    if np.ndim(strain) != 0 or not (np.isfinite(strain) and strain > -1.0):
        raise ValueError(
            f"strain is {strain}; it must be one fraction above -1 (for a strain along each axis "
            "use Crystal.strained)"
        )
    sums = []
    for group in table.groups:
        distances = group.distances * (1.0 + strain)
        sums.append(sine_sums(distances, group.multiplicities / distances, q, method) / q)
    return sums


def strained_pair_sums(
    table: DistanceTable, q: FloatArray, strains: FloatArray
) -> list[FloatArray]:
    """:func:`pair_sums` for several isotropic strains, whose cost is nearly that of one.

    A strain scales Q. So the sums are transformed once, onto an even grid that resolves the
    longest distance (a step of 0.4 / d), and interpolated there by polynomials of degree 11:
    what is lost is below 1e-9 of the term of that distance.

    Parameters
    ----------
    table : DistanceTable
    q : ndarray of shape (n_q,)
        Positive, in 1/Angstrom.
    strains : ndarray of shape (n_strains,)
        Above -1.

    Returns
    -------
    list of ndarray of shape (n_strains, n_clusters, n_q)
        One entry for each entry of ``table.groups``.
    """
    checked_table(table)
    q = checked_q(q)
    if len(strains) < _FEW_STRAINS:
        each = [pair_sums(table, q, strain=float(strain)) for strain in strains]
        return [np.array(sums) for sums in zip(*each, strict=True)]
    places = np.multiply.outer(1.0 + strains, q)
    longest = max((float(g.distances.max()) for g in table.groups if g.distances.size), default=1.0)
    step = min(_PHASE / longest, (places.max() - places.min()) / _N_TAPS + 1e-9)
    start = max(places.min() - _N_TAPS / 2 * step, 0.0)
    n_points = int(np.ceil((places.max() - start) / step)) + _N_TAPS
    grid = start + step * np.arange(n_points)
    rows = [_interpolation(x, start, step, n_points) for x in places]
    sums = []
    for group in table.groups:
        weights = group.multiplicities / group.distances
        even = np.ascontiguousarray(sine_sums(group.distances, weights, grid).T)
        found = [np.asarray((row @ even).T) / x for row, x in zip(rows, places, strict=True)]
        sums.append(np.array(found))
    return sums


def _interpolation(x: FloatArray, start: float, step: float, n_points: int) -> csr_matrix:
    """Rows that interpolate values on an even grid at x, by the points around each."""
    u = (x - start) / step
    first = np.clip(np.floor(u).astype(np.int64) - _N_TAPS // 2 + 1, 0, n_points - _N_TAPS)
    t = (u - first)[:, None] - np.arange(_N_TAPS)
    signs = np.array([(-1.0) ** (_N_TAPS - 1 - k) for k in range(_N_TAPS)])
    factorials = np.array(
        [math.factorial(k) * math.factorial(_N_TAPS - 1 - k) for k in range(_N_TAPS)]
    )
    # Lagrange's weights: products of all other distances.
    before = np.cumprod(np.concatenate([np.ones((len(x), 1)), t[:, :-1]], axis=1), axis=1)
    after = np.cumprod(np.concatenate([np.ones((len(x), 1)), t[:, :0:-1]], axis=1), axis=1)[:, ::-1]
    weights = before * after * (signs / factorials)
    columns = first[:, None] + np.arange(_N_TAPS)
    ends = np.arange(len(x) + 1) * _N_TAPS
    return csr_matrix((weights.ravel(), columns.ravel(), ends), shape=(len(x), n_points))


def debye_intensity(
    table: DistanceTable,
    q: npt.ArrayLike | None = None,
    *,
    two_theta: npt.ArrayLike | None = None,
    wavelength: float | None = None,
    strain: float = 0.0,
    b_iso: BIso = None,
    compton: bool = True,
    radiation: Radiation = "xray",
    method: Method = "fast",
) -> FloatArray:
    """Scattered intensity of every particle of a table.

    Parameters
    ----------
    table : DistanceTable
    q : array-like of shape (n_q,), optional
        Positive, in 1/Angstrom, at most 4 pi / wavelength.
    two_theta : array-like of shape (n_q,), optional
        Scattering angles in degrees, instead of q.
    wavelength : float, optional
        In Angstrom. Neutrons need it for ``two_theta`` only.
    strain : float, default=0.0
        Isotropic (a - a_bulk) / a_bulk.
    b_iso : float or mapping of str to float, optional
        Displacement parameter in Angstrom^2, for all atoms or for each element
        named, instead of the table's.
    compton : bool, default=True
        Whether to add the incoherent scattering of X-rays.
    radiation : {"xray", "neutron"}, default="xray"
    method : {"fast", "direct"}, default="fast"
        Non-uniform fast Fourier transform, or the plain float64 sum.

    Returns
    -------
    ndarray of shape (n_clusters, n_q)
        Per particle: electron units, or fm^2 for neutrons. What the sample scatters,
        without polarisation, Lorentz, absorption or instrument factors.

    Raises
    ------
    ValueError
        If q, two_theta, wavelength, strain, b_iso, radiation or method is out of
        range, or neither or both of q and two_theta are given.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation import Crystal, cut_cluster, debye_intensity, distance_table
    >>> table = distance_table(cut_cluster(Crystal.builtin("PbS"), "sphere", 3.0))
    >>> debye_intensity(table, np.array([2.1, 2.5]), wavelength=0.56).shape
    (1, 2)
    """
    checked_table(table)
    q = _axis(q, two_theta, wavelength)
    factors = AtomicFactors(
        table, q, wavelength=wavelength, b_iso=b_iso, compton=compton, radiation=radiation
    )
    sums = pair_sums(table, q, strain=strain, method=method)
    return factors.intensity(table.counts, table.self_counts, sums)


class AtomicFactors:
    """The part of the Debye equation that does not depend on where the atoms are.

    Parameters
    ----------
    table : DistanceTable
        Says which species belong to which group of distances.
    q : ndarray of shape (n_q,)
        In 1/Angstrom.
    wavelength, b_iso, compton, radiation
        As in :func:`debye_intensity`.

    Attributes
    ----------
    amplitudes : ndarray of shape (n_species, n_q)
        Occupancy times form factor (or scattering length), not damped.
    self_terms, incoherent_terms : ndarray of shape (n_species, n_q)
        Coherent and incoherent intensity of one site of each species by itself.
    pair_terms : list of ndarray of shape (n_q,)
        Weight of each group's pair sum.
    """

    def __init__(
        self,
        table: DistanceTable,
        q: FloatArray,
        *,
        wavelength: float | None,
        b_iso: BIso = None,
        compton: bool = True,
        radiation: Radiation = "xray",
    ) -> None:
        species = table.species
        if radiation == "neutron":
            free = [np.full(len(q), neutron_scattering_length(s.element)) for s in species]
            incoherent = [np.zeros(len(q)) for _ in species]
        elif radiation == "xray":
            if wavelength is None:
                raise ValueError(
                    "wavelength is missing: X-ray form factors depend on it (in Angstrom)"
                )
            free = [form_factor(s.element, q, wavelength, s.charge) for s in species]
            # Also without Compton: refuses a q that the wavelength cannot reach.
            incoherent = [compton_intensity(s.element, q, wavelength) for s in species]
        else:
            raise ValueError(f"radiation is {radiation!r}; it must be 'xray' or 'neutron'")
        self.amplitudes = np.array([s.occupancy * f for s, f in zip(species, free, strict=True)])
        self.self_terms = np.array(
            [s.occupancy * (f * f.conj()).real for s, f in zip(species, free, strict=True)]
        )
        self.incoherent_terms = np.array(
            [s.occupancy * i * float(compton) for s, i in zip(species, incoherent, strict=True)]
        )
        damping = {b: debye_waller_factor(b, q) for b in _b_values(table, b_iso)}
        damped = [
            a * damping[b] for a, b in zip(self.amplitudes, _b_values(table, b_iso), strict=True)
        ]
        self.pair_terms = []
        for group in table.groups:
            weight = np.zeros(len(q))
            for i, j in group.pairs:
                weight += (damped[i] * damped[j].conj()).real
            self.pair_terms.append(weight)

    def intensity(
        self,
        counts: CountArray,
        self_counts: CountArray,
        sums: list[FloatArray],
    ) -> FloatArray:
        """Intensity of particles (or of mixtures of them) from their sites and pair sums."""
        total = np.asarray(self_counts, dtype=np.float64) @ self.self_terms
        total = np.asarray(total + np.asarray(counts, dtype=np.float64) @ self.incoherent_terms)
        for weight, pair_sum in zip(self.pair_terms, sums, strict=True):
            total += weight * pair_sum
        return total


def _b_values(table: DistanceTable, b_iso: BIso) -> list[float]:
    """Displacement parameter of every species, checked."""
    own = [s.b_iso for s in table.species]
    if b_iso is None:
        return own
    elements = {s.element for s in table.species}
    values = dict(b_iso) if isinstance(b_iso, Mapping) else dict.fromkeys(elements, b_iso)
    absent = sorted(set(values) - elements)
    if absent:
        raise ValueError(f"b_iso names {absent[0]}, which {table.name} does not contain")
    for value in values.values():
        if value != 0:
            positive("b_iso (a number, or one for each element in a mapping)", value, "Angstrom^2")
    return [
        float(values[s.element]) if s.element in values else b
        for s, b in zip(table.species, own, strict=True)
    ]


def _axis(
    q: npt.ArrayLike | None, two_theta: npt.ArrayLike | None, wavelength: float | None
) -> FloatArray:
    if (q is None) == (two_theta is None):
        raise ValueError("give either q or two_theta")
    if q is not None:
        return checked_q(np.asarray(q, dtype=np.float64))
    angles = np.asarray(two_theta, dtype=np.float64)
    if wavelength is None:
        raise ValueError("wavelength is missing: two_theta has no meaning without it")
    energy_from_wavelength(wavelength)  # checks it
    if angles.size and not ((angles > 0) & (angles <= 180)).all():
        wrong = angles[~((angles > 0) & (angles <= 180))][0]
        raise ValueError(f"two_theta holds {wrong} degrees; every value must lie in (0, 180]")
    return checked_q(q_from_two_theta(angles, wavelength))


def checked_table(table: DistanceTable) -> None:
    """Refuse what is not a distance table, and say how to make one."""
    if not isinstance(table, DistanceTable):
        raise TypeError(
            f"table is a {type(table).__name__}; make a DistanceTable: distance_table(particle)"
        )


def checked_q(q: FloatArray) -> FloatArray:
    """Q as a float64 array; refused where it is not positive, finite and one-dimensional."""
    q = np.asarray(q, dtype=np.float64)
    if q.ndim != 1 or q.size == 0:
        raise ValueError(f"q has shape {q.shape}; it must be one-dimensional and not empty")
    if not (np.isfinite(q).all() and q.min() > 0):
        raise ValueError(f"q must be positive and finite; its smallest value is {np.min(q)}")
    return q


def sine_sums(
    x: FloatArray,
    weights: FloatArray,
    y: FloatArray,
    method: Method = "fast",
) -> FloatArray:
    """Sum w_k sin(x_k y) over k, for each row of weights and each y.

    Parameters
    ----------
    x : ndarray of shape (n_x,)
    weights : ndarray of shape (n_rows, n_x)
    y : ndarray of shape (n_y,)
    method : {"fast", "direct"}, default="fast"

    Returns
    -------
    ndarray of shape (n_rows, n_y)

    Raises
    ------
    ValueError
        If the method is unknown.
    """
    if method not in ("fast", "direct"):
        raise ValueError(f"method is {method!r}; it must be 'fast' or 'direct'")
    if x.size == 0:
        return np.zeros((len(weights), len(y)))
    if method == "direct":
        total = np.empty((len(weights), len(y)))
        step = max(1, _BLOCK // len(x))
        for start in range(0, len(y), step):
            block = slice(start, start + step)
            total[:, block] = weights @ np.sin(np.multiply.outer(x, y[block]))
        return total
    import finufft

    options = {"isign": 1, "eps": _TOLERANCE, "nthreads": 1}
    step = (y[-1] - y[0]) / max(1, len(y) - 1)
    even = y[0] + step * np.arange(len(y))
    if np.abs(y - even).max() * x.max() < _UNIFORM:  # modes of one period: no interpolation
        middle = np.exp(1j * even[len(y) // 2] * x)
        phases = np.remainder(step * x + np.pi, 2.0 * np.pi) - np.pi
        found = finufft.nufft1d1(phases, weights * middle, len(y), **options)
    else:
        found = finufft.nufft1d3(
            x, weights.astype(np.complex128), np.ascontiguousarray(y), **options
        )
    return np.asarray(found.imag).reshape(len(weights), len(y))
