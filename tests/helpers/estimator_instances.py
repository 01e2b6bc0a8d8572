"""What each estimator of the package is tested with; the names come from all_estimators()."""

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import sk_qdots as sq
from sk_qdots.posterior import DebyePosterior
from sk_qdots.utils import all_estimators

INSTANCES = {
    "AllCNNClassifier": [sq.AllCNNClassifier(random_state=0)],
    "AllCNNRegressor": [
        sq.AllCNNRegressor(random_state=0),
        sq.AllCNNRegressor(n_told=2, n_components=2, random_state=0),
    ],
    "AugmentedClassifier": [
        sq.AugmentedClassifier(LogisticRegression(), random_state=0),
        sq.AugmentedClassifier(LogisticRegression(), sq.PoissonNoise(scale=1e4), random_state=0),
        sq.AugmentedClassifier(
            RandomForestClassifier(20, random_state=0), sq.PoissonNoise(scale=1e4), random_state=0
        ),
    ],
    "Background": [sq.Background(random_state=0), sq.Background("silicon", random_state=0)],
    "DebyePosterior": [DebyePosterior()],
    "InstrumentBroadening": [sq.InstrumentBroadening()],
    "KAlpha2": [sq.KAlpha2(), sq.KAlpha2("Ag"), sq.KAlpha2("Mo")],
    "LibraryLikelihoodClassifier": [
        sq.LibraryLikelihoodClassifier(),
        sq.LibraryLikelihoodClassifier(scale=1e3),
    ],
    "PoissonNoise": [sq.PoissonNoise(random_state=0)],
    "Polarisation": [sq.Polarisation(), sq.Polarisation(wavelength=0.56)],
    "PreferredOrientation": [sq.PreferredOrientation()],
    "QCoarsening": [sq.QCoarsening()],
    "QStandardizer": [
        sq.QStandardizer(),
        sq.QStandardizer(padding="edge"),
        sq.QStandardizer(padding="zero"),
    ],
    "QTruncation": [sq.QTruncation(), sq.QTruncation(q_max=5.0), sq.QTruncation(q_max=10.0)],
    "RandomExperiment": [
        sq.RandomExperiment(random_state=0),
        sq.RandomExperiment("ideal", random_state=0),
    ],
    "ScherrerRegressor": [sq.ScherrerRegressor()],
    "SizingPipeline": [sq.make_sizing_pipeline(random_state=0)],
    "SolventMixer": [sq.SolventMixer(), sq.SolventMixer("toluene")],
    "SolventVariation": [sq.SolventVariation(random_state=0)],
    "ZeroShift": [sq.ZeroShift()],
}

# Not for scikit-learn's checks, which give bare arrays to fit; tested beside their modules.
LEFT_OUT = {
    "KnownConditions": "answers only patterns that say their liquid and concentration",
    "Remeasurement": "has no fit: it makes patterns from labels",
}


def instances(type_filter=None, base=object):
    """The instances of the estimators of a type and of a base class."""
    return [
        instance
        for name, estimator in all_estimators(type_filter)
        if issubclass(estimator, base)
        for instance in INSTANCES.get(name, [])
    ]
