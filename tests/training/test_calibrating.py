"""Calibrating a sizer on simulated experiments."""

import numpy as np
import pytest

import sk_qdots as sq
from sk_qdots.sizing.calibration import LEVELS
from sk_qdots.training import calibrate_sizer, calibrating


@pytest.fixture(scope="module")
def plan():
    return sq.plan_training("PbS", diameters=np.arange(2.0, 10.1, 0.5), dispersions=(0.05, 0.15))


@pytest.fixture(scope="module")
def calibrated(plan):
    """Of the network alone: milliseconds a pattern."""
    sizer = sq.load_sizer("PbS")
    return calibrate_sizer(sizer._with(sizer.facts, []), plan, 160, progress=False)


def test_the_manifest_says_what_it_was_found_on(calibrated):
    made = calibrated.calibration.made
    assert made["patterns"] == 160 and made["told"] == 80 and made["seed"] == 0
    assert set(made["laboratories"]) == {"ideal", "synchrotron", "capillary", "lab-cu"}
    assert 0 < made["n"] <= 160 and "crepes" in made["versions"]
    assert all(group.startswith("network") for group in calibrated.calibration.factors)
    whole = calibrated.calibration.factors["network"]
    assert set(whole) == {"diameter", "volume_diameter"}
    for factors in whole.values():
        assert len(factors) == len(LEVELS) and (np.diff(factors) >= 0.0).all()


def test_what_was_answered_is_not_asked_again(plan, calibrated, tmp_path, monkeypatch):
    sizer = sq.load_sizer("PbS")
    sizer = sizer._with(sizer.facts, [])
    first = calibrate_sizer(sizer, plan, 160, folder=tmp_path, progress=False)
    assert first.calibration.factors == calibrated.calibration.factors
    monkeypatch.setattr(calibrating, "_records", None)  # would fail
    again = calibrate_sizer(sizer, plan, 160, folder=tmp_path, progress=False)
    assert again.calibration.factors == first.calibration.factors
    other = sq.load_sizer("PbS")  # with its posterior, which answers otherwise
    with pytest.raises(TypeError):
        calibrate_sizer(other, plan, 160, folder=tmp_path, progress=False)


def test_processes_change_nothing(plan, calibrated):
    sizer = sq.load_sizer("PbS")
    shared = calibrate_sizer(sizer._with(sizer.facts, []), plan, 160, n_jobs=2, progress=False)
    assert shared.calibration.factors == calibrated.calibration.factors


def test_instruments_are_those_that_the_patterns_were_seen_with(plan):
    told = [b for b in calibrating._blocks(plan, 160, 0) if b.instrument is not None]
    assert len(told) == 8
    for block in told:
        drawn = block.experiment(plan).laboratory
        for angle in (5.0, 20.0):
            width = drawn.fwhm[0] * np.sqrt(
                1.0 + drawn.fwhm_growth[0] * np.tan(np.deg2rad(angle / 2.0)) ** 2
            )
            assert width == pytest.approx(float(block.instrument.fwhm(angle)), rel=1e-6)
        assert drawn.eta == (block.instrument.eta,) * 2 and drawn.broadening_share == 1.0
