"""Sizes over time, with their bands, and the patterns behind them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import BoolArray, FloatArray
from ._axes import BLUE, GREEN, ORANGE, PURPLE, Q_LABEL, RED, PanelsDisplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["SeriesDisplay"]

_MANY = 60  # frames, from which points are small
_MOST_LINES = 25  # of a waterfall
_PANELS: dict[str, tuple[str, str, float, tuple[str, str] | None]] = {
    "volume_diameter": (
        "volume\ndiameter (nm)",
        BLUE,
        1.0,
        ("volume_interval_low", "volume_interval_high"),
    ),
    "number_diameter": ("number\ndiameter (nm)", GREEN, 1.0, ("interval_low", "interval_high")),
    "dispersion": ("dispersion (%)", PURPLE, 100.0, None),
    "strain": ("strain (%)", "0.35", 100.0, None),
}
_UNITS_OF_TIME = (("s", 1.0), ("min", 60.0), ("h", 3600.0))


@dataclass
class SeriesDisplay(PanelsDisplay):
    """Volume and number average, dispersion and strain against time, above the patterns.

    Lines are estimates, bands their intervals. Frames with caution are open triangles, refused ones
    crosses at the foot of the panels. What :func:`sk_qdots.sizing.smoothed` added is a black line
    with a band of its own.

    Parameters
    ----------
    series : Dataset
        As :func:`sk_qdots.size_series` returns.

    Raises
    ------
    ValueError
        If it is no series.

    See Also
    --------
    sk_qdots.size_series : Makes a series.
    FitDisplay : One pattern with its fit.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.inspection import SeriesDisplay
    >>> series = sq.size_series("run42", wavelength=0.5642)  # doctest: +SKIP
    >>> SeriesDisplay.from_dataset(series).plot()  # doctest: +SKIP
    """

    series: xr.Dataset

    def __post_init__(self) -> None:
        missing = [n for n in ("volume_diameter", "verdict", "time") if n not in self.series]
        if missing:
            raise ValueError(f"this is no series, as size_series makes it: it has no {missing[0]}")

    @classmethod
    def from_dataset(cls, series: xr.Dataset) -> Self:
        """Show a series.

        Parameters
        ----------
        series : Dataset
            As :func:`sk_qdots.size_series` returns, or as ``xarray.open_dataset`` reads it from
            the .nc that :func:`sk_qdots.sizing.write_series` wrote.

        Returns
        -------
        SeriesDisplay
        """
        return cls(series)

    def plot(
        self,
        figure: Figure | SubFigure | None = None,
        *,
        patterns: Literal["map", "waterfall"] | None = "map",
    ) -> Self:
        """Draw the panels.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, optional
            Where to draw; a new one by default.
        patterns : {"map", "waterfall"} or None, default="map"
            How the patterns are shown, where the series has them: as a map over time below the
            sizes, as lines one above the other beside them, or not at all.

        Returns
        -------
        self
            With ``ax_``, the panels from above and the patterns last, and ``figure_``.

        Raises
        ------
        ValueError
            If the patterns are to be shown otherwise.
        """
        if patterns not in ("map", "waterfall", None):
            raise ValueError(f"patterns is {patterns!r}; it must be 'map', 'waterfall' or None")
        shown = [name for name in _PANELS if name in self.series and self._known(name).any()]
        shown = shown or ["volume_diameter"]
        has_patterns = patterns is not None and "pattern" in self.series
        figure = figure or self._new_figure(len(shown), patterns if has_patterns else None)
        axes, below = self._layout(figure, len(shown), patterns if has_patterns else None)
        times, label = self._times()
        for ax, name in zip(axes, shown, strict=True):
            self._draw_quantity(ax, name, times)
        self._legend(axes[0])
        last = axes[-1]
        if below is not None and patterns == "map":
            self._draw_map(below, times)
            last = below
        elif below is not None:
            self._draw_waterfall(below, times, label)
        for ax in axes:
            ax.tick_params(labelbottom=ax is last)
        last.set_xlabel(label)
        root = axes[0].get_figure(root=True)
        if root is not None:
            root.align_ylabels(
                [*axes, *([below] if patterns == "map" and below is not None else [])]
            )
        span = max(float(np.ptp(times)), 1e-12) if len(times) > 1 else 1.0
        room = 0.5 * span / max(len(times) - 1, 1)
        last.set_xlim(float(times.min()) - room, float(times.max()) + room)
        return self._keep([*axes, *([] if below is None else [below])])

    def _new_figure(self, n_panels: int, patterns: str | None) -> Figure:
        import matplotlib.pyplot as plt

        height = 1.55 * n_panels + 0.9 + (1.8 if patterns == "map" else 0.0)
        width = 10.5 if patterns == "waterfall" else 7.0
        return plt.figure(figsize=(width, max(height, 4.0)), layout="constrained")

    def _layout(
        self, figure: Figure | SubFigure, n_panels: int, patterns: str | None
    ) -> tuple[list[Axes], Axes | None]:
        """Panels one below the other over one time, and the axes of the patterns."""
        is_map, beside = patterns == "map", patterns == "waterfall"
        ratios = [1.0] * n_panels + ([1.6] if is_map else [])
        grid = figure.add_gridspec(
            len(ratios),
            1 + beside,
            height_ratios=ratios,
            width_ratios=[1.35, 1.0] if beside else None,
        )
        axes = [figure.add_subplot(grid[0, 0])]
        axes += [figure.add_subplot(grid[k, 0], sharex=axes[0]) for k in range(1, n_panels)]
        if is_map:
            return axes, figure.add_subplot(grid[n_panels, 0], sharex=axes[0])
        return axes, figure.add_subplot(grid[:, 1]) if beside else None

    @property
    def _coverage(self) -> float:
        return float(self.series.attrs.get("coverage", 0.9))

    @property
    def _reach(self) -> float:
        """Standard deviations from the middle of an interval to its ends."""
        return NormalDist().inv_cdf(0.5 + 0.5 * self._coverage)

    def _known(self, name: str) -> BoolArray:
        return np.asarray(np.isfinite(self.series[name].values))

    def _verdicts(self) -> npt.NDArray[np.str_]:
        return np.asarray(self.series["verdict"].values).astype(str)

    def _times(self) -> tuple[FloatArray, str]:
        """Times from the first one on in a unit of their length, and how to call them."""
        time = self.series["time"].values
        frames = np.arange(len(time), dtype=np.float64)
        begin = ""
        if time.dtype.kind == "M":
            if np.isnat(time).any() or len(time) < 2:
                return frames, "frame"
            begin = f" since {str(time.min().astype('M8[s]')).replace('T', ' ')}"
            seconds = (time - time.min()) / np.timedelta64(1, "s")
        else:
            seconds = np.asarray(time, dtype=np.float64)
            if not np.isfinite(seconds).all():
                return frames, "frame"
        span = float(np.ptp(seconds))
        if span == 0.0:
            return frames, "frame"
        unit, length = next(
            ((u, s) for u, s in reversed(_UNITS_OF_TIME) if span >= 3.0 * s), _UNITS_OF_TIME[0]
        )
        return seconds / length, f"time{begin} ({unit})"

    def _draw_quantity(self, ax: Axes, name: str, times: FloatArray) -> None:
        label, colour, unit, ends = _PANELS[name]
        series, known, verdicts = self.series, self._known(name), self._verdicts()
        order = np.argsort(times, kind="stable")
        t, values = times[order], unit * series[name].values[order]
        if ends is not None and all(end in series for end in ends):
            low, high = (unit * series[end].values[order] for end in ends)
        else:
            reach = self._reach * unit * series[f"{name}_std"].values[order]
            low, high = values - reach, values + reach
        is_caution = (verdicts == "caution") & known
        is_fine = (verdicts == "ok") & known
        size = 4.5 if len(t) <= _MANY else 2.2
        ax.fill_between(t, low, high, color=colour, alpha=0.22, lw=0)
        lonely = _alone(np.isfinite(values))
        ax.vlines(t[lonely], low[lonely], high[lonely], color=colour, alpha=0.4, lw=2.0)
        ax.plot(t, values, color=colour, lw=0.8, alpha=0.6)
        ax.plot(
            times[is_fine], unit * series[name].values[is_fine], "o", color=colour, ms=size, mew=0
        )
        ax.plot(
            times[is_caution],
            unit * series[name].values[is_caution],
            "^",
            mfc="white",
            mec=ORANGE,
            mew=1.1,
            ms=1.25 * size,
            zorder=4,
        )
        refused = times[verdicts == "refused"]
        ax.plot(
            refused,
            np.full(len(refused), 0.055),
            "x",
            color=RED,
            ms=1.1 * size,
            mew=1.1,
            transform=ax.get_xaxis_transform(),
            zorder=4,
        )
        if f"{name}_smoothed" in series:
            course = unit * series[f"{name}_smoothed"].values[order]
            reach = self._reach * unit * series[f"{name}_smoothed_std"].values[order]
            ax.fill_between(t, course - reach, course + reach, color="0.2", alpha=0.25, lw=0)
            ax.plot(t, course, color="black", lw=1.2)
        self._limit(ax, values, low, high)
        ax.set_ylabel(label)
        ax.spines[["top", "right"]].set_visible(False)

    def _limit(self, ax: Axes, values: FloatArray, low: FloatArray, high: FloatArray) -> None:
        """Show all values, and bands unless a few are far wider than all values differ."""
        known = np.isfinite(values)
        if not known.any():
            ax.set_ylim(0.0, 1.0)
            ax.set_yticks([])
            return
        reach = max(float(np.ptp(values[known])), 4.0 * float(np.nanmedian(high - low)), 1e-9)
        bottom = max(float(np.nanmin(low)), float(values[known].min()) - reach)
        top = min(float(np.nanmax(high)), float(values[known].max()) + reach)
        room = max(top - bottom, 1e-9)
        ax.set_ylim(bottom - 0.16 * room, top + 0.08 * room)

    def _legend(self, ax: Axes) -> None:
        """How many frames of each verdict there are."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        verdicts = self._verdicts()
        colour = _PANELS["volume_diameter"][1]
        marks: dict[str, dict[str, Any]] = {
            "ok": {"marker": "o", "color": colour, "mew": 0},
            "caution": {"marker": "^", "mfc": "white", "mec": ORANGE, "mew": 1.1},
            "refused": {"marker": "x", "color": RED, "mew": 1.1},
        }
        handles: list[Any] = [
            Line2D([], [], ls="", ms=5.0, label=f"{verdict} ({n})", **mark)
            for verdict, mark in marks.items()
            if (n := int((verdicts == verdict).sum()))
        ]
        handles.append(
            Patch(color=colour, alpha=0.25, lw=0, label=f"{100.0 * self._coverage:g} % interval")
        )
        if any(str(name).endswith("_smoothed") for name in self.series.data_vars):
            handles.append(Line2D([], [], color="black", lw=1.2, label="smoothed"))
        ax.legend(
            handles=handles,
            frameon=False,
            fontsize="small",
            ncols=len(handles),
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.2,
            handletextpad=0.4,
            columnspacing=1.4,
        )

    def _shown_patterns(self) -> tuple[FloatArray, FloatArray]:
        """Q, and the patterns as shares of their mean where all have been measured."""
        pattern = self.series["pattern"].transpose("frame", "q").values.astype(np.float64)
        measured = np.isfinite(pattern)
        everywhere = measured[measured.any(axis=1)].all(axis=0)
        inside = everywhere if everywhere.any() else measured.any(axis=0)
        n = np.maximum(measured[:, inside].sum(axis=1), 1)
        mean = np.nansum(pattern[:, inside], axis=1) / n
        mean[~(mean > 0.0)] = np.nan
        return np.asarray(self.series["q"].values, dtype=np.float64), pattern / mean[:, None]

    def _draw_map(self, ax: Axes, times: FloatArray) -> None:
        from matplotlib.colors import PowerNorm

        q, shares = self._shown_patterns()
        order = np.argsort(times, kind="stable")
        finite = shares[np.isfinite(shares)]
        low, high = np.percentile(finite, [1.0, 99.7]) if finite.size else (0.0, 1.0)
        colours = ax.pcolormesh(
            _edges(times[order]),
            _edges(q),
            shares[order].T,
            cmap="viridis",
            norm=PowerNorm(0.5, vmin=low, vmax=max(high, low + 1e-9)),  # weak peaks, too
            rasterized=True,
        )
        beside = ax.inset_axes((1.012, 0.0, 0.014, 1.0))
        ax.figure.colorbar(colours, cax=beside, label="intensity / mean")
        ax.set_ylabel(Q_LABEL)
        ax.set_ylim(q[0], q[-1])

    def _draw_waterfall(self, ax: Axes, times: FloatArray, label: str) -> None:
        from matplotlib import colormaps

        q, shares = self._shown_patterns()
        n = len(times)
        chosen = np.unique(np.linspace(0, n - 1, min(n, _MOST_LINES)).round().astype(int))
        chosen = chosen[np.isfinite(shares[chosen]).any(axis=1)]
        highest = [np.nanpercentile(shares[k], 99.5) for k in chosen]
        step = 0.3 * float(np.median(highest)) if highest else 1.0
        colours = colormaps["viridis"](np.linspace(0.0, 0.85, max(len(chosen), 1)))
        verdicts = self._verdicts()
        for place, (k, colour) in enumerate(zip(chosen, colours, strict=False)):
            refused = verdicts[k] == "refused"
            ax.plot(
                q,
                shares[k] + step * place,
                color=RED if refused else colour,
                lw=0.8,
                ls=":" if refused else "-",
            )
        for place in {0, len(chosen) - 1} if len(chosen) else ():
            k = chosen[place]
            ends = shares[k][np.isfinite(shares[k])]
            unit = label.rpartition("(")[2].rstrip(")") if "(" in label else ""
            said = f"{times[k]:.4g} {unit}".strip() if unit else f"frame {times[k]:g}"
            ax.annotate(
                said,
                (q[-1], ends[-1] + step * place),
                xytext=(-2, 4),
                textcoords="offset points",
                ha="right",
                fontsize="small",
            )
        ax.set_xlabel(Q_LABEL)
        ax.set_ylabel("intensity / mean, shifted")
        ax.set_xlim(q[0], q[-1])
        ax.set_yticks([])
        ax.spines[["top", "right"]].set_visible(False)


def _alone(known: BoolArray) -> BoolArray:
    """What has no neighbour that is known: a band would not show it."""
    padded = np.concatenate([[False], known, [False]])
    return np.asarray(known & ~padded[:-2] & ~padded[2:])


def _edges(places: FloatArray) -> FloatArray:
    """Edges of cells around places; a place that comes again is moved a little."""
    if len(places) < 2:
        return np.array([places[0] - 0.5, places[0] + 0.5])
    middle = 0.5 * (places[1:] + places[:-1])
    first, last = 2.0 * places[0] - middle[0], 2.0 * places[-1] - middle[-1]
    return np.asarray(np.concatenate([[first], middle, [last]]))
