r"""Convex bodies that particles are cut with.

A body of fixed proportions is known by its *gauge*: the factor :math:`g(\mathbf x)`
by which it must be scaled to have the point :math:`\mathbf x` on its surface. A
point is inside where :math:`g \le 1`; the body :math:`s` times as large has the
gauge :math:`g / s`. So one gauge serves a whole series of sizes:

=====================  ==========================================================
body                   gauge
=====================  ==========================================================
ellipsoid              :math:`[\sum_k (2 x_k / a_k)^2]^{1/2}`
cylinder               :math:`\max(2 \rho / d,\; 2 |z| / l)`
platelet               :math:`\max_k 2 |x_k| / a_k`
polyhedron             :math:`\max_f \mathbf n_f \cdot \mathbf x / h_f`
=====================  ==========================================================

Sizes are in nm. The size of a body is told by the diameter of the sphere of the
same volume.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._typing import FloatArray
from .crystal import Crystal

if TYPE_CHECKING:
    from scipy.spatial import ConvexHull

__all__ = [
    "Cylinder",
    "Ellipsoid",
    "Platelet",
    "Polyhedron",
    "Shape",
    "Twinned",
    "as_shape",
    "shape_names",
]


class Shape(ABC):
    """A convex body around the origin, in the Cartesian frame of a crystal.

    Examples
    --------
    >>> from sk_qdots.simulation import Crystal, as_shape
    >>> sphere, pbs = as_shape("sphere"), Crystal.builtin("PbS")
    >>> round(sphere.volume(pbs) / sphere.diameter(pbs) ** 3, 4)
    0.5236
    """

    @abstractmethod
    def gauge(self, crystal: Crystal, points: FloatArray) -> FloatArray:
        """Factor that puts each point on the surface.

        Parameters
        ----------
        crystal : Crystal
            Gives directions and Miller indices their meaning.
        points : ndarray of shape (n_points, 3)
            In nm.

        Returns
        -------
        ndarray of shape (n_points,)
        """

    @abstractmethod
    def volume(self, crystal: Crystal) -> float:
        """Volume, in nm^3.

        Parameters
        ----------
        crystal : Crystal

        Returns
        -------
        float
        """

    @abstractmethod
    def support(self, crystal: Crystal, directions: FloatArray) -> FloatArray:
        """Farthest extent along each direction: the maximum of their dot product.

        Parameters
        ----------
        crystal : Crystal
        directions : ndarray of shape (n_directions, 3)

        Returns
        -------
        ndarray of shape (n_directions,)
        """

    def diameter(self, crystal: Crystal) -> float:
        """Diameter of the sphere of the same volume, in nm.

        Parameters
        ----------
        crystal : Crystal

        Returns
        -------
        float
        """
        return float(np.cbrt(6.0 * self.volume(crystal) / np.pi))


@dataclass(frozen=True)
class Ellipsoid(Shape):
    """Ellipsoid with its axes along x, y, z.

    Parameters
    ----------
    axes : tuple of 3 float
        Full lengths, in nm.

    Examples
    --------
    >>> from sk_qdots.simulation import Ellipsoid, cut_cluster
    >>> cut_cluster("PbS", Ellipsoid((3.0, 3.0, 6.0)))
    Cluster(PbS, 3.77976 nm, 1102 sites)
    """

    axes: tuple[float, float, float]

    def __post_init__(self) -> None:
        _check_lengths("axes", self.axes, 3)

    def gauge(self, crystal: Crystal, points: FloatArray) -> FloatArray:  # noqa: D102
        scaled = points * (2.0 / np.asarray(self.axes))
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", scaled, scaled)))

    def volume(self, crystal: Crystal) -> float:  # noqa: D102
        return float(np.pi / 6.0 * np.prod(self.axes))

    def support(self, crystal: Crystal, directions: FloatArray) -> FloatArray:  # noqa: D102
        return np.asarray(np.linalg.norm(directions * np.asarray(self.axes) / 2.0, axis=1))


@dataclass(frozen=True)
class Cylinder(Shape):
    """Cylinder, or rod.

    Parameters
    ----------
    length, width : float
        Along the axis and across it (the diameter), in nm.
    axis : tuple of 3 float, default=(0, 0, 1)
        Direction [uvw] of the axis in the conventional cell.

    Examples
    --------
    >>> from sk_qdots.simulation import Crystal, Cylinder
    >>> round(Cylinder(10.0, 4.0).diameter(Crystal.builtin("PbS")), 2)
    6.21
    """

    length: float
    width: float
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        _check_lengths("length and width", (self.length, self.width), 2)

    def _split(self, crystal: Crystal, vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Parts of vectors along the axis and across it."""
        along = vectors @ _direction(crystal, "axis", self.axis)
        squared = np.einsum("ij,ij->i", vectors, vectors) - along**2
        return np.abs(along), np.sqrt(np.maximum(squared, 0.0))

    def gauge(self, crystal: Crystal, points: FloatArray) -> FloatArray:  # noqa: D102
        along, across = self._split(crystal, points)
        return np.maximum(2.0 * along / self.length, 2.0 * across / self.width)

    def volume(self, crystal: Crystal) -> float:  # noqa: D102
        return float(np.pi / 4.0 * self.width**2 * self.length)

    def support(self, crystal: Crystal, directions: FloatArray) -> FloatArray:  # noqa: D102
        along, across = self._split(crystal, directions)
        return 0.5 * (along * self.length + across * self.width)


