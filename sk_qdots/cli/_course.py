"""The picture that ``sk-qdots watch`` keeps up to date, of what its CSV holds."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ._pictures import new_picture, picture_problem, write_picture

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Course"]

_QUANTITIES = {  # of a series, and the columns that hold them
    "volume_diameter": "volume_diameter_nm",
    "volume_interval_low": "volume_interval_low_nm",
    "volume_interval_high": "volume_interval_high_nm",
    "number_diameter": "number_diameter_nm",
    "interval_low": "interval_low_nm",
    "interval_high": "interval_high_nm",
    **{name: name for name in ("dispersion", "dispersion_std", "strain", "strain_std")},
}


class Course:
    """Sizes over time, drawn anew when there are more of them.

    Parameters
    ----------
    rows : Path
        The CSV.
    options : Namespace
        Of the command.

    Attributes
    ----------
    has_changed : bool
        Whether there is something new to draw.

    Raises
    ------
    ValueError
        If the picture cannot be written where it should be.
    """

    def __init__(self, rows: Path, options: argparse.Namespace) -> None:
        self._rows, self._path = rows, options.plot
        self._coverage, self._per_frame = options.coverage, options.per_frame
        self._drawn = -math.inf
        self.has_changed = True  # an older picture may lack what the last call did not come to
        if options.per_frame is not None and not 0.0 < options.per_frame < math.inf:
            raise ValueError("--per-frame must be a time above zero, in seconds")
        if self._path is None:
            return
        problem = picture_problem(self._path)
        if problem is None and not Path(self._path).absolute().parent.is_dir():
            problem = "its folder does not exist"
        if problem:
            raise ValueError(f"{self._path}: {problem}")

    def draw(self, *, at_most_every: float = 0.0) -> str | None:
        """Draw what is new, unless it was drawn a moment ago; return what went wrong."""
        is_late = time.monotonic() - self._drawn >= at_most_every
        if self._path is None or not self.has_changed or not is_late:
            return None
        series = self._series()
        problem = None
        if series.sizes["frame"]:
            from ..inspection import SeriesDisplay

            figure = new_picture(7.0, 7.0)
            SeriesDisplay.from_dataset(series).plot(figure)
            problem = write_picture(figure, self._path)
        self.has_changed, self._drawn = False, time.monotonic()
        return problem and f"{self._path}: {problem}"

    def _series(self) -> xr.Dataset:
        """What the CSV holds, the last row of each file, by time."""
        import numpy as np
        import pandas as pd
        import xarray as xr

        rows = pd.read_csv(
            self._rows,
            usecols=["file", "verdict", "modified", *_QUANTITIES.values()],
            dtype={"file": str, "verdict": str, "modified": str},
            encoding_errors="backslashreplace",
        )
        rows = rows.drop_duplicates("file", keep="last").sort_values("modified", kind="stable")
        times = rows["modified"].to_numpy(dtype="M8[ns]")
        if self._per_frame is not None:
            times = self._per_frame * np.arange(len(rows))
        values = {
            name: ("frame", rows[column].to_numpy(dtype=np.float64))
            for name, column in _QUANTITIES.items()
        }
        return xr.Dataset(
            {**values, "verdict": ("frame", rows["verdict"].to_numpy(dtype=object))},
            coords={"time": ("frame", times)},
            attrs={"coverage": self._coverage},
        )
