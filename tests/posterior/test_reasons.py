"""Reasons for caution, each where there is one and nowhere else."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from sk_qdots.posterior._reasons import reasons, worst_stretch

DRAWS = {"diameter": np.linspace(3.4, 3.6, 200)}


def model(label="sphere", size=3.5, log=0.0, spread=0.05, texture=0.0, error=0.0):
    """A model of one component, a normal size."""
    volumes = size + spread * np.linspace(-3.0, 3.0, 61)
    component = SimpleNamespace(
        node=SimpleNamespace(label=""),
        volumes=volumes,
        dispersions=np.zeros(61),
        log_weights=log - 0.5 * ((volumes - size) / spread) ** 2,
        log_evidence=log,
    )
    analysis = SimpleNamespace(
        evidence=log, scales=SimpleNamespace(texture=texture, error=error), components=[component]
    )
    ranges = SimpleNamespace(diameters=(2.0, 5.0))
    return SimpleNamespace(label=label, series=SimpleNamespace(ranges=ranges)), analysis


def curves(left=0.0, seed=0):
    """Of a fit that leaves noise and more, in standard deviations, at 1001 points."""
    q = np.linspace(1.0, 11.0, 1001)
    noise = np.random.default_rng(seed).standard_normal(len(q))
    values = {"measured": noise + left, "esd": np.ones(len(q)), "calculated": np.zeros(len(q))}
    return xr.Dataset({name: ("q", row) for name, row in values.items()}, coords={"q": q})


def said(*models, draws=DRAWS, chi2=1.0, widened=1.0, left=0.0, r_wp=0.02):
    fit = SimpleNamespace(chi2=chi2, widened=widened, curves=curves(left), r_wp=r_wp)
    return list(reasons(draws, models or [model()], fit))


def test_nothing_is_said_where_all_is_well():
    assert said() == [] == said(model(), model("cube", 3.52, -1.0))


def test_two_models_whose_sizes_differ():
    (told,) = said(model(), model("cube", 4.0, -1.0))
    assert "3.5 nm (sphere) and 4 nm (cube)" in told
    assert said(model(), model("cube", 4.0, -6.0)) == []  # hardly likely
    assert said(model(), model("cube", 4.0, -1.0, spread=0.5)) == []  # within its error


@pytest.mark.parametrize(
    ("chi2", "widened", "n"),
    [(5.0, 4.0, 1), (5.0, 1.0, 0), (3.0, 4.0, 1), (1.3, 4.0, 0), (np.nan, 4.0, 0)],
)
def test_a_poor_fit_that_widens(chi2, widened, n):
    told = said(chi2=chi2, widened=widened)
    assert len(told) == n and all(f"{chi2:.2g} times the noise" in one for one in told)


def test_a_poor_fit_is_told_where_it_matters():
    broad = {"diameter": np.linspace(3.0, 4.0, 200)}
    (told,) = said(draws=broad, chi2=1.3, widened=4.0)
    assert "1.3 times the noise" in told
    assert said(draws=broad, chi2=1.1, widened=4.0) == []
    # Of a pattern without noise what is left is rounding, however many times that.
    assert said(chi2=50.0, widened=60.0, r_wp=1e-6) == []


@pytest.mark.parametrize("place", [1.2, 4.0, 10.7])
@pytest.mark.parametrize("seed", range(5))
def test_where_a_fit_is_poor(place, seed):
    q = np.linspace(1.0, 11.0, 1001)
    left = 5.0 * np.exp(-0.5 * ((q - place) / 0.1) ** 2)
    low, high = worst_stretch(SimpleNamespace(curves=curves(left, seed)))
    assert low <= place <= high and high - low < 0.5
    (told,) = said(chi2=3.0, widened=3.0, left=left)
    assert "most of it at Q = " in told
    everywhere = SimpleNamespace(curves=curves(3.0 * np.sin(12.0 * q), seed))
    assert worst_stretch(everywhere) is None


def test_intensities_that_are_smoothly_wrong():
    (told,) = said(model(error=0.04))
    assert "smoothly by some 4%" in told and "shell" in told
    assert said(model(error=0.01)) == []


def test_texture_that_was_found():
    (told,) = said(model(texture=0.1))
    assert "turn the sample" in told


@pytest.mark.parametrize(
    ("low", "high", "end"), [(2.0, 2.3, "smallest diameter"), (4.7, 5.0, "largest diameter")]
)
def test_an_end_of_the_range(low, high, end):
    (told,) = said(draws={"diameter": np.linspace(low, high, 200)})
    assert end in told and "widen the range of diameters" in told


def test_an_interval_as_wide_as_its_size():
    (told,) = said(draws={"diameter": np.linspace(2.1, 4.9, 200)})
    assert "hardly tells the size (2.2 to 4.8 nm)" in told
