"""scikit-learn's own checks, for every estimator that the package has."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from estimator_instances import INSTANCES, LEFT_OUT, instances
from sklearn.utils.estimator_checks import parametrize_with_checks

import sk_qdots as sq
from sk_qdots.evaluation import KnownConditions
from sk_qdots.model_selection import Remeasurement
from sk_qdots.utils import all_estimators

AUGMENTED_FAILURES = {
    # The check does not look at the tag positive_only.
    "check_decision_proba_consistency": "trains on negative numbers, which are no counts",
}

TOLD_FAILURES = dict.fromkeys(
    (
        "check_estimators_overwrite_params",
        "check_estimators_fit_returns_self",
        "check_readonly_memmap_input",
        "check_fit_idempotent",
        "check_fit_check_is_fitted",
        "check_n_features_in",
        "check_estimators_pickle",
    ),
    "gives two columns, or rows with nothing but NaN before the last two: told columns alone",
)


def expected_failed_checks(estimator):
    if getattr(estimator, "n_told", 0) and isinstance(estimator, sq.AllCNNRegressor):
        return TOLD_FAILURES
    augmented = isinstance(estimator, sq.AugmentedClassifier) and estimator.augmenter is not None
    return AUGMENTED_FAILURES if augmented and hasattr(estimator, "decision_function") else {}


@parametrize_with_checks(instances(), expected_failed_checks=expected_failed_checks)
def test_sklearn_checks(estimator, check):
    check(estimator)


def complaints(estimators, entries, left_out):
    """What the table of instances lacks, or has too much."""
    file = "tests/helpers/estimator_instances.py"
    found = dict(estimators)
    told = [
        f"add {name} to {file}" for name in found if not entries.get(name) and name not in left_out
    ]
    told += [f"take {name} out of {file}" for name in {**entries, **left_out} if name not in found]
    told += [f"{name} is tested and left out in {file}" for name in entries if name in left_out]
    for name, instances_of in entries.items():
        wrong = [one for one in instances_of if type(one) is not found.get(name, type(one))]
        told += [f"{one!r} stands under {name} in {file}" for one in wrong]
    return told


def test_every_estimator_has_an_entry_and_every_entry_an_estimator():
    assert complaints(all_estimators(), INSTANCES, LEFT_OUT) == []


def test_the_table_is_compared_with_what_is_there():
    there = [("int", int), ("list", list), ("set", set)]
    assert complaints(there, {"int": [1], "list": [[]]}, {"set": "why"}) == []
    file = "tests/helpers/estimator_instances.py"
    assert complaints(there, {"int": [1], "list": []}, {"set": "why", "int": "why", "str": ""}) == [
        f"add list to {file}",
        f"take str out of {file}",
        f"int is tested and left out in {file}",
    ]
    assert complaints(there, {"int": ["1"], "list": [[]], "set": [set()]}, {}) == [
        f"'1' stands under int in {file}"
    ]


def test_what_is_left_out_has_its_reason():
    assert LEFT_OUT.keys() == {"KnownConditions", "Remeasurement"}
    assert not hasattr(Remeasurement(), "fit")
    with pytest.raises(ValueError, match="coordinates"):
        KnownConditions({}).fit(np.ones((2, 3)), [1, 2]).predict(np.ones((1, 3)))


def test_estimators_are_found_by_kind():
    found = all_estimators()
    assert found == sorted(found) and {"SizingPipeline", "ZeroShift"} <= dict(found).keys()
    assert not {"AllCNN", "AllCNNEstimator", "Augmenter", "Sizer"} & dict(found).keys()
    kinds = ["classifier", "regressor", "transformer"]
    apart = [all_estimators(kind) for kind in kinds]
    assert all(apart) and all_estimators(kinds) == sorted(itertools.chain(*apart))
    assert all_estimators(()) == []


@pytest.mark.parametrize("kind", ["cluster", ["classifier", "cluster"]])
def test_unknown_kinds_are_refused(kind):
    with pytest.raises(ValueError, match="known kinds: classifier, regressor, transformer"):
        all_estimators(kind)


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import sk_qdots.utils", {"sklearn", "torch"}),
        ("from sk_qdots.utils import all_estimators; all_estimators()", {"torch", "skorch"}),
    ],
)
def test_discovery_stays_light(code, forbidden):
    probe = f"import sys; {code}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True)
    assert not set(ran.stdout.split()) & forbidden