@dataclass(frozen=True)
class Platelet(Shape):
    """Rectangular plate, or bar.

    Parameters
    ----------
    length, width, thickness : float
        Edges, in nm. The length runs along the part of axis a that is
        perpendicular to the normal (of axis b, where a is the normal).
    normal : tuple of 3 float, default=(0, 0, 1)
        Direction [uvw] of the thickness in the conventional cell.

    Examples
    --------
    >>> from sk_qdots.simulation import Platelet, cut_cluster
    >>> cut_cluster("CdSe zinc blende", Platelet(8.0, 8.0, 1.5))
    Cluster(CdSe zinc blende, 5.68099 nm, 3646 sites)
    """

    length: float
    width: float
    thickness: float
    normal: tuple[float, float, float] = (0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        edges = (self.length, self.width, self.thickness)
        _check_lengths("length, width and thickness", edges, 3)

    def _scaled(self, crystal: Crystal, vectors: FloatArray, power: int) -> FloatArray:
        """Components along the edges, times or divided by half the edges."""
        normal = _direction(crystal, "normal", self.normal)
        in_plane = crystal.conventional - np.outer(crystal.conventional @ normal, normal)
        lengths = np.linalg.norm(in_plane, axis=1)
        first = in_plane[0] if lengths[0] > 1e-6 * lengths.max() else in_plane[1]
        first = first / np.linalg.norm(first)
        frame = np.array([first, np.cross(normal, first), normal])
        half = 0.5 * np.array([self.length, self.width, self.thickness])
        return np.asarray(np.abs(vectors @ frame.T) * half**power)

    def gauge(self, crystal: Crystal, points: FloatArray) -> FloatArray:  # noqa: D102
        return np.asarray(self._scaled(crystal, points, -1).max(axis=1, initial=0.0))

    def volume(self, crystal: Crystal) -> float:  # noqa: D102
        return float(self.length * self.width * self.thickness)

    def support(self, crystal: Crystal, directions: FloatArray) -> FloatArray:  # noqa: D102
        return np.asarray(self._scaled(crystal, directions, 1).sum(axis=1))


@dataclass(frozen=True)
class Polyhedron(Shape):
    """Convex polyhedron, given by its faces; a Wulff shape, where distances are energies.

    Parameters
    ----------
    faces : sequence of ((h, k, l), distance), or mapping of (h, k, l) to distance
        Each face's normal and its distance from the centre, in nm. Where the body is
        scaled to a diameter only the ratios count, so surface energies will do.
    miller : bool, default=True
        Whether (h, k, l) are Miller indices of the conventional cell, or else
        Cartesian directions.
    equivalents : bool, default=True
        Whether each face stands for all faces that the crystal's point group makes
        of it. Only for Miller indices.

    Examples
    --------
    >>> from sk_qdots.simulation import Crystal, Polyhedron
    >>> wulff = Polyhedron((((1, 1, 1), 1.0), ((1, 0, 0), 1.15)))
    >>> len(wulff.normals(Crystal.builtin("Au"))[0])
    14
    """

    faces: (
        tuple[tuple[tuple[float, float, float], float], ...]
        | Mapping[tuple[float, float, float], float]
        | Mapping[tuple[int, int, int], float]
    )
    miller: bool = True
    equivalents: bool = True

    def __post_init__(self) -> None:
        given = self.faces.items() if isinstance(self.faces, Mapping) else self.faces
        try:
            faces = tuple(((float(u), float(v), float(w)), float(d)) for (u, v, w), d in given)
        except (TypeError, ValueError):
            raise ValueError(
                f"faces is {self.faces}; give ((h, k, l), distance) for each face, three indices"
            ) from None
        object.__setattr__(self, "faces", faces)
        if not faces:
            raise ValueError("faces is empty; give enough to close a body")
        _check_lengths("faces", [distance for _, distance in faces], None)
        for index, _ in faces:
            if not np.isfinite(index).all() or not np.any(index):
                raise ValueError(f"faces holds {index}; a normal is three numbers, not all zero")

    def normals(self, crystal: Crystal) -> tuple[FloatArray, FloatArray]:
        """Unit normals of all faces and their distances from the centre.

        Parameters
        ----------
        crystal : Crystal

        Returns
        -------
        normals : ndarray of shape (n_faces, 3)
        distances : ndarray of shape (n_faces,)
            In nm.
        """
        found: dict[tuple[float, ...], float] = {}
        faces = self.faces.items() if isinstance(self.faces, Mapping) else self.faces
        for index, distance in faces:
            if self.miller:
                indices = _equivalents(crystal, index) if self.equivalents else [index]
                vectors = np.asarray(indices) @ np.linalg.inv(crystal.conventional).T
            else:
                vectors = np.asarray([index], dtype=np.float64)
            for vector in vectors / np.linalg.norm(vectors, axis=1)[:, None]:
                key = tuple((np.round(vector, 9) + 0.0).tolist())
                found[key] = min(distance, found.get(key, np.inf))
        normals = np.array(list(found))
        return normals / np.linalg.norm(normals, axis=1)[:, None], np.array(list(found.values()))

    def gauge(self, crystal: Crystal, points: FloatArray) -> FloatArray:  # noqa: D102
        normals, distances = self.normals(crystal)
        return np.asarray((points @ (normals / distances[:, None]).T).max(axis=1))

    def _hull(self, crystal: Crystal) -> ConvexHull:
        from scipy.spatial import ConvexHull, QhullError

        normals, distances = self.normals(crystal)
        # The faces are the corners of the dual body, and its faces are the corners of this one.
        # They close where the dual body holds the origin.
        try:
            dual = ConvexHull(normals / distances[:, None]).equations
        except (QhullError, ValueError):
            dual = np.ones((1, 4))
        if dual[:, 3].max() > -1e-9 * np.abs(dual[:, 3]).max():
            raise ValueError(
                f"faces {self.faces} of {crystal.name} do not close a body; add the missing ones"
            )
        return ConvexHull(-dual[:, :3] / dual[:, 3:])

    def volume(self, crystal: Crystal) -> float:  # noqa: D102
        return float(self._hull(crystal).volume)

    def support(self, crystal: Crystal, directions: FloatArray) -> FloatArray:  # noqa: D102
        hull = self._hull(crystal)
        return np.asarray((directions @ hull.points[hull.vertices].T).max(axis=1))


@dataclass(frozen=True)
class Twinned(Shape):
    """A body with one twin plane through its middle, of a cubic crystal of close-packed layers.

    Small particles have one plane or none, not a probability a layer.

    Parameters
    ----------
    body : Shape
        Its own shape; ``as_shape("twinned sphere")`` and so on are those with names.

    Examples
    --------
    >>> from sk_qdots.simulation import cut_cluster
    >>> cut_cluster("Pt", "twinned sphere", 3.0)
    Cluster(Pt, 3 nm, 931 sites)
    """

    body: Shape

    def gauge(self, crystal: Crystal, points: FloatArray) -> FloatArray:  # noqa: D102
        return self.body.gauge(crystal, points)

    def volume(self, crystal: Crystal) -> float:  # noqa: D102
        return self.body.volume(crystal)

    def support(self, crystal: Crystal, directions: FloatArray) -> FloatArray:  # noqa: D102
        return self.body.support(crystal, directions)


@dataclass(frozen=True, eq=False)
class Mirrored(Shape):
    """The upper half of a body and its mirror image: what a twin is cut with.

    Parameters
    ----------
    body : Shape
        With a centre of symmetry, or its volume is not that of the two halves.
    normal : ndarray of shape (3,)
        Of the mirror plane through the middle, a unit vector.
    """

    body: Shape
    normal: FloatArray

    def gauge(self, crystal: Crystal, points: FloatArray) -> FloatArray:
        below = np.minimum(points @ self.normal, 0.0)
        return self.body.gauge(crystal, points - 2.0 * np.outer(below, self.normal))

    def volume(self, crystal: Crystal) -> float:
        return self.body.volume(crystal)

    def support(self, crystal: Crystal, directions: FloatArray) -> FloatArray:
        turned = directions - 2.0 * np.outer(directions @ self.normal, self.normal)
        return np.maximum(
            self.body.support(crystal, directions), self.body.support(crystal, turned)
        )


def shape_names() -> list[str]:
    """Names that :func:`as_shape` knows.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from sk_qdots.simulation import shape_names
    >>> "cuboctahedron" in shape_names()
    True
    """
    return list(_NAMED)


def as_shape(shape: str | Shape) -> Shape:
    """Return a shape by its name, or the shape itself.

    Parameters
    ----------
    shape : str or Shape
        One of :func:`shape_names`: ``"ellipsoid"`` has axes 1 : 1 : 1.5,
        ``"cylinder"`` is as long as wide, ``"rod"`` three times as long,
        ``"platelet"`` has edges 4 : 4 : 1; the others are regular. ``"twinned sphere"``,
        ``"twinned cuboctahedron"`` and so on have one twin plane (:class:`Twinned`).

    Returns
    -------
    Shape

    Raises
    ------
    ValueError
        If the name is not known.

    Examples
    --------
    >>> from sk_qdots.simulation import as_shape
    >>> type(as_shape("rod")).__name__
    'Cylinder'
    """
    if isinstance(shape, Shape):
        return shape
    if isinstance(shape, str) and shape.startswith("twinned "):
        return Twinned(as_shape(shape.removeprefix("twinned ")))
    if not isinstance(shape, str) or shape.replace("_", " ") not in _NAMED:
        raise ValueError(
            f"shape is {shape!r}; known: {', '.join(_NAMED)}, or a Shape (icosahedra and decahedra "
            "are no convex bodies of one crystal: multiply_twinned_series)"
        )
    return _NAMED[shape.replace("_", " ")]


def _check_lengths(name: str, values: Sequence[float], number: int | None) -> None:
    if np.ndim(values) != 1:
        raise ValueError(f"{name} is {values!r}; it must be a sequence of lengths in nm")
    for value in values:
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} holds {value} nm; it must be a positive number")
    if number is not None and len(values) != number:
        raise ValueError(f"{name} has {len(values)} values; it must have {number}")


