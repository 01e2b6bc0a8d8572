import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

import sk_qdots as sq


@pytest.fixture(scope="module")
def samples(small_library):
    X, y, _ = sq.library_samples(small_library)
    return X, y


def quick():
    return sq.make_sizing_pipeline(random_state=0).set_params(
        qstandardizer__q_min=1.0,
        qstandardizer__q_max=8.0,
        qstandardizer__n_points=400,
        allcnn__n_filters=4,
        allcnn__max_epochs=2,
    )


def test_steps_stay_as_they_were_given(samples):
    pipe = quick()
    steps, network = pipe.steps, pipe.named_steps["allcnn"]
    assert pipe.fit(*samples) is pipe
    assert pipe.steps is steps and not hasattr(network, "layers_")
    assert pipe.named_steps["allcnn"] is pipe[-1] is not network
    assert isinstance(pipe, Pipeline) and isinstance(pipe[:-1], Pipeline)
    assert pipe.classes_.tolist() == [2000, 3000, 4500]
    assert pipe.n_features_in_ == 400
    assert hasattr(pipe[-1], "layers_") and not hasattr(clone(pipe)[-1], "layers_")


def test_before_fit(samples):
    for ask in (lambda p: p.predict(samples[0]), lambda p: p.score(*samples)):
        with pytest.raises(NotFittedError):
            ask(quick())
    with pytest.raises(NotFittedError):
        quick().classes_  # noqa: B018


def test_as_a_plain_pipeline(samples):
    X, y = samples
    pipe = quick().fit(X, y)
    plain = Pipeline(clone(quick()).steps).fit(X, y)
    np.testing.assert_array_equal(pipe.predict_proba(X), plain.predict_proba(X))
    np.testing.assert_array_equal(pipe.predict(X), plain.predict(X))
    assert pipe.score(X, y) == plain.score(X, y)


def test_more_steps(samples):
    X, y = samples
    pipe = quick()
    double = FunctionTransformer(lambda rows: 2.0 * rows)
    pipe.steps.insert(1, ("double", double))
    assert list(pipe.fit(X, y).named_steps) == ["qstandardizer", "double", "allcnn"]


def test_the_augmenter_draws_what_the_standardiser_gives(samples):
    X, y = samples
    pipe = quick().set_params(allcnn__augmenter=sq.QTruncation(q_max=5.0))
    with pytest.raises(ValueError, match=r"another Q grid.*QTruncation\(q=np.linspace\(1, 8, 400"):
        pipe.fit(X, y)
    grid = np.linspace(1.0, 8.0, 400)
    shorten = sq.QTruncation(q_max=5.0, q=grid)
    pipe.set_params(allcnn__augmenter=shorten, qstandardizer__padding="edge")
    pipe.set_params(qstandardizer__coarse="spline")
    with pytest.raises(ValueError, match="ends with such a standardiser"):
        pipe.fit(X, y)
    pads = sq.QStandardizer(q_min=1.0, q_max=8.0, n_points=400, padding="edge")
    pipe.set_params(allcnn__augmenter=Pipeline([("cut", shorten), ("pad", pads)])).fit(X, y)
    assert np.isfinite(pipe[-1].encoding_.mean).all()


def test_warm_start_goes_on(samples):
    pipe = quick().set_params(allcnn__warm_start=True)
    first = pipe.fit(*samples)[-1]
    assert pipe.fit(*samples)[-1] is first
    assert first.history_["epoch"].tolist() == [3, 4]


def test_a_loaded_sizer_holds_the_same_kind():
    pipe = sq.load_sizer("PbS").pipeline
    assert isinstance(pipe, sq.SizingPipeline)
    assert not hasattr(pipe.steps[1][1], "layers_") and hasattr(pipe[1], "layers_")
