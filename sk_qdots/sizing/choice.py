"""What a command or a page asks to be sized with; nothing heavy is needed to ask."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COVERAGE", "Choice"]

COVERAGE = 0.90  # of every interval, where nothing else is asked for


@dataclass(frozen=True)
class Choice:
    """Which sizer, or which crystal; the names are those of the options.

    Parameters
    ----------
    model : str or None
        Name or folder of a trained sizer; PbS by default.
    fast : bool
        Whether its network answers alone.
    crystal, cif : str or None
        Instead of it: a built-in crystal, or the file of another one.
    block : str or None
        Of that file.
    called : str or None
        The crystal of the file, if not by the name of the file.
    blank : str or None
        File of the pure liquid.
    x : str or None
        What its axis is.
    diameters, dispersions, strains, stacking : tuple of 2 float or None
        Ends of what is simulated, as for :func:`sk_qdots.make_sizer`.
    free, texture : bool
        Whether populations have no form, and grains prefer an orientation.
    facet : tuple of 3 int or None
        Which they prefer to lie on.
    progress : bool
        Whether simulations show a bar.
    """

    model: str | None = None
    fast: bool = False
    crystal: str | None = None
    cif: str | None = None
    block: str | None = None
    called: str | None = None
    blank: str | None = None
    x: str | None = None
    diameters: tuple[float, float] | None = None
    dispersions: tuple[float, float] | None = None
    strains: tuple[float, float] | None = None
    stacking: tuple[float, float] | None = None
    free: bool = False
    texture: bool = False
    facet: tuple[int, int, int] | None = None
    progress: bool = False
