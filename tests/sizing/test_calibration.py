"""Factors that intervals are scaled by."""

import json

import numpy as np
import pytest
from scipy.stats import norm

import sk_qdots as sq
from sk_qdots.posterior import PatternPosterior
from sk_qdots.sizing import Posterior, answering
from sk_qdots.sizing.calibration import LEVELS, Calibration, Condition, score, widened
from sk_qdots.training.calibrating import calibration_of

PLAN = sq.plan_training("PbS", diameters=np.arange(2.0, 10.1, 0.5))


def condition(**changes):
    told = {"diameter": 5.0, "told": True, "signal": 9.0, "q_max": 15.0, "dots": 0.5}
    return Condition(**{**told, **changes})


def made(rng, n, *, told=True, error=0.1, stated=0.1):
    """Answers with errors that are normal, and intervals as they are stated."""
    truth = rng.uniform(2.0, 10.0, n)
    found = truth + error * rng.standard_normal(n)
    reach = 1.645 * stated
    return [
        {
            "truth": {"diameter": t, "volume_diameter": t},
            "condition": {
                "diameter": f,
                "told": told,
                "signal": 5.0 + k % 2,
                "q_max": 15.0,
                "dots": 0.5,
            },
            "answers": {"both": {"diameter": [f, f - reach, f + reach]}},
        }
        for k, (t, f) in enumerate(zip(truth.tolist(), found.tolist(), strict=True))
    ]


def test_words_of_a_condition():
    words = condition().words((4.0, 7.0), 5.0)
    assert words == ("middle", "strong", "told", "full", "liquid")
    other = condition(diameter=9.0, told=False, signal=1.0, q_max=4.4, dots=0.95)
    assert other.words((4.0, 7.0), 5.0) == ("large", "weak", "not told", "short", "dry")


def test_the_narrowest_category_that_is_known_counts():
    flat = {name: (f,) * len(LEVELS) for name, f in (("diameter", 1.5), ("volume_diameter", 1.2))}
    factors = {"both": flat, "both, middle, strong": {"diameter": (2.0,) * len(LEVELS)}}
    calibration = Calibration((4.0, 7.0), 5.0, factors)
    assert calibration.factor("both", condition(), "diameter", 0.9) == 2.0
    assert calibration.factor("both", condition(signal=1.0), "diameter", 0.9) == 1.5
    assert calibration.factor("both", condition(), "volume_diameter", 0.9) == 1.2
    assert calibration.factor("network", condition(), "diameter", 0.9) is None


def test_scores_and_widened_intervals_belong_together():
    ends = np.array([[3.9, 4.2]])
    for truth, expected in ((3.9, 1.0), (4.2, 1.0), (3.8, 2.0), (4.0, 0.0)):
        (found,) = score(np.array([truth]), np.array([4.0]), ends)
        assert found == pytest.approx(expected)
        low, high = widened(4.0, (3.9, 4.2), found)
        assert low - 1e-12 <= truth <= high + 1e-12
    assert widened(0.1, (0.05, 0.2), 10.0) == (0.0, pytest.approx(1.1))


@pytest.mark.parametrize("stated", [0.03, 0.1, 0.3])
def test_calibrated_intervals_cover_in_every_category(stated):
    """Whatever is stated: new answers with other errors where the instrument is not told."""
    rng = np.random.default_rng(0)
    known = made(rng, 2000, stated=stated) + made(rng, 2000, told=False, error=0.4, stated=stated)
    calibration = calibration_of(known, PLAN, {"n": 4000})
    assert all(group.split(", ")[0] == "both" for group in calibration.factors)
    for told, error in ((True, 0.1), (False, 0.4)):
        fresh = made(rng, 2000, told=told, error=error, stated=stated)
        for level in (0.5, 0.9):
            inside = []
            for one in fresh:
                found, low, high = one["answers"]["both"]["diameter"]
                here = Condition(**one["condition"])
                factor = calibration.factor("both", here, "diameter", level)
                low, high = widened(found, (low, high), factor)
                inside.append(low <= one["truth"]["diameter"] <= high)
            assert np.mean(inside) == pytest.approx(level, abs=0.035)


