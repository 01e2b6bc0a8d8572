import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

import sk_qdots as sq

DIAMETERS = [2.0, 3.0, 5.0]


@pytest.fixture(scope="session")
def samples():
    library = sq.simulate_library(
        "PbS",
        diameters=DIAMETERS,
        dispersions=[0.1],
        strains=[0.0, 0.001, 0.002],
        q=sq.default_q_grid()[::8],
    )
    augmented = sq.augment_library(
        library, solvents=["hexane", "toluene"], qd_fractions=[0.3, 1.0], snr=[46], random_state=0
    )
    return sq.library_samples(augmented)


@pytest.fixture(scope="session")
def pipeline():
    """Fast, and not perfect."""
    return make_pipeline(
        sq.QStandardizer(n_points=626, padding="edge"), KNeighborsClassifier(3, weights="distance")
    )


@pytest.fixture(scope="session")
def fitted(pipeline, samples):
    X, y, _ = samples
    return pipeline.fit(X[::2], np.asarray(y)[::2])
