r"""Symmetry operations, the groups that they form, and the images of a site under them.

An operation is :math:`\mathbf x' = W \mathbf x + \mathbf w` in fractions of the cell, with
integers in :math:`W` and :math:`\mathbf w` in parts of 5040, so that products are exact. A site on
a special position is written with few digits, so its images fall beside each other. Those
operations that bring it back nearly to where it was, and form a group, are its site symmetry
:math:`S`; the mean of its images under :math:`S` lies exactly on the special position, and of a
group of :math:`n` operations makes exactly :math:`n / |S|` images: no occupancy is lost or doubled.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .._typing import FloatArray, IntArray

__all__ = ["Orbit", "Symmetry", "operations_from_text"]

PARTS = 5040  # of a translation; whole for every denominator up to 10, and for 12, 24 and so on
_USUAL = 24  # denominators of translations in tabulated groups
_ROUNDED = 0.1  # of 1/24; 0.33 is a third
_MOST_OPERATIONS = 512
_LARGEST_ENTRY = 3  # of a rotation, in cells that are not standard
_MERGED_FULL = 0.4  # Angstrom; images of a full site nearer than this are one atom
_MERGED_PART = 0.02  # Angstrom; the same for a site that is filled in part
_MERGED_TOLD = 0.5  # Angstrom; the same where the file tells the multiplicity
_TIED = 1e-6  # Angstrom; images as near as each other
_COARSEST = 0.15  # Angstrom; that two digits of a coordinate may excuse
_SHARE_OF_GAP = 0.2  # of its largest component; an axis with less has no part in a gap
_TERM = re.compile(r"([+-]?)(?:(\d+(?:\.\d*)?|\.\d+)(?:/(\d{1,4}))?\*?)?([xyz]?)")
_SAME = 1e-5  # fraction of a primitive cell


def _operation(text: str) -> tuple[list[list[int]], list[int]] | None:
    """Rotation, and translation in parts; None where a text is no operation."""
    parts = re.sub(r"[\s;'\"]", "", text.lower()).split(",")
    if len(parts) == 4 and parts[3] in ("+1", "-1", "1"):  # with the time reversed or not
        parts = parts[:3]
    if len(parts) != 3 or len(text) > 100:
        return None
    rotation, translation = [], []
    for part in parts:
        row, shift, place = [0, 0, 0], 0, 0
        while place < len(part):
            term = _TERM.match(part, place)
            if term is None or not (term[2] or term[4]) or (place > 0 and not term[1]):
                return None
            sign = -1 if term[1] == "-" else 1
            if term[4]:
                if term[3] or (term[2] and not term[2].isdigit()):
                    return None
                row["xyz".index(term[4])] += sign * (int(term[2]) if term[2] else 1)
            else:
                denominator = int(term[3]) if term[3] else 1
                if denominator == 0 or len(term[2]) > 12:
                    return None
                shift += sign * _in_parts(float(term[2]) / denominator, bool(term[3]))
            place = term.end()
        if not any(row) or max(map(abs, row)) > _LARGEST_ENTRY:
            return None
        rotation.append(row)
        translation.append(shift % PARTS)
    return rotation, translation


def _in_parts(value: float, exact: bool) -> int:
    usual = round(value * _USUAL)
    if not exact and abs(value * _USUAL - usual) < _ROUNDED:
        return usual * (PARTS // _USUAL)
    return round(value * PARTS)


def operations_from_text(texts: Iterable[str]) -> tuple[IntArray, IntArray] | str:
    """Different operations of a list, the identity first; or what is wrong with them.

    Returns
    -------
    (rotations, translations) or str
        Translations in parts; they form a group.
    """
    found: dict[tuple[int, ...], None] = {(1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0): None}
    for text in texts:
        operation = _operation(text)
        if operation is None:
            return f"{text.strip()[:60]!r} is no operation"
        found[(*itertools.chain(*operation[0]), *operation[1])] = None
        if len(found) > _MOST_OPERATIONS:
            return f"they are more than {_MOST_OPERATIONS}"
    flat = np.array(list(found), dtype=np.int64)
    rotations, translations = flat[:, :9].reshape(-1, 3, 3), flat[:, 9:]
    if not _is_group(rotations, translations):
        return "they form no group"
    return rotations, translations


def _is_group(rotations: IntArray, translations: IntArray) -> bool:
    """Whether all products of some operations are among them."""
    if (np.abs(np.rint(np.linalg.det(rotations))) != 1).any():
        return False
    keys = np.sort(_keys(rotations, translations))
    for rotation, translation in zip(rotations, translations, strict=True):
        turned = rotation @ rotations
        moved = (translations @ rotation.T + translation) % PARTS
        if np.abs(turned).max() > _LARGEST_ENTRY:
            return False
        if (np.sort(_keys(turned, moved)) != keys).any():
            return False
    return True


def _keys(rotations: IntArray, translations: IntArray) -> IntArray:
    """A number for each operation."""
    base = 2 * _LARGEST_ENTRY + 1
    key = np.zeros(len(rotations), dtype=np.int64)
    for entry in (rotations.reshape(-1, 9) + _LARGEST_ENTRY).T:
        key = key * base + entry
    for part in translations.T:
        key = key * PARTS + part
    return key


@dataclass(frozen=True, eq=False)
class Symmetry:
    """A space group in one setting.

    Parameters
    ----------
    name : str
        As messages have it.
    symbol : str
        Hermann-Mauguin, of a group with the same axes.
    rotations : ndarray of int of shape (n, 3, 3)
    translations : ndarray of int of shape (n, 3)
        In parts.
    """

    name: str
    symbol: str
    rotations: IntArray
    translations: IntArray

    def __len__(self) -> int:
        return len(self.rotations)

    @cached_property
    def keys(self) -> frozenset[int]:
        """What tells two groups apart."""
        return frozenset(_keys(self.rotations, self.translations).tolist())

    @cached_property
    def centring(self) -> IntArray:
        """Translations between nodes in the cell, in parts, nought included."""
        pure = (self.rotations == np.eye(3, dtype=np.int64)).all(axis=(1, 2))
        return np.asarray(self.translations[pure])

    def misfit(self, vectors: FloatArray) -> float:
        """How far a cell is from fitting the group: relative lengths, cosines of angles."""
        metric = vectors @ vectors.T
        turned = np.swapaxes(self.rotations, 1, 2) @ metric @ self.rotations
        lengths, others = (
            np.sqrt(np.maximum(np.diagonal(m, axis1=-2, axis2=-1), 1e-12)) for m in (metric, turned)
        )
        cosines = metric / np.outer(lengths, lengths)
        turned = turned / (others[:, :, None] * others[:, None, :])
        stretch = np.abs(others / lengths - 1.0).max()
        return float(max(stretch, np.abs(turned - cosines).max()))

    def is_moved(self, other: Symmetry) -> bool:
        """Whether another group, of the same axes and centring, is this one about some origin."""
        if self.rotations.shape != other.rotations.shape:
            return False
        mine = {r.tobytes(): t for r, t in zip(self.rotations, self.translations, strict=True)}
        turned = {r.tobytes() for r in other.rotations}
        nodes = {tuple(t) for t in self.centring.tolist()}
        if mine.keys() != turned or nodes != {tuple(t) for t in other.centring.tolist()}:
            return False
        step = PARTS // _USUAL
        origins = np.indices((_USUAL,) * 3).reshape(3, -1).T * step
        for rotation, translation in zip(other.rotations, other.translations, strict=True):
            gap = (origins @ (rotation - np.eye(3, dtype=np.int64)).T) % PARTS
            gap = (gap + translation - mine[rotation.tobytes()]) % PARTS
            fits = (gap[:, None] == self.centring).all(axis=2).any(axis=1)
            origins = origins[fits]
        return len(origins) > 0

    def primitive(self) -> FloatArray:
        """Vectors between nodes, in fractions of the cell, for any centring."""
        rows = [[PARTS, 0, 0], [0, PARTS, 0], [0, 0, PARTS], *self.centring.tolist()]
        basis: list[list[int]] = []
        for column in range(3):  # Euclid's algorithm, column by column
            while True:
                filled = sorted((r for r in rows if r[column]), key=lambda r: abs(r[column]))
                if len(filled) == 1:
                    break
                least = filled[0]
                for row in filled[1:]:
                    factor = row[column] // least[column]
                    row[:] = [a - factor * b for a, b in zip(row, least, strict=True)]
            basis.append(filled[0])
            rows = [r for r in rows if r is not filled[0] and any(r)]
        return np.array(basis, dtype=np.float64) / PARTS


@dataclass(frozen=True, eq=False)
class Orbit:
    """The images of a site.

    Parameters
    ----------
    positions : ndarray of shape (m, 3)
        Fractions of the cell, in the order of the operations.
    multiplicity, order : int
        Images in the cell, and operations that leave the site where it is.
    moved : float, default=0.0
        How far the site was moved onto its special position, in Angstrom.
    """

    positions: FloatArray
    multiplicity: int
    order: int
    moved: float = 0.0

    @classmethod
    def of(
        cls,
        fractions: FloatArray,
        symmetry: Symmetry,
        vectors: FloatArray,
        *,
        full: bool,
        resolution: Sequence[float] = (0.0, 0.0, 0.0),
        multiplicity: float | None = None,
    ) -> Orbit:
        """Images of a site.

        Parameters
        ----------
        fractions : ndarray of shape (3,)
        symmetry : Symmetry
        vectors : ndarray of shape (3, 3)
            Of the cell, in Angstrom.
        full : bool
            Whether two of its images cannot be there together.
        resolution : sequence of 3 float, default=(0.0, 0.0, 0.0)
            How far the last digits of its coordinates reach, in Angstrom.
        multiplicity : float, optional
            That the file tells; images up to 0.5 Angstrom apart are one to have it.
        """
        n = len(symmetry)
        if n == 1:
            return cls(fractions[None, :], 1, 1)
        images = fractions @ np.swapaxes(symmetry.rotations, 1, 2) + symmetry.translations / PARTS
        gaps = images - fractions
        gaps -= np.round(gaps)
        apart = np.linalg.norm(gaps @ vectors, axis=1)
        if full:
            widest = np.full(n, _MERGED_FULL)
        else:  # along the axes on which the image is off
            along = np.abs(gaps) * np.linalg.norm(vectors, axis=1)
            off = along > _SHARE_OF_GAP * along.max(axis=1, keepdims=True)
            reach = (off * np.asarray(resolution)).max(axis=1)
            widest = np.maximum(_MERGED_PART, np.minimum(1.25 * reach, _COARSEST))
        stays = _site_symmetry(symmetry, apart, widest)
        if multiplicity is not None and n != round(multiplicity * len(stays)):
            stays = _told_symmetry(symmetry, apart, multiplicity, stays)
        moved = 0.0
        if len(stays) > 1:
            shift = gaps[stays].mean(axis=0)
            moved = float(np.linalg.norm(shift @ vectors))
            fractions = fractions + shift
            images = (
                fractions @ np.swapaxes(symmetry.rotations, 1, 2) + symmetry.translations / PARTS
            )
        n_images = n // len(stays)
        return cls(_different(images, np.eye(3), n_images), n_images, len(stays), moved)

    def positions_between(self, nodes: FloatArray) -> FloatArray:
        """One of the images that differ by vectors between nodes (in fractions of the cell)."""
        number = round(len(self.positions) * abs(np.linalg.det(nodes)))
        return _different(self.positions, np.asarray(np.linalg.inv(nodes)), number)


def _site_symmetry(symmetry: Symmetry, apart: FloatArray, widest: FloatArray) -> list[int]:
    """Operations that bring a site back, each to within its distance, and form a group."""
    near = np.flatnonzero(apart <= widest)
    if len(near) == 1:
        return [0]
    grown = _closure(symmetry, apart, near)
    if grown is not None and apart[grown].max() <= 2.0 * widest[near].max():
        return grown
    for limit in sorted(set(apart[near].tolist()), reverse=True):
        within = [int(k) for k in near if apart[k] <= limit + 1e-9]
        grown = _closure(symmetry, apart, within)
        if grown is not None and set(grown) == set(within):
            return within
    return [0]


def _told_symmetry(
    symmetry: Symmetry, apart: FloatArray, multiplicity: float, otherwise: list[int]
) -> list[int]:
    """The nearest operations that leave as many images as a file tells, if there are such."""
    order = np.argsort(apart, kind="stable")
    sorted_apart = apart[order]
    for size in range(1, int((apart <= _MERGED_TOLD).sum()) + 1):
        ties = size < len(order) and sorted_apart[size] - sorted_apart[size - 1] < _TIED
        if ties or round(multiplicity * size) != len(symmetry):
            continue
        chosen = [int(k) for k in order[:size]]
        grown = _closure(symmetry, apart, chosen)
        if grown is not None and set(grown) == set(chosen):
            return chosen
    return otherwise


def _closure(
    symmetry: Symmetry, apart: FloatArray, chosen: Sequence[int] | IntArray
) -> list[int] | None:
    """All products of operations about one point, of each rotation the nearest; None: no point."""
    nearest: dict[bytes, int] = {}
    for k in np.argsort(apart, kind="stable"):
        nearest.setdefault(symmetry.rotations[k].tobytes(), int(k))
    group = {symmetry.rotations[k].tobytes(): int(k) for k in chosen}
    if len(group) < len(chosen):
        return None
    waiting = list(group.values())
    generators = list(group.values())
    while waiting:
        k = waiting.pop()
        for j in generators:
            product = (symmetry.rotations[k] @ symmetry.rotations[j]).tobytes()
            if product not in group:
                group[product] = nearest[product]
                waiting.append(nearest[product])
    return list(group.values())


def _different(images: FloatArray, inverse: FloatArray, number: int) -> FloatArray:
    """One of the images that differ by translations between nodes, in the order they have."""
    if len(images) == number:
        return images
    places = (images @ inverse) % 1.0
    shifted = np.round((places + 0.318309886) / _SAME).astype(np.int64) % round(1.0 / _SAME)
    first = np.sort(np.unique(shifted, axis=0, return_index=True)[1])
    if len(first) == number:
        return images[first]
    kept: list[int] = []
    for k in range(len(images)):  # those on the edge of what is rounded
        gaps = places[kept] - places[k]
        if not (np.abs(gaps - np.round(gaps)).max(axis=1, initial=0.0) < _SAME).any():
            kept.append(k)
    return images[kept]