def test_it_is_kept_in_the_manifest(tmp_path):
    rng = np.random.default_rng(1)
    calibration = calibration_of(made(rng, 200), PLAN, {"n": 200, "seed": 1})
    again = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict())))
    assert again == calibration
    sizer = sq.load_sizer("PbS").with_calibration(calibration)
    sizer.save(tmp_path / "mine")
    loaded = sq.load_sizer(tmp_path / "mine")
    assert loaded.calibration == calibration
    assert sizer.with_calibration(None).calibration is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda told: told.update(levels=[0.9, 0.5]), "ascend"),
        (lambda told: told.update(thirds=[7.0, 4.0]), "thirds"),
        (lambda told: told.update(thirds="4, 7"), "list"),
        (lambda told: told.update(weak="much"), "number"),
        (lambda told: told["factors"]["both"].update(diameter=[1.0]), "not valid"),
        (lambda told: told["factors"]["both"].update(diameter=[-1.0] * len(LEVELS)), "not valid"),
        (lambda told: told.update(factors=[]), "factors"),
        (lambda told: told.pop("made"), "made"),
    ],
)
def test_altered_calibrations_are_refused(change, message):
    told = Calibration((4.0, 7.0), 5.0, {"both": {"diameter": (1.2,) * len(LEVELS)}}).to_dict()
    told = json.loads(json.dumps(told))
    change(told)
    with pytest.raises((ValueError, TypeError, KeyError), match=message):
        Calibration.from_dict(told)


def test_a_calibration_widens_what_is_told():
    library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0])
    pattern = sq.library_samples(library)[0][0]
    sizer = sq.load_sizer("PbS").with_calibration(None)
    plain = sizer.size(pattern, engine="network")
    factors = {"network": {"diameter": tuple(2.0 * level / 0.9 for level in LEVELS)}}
    wide = sizer.with_calibration(Calibration((4.0, 7.0), 5.0, factors))
    told = wide.size(pattern, engine="network")
    assert np.diff(told.interval) == pytest.approx(2.0 * np.diff(plain.interval))
    assert told.volume_interval == plain.volume_interval
    assert told.uncertainties["diameter"] == pytest.approx(2.0 * plain.uncertainties["diameter"])
    narrow = wide.size(pattern, engine="network", coverage=0.5)
    assert np.diff(narrow.interval) < np.diff(told.interval)
    assert told.condition.words((3.0, 7.0), 1.0)[0] == "middle"


def stated_ends(coverage, factors):
    """Of a normal answer of 4.0 +- 0.1 nm."""
    sizes = 4.0 + 0.1 * np.random.default_rng(0).standard_normal(20_000)
    answer = Posterior.from_draws(np.array([3000, 5000]), [PatternPosterior({"diameter": sizes})])
    calibration = Calibration((4.0, 7.0), 5.0, factors)
    stated = answering._Stated(coverage, condition(), calibration)
    low, high = stated.ends(answer, "diameter", "both")
    return 0.5 * (high - low)


@pytest.mark.parametrize("coverage", [0.3, 0.5, 0.75, 0.9, 0.98, 0.99, 0.999])
def test_any_coverage_is_that_which_was_asked_for(coverage):
    reach = 0.1 * norm.ppf(0.5 + 0.5 * coverage)
    assert stated_ends(coverage, {}) == pytest.approx(reach, rel=0.1)
    # Factors of a calibration that found the statements right, at its levels.
    right = tuple(float(norm.ppf(0.5 + 0.5 * c) / norm.ppf(0.95)) for c in LEVELS)
    assert stated_ends(coverage, {"both": {"diameter": right}}) == pytest.approx(reach, rel=0.1)
