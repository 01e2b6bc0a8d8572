"""Pictures that are downloaded, and stand in reports."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import xarray as xr

from .._typing import JsonObject
from ..inspection import FitDisplay, SeriesDisplay, SizingDisplay
from .answers import Answer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["answer_picture", "distribution_picture", "series_picture"]

_COLOURS = {"volume": "#0072b2", "number": "#b35900"}


def answer_picture(answer: Answer, *, dpi: int = 150) -> bytes:
    """The pattern with its fit, as ``sk-qdots size --plot`` draws it; PNG.

    Parameters
    ----------
    answer : Answer
    dpi : int, default=150

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If nothing is known that could be drawn.
    """
    sizing = answer.sizing
    if sizing.fit is not None:
        figure = _figure(8.0, 4.6)
        FitDisplay(sizing, answer.sizer.reflections).plot(figure)
    elif sizing.match is not None:
        figure = _figure(8.0, 4.2)
        SizingDisplay(sizing, sizing.match).plot(figure.subplots())
    else:
        raise ValueError("the sizer has no simulated patterns, and there is nothing to draw")
    return _png(figure, dpi)


def distribution_picture(found: JsonObject, *, dpi: int = 150) -> bytes:
    """A size distribution; PNG."""
    figure = _figure(4.6, 2.6)
    ax = figure.subplots()
    told: Any = found
    if told["kind"] == "classes":
        ax.bar(told["diameter"], told["probability"], width=0.4, color=_COLOURS["number"])
        ax.set_ylabel("probability")
    else:
        for name, colour in _COLOURS.items():
            band = told[name]
            ax.fill_between(
                told["diameter"], band["low"], band["high"], color=colour, alpha=0.2, lw=0
            )
            ax.plot(told["diameter"], band["mean"], color=colour, lw=1.3, label=f"by {name}")
        ax.set_ylim(bottom=0.0)
        ax.set_ylabel("density (1/nm)")
        ax.legend(frameon=False)
    ax.set_xlabel("diameter (nm)")
    return _png(figure, dpi)


def series_picture(series: xr.Dataset) -> bytes:
    """Sizes over time; PNG."""
    figure = _figure(7.0, 9.0)
    SeriesDisplay.from_dataset(series).plot(figure)
    return _png(figure, 150)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure, dpi: int) -> bytes:
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=dpi)
    return stream.getvalue()
