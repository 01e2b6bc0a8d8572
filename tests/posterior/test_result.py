"""Summaries of draws, and the fit as tables."""

import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_qdots.posterior import DebyeFit, PatternPosterior

NAMES = ["diameter", "strain"]
CLASSES = np.array([2000, 3000, 5000])


def fit_of(n=5, **coords):
    q = np.linspace(1.0, 2.0, n)
    curves = {name: ("q", k + q) for k, name in enumerate(("measured", "esd", "background"))}
    curves["calculated"] = ("q", q - 0.5)
    return DebyeFit(
        r_wp=0.02,
        chi2=1.1,
        widened=1.3,
        parameters={"diameter": 3.0, "strain": 0.001},
        covariance=xr.DataArray(
            [[0.04, 1e-5], [1e-5, -1e-22]],
            dims=("parameter", "parameter_b"),
            coords={"parameter": NAMES, "parameter_b": NAMES},
        ),
        curves=xr.Dataset(curves, coords={"q": q, **coords}),
    )


def test_uncertainties_are_roots_of_the_diagonal():
    found = fit_of().uncertainties
    assert found == {"diameter": pytest.approx(0.2), "strain": 0.0}  # rounding is no variance


def test_everything_but_the_curves_is_json():
    told = json.loads(json.dumps(fit_of().to_dict()))
    assert told["parameters"] == {"diameter": 3.0, "strain": 0.001}
    assert told["covariance"]["parameters"] == NAMES
    assert told["covariance"]["rows"][0] == [0.04, 1e-5]
    assert (told["r_wp"], told["chi2"], told["widened"]) == (0.02, 1.1, 1.3)


@pytest.mark.parametrize("with_angles", [False, True])
def test_curves_are_a_table(tmp_path, with_angles):
    angles = {"two_theta": ("q", np.linspace(5.0, 10.0, 5))} if with_angles else {}
    fit = fit_of(**angles)
    path = tmp_path / "fit.csv"
    fit.to_csv(path)
    head = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    assert ("two_theta (deg)" in head) is with_angles
    table = dict(zip(head, np.loadtxt(path, delimiter=",", skiprows=1).T, strict=True))
    np.testing.assert_allclose(table["q (1/Angstrom)"], fit.curves["q"])
    np.testing.assert_allclose(table["difference"], 0.5)
    np.testing.assert_allclose(table["background"], fit.curves["background"])


def test_moments_and_intervals_are_those_of_the_draws():
    drawn = np.random.default_rng(0).gamma(3.0, size=4000)
    found = PatternPosterior({"diameter": drawn})
    assert found.mean("diameter") == drawn.mean() and found.deviation("diameter") == drawn.std()
    for coverage in (0.5, 0.9):
        low, high = found.interval("diameter", coverage)
        assert ((drawn > low) & (drawn < high)).mean() == pytest.approx(coverage, abs=1e-3)
    assert found.interval("diameter") == found.interval("diameter", 0.9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(2.0, 5.0), min_size=1, max_size=20))
def test_classes_keep_the_mean_of_draws_between_them(sizes):
    shares = PatternPosterior({"diameter": np.array(sizes)}).class_probabilities(CLASSES)
    assert shares.min() >= 0.0 and shares.sum() == pytest.approx(1.0)
    assert shares @ CLASSES == pytest.approx(1000.0 * np.mean(sizes))


def test_classes_of_a_library_are_the_sums_of_its_cells():
    cells = np.array([[2.0, 2.0, 3.0, 5.0], [0.1, 0.2, 0.3, 0.4]])
    found = PatternPosterior({"diameter": np.array([9.0])}, cells=cells)
    np.testing.assert_allclose(found.class_probabilities(CLASSES), [0.3, 0.3, 0.4])
