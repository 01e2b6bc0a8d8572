"""Wavelengths of X-ray tubes: Hoelzer et al. [1]_ (Cr, Co, Cu), Bearden [2]_ (Mo, Ag).

References
----------
.. [1] G. Hoelzer et al., Phys. Rev. A 56, 4554 (1997).
.. [2] J. A. Bearden, Rev. Mod. Phys. 39, 78 (1967).
"""

from __future__ import annotations

__all__ = ["ANODES", "K_ALPHA_RATIO", "is_same_beam", "k_alpha_mean"]

ANODES = {  # K-alpha 1 and 2, Angstrom
    "Ag": (0.5594075, 0.5637980),
    "Co": (1.7889960, 1.7928350),
    "Cr": (2.2897260, 2.2936510),
    "Cu": (1.5405929, 1.5444274),
    "Mo": (0.7093000, 0.7135900),
}
_SAME_BEAM = 2e-3  # relative: K-alpha 1 and the mean of the doublet are closer
K_ALPHA_RATIO = 0.5  # intensity of K-alpha 2 over that of K-alpha 1: two electrons to four


def k_alpha_mean(first: float, second: float, ratio: float = K_ALPHA_RATIO) -> float:
    """Mean wavelength of a doublet, weighted by intensity.

    Parameters
    ----------
    first, second : float
        Wavelengths of K-alpha 1 and K-alpha 2, in Angstrom.
    ratio : float, default=0.5
        Intensity of the second over that of the first.

    Returns
    -------
    float
        In Angstrom.

    Examples
    --------
    >>> from sk_qdots.instruments import ANODES, k_alpha_mean
    >>> round(k_alpha_mean(*ANODES["Cu"]), 4)
    1.5419
    """
    return (first + ratio * second) / (1.0 + ratio)


def is_same_beam(one: float, other: float) -> bool:
    """Whether two wavelengths can be the same beam, called by one line or by the mean.

    Parameters
    ----------
    one, other : float
        In Angstrom.

    Returns
    -------
    bool
        True where they differ by 0.2 % or less.

    Examples
    --------
    >>> from sk_qdots.instruments import is_same_beam
    >>> is_same_beam(1.5406, 1.5418), is_same_beam(0.56, 0.58)
    (True, False)
    """
    return abs(one - other) <= _SAME_BEAM * other
