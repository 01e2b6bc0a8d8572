import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_val_score

import sk_qdots as sq
from sk_qdots.neural_network import AllCNN


@pytest.fixture(scope="module")
def noisy_samples(small_library):
    augmented = sq.augment_library(
        small_library, qd_fractions=[0.5, 1.0], snr=[46, 122], random_state=0
    )
    return sq.library_samples(augmented)


def quick(**parameters):
    return sq.make_sizing_pipeline(random_state=0).set_params(
        qstandardizer__q_min=1.0,
        qstandardizer__q_max=8.0,
        qstandardizer__n_points=400,
        allcnn__n_filters=8,
        allcnn__batch_size=16,
        **parameters,
    )


def test_layers_are_the_published_convolutions():
    torch.manual_seed(0)
    net = AllCNN(n_classes=17, n_channels=2, batch_norm=False).eval()
    X = torch.randn(3, 5004, 2)
    hidden = X.transpose(1, 2)
    lengths = []
    with torch.no_grad():
        for kernel, layer in zip(net.kernel_sizes, net.convolutions, strict=True):
            missing = -hidden.shape[2] % kernel
            padded = torch.nn.functional.pad(hidden, (missing // 2, missing - missing // 2))
            weight = layer.weight.reshape(32, kernel, -1).transpose(1, 2)
            hidden = torch.relu(
                torch.nn.functional.conv1d(padded, weight, layer.bias, stride=kernel)
            )
            lengths.append(hidden.shape[2])
        expected = net.output(hidden.mean(dim=2))
        torch.testing.assert_close(net(X), expected, rtol=1e-4, atol=1e-5)
    assert lengths == [501, 101, 26, 9, 5]


@pytest.mark.parametrize("batch_norm", [True, False])
def test_predictions_equal_torch(noisy_samples, batch_norm):
    X, y, _ = noisy_samples
    pipe = quick(allcnn__max_epochs=3, allcnn__batch_norm=batch_norm).fit(X, y)
    standardized = pipe[:-1].transform(X)
    standardized[::3, :40] = np.nan
    classifier = pipe[-1]
    classifier.net_.module_.eval()
    with torch.no_grad():
        logits = classifier.net_.module_(torch.from_numpy(classifier.encode(standardized)))
    expected = torch.softmax(logits.double(), dim=1).numpy()
    np.testing.assert_allclose(classifier.predict_proba(standardized), expected, atol=1e-5)


def test_learns_and_reproduces(noisy_samples):
    X, y, groups = noisy_samples
    pipe = quick(allcnn__max_epochs=30)
    scores = cross_val_score(pipe, X, y, cv=StratifiedGroupKFold(3), groups=groups)
    assert scores.mean() > 0.9
    one, two = (clone(pipe).fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_grid_search_in_parallel(noisy_samples):
    X, y, groups = noisy_samples
    search = GridSearchCV(
        quick(allcnn__max_epochs=20),
        {"allcnn__n_filters": [4, 8], "allcnn__lr": [1e-4, 1e-2]},
        cv=StratifiedGroupKFold(3),
        n_jobs=2,
    )
    first = search.fit(X, y, groups=groups).cv_results_["mean_test_score"]
    again = clone(search).fit(X, y, groups=groups).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(first, again)
    assert search.best_params_["allcnn__lr"] == 1e-2
    assert first.max() > 0.7


def test_training_augmentation_is_fresh_and_seeded(noisy_samples):
    X, y, _ = noisy_samples
    augmenter = sq.RandomExperiment("ideal", q_min=(1.0, 1.3), q_max=(7.0, 8.0), q=X["q"].values)
    pipe = quick(allcnn__max_epochs=2, allcnn__augmenter=augmenter)
    one, two = (clone(pipe).fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert not hasattr(augmenter, "q_")
    np.testing.assert_allclose(pipe.fit(X, y)[-1].augmenter_.q_, X["q"])


def test_unmeasured_points_do_not_change_the_scale(noisy_samples):
    X, y, _ = noisy_samples
    pipe = quick(allcnn__max_epochs=2).fit(X, y)
    rows = pipe[:-1].transform(X)[:4]
    cut = rows.copy()
    cut[:, 250:] = np.nan
    encoded = pipe[-1].encode(cut * 3.0)
    np.testing.assert_allclose(encoded, pipe[-1].encode(cut), rtol=1e-4, atol=1e-5)
    assert (encoded[:, 250:, 0] == 0).all() and (encoded[:, 250:, 2] == 0).all()
    assert (encoded[:, :250, 2] == 1).all()


def test_caller_s_random_numbers_are_untouched(noisy_samples):
    X, y, _ = noisy_samples
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    quick(allcnn__max_epochs=1).fit(X, y)
    torch.testing.assert_close(torch.rand(3), expected)


def test_pickles(noisy_samples):
    X, y, _ = noisy_samples
    pipe = quick(allcnn__max_epochs=1).fit(X, y)
    copy = pickle.loads(pickle.dumps(pipe))
    np.testing.assert_array_equal(copy.predict_proba(X), pipe.predict_proba(X))


def test_a_last_batch_of_one():
    X = np.random.default_rng(0).uniform(size=(33, 50))
    classifier = sq.AllCNNClassifier(batch_size=16, max_epochs=1, random_state=0)
    assert classifier.fit(X, np.arange(33) % 2).predict(X).shape == (33,)


def test_progress_bar(noisy_samples, capsys):
    X, y, _ = noisy_samples
    quick(allcnn__max_epochs=2, allcnn__verbose=True).fit(X, y)
    assert "2/2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kernel_sizes": ()}, "kernel_sizes"),
        ({"kernel_sizes": (0, 2)}, "kernel_sizes"),
        ({"channels": ("colour",)}, "channels"),
        ({"lr": 0.0}, "lr"),
        ({"n_filters": 0}, "n_filters"),
        ({"device": "abacus"}, "device"),
    ],
)
def test_bad_parameters(parameters, message):
    X = np.random.default_rng(0).uniform(size=(10, 20))
    with pytest.raises(ValueError, match=message):
        sq.AllCNNClassifier(**parameters).fit(X, np.arange(10) % 2)


def test_predicting_does_not_import_torch():
    code = (
        "import sys, numpy as np, sk_qdots as sq\n"
        "sizer = sq.load_sizer('PbS')\n"
        "sizer.predict(np.ones((1, 5004)))\n"
        "assert 'torch' not in sys.modules and 'skorch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
