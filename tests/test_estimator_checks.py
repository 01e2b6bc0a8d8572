"""scikit-learn's own checks; the one list of every estimator."""

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

import sk_qdots as sq

ESTIMATORS = [
    sq.QStandardizer(),
    sq.QStandardizer(padding="edge"),
    sq.QStandardizer(padding="zero"),
    sq.SolventMixer(),
    sq.PoissonNoise(random_state=0),
    sq.SolventVariation(random_state=0),
    sq.Background(random_state=0),
    sq.Background("silicon", random_state=0),
    sq.InstrumentBroadening(),
    sq.ZeroShift(),
    sq.KAlpha2(),
    sq.KAlpha2("Ag"),
    sq.Polarisation(wavelength=0.56),
    sq.PreferredOrientation(),
    sq.QTruncation(),
    sq.QTruncation(q_max=10.0),
    sq.QCoarsening(),
    sq.RandomExperiment(random_state=0),
    sq.RandomExperiment("ideal", random_state=0),
    sq.AugmentedClassifier(LogisticRegression(), random_state=0),
    sq.AugmentedClassifier(LogisticRegression(), sq.PoissonNoise(scale=1e4), random_state=0),
    sq.AugmentedClassifier(
        RandomForestClassifier(20, random_state=0), sq.PoissonNoise(scale=1e4), random_state=0
    ),
    sq.AllCNNClassifier(random_state=0),
    sq.AllCNNRegressor(random_state=0),
    sq.make_sizing_pipeline(random_state=0),
    sq.LibraryLikelihoodClassifier(),
    sq.LibraryLikelihoodClassifier(scale=1e3),
    sq.ScherrerRegressor(),
]

AUGMENTED_FAILURES = {
    # The check does not look at the tag positive_only.
    "check_decision_proba_consistency": "trains on negative numbers, which are no counts",
}


def expected_failed_checks(estimator):
    augmented = isinstance(estimator, sq.AugmentedClassifier) and estimator.augmenter is not None
    return AUGMENTED_FAILURES if augmented and hasattr(estimator, "decision_function") else {}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failed_checks)
def test_sklearn_checks(estimator, check):
    check(estimator)
