"""Rigaku ``.raw`` (binary) that begins with ``FI``, of RINT and SmartLab.

Its layout is not published; it is the one that two projects found in their files: the
first angle, the last and the step as 32-bit floats at 2962, the number of points at 3154
and 32-bit floats from 3158 on, the wavelength as a 64-bit float at 1212. It is used only
where these agree with each other and with the length of the file, since other programs
of Rigaku write other layouts. Which axis moved is not known to stand in it.
"""

from __future__ import annotations

import numpy as np

from ._bytes import Bytes
from ._scan import PatternError, Scan, Wavelength, label_of

__all__ = ["is_rigaku_raw", "read_rigaku_raw"]

_BEGIN = 3158
_EXPORT = "export it as .ras, .asc or columns of text"
_TAKEN = (
    "this binary file of Rigaku is not known to say which axis moved: its angles are taken for "
    "two-theta"
)


def is_rigaku_raw(raw: bytes) -> bool:
    """Whether the bytes are those of such a ``.raw``."""
    return raw.startswith(b"FI\0\0")


def read_rigaku_raw(source: str, raw: bytes) -> list[Scan]:
    """Read the one scan of a file whose layout is the one that is known."""
    data = Bytes(source, raw)
    start, end, step = (data.f32(at) for at in (2962, 2966, 2970))
    n_points = data.u32(3154)
    span = (end - start) / step if step else np.nan
    if not 0.0 < span < 1e6 or round(span) + 1 != n_points or len(data) > _BEGIN + 4 * n_points:
        raise PatternError(
            source, f"is a binary file of Rigaku of several scans or an unknown layout; {_EXPORT}"
        )
    there, early = data.whole(_BEGIN, n_points, 4)
    value = data.f64(1212)
    beam = None
    if 0.05 < value < 5.0:
        beam = Wavelength(value, label_of(value) or "as the file says")
    return [
        Scan(
            start + step * np.arange(there, dtype=np.float64),
            data.column(_BEGIN, there, 4, "<f4"),
            axis="two_theta",
            wavelength=beam,
            instrument="Rigaku",
            warnings=(_TAKEN, *early),
        )
    ]
