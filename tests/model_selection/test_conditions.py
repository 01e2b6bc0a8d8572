"""What patterns go through, and dots that are measured again."""

import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.model_selection import Remeasurement, measured_samples, robustness_conditions
from sk_qdots.model_selection.conditions import TESTS, perturbed
from sk_qdots.model_selection.published import PAPER, REFERENCE_LIMIT, RELEASED
from sk_qdots.solvents import held_out_solvents, known_solvents


def test_the_suite_of_the_paper():
    names = [c.name for c in robustness_conditions()]
    assert len(set(names)) == len(names)
    levels = {t: [c.level for c in robustness_conditions([t])] for t in TESTS}
    assert {"15", "11", "7", "5", "4.4", "2.5"} <= set(levels["q_max"])
    assert levels["q_min"] == ["1.7"]
    assert len(levels["step"]) == len(levels["step_short_range"]) == 20
    assert len(levels["qd_fraction"]) == 11
    assert min(map(float, levels["qd_fraction"])) == 0.046


def test_published_levels_are_levels():
    known = {c.name for c in robustness_conditions()}
    for table in (PAPER, RELEASED, REFERENCE_LIMIT):
        for test, levels in table.items():
            for level in levels:
                assert (f"{test}={level}" if level else test) in known


def test_one_solvent_may_be_a_word():
    levels = [c.level for c in robustness_conditions("unseen_solvent", solvents="octane")]
    assert levels[0] == "octane" and "o" not in levels
    X, _ = measured_samples([3000], 2, solvents="octane")
    assert set(X.solvent.values) == {"octane"}


def test_unseen_solvents_are_held_out():
    levels = [c.level for c in robustness_conditions(["unseen_solvent"])]
    assert set(held_out_solvents()) < set(levels)
    assert not set(known_solvents()) & set(levels)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"qd_fraction": 2.0}, "qd_fraction is 2.0"),
        ({"snr": -1.0}, "snr is -1.0"),
        ({"between": 0.0}, "between is 0.0"),
        ({"random_state": None}, "random_state is None"),
    ],
)
def test_what_cannot_be_measured_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Remeasurement(**settings).remeasure(np.ones((2, 5004)), [3000, 3000])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="X has shape"):
        Remeasurement().remeasure(np.ones(5004), [3000])


def test_unknown_test_is_refused():
    with pytest.raises(ValueError, match="unknown test 'qmax'; known: standard, q_max"):
        robustness_conditions(["qmax"])


def test_twenty_fold_step_leaves_251_points():
    X = np.full((1, 5004), 70.0)
    (condition,) = [c for c in robustness_conditions(["step"]) if c.level == "20"]
    changed, truth = perturbed(condition.perturbation, X, [3000])
    assert np.isfinite(changed).sum() == 251
    assert truth.tolist() == [3000.0]


def test_short_range_ends_at_five():
    q = sq.default_q_grid()
    X = np.full((1, 5004), 70.0)
    for condition in robustness_conditions(["step_short_range"]):
        changed, _ = perturbed(condition.perturbation, X, [3000])
        assert q[np.isfinite(changed[0])].max() <= 5.0


def test_remeasured_rows_do_not_depend_on_their_neighbours(samples):
    X, y, _ = samples
    measurement = Remeasurement(qd_fraction=0.1, random_state=3)
    together, truth = measurement.remeasure(X, y)
    rows = [5, 1, 7]
    apart, few = measurement.remeasure(X[rows], y[rows])
    # Which other sizes are simulated changes the last digit, and counts by one at most.
    np.testing.assert_allclose(apart.values, together.values[rows], rtol=0, atol=0.5)
    same = (apart.values == together.values[rows]).mean()
    assert same > 0.999
    assert truth[rows].tolist() == few.tolist() == y[rows].astype(float).tolist()


def test_remeasured_rows_keep_their_conditions(samples):
    X, y, _ = samples
    fresh, _ = Remeasurement().remeasure(X, y)
    for name in ("qd_fraction", "snr"):
        np.testing.assert_array_equal(fresh.coords[name].values, X.coords[name].values)
    assert fresh.coords["solvent"].values.tolist() == X.coords["solvent"].values.tolist()
    other, _ = Remeasurement(qd_fraction=0.2, snr=100.0, solvent="octane").remeasure(X, y)
    assert set(other.coords["qd_fraction"].values) == {0.2}
    assert set(other.coords["snr"].values) == {100.0}
    assert set(other.coords["solvent"].values) == {"octane"}


def test_remeasured_dots_were_not_in_the_library(samples):
    X, y, _ = samples
    fresh, _ = Remeasurement().remeasure(X, y)
    assert not np.isin(fresh.coords["strain"].values, X.coords["strain"].values).any()
    assert not np.isin(fresh.coords["dispersion"].values, X.coords["dispersion"].values).any()


def test_noise_has_the_level_that_is_asked_for(samples):
    X, y, _ = samples
    quiet, _ = Remeasurement(qd_fraction=1.0, snr=1e6).remeasure(X, y)
    noisy, _ = Remeasurement(qd_fraction=1.0, snr=20.0).remeasure(X, y)
    ratio = noisy.values / quiet.values - 1.0
    k = 20.0**2 / quiet.values.mean(axis=1, keepdims=True)
    assert np.std(ratio * np.sqrt(k * quiet.values)) == pytest.approx(1.0, abs=0.03)


def test_between_moves_the_truth(samples):
    X, y, _ = samples
    measurement = Remeasurement(between=500.0)
    _, truth = measurement.remeasure(X, y)
    assert set(np.abs(truth - y)) == {100.0, 200.0}
    # It does not depend on what other rows there are.
    for rows in ([0], [3, 1]):
        assert measurement.remeasure(X[rows], y[rows])[1].tolist() == truth[rows].tolist()


