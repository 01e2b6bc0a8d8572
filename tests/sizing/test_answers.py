"""What an answer says: intervals, averages, verdicts with their reasons, JSON, cards."""

import dataclasses
import json

import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.simulation import volume_mean
from sk_qdots.sizing.answer import SCHEMA


@pytest.fixture(scope="module")
def sizer():
    return sq.load_sizer("PbS")


def dots(diameters, dispersions=(0.1,), strain=0.001):
    library = sq.simulate_library(
        "PbS", diameters=diameters, dispersions=dispersions, strains=[strain]
    )
    return sq.library_samples(library)[0]


def counted(X, qd_fraction=0.4, scale=100.0, seed=0):
    """Patterns in a liquid that no sizer has seen, counted."""
    mixed = sq.SolventMixer("chlorobenzene", qd_fraction=qd_fraction).fit_transform(X)
    area = sq.QStandardizer().fit_transform(mixed)
    counts = sq.PoissonNoise(scale=scale, random_state=seed).fit_transform(area)
    return mixed.copy(data=counts)


def test_values_of_an_answer(sizer):
    result = sizer.size(counted(dots([4.7]))[0])
    assert result.verdict == "ok" and result.reasons == ()
    assert result.engine == "all-CNN and Debye posterior"
    assert result.number_diameter == pytest.approx(4.7, abs=0.1)
    assert result.interval[0] < 4.7 < result.interval[1]
    assert result.volume_interval[0] < volume_mean(4.7, 0.1) < result.volume_interval[1]
    assert result.surface_diameter == pytest.approx(4.7 * 1.01**2, abs=0.1)
    assert result.number_diameter < result.surface_diameter < result.volume_diameter
    half = 1.6448536 * result.uncertainties["diameter"]
    assert result.interval == pytest.approx(
        (result.number_diameter - half, result.number_diameter + half), abs=0.3 * half
    )
    spread = result.uncertainties["expected_diameter"]
    classes = result.probabilities["diameter"]
    variance = float((result.probabilities * (classes - result.expected_diameter) ** 2).sum())
    assert spread == pytest.approx(variance**0.5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.verdict = "ok"


def test_intervals_cover_on_patterns_that_are_like_those_of_training(sizer):
    X = dots(np.arange(2.6, 9.4, 0.93), (0.065, 0.125, 0.185))
    answers = sizer.size_many(counted(X, scale=30.0))
    truth = X["diameter"].values
    inside = [a.interval[0] <= t <= a.interval[1] for a, t in zip(answers, truth, strict=True)]
    assert np.mean(inside) > 0.85
    volume = [volume_mean(d, s) for d, s in zip(truth, X["dispersion"].values, strict=True)]
    inside = [a.volume_interval[0] <= t <= a.volume_interval[1] for a, t in zip(answers, volume)]  # noqa: B905
    assert np.mean(inside) > 0.85
    assert np.mean([a.verdict == "ok" for a in answers]) > 0.9


@pytest.mark.parametrize(
    ("engine", "diameters", "dispersion", "reason"),
    [
        ("network", [12.0], 0.1, "last class"),
        ("network", [1.0], 0.1, "first class"),
        ("both", [1.0], 0.1, "reaches the smallest diameter"),
        ("both", [18.0], 0.1, "times the noise"),
    ],
)
def test_what_lies_beyond_the_sizer_comes_with_caution(
    sizer, engine, diameters, dispersion, reason
):
    for answer in sizer.size_many(counted(dots(diameters, [dispersion]), 0.5), engine=engine):
        assert answer.verdict == "caution"
        assert any(reason in told for told in answer.reasons)


@pytest.mark.parametrize(("diameter", "dispersion"), [(12.0, 0.1), (5.0, 0.4)])
def test_beyond_the_classes_it_knows_still(sizer, diameter, dispersion):
    answer = sizer.size(counted(dots([diameter], [dispersion]), 0.5)[0])
    assert answer.verdict == "ok"
    assert answer.number_diameter == pytest.approx(diameter, rel=0.05)
    low, high = answer.volume_interval
    assert low < volume_mean(diameter, dispersion) < high


def test_two_sizes_come_with_caution(sizer):
    small, large = (sq.QStandardizer().fit_transform(dots([d])) for d in (3.0, 6.0))
    X = dots([3.0])
    answer = sizer.size(counted(X.copy(data=small + large), 0.7)[0])
    assert answer.verdict == "caution" and "disagree" in " ".join(answer.reasons)


def test_what_is_not_explained_comes_with_caution(sizer):
    X = dots([5.0])
    textured = sq.PreferredOrientation("PbS", march=0.6).fit_transform(X)
    answer = sizer.size(textured[0], engine="network")
    assert answer.agreement < 0.9 and answer.verdict == "caution"
    assert f"explains only {answer.agreement:.2f}" in " ".join(answer.reasons)


def test_a_sizer_without_simulated_patterns_says_so(sizer):
    bare = sq.Sizer(sizer.pipeline, name="bare", regressor=sizer.regressor, targets=sizer.targets)
    answer = bare.size(dots([4.0])[0])
    assert answer.match is None and "carries no simulated patterns" in answer.reasons[0]
    assert "svg" not in answer._repr_html_()


def test_many_patterns_each_get_an_answer_or_a_reason(sizer):
    X = counted(dots([3.0, 4.0, 5.0, 6.0]))
    rows = X.values.copy()
    rows[0] = 0.0
    rows[1] = -1.0
    rows[2, X["q"] < 2.0] = np.nan
    found = sizer.size_many(X.copy(data=rows))
    assert [type(a).__name__ for a in found] == ["PatternError"] * 3 + ["Sizing"]
    assert "no intensity" in found[0].reason
    assert "negative" in found[1].reason
    assert "needs 1.8 to 2.4" in found[2].reason
    assert found[3].number_diameter == pytest.approx(6.0, abs=0.2)
    assert found[3].source == "pattern 3"


def test_many_patterns_are_sized_as_each_alone(sizer):
    X = counted(dots([3.0, 4.5], (0.1, 0.15)))
    hexane = sq.load_solvent("hexane")
    liquid = np.interp(X["q"], hexane["q"], hexane)
    many = sizer.size_many([*X, X[0].copy(data=liquid)])
    for pattern, answer in zip(X, many, strict=False):
        alone = sizer.size(pattern)
        assert answer.to_dict() == alone.to_dict()
    assert isinstance(many[-1], sq.PatternError) and "does not look like PbS" in many[-1].reason
    assert sizer.size_many([]) == []
    with pytest.raises(TypeError, match="DataArray"):
        sizer.size_many([np.ones(5004)])
    lost = xr.DataArray(np.ones(10), dims="x")
    assert "no axis" in sizer.size_many([lost])[0].reason


@pytest.mark.parametrize(
    ("value", "message"),
    [(0.0, "no intensity"), (-1.0, "no intensity"), (np.nan, "nothing measured")],
)
def test_predict_refuses_rows_without_intensity(sizer, value, message):
    rows = np.tile(dots([4.0]).values, (2, 1))
    rows[1] = value
    for ask in (sizer.predict, sizer.predict_proba, sizer.estimate):
        with pytest.raises(ValueError, match=message):
            ask(rows)
    rows[1] = np.inf
    with pytest.raises(ValueError, match="inf"):
        sizer.predict(rows)


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_size_raises_pattern_errors(sizer, value):
    pattern = dots([4.0])[0]
    pattern = pattern.copy(data=np.full(pattern.shape, value)).assign_attrs(source="a.xy")
    with pytest.raises(sq.PatternError, match=r"^a\.xy: ") as caught:
        sizer.size(pattern)
    assert not caught.value.reason.startswith("a.xy")


def test_json_tells_all_that_it_takes(sizer):
    pattern = counted(dots([4.7]))[0].assign_attrs(
        source="dots.xye", wavelength=0.56, axis="two-theta in degrees", other=[1, 2]
    )
    result = sizer.size(pattern)
    told = json.loads(result.to_json())
    assert told == json.loads(json.dumps(result.to_dict())) == json.loads(result.to_json(indent=1))
    fields = {f.name for f in dataclasses.fields(sq.sizing.Sizing)} - {"match", "posterior"}
    assert set(told) == fields | {"schema", "units", "versions", "leading", "note"}
    assert told["schema"] == SCHEMA and told["coverage"] == 0.9
    names = {"number_diameter", *sizer.targets, "expected_diameter", "surface_diameter"}
    assert set(told["uncertainties"]) == names - {"diameter"}  # which would be that of the class
    lengths = [name for name, unit in told["units"].items() if unit == "nm"]
    assert {"diameter", "interval", "volume_diameter"} <= set(lengths) <= fields
    settings = told["settings"]
    assert settings["pattern"]["wavelength"] == 0.56 and "other" not in settings["pattern"]
    assert settings["sizer"]["name"] == "PbS" and len(settings["sizer"]["arrays_sha256"]) == 64
    assert told["versions"]["sk_qdots"]
    bare = sq.Sizer(sizer.pipeline).size(pattern)
    assert json.loads(bare.to_json())["agreement"] is None


def test_cards_are_escaped(sizer):
    evil = "<script>alert(1)</script>"
    pattern = counted(dots([4.7]))[0].assign_attrs(source=f"a{evil[:8]}.xy")
    html = sizer.size(pattern)._repr_html_()
    assert "&lt;script&gt;" in html and "<script>" not in html
    assert "polyline" in html and "4.7" in html and ">ok<" in html
    named = sq.Sizer(sizer.pipeline, sizer.reference, name=evil)
    html = named._repr_html_()
    assert "&lt;script&gt;alert" in html and "Sizer <script>" not in html
    assert "QStandardizer" in html


def test_estimators_show_in_a_notebook():
    for estimator in (sq.make_sizing_pipeline(), sq.load_sizer("PbS").pipeline):
        assert "AllCNNClassifier" in estimator._repr_html_()


def test_odd_attributes_do_not_break_json(sizer):
    odd = {
        "a": np.nan,
        "b": np.float64("inf"),
        "c": np.datetime64("2026-01-01"),
        "d": np.complex64(1j),
        "e": 10**5000,
        "f": b"raw",
        "g": np.bool_(True),
        "h": np.int64(3),
    }
    told = json.loads(sizer.size(dots([4.0])[0].assign_attrs(odd)).to_json())
    said = told["settings"]["pattern"]
    assert said["a"] is None and said["b"] is None and said["g"] is True and said["h"] == 3
    assert "2026-01-01" in said["c"] and "f" not in said


def test_mistyped_dispersions_are_refused_when_they_are_read(sizer, tmp_path):
    for wrong in (["a"], [True], [-0.1], [1e9]):
        with pytest.raises((TypeError, ValueError), match=r"number|dispersions"):
            sq.Sizer(sizer.pipeline, training={"settings": {"dispersions": wrong}})


def test_rows_are_named_where_one_is_refused(sizer):
    X = dots([3.0, 4.0]).assign_attrs(source="lib.nc")
    X[1] = 0.0
    with pytest.raises(sq.PatternError, match=r"^lib\.nc 1: no intensity"):
        sizer.predict(X)
    mostly_negative = np.full((1, 5004), -1.0)
    mostly_negative[0, 7] = 1e-9
    with pytest.raises(sq.PatternError, match=r"^pattern 0: no intensity"):
        sizer.predict(mostly_negative)
    with pytest.raises(sq.PatternError, match="ascending"):
        sizer.size(dots([3.0])[0, ::-1])


def test_pandas_output_is_no_matter(sizer):
    import sklearn

    pattern = dots([4.0])[0]
    with sklearn.config_context(transform_output="pandas"):
        assert sizer.size(pattern).diameter == 4.0


def test_a_pattern_that_tells_no_size_is_refused():
    from sk_qdots.sizing import Posterior
    from sk_qdots.sizing.verdicts import check_told

    classes = np.array([2000, 5000, 10_000])
    even = Posterior(
        classes,
        np.full((1, 3), 1 / 3),
        {"diameter": np.array([5.0]), "volume_diameter": np.array([6.0])},
        {"diameter": np.array([4.0]), "volume_diameter": np.array([5.0])},
    )
    with pytest.raises(sq.PatternError, match=r"a\.xy: tells no size \(.* to 12 nm\)"):
        check_told(even, "a.xy")
    by_volume = dataclasses.replace(
        even, deviations={**even.deviations, "volume_diameter": np.array([1.0])}
    )
    check_told(by_volume, "a.xy")  # one of them is enough
