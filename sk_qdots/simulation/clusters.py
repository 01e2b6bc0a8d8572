r"""Atomistic models: particles cut from a lattice by a shape.

Cluster :math:`n` of the *homologous series* of a shape has the equivalent-sphere
diameter :math:`D_n = n D_1`, where :math:`D_1` is the diameter of the sphere that
has the volume of one primitive cell. How it is filled:

``"cells"``
    Every node :math:`\mathbf R` inside the surface carries a whole primitive cell:
    the composition is exact, and :math:`N_n \approx n^3`.
``"volume"``
    Nodes are taken from the centre outwards, shell by shell, and the last shell is
    occupied in part, so that there are exactly :math:`N_n = n^3` cells. The
    published patterns [1]_ seem to be made so: with it the residual of the 3.0 nm
    one falls from 0.030 to 0.012 (``tools/compare_reference.py``). Such a cluster
    scatters as the average density of particles that differ in their outermost
    shell (:math:`o^2`, not :math:`o`, in the self term); the diffuse scattering of
    the differences, :math:`\sum o (1 - o) |f|^2`, is left out.
    For one real particle, or for a pair distribution function, take ``"cells"`` or
    ``"atoms"``.
``"atoms"``
    Every atom inside the surface, whichever cell it belongs to.

References
----------
.. [1] L. Allara, F. Bertolotti, A. Guagliardi, npj Comput. Mater. (2024), Methods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, overload

import numpy as np

from ._node_shells import Fill, NodeShells, has_centre
from .checks import positive
from .cluster import Cluster
from .crystal import Crystal, as_crystal
from .layered import StackedCluster, twinned
from .layers import CloseLayers, close_layers
from .shapes import Cylinder, Ellipsoid, Mirrored, Platelet, Shape, Twinned, as_shape
from .stacking import Stacking

__all__ = [
    "Cluster",
    "Fill",
    "StackedCluster",
    "cut_cluster",
    "homologous_series",
    "two_axis_series",
]


@overload
def cut_cluster(
    crystal: Crystal | str,
    shape: str | Shape = ...,
    diameter: float | None = ...,
    *,
    fill: Fill = ...,
    centre: tuple[float, float, float] | None = ...,
    stacking: None = ...,
    random_state: None = ...,
) -> Cluster: ...


@overload
def cut_cluster(
    crystal: Crystal | str,
    shape: str | Shape = ...,
    diameter: float | None = ...,
    *,
    fill: Fill = ...,
    centre: tuple[float, float, float] | None = ...,
    stacking: Stacking,
    random_state: None = ...,
) -> StackedCluster: ...


@overload
def cut_cluster(
    crystal: Crystal | str,
    shape: str | Shape = ...,
    diameter: float | None = ...,
    *,
    fill: Fill = ...,
    centre: tuple[float, float, float] | None = ...,
    stacking: Stacking,
    random_state: int | np.random.Generator,
) -> Cluster: ...


def cut_cluster(
    crystal: Crystal | str,
    shape: str | Shape = "sphere",
    diameter: float | None = None,
    *,
    fill: Fill = "cells",
    centre: tuple[float, float, float] | None = None,
    stacking: Stacking | None = None,
    random_state: int | np.random.Generator | None = None,
) -> Cluster | StackedCluster:
    """Cut one particle.

    Parameters
    ----------
    crystal : Crystal or str
        A crystal, or the name of a built-in one.
    shape : str or Shape, default="sphere"
        A body, or the name of one (:func:`sk_qdots.simulation.shape_names`).
    diameter : float, optional
        Diameter of the equivalent sphere, in nm, to which the body is scaled. A
        body that has its own size may go without.
    fill : {"cells", "volume", "atoms"}, default="cells"
        Whole cells at the nodes inside the surface; as many cells as the volume
        holds, the outermost shell filled in part; or the atoms inside the surface.
    centre : tuple of 3 float, optional
        Where the body's centre lies, Cartesian, in Angstrom; the origin is a node. By
        default a node, and for layers :attr:`CloseLayers.hollow`, around which every
        sequence has as many atoms.
    stacking : Stacking, optional
        Probabilities of faults in its close-packed layers.
    random_state : int or numpy.random.Generator, optional
        With ``stacking``: draws the particle of one sequence.

    Returns
    -------
    Cluster or StackedCluster
        With ``stacking`` and no ``random_state`` what is expected of all sequences, for
        :func:`distance_table`; else one particle.

    Raises
    ------
    ValueError
        If the diameter is not a positive number, a name is not known, no atom
        is inside, or the crystal has no close-packed layers for a stacking or a twin.

    Examples
    --------
    >>> from sk_qdots.simulation import Crystal, cut_cluster
    >>> pbs = Crystal.builtin("PbS")
    >>> len(cut_cluster(pbs, "sphere", 4 * pbs.node_diameter).nodes)
    55
    """
    crystal, body = as_crystal(crystal), as_shape(shape)
    if diameter is None:
        if isinstance(shape, str):
            raise ValueError(f"diameter is missing: the shape {shape!r} has no size of its own")
        diameter = body.diameter(crystal)
    if random_state is not None and stacking is None:
        raise ValueError("random_state draws a sequence of layers: give stacking=Stacking(...) too")
    cutter = _Cutter.of(crystal, body, stacking, centre)
    scale = positive("diameter", diameter, "nm") / cutter.unit
    shells = NodeShells(cutter.crystal, cutter.body, scale, fill, cutter.centre)
    cluster = shells.cluster(float(diameter))
    particle = None if cluster is None else cutter.particle(cluster)
    if isinstance(particle, StackedCluster) and random_state is not None:
        particle = particle.draw(np.random.default_rng(random_state))
    if particle is None or particle.n_atoms == 0:
        raise ValueError(
            f"no atom of {crystal.name} is inside a {shape} of diameter {diameter:g} nm"
        )
    return particle


@overload
def homologous_series(
    crystal: Crystal | str,
    max_diameter: float,
    shape: str | Shape = ...,
    *,
    step: float | None = ...,
    fill: Fill = ...,
    centre: tuple[float, float, float] | None = ...,
    stacking: None = ...,
) -> list[Cluster]: ...


@overload
def homologous_series(
    crystal: Crystal | str,
    max_diameter: float,
    shape: str | Shape = ...,
    *,
    step: float | None = ...,
    fill: Fill = ...,
    centre: tuple[float, float, float] | None = ...,
    stacking: Stacking,
) -> list[StackedCluster]: ...


def homologous_series(
    crystal: Crystal | str,
    max_diameter: float,
    shape: str | Shape = "sphere",
    *,
    step: float | None = None,
    fill: Fill = "cells",
    centre: tuple[float, float, float] | None = None,
    stacking: Stacking | None = None,
) -> list[Cluster] | list[StackedCluster]:
    """Build the series of particles of one shape up to a largest size.

    Parameters
    ----------
    crystal : Crystal or str
        A crystal, or the name of a built-in one.
    max_diameter : float
        Equivalent-sphere diameter that the last cluster reaches or just exceeds,
        in nm.
    shape : str or Shape, default="sphere"
        Its proportions count, not its size.
    step : float, optional
        Difference of the diameters, in nm; ``crystal.node_diameter`` by default, or, of
        layers, ``CloseLayers.node_diameter``.
    fill, centre, stacking
        As in :func:`cut_cluster`.

    Returns
    -------
    list of Cluster or StackedCluster
        Cluster n has the diameter n times the step; those without an atom are left out.

    Raises
    ------
    ValueError
        If ``max_diameter`` or ``step`` is not a positive number or a name is not known.

    Examples
    --------
    >>> from sk_qdots.simulation import homologous_series
    >>> [len(particle.nodes) for particle in homologous_series("PbS", 3.0)]
    [1, 13, 19, 55, 135, 201, 321]
    """
    crystal, body = as_crystal(crystal), as_shape(shape)
    cutter = _Cutter.of(crystal, body, stacking, centre)
    step = cutter.step if step is None else positive("step", step, "nm")
    n_clusters = int(np.ceil(positive("max_diameter", max_diameter, "nm") / step - 1e-9))
    # Each cluster holds the smaller ones: cut once, then take what is inside by its gauge.
    shells = NodeShells(
        cutter.crystal,
        cutter.body,
        n_clusters * step / cutter.unit,
        fill,
        cutter.centre,
        ordered=True,
    )
    clusters = (shells.cluster(n * step) for n in range(1, n_clusters + 1))
    found = [cutter.particle(cluster) for cluster in clusters if cluster is not None]
    found = [particle for particle in found if particle.n_atoms > 0]
    if stacking is not None:
        return [particle for particle in found if isinstance(particle, StackedCluster)]
    return [particle for particle in found if isinstance(particle, Cluster)]


def two_axis_series(
    crystal: Crystal | str,
    lengths: Sequence[float],
    widths: Sequence[float],
    shape: Literal["cylinder", "rod", "platelet", "ellipsoid"] = "cylinder",
    *,
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0),
    fill: Fill = "cells",
    centre: tuple[float, float, float] | None = None,
) -> list[Cluster]:
    """Build particles of every length and every width.

    Parameters
    ----------
    crystal : Crystal or str
        A crystal, or the name of a built-in one.
    lengths, widths : sequence of float
        In nm. The length runs along the axis. The width is the diameter of a
        cylinder, the edge of a square platelet (whose thickness is the length),
        or the equatorial diameter of an ellipsoid (whose axis is z).
    shape : {"cylinder", "rod", "platelet", "ellipsoid"}, default="cylinder"
    axis : tuple of 3 float, default=(0, 0, 1)
        Direction [uvw] of the length.
    fill, centre
        As in :func:`cut_cluster`.

    Returns
    -------
    list of Cluster
        Lengths outermost; ``dimensions`` holds ``length`` and ``width``.

    Raises
    ------
    ValueError
        If a length or width is not positive, or the shape is none of these.

    Examples
    --------
    >>> from sk_qdots.simulation import Crystal, two_axis_series
    >>> rods = two_axis_series(Crystal.builtin("CdSe wurtzite"), [5.0, 10.0], [3.0, 4.0])
    >>> [len(rod.nodes) for rod in rods]
    [301, 595, 645, 1275]
    """
    bodies: dict[str, Callable[[float, float], Shape]] = {
        "cylinder": lambda length, width: Cylinder(length, width, axis),
        "rod": lambda length, width: Cylinder(length, width, axis),
        "platelet": lambda length, width: Platelet(width, width, length, axis),
        "ellipsoid": lambda length, width: Ellipsoid((width, width, length)),
    }
    crystal = as_crystal(crystal)
    if shape == "ellipsoid" and tuple(axis) != (0.0, 0.0, 1.0):
        raise ValueError(f"axis is {axis}; that of an ellipsoid is z, (0, 0, 1)")
    if shape not in bodies:
        raise ValueError(f"shape is {shape!r}; a two-axis series is one of {', '.join(bodies)}")
    clusters = []
    for length in np.atleast_1d(lengths):
        for width in np.atleast_1d(widths):
            body = bodies[shape](
                positive("lengths", float(length), "nm"), positive("widths", float(width), "nm")
            )
            cluster = cut_cluster(crystal, body, fill=fill, centre=centre)
            dimensions = {"length": float(length), "width": float(width)}
            clusters.append(replace(cluster, dimensions=dimensions))
    return clusters


@dataclass(frozen=True)
class _Cutter:
    """What is cut, around which point, and what becomes of the nodes inside.

    Parameters
    ----------
    crystal : Crystal
        Whose nodes are looked up: of layers, the fine one.
    body : Shape
    centre : tuple of 3 float
        In Angstrom.
    step : float
        Of a series, in nm.
    layers : CloseLayers or None
        None for a plain crystal.
    stacking : Stacking or None
        None for a twin.
    """

    crystal: Crystal
    body: Shape
    centre: tuple[float, float, float]
    step: float
    layers: CloseLayers | None = None
    stacking: Stacking | None = None

    @classmethod
    def of(
        cls,
        crystal: Crystal,
        body: Shape,
        stacking: Stacking | None,
        centre: tuple[float, float, float] | None,
    ) -> _Cutter:
        if stacking is not None and not isinstance(stacking, Stacking):
            raise TypeError(f"stacking is {stacking!r}; give Stacking(growth=..., deformation=...)")
        if stacking is None and not isinstance(body, Twinned):
            start = (0.0, 0.0, 0.0) if centre is None else centre
            return cls(crystal, body, start, crystal.node_diameter)
        if stacking is not None and isinstance(body, Twinned):
            raise ValueError("shape is twinned and stacking has faults: give one or the other")
        layers = close_layers(crystal)
        if isinstance(body, Twinned):
            if centre is not None:
                raise ValueError("centre does not apply to a twin, whose plane is its middle")
            if not has_centre(crystal, body.body):
                raise ValueError(
                    "shape is twinned, and its body has no centre of symmetry, so that its halves "
                    "differ; cut another, such as 'twinned sphere' or 'twinned octahedron'"
                )
            body = Mirrored(body.body, layers.normal)
            if not layers.is_cubic:
                raise ValueError(
                    f"shape is twinned, and {crystal.name} is hexagonal: a twin plane is one of a "
                    "cubic sequence"
                )
        x, y, z = layers.hollow.tolist()
        start = (x, y, z) if centre is None else centre
        return cls(layers.fine, body, start, layers.node_diameter, layers, stacking)

    @property
    def unit(self) -> float:
        """Diameter of the body itself, in nm."""
        return self.body.diameter(self.crystal)

    def particle(self, cluster: Cluster) -> Cluster | StackedCluster:
        """The particle whose nodes were found inside."""
        if self.layers is None:
            return cluster
        if self.stacking is None:
            return twinned(self.layers, cluster)
        return StackedCluster(self.layers, cluster, self.stacking)
