"""A pattern that is measured, and what its file does not say."""

from pathlib import Path

COLLOID = Path(__file__).resolve().parents[2] / "examples" / "data" / "PbS_colloid.xy"
BEAM = {"wavelength": "0.5642"}