def _direction(crystal: Crystal, name: str, uvw: tuple[float, float, float]) -> FloatArray:
    vector = np.asarray(uvw, dtype=np.float64)
    if vector.shape != (3,) or not np.isfinite(vector).all() or not vector.any():
        raise ValueError(f"{name} is {uvw}; it must be a direction [uvw], not all zero")
    vector = vector @ crystal.conventional
    return np.asarray(vector / np.linalg.norm(vector))


def _equivalents(crystal: Crystal, index: tuple[float, float, float]) -> FloatArray:
    """Miller indices that the point group of the crystal makes of one."""
    import gemmi

    group = gemmi.find_spacegroup_by_name(crystal.space_group)
    if group is None:
        raise ValueError(
            f"crystal {crystal.name}: space group {crystal.space_group!r} is not known; "
            "list all faces and set equivalents=False"
        )
    turns = {tuple(map(tuple, op.rot)) for op in group.operations().sym_ops}
    rotations = np.array(sorted(turns)) / gemmi.Op.DEN
    return np.asarray(np.unique(np.round(np.asarray(index) @ rotations, 9), axis=0))


def _regular(*faces: tuple[tuple[int, int, int], float], even: bool = False) -> Polyhedron:
    """All faces that permutations and signs of the indices make (even: an even number of minus)."""
    found: dict[tuple[float, float, float], float] = {}
    for index, distance in faces:
        for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
            for signs in np.ndindex(2, 2, 2):
                if even and sum(signs) % 2:
                    continue
                x, y, z = (
                    float(index[k]) * (1 - 2 * s) + 0.0 for k, s in zip(order, signs, strict=True)
                )
                found[(x, y, z)] = distance
    return Polyhedron(tuple(found.items()), miller=False)


# Proportions; the size comes from the diameter. Regular bodies stand along x, y, z.
_NAMED: dict[str, Shape] = {
    "sphere": Ellipsoid((1.0, 1.0, 1.0)),
    "ellipsoid": Ellipsoid((1.0, 1.0, 1.5)),
    "cube": _regular(((1, 0, 0), 1.0)),
    "octahedron": _regular(((1, 1, 1), 1.0)),
    "truncated octahedron": _regular(((1, 1, 1), 1.0), ((1, 0, 0), 2.0 / np.sqrt(3.0))),
    "cuboctahedron": _regular(((1, 1, 1), 1.0), ((1, 0, 0), np.sqrt(3.0) / 2.0)),
    "rhombic dodecahedron": _regular(((1, 1, 0), 1.0)),
    "tetrahedron": _regular(((1, 1, 1), 1.0), even=True),
    "cylinder": Cylinder(length=1.0, width=1.0),
    "rod": Cylinder(length=3.0, width=1.0),
    "platelet": Platelet(length=4.0, width=4.0, thickness=1.0),
}
