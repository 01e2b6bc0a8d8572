r"""What no population of the simulated particles explains of a pattern.

A pattern :math:`I` of any population is a sum of those of its particles with weights that are not
negative, on what surrounds them. The *misfit* is the share of the structure that the best such sum
leaves, counting noise set aside:

.. math:: u = \frac{|I_\perp - \sum_j c_j T_{j\perp} - \sum_k a_k L_{k\perp}|^2 - \text{noise}}
                   {|I_\perp|^2 - \text{noise}},
              \qquad c_j, a_k \ge 0,

with :math:`T_j` the simulated patterns of all sizes, sharp and broadened by a resolution,
:math:`L_k` the shipped curves of liquids, supports and capillaries, and :math:`\perp` as for the
agreement (:mod:`sk_qdots.sizing.reference`), which is of one simulated pattern alone. It is what
tells a network, which gives an answer to anything, that the sample is not of its world: rods among
spheres, facets, faults of another kind.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline
from scipy.ndimage import uniform_filter1d
from scipy.optimize import nnls

from .._typing import FloatArray
from ..preprocessing.resampling import resample
from ..solvents import (
    known_backgrounds,
    known_solvents,
    known_supports,
    load_background,
    load_solvent,
    solvents_by_name,
)
from .reference import ReferencePatterns, noise_of, smooth_basis

__all__ = ["misfit"]

_SMOOTH = 15  # points over which the counting error is averaged
_NOISE_ROOM = 0.25  # of the noise, which is known no better
_TOLD = 0.02  # of the structure: where noise may hide more, nothing is told
_LEAST = 1e-6  # of the squares of a pattern: a thousandth of its intensity
_COARSE = 0.7  # steps of the grid: finer patterns are averaged, others are taken as they are
_STEP = 0.01  # 1/Angstrom, of curves
_RIDGE = 1e-7  # of the squares of a column: those that are alike share a weight
_USUAL_WAVELENGTH = 0.56  # Angstrom; curves of liquids hardly depend on it


def misfit(
    reference: ReferencePatterns,
    q: FloatArray,
    row: FloatArray,
    strain: float,
    wavelength: float | None = None,
    *,
    subtracted: bool = False,
) -> float:
    """Share of a pattern's structure that no population of the simulated particles explains.

    Parameters
    ----------
    reference : ReferencePatterns
        The simulated particles.
    q : ndarray of shape (n_q,)
        In 1/Angstrom.
    row : ndarray of shape (n_q,)
        A pattern; NaN is not measured.
    strain : float
        Of the dots.
    wavelength : float, optional
        In Angstrom.
    subtracted : bool, default=False
        Whether a blank was subtracted.

    Returns
    -------
    float
        Between 0 and 1; 0 where what is left may be noise; NaN where noise leaves nothing to tell.

    Raises
    ------
    ValueError
        If the reference has no patterns of particles.

    Examples
    --------
    >>> import numpy as np
    >>> import sk_qdots as sq
    >>> from sk_qdots.sizing.misfit import misfit
    >>> reference, one = sq.load_sizer("Pt").reference, {"dispersions": [0.2], "strains": [0.0]}
    >>> spheres, rods = (
    ...     sq.library_samples(sq.simulate_library("Pt", diameters=[3.0], shape=shape, **one))[0][0]
    ...     for shape in ("sphere", sq.simulation.Cylinder(3.0, 1.0))
    ... )
    >>> [misfit(reference, one.q.values, one.values, 0.0) > 0.01 for one in (spheres, rods)]
    [False, True]
    """
    x, measured = _points(reference.q, q, row)
    level = uniform_filter1d(measured, _SMOOTH, mode="nearest")
    sigma = np.sqrt(np.maximum(level, (1.0 if subtracted else 0.01) * abs(measured.mean())))
    smooth = np.linalg.qr(smooth_basis(x) / sigma[:, None])[0]
    target = measured / sigma
    structure = target - smooth @ (smooth.T @ target)
    # The median of few counts is zero or one, whatever their noise.
    noise = max(noise_of(target), float((np.diff(target, 2) ** 2).sum()) / 6.0)
    total = float(structure @ structure) - noise
    if total <= max(_NOISE_ROOM / _TOLD * noise, _LEAST * float(target @ target)):
        return float("nan")
    stretched = np.clip((1.0 + strain) * x, reference.q[0], reference.q[-1])
    around = _around(round(wavelength or _USUAL_WAVELENGTH, 3))
    columns = np.hstack([reference.sums(stretched), around(x)])
    columns /= sigma[:, None]
    columns -= smooth @ (smooth.T @ columns)
    columns /= np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    # As many equations as columns; a little of a ridge holds columns apart that are alike.
    gram = columns.T @ columns + _RIDGE * np.eye(columns.shape[1])
    triangle = np.linalg.cholesky(gram)
    weights, _ = nnls(triangle.T, np.linalg.solve(triangle, columns.T @ structure))
    left = structure - columns @ weights
    return float(np.clip((left @ left - (1.0 + _NOISE_ROOM) * noise) / total, 0.0, 1.0))


def _points(grid: FloatArray, q: FloatArray, row: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A pattern as it was measured, or the means of a finer one on a grid: noise stays noise."""
    seen = np.isfinite(row) & (q >= grid[0]) & (q <= grid[-1])
    if np.median(np.diff(q[seen])) > _COARSE * (grid[1] - grid[0]):
        return q[seen], row[seen].astype(np.float64)
    means = resample(q, row[None, :].astype(np.float64), grid)[0]
    seen = np.isfinite(means)
    return grid[seen], means[seen]


@lru_cache(maxsize=8)
def _around(wavelength: float) -> BSpline:
    """Splines through the curves of all that is shipped of what surrounds dots."""
    names = [*known_solvents(), *solvents_by_name(), *known_supports()]
    curves = [load_solvent(name, wavelength) for name in names]
    curves += [load_background(name, wavelength) for name in known_backgrounds()]
    first, last = (f([float(c["q"][k]) for c in curves]) for f, k in ((max, 0), (min, -1)))
    q = np.arange(first, last, _STEP)
    values = [np.interp(q, c["q"].values, c.values) for c in curves]
    return make_interp_spline(q, np.stack(values, axis=1), k=1)
