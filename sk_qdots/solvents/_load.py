"""Solvent curves by name."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ._generic import generic_liquid

__all__ = ["known_solvents", "load_solvent"]

_DESCRIPTIONS = {
    "generic": "generic hydrocarbon liquid: hexane chain, hard-sphere packing; no real solvent",
}


def known_solvents() -> list[str]:
    """Names that :func:`load_solvent` knows.

    Returns
    -------
    list of str
    """
    return sorted(_DESCRIPTIONS)


def load_solvent(name: str) -> xr.DataArray:
    """Return the scattering curve of a liquid.

    Parameters
    ----------
    name : str
        One of :func:`known_solvents`.

    Returns
    -------
    DataArray
        Coherent and Compton scattering over ``q`` (1/Angstrom, 0.3 to 20), in
        electron units per molecule; where it comes from in ``attrs``.

    Raises
    ------
    ValueError
        If the name is not known; the message lists the known ones.

    Examples
    --------
    >>> from sk_qdots import load_solvent
    >>> load_solvent("generic").dims
    ('q',)
    """
    if name not in _DESCRIPTIONS:
        raise ValueError(f"unknown solvent {name!r}; known: {', '.join(known_solvents())}")
    q = np.arange(0.3, 20.0, 0.01)
    return xr.DataArray(
        generic_liquid(q),
        dims="q",
        coords={"q": ("q", q, {"long_name": "Q", "units": "1/Angstrom"})},
        name=name,
        attrs={
            "long_name": _DESCRIPTIONS[name],
            "units": "electron units per molecule",
            "provenance": "sk_qdots.solvents.generic_liquid, default parameters",
        },
    )