def test_instruments_and_textures_act(samples):
    X, y, _ = samples
    plain, _ = Remeasurement(qd_fraction=1.0, snr=1e6).remeasure(X, y)
    for changed in (
        Remeasurement(sq.PreferredOrientation(march=0.6), qd_fraction=1.0, snr=1e6),
        Remeasurement(instrument=sq.ZeroShift(0.05), qd_fraction=1.0, snr=1e6),
        Remeasurement(shape="cuboctahedron", qd_fraction=1.0, snr=1e6),
    ):
        other, _ = changed.remeasure(X, y)
        assert np.abs(other.values / plain.values - 1.0).max() > 0.02


def test_own_curves_by_name(samples):
    X, y, _ = samples
    mine = sq.load_solvent("octane", 0.56).rename("mine")
    renamed = X.assign_coords(solvent=("sample", np.array(["mine"] * len(y), dtype=object)))
    by_name, _ = Remeasurement(curves={"mine": mine}).remeasure(renamed, y)
    shipped, _ = Remeasurement(solvent="octane").remeasure(X, y)
    np.testing.assert_array_equal(by_name.values, shipped.values)
    with pytest.raises(ValueError, match="unknown solvent 'mine'"):
        Remeasurement().remeasure(renamed, y)


def test_labels_that_are_no_sizes_are_refused():
    with pytest.raises(ValueError, match="picometres"):
        Remeasurement().remeasure(np.ones((2, 5004)), ["a", "b"])
    with pytest.raises(ValueError, match="picometres"):
        Remeasurement().remeasure(np.ones((2, 5004)), [0, 2000])


def test_measured_samples_on_the_grid_of_a_copper_tube():
    q = np.linspace(0.99, 7.9, 800)
    X, _ = measured_samples([3000], 2, q=q, wavelength=1.5406)
    np.testing.assert_array_equal(X.q.values, q)


def test_measured_samples_are_even_and_reproducible():
    X, y = measured_samples([3000, 4000], 64, random_state=5)
    assert isinstance(X, xr.DataArray) and X.sizes["sample"] == 64
    assert np.unique(y, return_counts=True)[1].tolist() == [32, 32]
    cells = zip(X.solvent.values, X.qd_fraction.values, X.snr.values, strict=True)
    counts = np.unique([f"{s} {c} {k}" for s, c, k in cells], return_counts=True)[1]
    assert counts.tolist() == [2] * 32
    again, _ = measured_samples([3000, 4000], 64, random_state=5)
    np.testing.assert_array_equal(X.values, again.values)
    other, _ = measured_samples([3000, 4000], 64, random_state=6)
    assert (X.values != other.values).any()


def test_a_laboratory_measures_its_range_and_each_effect_acts():
    conditions = robustness_conditions(["laboratory"])
    X, y = measured_samples([3000, 6000], 4)
    rows = {c.level: perturbed(c.perturbation, X, y)[0] for c in conditions}
    q = X["q"].values
    inside = (q > 1.401) & (q < 5.199)
    plain = rows.pop("range")
    assert set(rows) == {
        *("doublet", "polarised", "resolution", "zero", "plate", "air", "texture", "all")
    }
    assert np.isfinite(plain.values[:, inside]).all()
    assert np.isnan(plain.values[:, (q < 1.39) | (q > 5.21)]).all()
    assert (plain["qd_fraction"] == 1.0).all()
    for level, row in rows.items():
        assert (np.isfinite(row) == np.isfinite(plain)).all(), level
        assert not np.array_equal(row.values[:, inside], plain.values[:, inside]), level


def test_patterns_are_seen_through_an_instrument():
    instrument = sq.load_instrument("lab-cu").replace(
        two_theta_range=(20.0, 80.0), zero=0.1, u=0.0, v=0.0, w=0.04
    )
    assert robustness_conditions("instrument") == []
    conditions = robustness_conditions("instrument", instrument=instrument)
    assert [c.name for c in conditions] == ["instrument=corrected", "instrument=as read"]
    clear = {"solvents": "octane", "qd_fractions": (1.0,), "snr": (3000.0,)}
    X, y = measured_samples([6000], 2, q=np.arange(0.99, 10.0, 0.005), **clear)
    corrected, as_read = (perturbed(c.perturbation, X, y)[0] for c in conditions)
    q = corrected["q"].values
    measured = q[np.isfinite(corrected.values).all(axis=0)]
    low, high = 4 * np.pi / instrument.wavelength * np.sin(np.deg2rad([10.0, 40.0]))
    assert measured[0] == pytest.approx(low, abs=0.006)
    assert measured[-1] == pytest.approx(high, abs=0.006)
    # Peaks are read further out by the zero: the best shift of one over the other.
    inside = (q > low + 0.1) & (q < high - 0.1)
    means = [p.values[:, inside].mean(axis=0) for p in (corrected, as_read)]
    shifts = np.linspace(-0.02, 0.02, 161)
    off = [
        np.square(np.interp(q[inside] - s, q[inside], means[0]) - means[1])[20:-20].sum()
        for s in shifts
    ]
    expected = 4 * np.pi / instrument.wavelength * np.deg2rad(0.05) * np.cos(np.deg2rad(22.0))
    assert shifts[int(np.argmin(off))] == pytest.approx(expected, rel=0.25)


def test_an_instrument_shifts_nothing_that_is_known():
    instrument = sq.load_instrument("synchrotron").replace(zero=0.0)
    names = [c.name for c in robustness_conditions("instrument", instrument=instrument)]
    assert names == ["instrument=corrected"]
