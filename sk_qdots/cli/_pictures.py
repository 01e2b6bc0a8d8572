"""Pictures that commands write."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["new_picture", "picture_problem", "write_picture"]


def new_picture(width: float, height: float) -> Figure:
    """A figure that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def picture_problem(path: str) -> str | None:
    """Why no picture of this name can be written, before it is drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if Path(path).is_dir():
        return "is a folder; give the name of a picture in it"
    kinds = FigureCanvasAgg(Figure()).get_supported_filetypes()
    if Path(path).suffix.lstrip(".").lower() not in kinds:
        return f"not a kind of picture that can be written; end it in one of .{', .'.join(kinds)}"
    return None


def write_picture(figure: Figure, path: str) -> str | None:
    """Write a figure, in one piece for whoever looks at it; return what went wrong."""
    part = Path(path).with_name(f".{Path(path).stem}.part{Path(path).suffix}")
    try:
        figure.savefig(part)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        return f"cannot be written: {error.strerror or error}"
    return None
