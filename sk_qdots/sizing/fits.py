r"""From a fit of the Debye posterior to what the sizers compare.

The agreement is that of :mod:`sk_qdots.sizing.reference`, with the fitted pattern in place of a
stored one: the share of the pattern's structure that the nanocrystals explain. The background that
was fitted, a blank with peaks of its own maybe, is no structure.
"""

from __future__ import annotations

import numpy as np

from ..posterior import DebyeFit
from .reference import Match, share_explained, smooth_basis

__all__ = ["match_of_fit"]

_ALIKE = 1e-10


def match_of_fit(fit: DebyeFit) -> Match:
    """Curves of a fit, and how much of the pattern the nanocrystals explain.

    Parameters
    ----------
    fit : DebyeFit

    Returns
    -------
    Match
        In the units of the pattern.
    """
    curves = fit.curves
    columns = np.array(
        [curves[name].values for name in ("q", "measured", "esd", "calculated", "background")],
        dtype=np.float64,
    )
    q, measured, esd, calculated, background = columns[:, np.isfinite(columns).all(axis=0)]
    dots = (calculated - background) / esd
    target = measured / esd
    smooth = np.column_stack([smooth_basis(q), background]) / esd[:, None]
    smooth /= np.linalg.norm(smooth, axis=0)
    # The fitted background is nearly a spline: directions that tell nothing are left out.
    inverse = np.linalg.pinv(smooth.T @ smooth, rcond=_ALIKE, hermitian=True)
    structure, shaped = (row - smooth @ (inverse @ (smooth.T @ row)) for row in (target, dots))
    overlap = max(float(structure @ shaped), 0.0)
    explained = overlap**2 / max(float(shaped @ shaped), 1e-300)
    return Match(
        q=q,
        measured=measured,
        simulated=calculated,
        background=background,
        dispersion=fit.parameters.get("dispersion", float("nan")),
        strain=fit.parameters.get("strain", 0.0),
        agreement=share_explained(explained, structure, target),
    )
