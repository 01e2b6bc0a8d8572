"""Numbers in the bytes of a file, with one clear error where the file is cut."""

from __future__ import annotations

import struct

import numpy as np

from .._typing import FloatArray
from ._scan import MAX_POINTS, NoPattern, PatternError, stopped

__all__ = ["Bytes"]


class Bytes:
    """The bytes of a file, little-endian.

    Parameters
    ----------
    source : str
        The file, for errors.
    raw : bytes
    """

    def __init__(self, source: str, raw: bytes) -> None:
        self.source = source
        self.raw = raw

    def __len__(self) -> int:
        return len(self.raw)

    def _number(self, kind: str, at: int) -> float:
        try:
            (number,) = struct.unpack_from(kind, self.raw, at)
        except struct.error:
            raise PatternError(self.source, "is cut short in its header; copy it again") from None
        return float(number)

    def u8(self, at: int) -> int:
        """Return an unsigned integer of 8 bits."""
        return int(self._number("<B", at))

    def u16(self, at: int) -> int:
        """Return an unsigned integer of 16 bits."""
        return int(self._number("<H", at))

    def u32(self, at: int) -> int:
        """Return an unsigned integer of 32 bits."""
        return int(self._number("<I", at))

    def f32(self, at: int) -> float:
        """Return a number of 32 bits, without the digits that they do not hold: 0.02."""
        return float(f"{self._number('<f', at):.7g}")

    def f64(self, at: int) -> float:
        """Return a number of 64 bits."""
        return self._number("<d", at)

    def text(self, at: int, length: int) -> str:
        """Return a text of fixed length, to its first zero."""
        return self.raw[at : at + length].split(b"\0")[0].decode("latin-1").strip()

    def column(self, at: int, n_points: int, size: int, kind: str, offset: int = 0) -> FloatArray:
        """Return one number of each record.

        Parameters
        ----------
        at : int
            Where the first record begins.
        n_points : int
            How many there are, all of them within the file.
        size : int
            Bytes of a record.
        kind : str
            dtype of the number.
        offset : int
            Where in the record it stands.
        """
        records = np.frombuffer(self.raw, np.uint8, n_points * size, at).reshape(n_points, size)
        width = np.dtype(kind).itemsize
        numbers = np.ascontiguousarray(records[:, offset : offset + width]).view(kind)
        return numbers[:, 0].astype(np.float64)

    def whole(self, at: int, announced: int, size: int) -> tuple[int, tuple[str, ...]]:
        """Return how many of the announced records are there, and what to say where some lack."""
        if not 0 < announced <= MAX_POINTS or not 0 < size <= 1024:
            raise PatternError(
                self.source, f"announces {announced} points of {size} bytes; is it damaged?"
            )
        there = min(announced, max(len(self) - at, 0) // size)
        if there == 0:
            raise NoPattern(
                self.source,
                f"is cut short: none of the {announced} points that it announces is there; copy it "
                "again",
            )
        return there, () if there == announced else (stopped(there, announced),)
