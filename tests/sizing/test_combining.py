"""Two answers to one pattern made one."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sk_qdots as sq
from sk_qdots.posterior import PatternPosterior
from sk_qdots.sizing import Posterior
from sk_qdots.sizing.combining import combined, differ

CLASSES = np.arange(2000, 10001, 500)


def network(diameter, deviation, strain=0.001):
    """Of a network that states a normal distribution."""
    probabilities = np.exp(-0.5 * ((CLASSES / 1000.0 - diameter) / max(deviation, 0.2)) ** 2)
    values = {"diameter": diameter, "volume_diameter": 1.1 * diameter, "strain": strain}
    errors = {"diameter": deviation, "volume_diameter": 1.1 * deviation, "strain": 0.0005}
    return Posterior(
        CLASSES,
        (probabilities / probabilities.sum())[None],
        {name: np.array([value]) for name, value in values.items()},
        {name: np.array([value]) for name, value in errors.items()},
    )


def debye(diameter, deviation, strain=0.001, n=1000):
    rng = np.random.default_rng(0)
    sizes = diameter + deviation * rng.standard_normal(n)
    draws = {
        "diameter": sizes,
        "volume_diameter": 1.1 * sizes,
        "dispersion": np.full(n, 0.1),
        "strain": strain + 0.0002 * rng.standard_normal(n),
        "b_iso": np.full(n, 0.2),
    }
    return Posterior.from_draws(CLASSES, [PatternPosterior(draws, reasons=("why",))])


def fit_of(chi2):
    return SimpleNamespace(chi2=chi2)


@given(
    size=st.floats(2.0, 9.0),
    apart=st.floats(-0.5, 0.5),
    first=st.floats(0.02, 0.4),
    second=st.floats(0.02, 0.4),
)
@settings(max_examples=40, deadline=None)
def test_the_answer_lies_between_both(size, apart, first, second):
    one, other = network(size, first), debye(size + apart, second)
    both = combined(one, other)
    (found,), _ = both.number_diameter()
    ends = sorted([one.number_diameter()[0][0], other.number_diameter()[0][0]])
    assert ends[0] - 0.02 <= found <= ends[1] + 0.02
    assert both.probabilities.sum() == pytest.approx(1.0)
    low, high = both.interval("diameter")[0]
    assert low < found < high
    if differ(one, other):  # the interval holds both
        room = 0.2 * max(first, second)  # a thousand draws
        assert low <= ends[0] + room and ends[1] - room <= high
    else:  # and is no narrower than that of the better engine
        assert high - low > 0.9 * 2 * 1.645 * min(first, second)


def test_the_better_engine_counts_more():
    precise, vague = combined(network(4.0, 0.05), debye(4.1, 0.2)), None
    vague = combined(network(4.0, 0.2), debye(4.1, 0.05))
    assert precise.number_diameter()[0][0] == pytest.approx(4.0, abs=0.015)
    assert vague.number_diameter()[0][0] == pytest.approx(4.1, abs=0.015)
    assert precise.interval("diameter")[0] == pytest.approx([3.92, 4.09], abs=0.03)


def test_a_fit_that_does_not_fit_has_little_say():
    other = debye(3.0, 0.05)
    detail = other.details[0]
    fits = {chi2: replace(detail, fit=fit_of(chi2)) for chi2 in (1.2, 9.0, float("nan"))}
    good, poor, unknown = (
        combined(network(3.3, 0.2), replace(other, details=[fits[chi2]])) for chi2 in fits
    )
    assert good.number_diameter()[0][0] == pytest.approx(3.01, abs=0.015)
    assert unknown.number_diameter()[0][0] == good.number_diameter()[0][0]
    assert poor.number_diameter()[0][0] == pytest.approx(3.26, abs=0.015)
    low, high = poor.interval("diameter")[0]
    assert low < 2.95 and high > 3.55
    # Where they contradict each other, the interval holds both still.
    apart = combined(network(5.0, 0.2), replace(other, details=[fits[9.0]]))
    assert apart.number_diameter()[0][0] == pytest.approx(4.7, abs=0.03)
    assert apart.interval("diameter")[0][0] < 3.05


def test_what_only_one_of_them_knows_is_kept():
    both = combined(network(4.0, 0.1), debye(4.0, 0.1))
    draws = both.details[0].draws
    assert (draws["dispersion"] == 0.1).all() and (draws["b_iso"] == 0.2).all()
    assert both.details[0].reasons == ("why",)
    assert both.means["strain"][0] == pytest.approx(0.001, abs=1e-4)


def test_strains_below_zero_stay_there():
    both = combined(network(4.0, 0.1, strain=-0.002), debye(4.0, 0.1, strain=-0.002))
    assert both.means["strain"][0] == pytest.approx(-0.002, abs=2e-4)


def test_of_classes_alone_the_expected_diameter_counts():
    probabilities = np.zeros((1, len(CLASSES)))
    probabilities[0, 4] = 1.0
    both = combined(Posterior(CLASSES, probabilities), debye(4.05, 0.05))
    assert both.number_diameter()[0][0] == pytest.approx(4.05, abs=0.05)
    assert both.classes.tolist() == CLASSES.tolist()


def test_a_sizer_asks_whom_it_is_told_to():
    from sk_qdots.sizing.recipe import Recipe

    trained = sq.load_sizer("PbS")
    alone = trained._with(replace(trained.facts, calibration=None), [])
    library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0])
    X = sq.PoissonNoise(snr=46, random_state=0).fit_transform(sq.library_samples(library)[0])
    pattern = X[0].assign_attrs(wavelength=0.56)
    with pytest.raises(ValueError, match="has no posterior: ask its network, or make_sizer"):
        alone.size(pattern, engine="posterior")
    assert alone.size(pattern).engine == alone.size(pattern, engine="network").engine
    recipe = Recipe(sq.Crystal.builtin("PbS"), diameters=(3.0, 5.0), dispersions=(0.05, 0.2))
    sizer = alone.with_posterior(recipe)
    both, network_, posterior = (
        sizer.size(pattern, engine=who) for who in ("both", "network", "posterior")
    )
    assert network_.to_dict() == {**alone.size(pattern).to_dict(), "settings": network_.settings}
    assert list(both.engines) == ["all-CNN", "Debye posterior"]
    assert both.engine == "all-CNN and Debye posterior" and both.fit is not None
    assert both.engines["all-CNN"] == network_.engines["all-CNN"]
    assert both.engines["Debye posterior"] == posterior.engines["Debye posterior"]
    assert network_.fit is None and posterior.engine == "Debye posterior"
    assert both.interval[0] < 4.0 < both.interval[1]
    wide = sizer.size(pattern, coverage=0.99).interval
    assert wide[0] < both.interval[0] and wide[1] > both.interval[1]
    for wrong, words in (({"engine": "all"}, "must be 'both'"), ({"coverage": 90}, "0 and 1")):
        with pytest.raises(ValueError, match=words):
            sizer.size(pattern, **wrong)


def test_many_patterns_are_shared_among_processes_with_the_same_answers():
    from sk_qdots.sizing.recipe import Recipe

    recipe = Recipe(sq.Crystal.builtin("PbS"), diameters=(3.0, 5.0), dispersions=(0.05, 0.2))
    sizer = sq.load_sizer("PbS").with_posterior(recipe)
    library = sq.simulate_library("PbS", diameters=[3.5, 4.0], dispersions=[0.1], strains=[0.0])
    X = sq.PoissonNoise(snr=46, random_state=0).fit_transform(sq.library_samples(library)[0])
    X[1] = 0.0
    alone, shared = sizer.size_many(X), sizer.size_many(X, n_jobs=2)
    assert alone[0].to_json() == shared[0].to_json()
    assert [type(one).__name__ for one in shared] == ["Sizing", "PatternError"]


def test_draws_of_either_are_taken_evenly_from_all_of_them():
    """Those of a fit come in the order of its nodes, small sizes first here."""
    second = debye(6.0, 0.2)
    detail = second.details[0]
    order = np.argsort(detail.draws["diameter"])
    sorted_draws = {name: values[order] for name, values in detail.draws.items()}
    for chi2 in (1.0, 9.0):
        one = Posterior.from_draws(CLASSES, [replace(detail, draws=sorted_draws, fit=fit_of(chi2))])
        both = combined(network(3.0, 0.2), one)
        found = both.details[0].draws["diameter"]
        of_fit = found[found > 4.5]
        assert len(of_fit) > 100
        assert of_fit.mean() == pytest.approx(6.0, abs=0.06)
        assert of_fit.std() == pytest.approx(0.2, rel=0.2)
