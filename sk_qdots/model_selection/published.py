"""What the published network reaches, and what counting noise allows, for PbS.

Shares of right sizes. The paper gives few numbers in words (``PAPER``). Its network, as
it was released, was measured again on 3000 of its 41,344 simulated patterns, in measured
hexane and toluene (``RELEASED``), and on 600 of them the most probable size where
library, liquid, concentration and noise are known (``REFERENCE_LIMIT``).

References
----------
L. Allara, F. Bertolotti, A. Guagliardi, npj Comput. Mater. (2024).
"""

from __future__ import annotations

__all__ = ["PAPER", "REFERENCE_LIMIT", "RELEASED"]

_Table = dict[str, dict[str, float]]

PAPER: _Table = {
    "standard": {"": 0.97},
    "q_max": {"2.5": 0.47},
    "q_min": {"1.7": 0.41},
}
RELEASED: _Table = {
    "standard": {"": 0.963},
    "q_max": {"7": 0.966, "4.4": 0.959, "3.5": 0.678, "2.5": 0.429},
    "q_min": {"1.7": 0.718},
    "step": {"4": 0.88, "6": 0.67, "10": 0.41, "20": 0.20},
    "qd_fraction": {"0.2": 0.895, "0.13": 0.732, "0.1": 0.420, "0.08": 0.228, "0.05": 0.084},
}
REFERENCE_LIMIT: _Table = {
    "standard": {"": 0.998},
    "q_max": {"7": 1.0, "4.4": 0.998, "3.5": 0.998, "2.5": 0.998},
    "q_min": {"1.7": 1.0},
    "step": {"4": 0.988, "6": 0.987, "10": 0.963, "20": 0.943},
    "qd_fraction": {"0.2": 0.998, "0.13": 0.992, "0.1": 0.978, "0.08": 0.963, "0.05": 0.908},
}
