import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

import sk_qdots as sq
from sk_qdots.neural_network import AllCNN
from sk_qdots.neural_network._module import arguments


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


@pytest.mark.parametrize(
    "parameters",
    [
        {"preset": "robust"},
        {"preset": "robust", "batch_norm": False},
        {"preset": "robust", "q_bias": False, "n_linear": 0},
        {"preset": "paper"},
        {"preset": "paper", "batch_norm": True, "channels": ("residual", "pattern")},
        {"kernel_sizes": (7, 6), "n_filters": (5, 9)},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_predictions_equal_torch(noisy_samples, parameters):
    X, y, _ = noisy_samples
    pipe = quick(allcnn__max_epochs=3)
    pipe.set_params(**{f"allcnn__{name}": value for name, value in parameters.items()}).fit(X, y)
    standardized = pipe[:-1].transform(X)
    standardized[::3, :40] = np.nan
    classifier = pipe[-1]
    classifier.net_.module_.eval()
    with torch.no_grad():
        logits = classifier.net_.module_(torch.from_numpy(classifier.encode(standardized)))
    expected = torch.softmax(logits.double(), dim=1).numpy()
    np.testing.assert_allclose(classifier.predict_proba(standardized), expected, atol=1e-5)
    by_skorch = classifier.net_.predict_proba(classifier.encode(standardized))
    np.testing.assert_allclose(by_skorch, expected, atol=1e-5)


@pytest.mark.parametrize(
    "parameters",
    [
        {"allcnn__preset": "robust"},
        {"allcnn__preset": "paper", "allcnn__batch_norm": True},
        {"allcnn__precision": "bfloat16"},
    ],
    ids=str,
)
def test_learns_and_reproduces(noisy_samples, parameters):
    X, y, groups = noisy_samples
    pipe = quick(allcnn__max_epochs=30, **parameters)
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
    alone = clone(search).set_params(n_jobs=1).fit(X, y, groups=groups)
    np.testing.assert_array_equal(first, alone.cv_results_["mean_test_score"])
    state = torch.random.get_rng_state()
    with joblib.parallel_config(backend="threading"):
        threads = clone(search).fit(X, y, groups=groups)
    np.testing.assert_array_equal(first, threads.cv_results_["mean_test_score"])
    torch.testing.assert_close(torch.random.get_rng_state(), state)
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
    assert (encoded[:, 250:] == 0).all()
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


def test_the_answer_does_not_depend_on_company(noisy_samples):
    X, y, _ = noisy_samples
    classifier = quick(allcnn__max_epochs=2).fit(X, y)[-1]
    rows = X.values.copy()
    rows[::3, 300:] = np.nan
    together = classifier.predict_proba(rows)
    alone = np.concatenate([classifier.predict_proba(row[None]) for row in rows])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-12)


def test_presets():
    paper = AllCNN.from_preset("paper", n_classes=17, n_points=5004)
    assert sum(p.numel() for p in paper.parameters()) == 352 + 5152 + 4128 + 3104 + 2080 + 561
    assert paper.kernel_sizes == (10, 5, 4, 3, 2) and not list(paper.q_biases)
    robust = AllCNN.from_preset("robust", n_classes=17, n_points=5004)
    assert [bias.shape[0] for bias in robust.q_biases] == [501, 101, 26, 9, 1]
    with pytest.raises(ValueError, match="known: paper, robust"):
        AllCNN.from_preset("fashionable", n_classes=2, n_points=10)


def test_labels_between_classes_count_to_both():
    rng = np.random.default_rng(0)
    y = rng.integers(2000, 4001, size=600)
    X = np.cos(np.arange(50) * y[:, None] / 40_000) + 2.0 + 0.02 * rng.normal(size=(600, 50))
    classifier = sq.AllCNNClassifier(
        classes=[2000, 3000, 4000], n_filters=16, max_epochs=60, random_state=0
    ).fit(X, y)
    assert classifier.classes_.tolist() == [2000, 3000, 4000]
    expected = classifier.predict_proba(X) @ classifier.classes_
    assert np.abs(expected - y).mean() < 60
    assert classifier.score(X, np.rint(y / 1000).astype(int) * 1000) > 0.93
    half = classifier.predict_proba(X[np.abs(y - 2500).argmin()][None])[0]
    np.testing.assert_allclose(half, [0.5, 0.5, 0.0], atol=0.15)


@pytest.mark.parametrize(
    ("classes", "labels", "message"),
    [
        ([3000, 2000], [2000, 3000], "ascending"),
        ([2000], [2000, 2000], "ascending"),
        (["a", "b"], [2000, 3000], "ascending"),
        ([2000, 3000], [2000, 3100], "from 2000 to 3000"),
        ([2000, 3000], ["x", "y"], "numbers"),
    ],
)
def test_wrong_classes(classes, labels, message):
    with pytest.raises(ValueError, match=message):
        sq.AllCNNClassifier(classes=classes).fit(np.ones((2, 30)), labels)


def test_history_is_a_table(noisy_samples):
    X, y, _ = noisy_samples
    history = quick(allcnn__max_epochs=4).fit(X, y)[-1].history_
    assert list(history) == ["epoch", "train_loss", "lr", "seconds"]
    assert history["epoch"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("schedule", "first_above_last", "peak"),
    [("one-cycle", True, 1), ("cosine", True, 0), ("constant", False, 0)],
)
def test_schedules(noisy_samples, schedule, first_above_last, peak):
    X, y, _ = noisy_samples
    pipe = quick(allcnn__max_epochs=10, allcnn__schedule=schedule).fit(X, y)
    rates = pipe[-1].history_["lr"]
    assert rates.argmax() == peak
    assert (rates.iloc[0] > rates.iloc[-1]) == first_above_last
    assert rates.max() == pytest.approx(5e-3, rel=0.1)


def test_early_stopping_keeps_the_best_weights(noisy_samples):
    X, y, _ = noisy_samples
    pipe = quick(
        allcnn__max_epochs=200,
        allcnn__schedule="constant",
        allcnn__early_stopping=True,
        allcnn__validation_fraction=0.25,
        allcnn__n_iter_no_change=5,
    ).fit(X, y)
    history = pipe[-1].history_
    best = int(history["valid_loss"].argmin())
    assert len(history) == best + 1 + 5 < 200
    assert history["valid_accuracy"].max() > 0.8
    # The weights of that epoch, not the last ones.
    shorter = pipe.set_params(allcnn__max_epochs=best + 1).fit(X, y)
    np.testing.assert_allclose(
        shorter[-1].history_["valid_loss"], history["valid_loss"][: best + 1]
    )
    longer = pipe.set_params(allcnn__max_epochs=200).fit(X, y)
    np.testing.assert_array_equal(longer.predict_proba(X), shorter.predict_proba(X))


def test_too_few_patterns_for_early_stopping():
    X = np.random.default_rng(0).uniform(size=(4, 30))
    with pytest.raises(ValueError, match="early_stopping"):
        sq.AllCNNClassifier(early_stopping=True).fit(X, [0, 1, 2, 3])


def test_warm_start_goes_on(noisy_samples):
    X, y, _ = noisy_samples
    classifier = quick(allcnn__max_epochs=10)[-1].set_params(random_state=0, warm_start=True)
    first = classifier.fit(X.values, y).history_["train_loss"]
    encoding = classifier.encoding_
    second = classifier.fit(X.values, y).history_
    assert second["train_loss"].iloc[0] < first.iloc[0]
    assert second["epoch"].tolist() == list(range(11, 21))
    assert classifier.encoding_ is encoding
    with pytest.raises(ValueError, match="expecting 400 features"):
        classifier.fit(X.values[:, :50], y)
    assert classifier.predict(X.values).shape == y.shape
    with pytest.raises(ValueError, match="warm_start needs the classes"):
        classifier.fit(X.values, y + 1)
    with pytest.raises(ValueError, match="warm_start needs the architecture"):
        classifier.set_params(n_filters=9).fit(X.values, y)
    loaded = sq.load_sizer("PbS").pipeline[-1].set_params(warm_start=True)
    with pytest.raises(ValueError, match="predicts only"):
        loaded.fit(np.ones((4, 5009)), [2000, 2500] * 2)


class Interrupt(sq.QTruncation):
    """Presses Ctrl-C in the middle of a training."""

    def fit(self, X, y=None):
        super().fit(X, y)
        self.calls = 0
        return self

    def transform(self, X):
        self.calls += 1
        if self.calls == self.when:
            raise KeyboardInterrupt
        return super().transform(X)

    perturb = None

    def __getattribute__(self, name):
        if name == "perturb":
            raise AttributeError(name)
        return super().__getattribute__(name)

    when = 0


def test_interrupted_training_goes_on_from_its_checkpoint(noisy_samples, tmp_path, monkeypatch):
    from sk_qdots.neural_network import _checkpoint

    monkeypatch.setattr(_checkpoint, "_SECONDS_BETWEEN_SAVES", 0.0)
    X, y, _ = noisy_samples
    path = tmp_path / "new" / "state.checkpoint"
    pipe = quick(
        allcnn__max_epochs=6,
        allcnn__augmenter=Interrupt(q=X["q"].values),
        allcnn__checkpoint=str(path),
    )
    n_batches = len(y) // 16
    monkeypatch.setattr(Interrupt, "when", 1 + 3 * n_batches + 2)  # the first for the encoding
    with pytest.raises(KeyboardInterrupt):
        pipe.fit(X, y)
    assert path.exists()
    monkeypatch.setattr(Interrupt, "when", 0)
    resumed = pipe.fit(X, y)
    assert len(resumed[-1].history_) == 6
    whole = clone(pipe).set_params(allcnn__checkpoint=None).fit(X, y)
    np.testing.assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))
    np.testing.assert_array_equal(
        resumed[-1].history_["train_loss"], whole[-1].history_["train_loss"]
    )
    # One that is complete is not trained again.
    np.testing.assert_array_equal(clone(pipe).fit(X, y).predict_proba(X), whole.predict_proba(X))


def test_a_checkpoint_knows_equal_patterns_and_parameters(noisy_samples, tmp_path):
    X, y, _ = noisy_samples
    augmenter = make_pipeline(sq.PoissonNoise(20), sq.QTruncation(q_max=7.0, q=X["q"].values))
    pipe = quick(
        allcnn__max_epochs=2,
        allcnn__augmenter=augmenter,
        allcnn__checkpoint=tmp_path / "state",
        allcnn__early_stopping=True,
    ).fit(X, y)
    standardized = np.asfortranarray(pipe[0].transform(X))
    same = clone(pipe[-1]).set_params(lr=np.float64(5e-3), n_workers=1)
    expected = pipe.predict_proba(X)
    np.testing.assert_array_equal(same.fit(standardized, y).predict_proba(standardized), expected)


def test_ctrl_c_in_the_last_epoch_is_not_lost(noisy_samples, monkeypatch):
    from sk_qdots.neural_network import _training

    def press(self, net, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(_training._Stop, "on_epoch_end", press)
    X, y, _ = noisy_samples
    with pytest.raises(KeyboardInterrupt):
        quick(allcnn__max_epochs=1).fit(X, y)


def test_threads_of_the_caller_come_back(noisy_samples):
    X, y, _ = noisy_samples
    before = torch.get_num_threads()
    for n_threads in (1, 2):
        quick(allcnn__max_epochs=1, allcnn__n_threads=n_threads).fit(X, y)
        assert torch.get_num_threads() == before


class Thinned(sq.QTruncation):
    """Drops every other column."""

    def perturb(self, X, rng):
        return X[:, ::2]


def test_what_cannot_be_trained_on(noisy_samples):
    X, y, _ = noisy_samples
    with pytest.raises(ValueError, match=r"400 points into 200.*keep the grid"):
        quick(allcnn__augmenter=Thinned(q=X["q"].values)).fit(X, y)
    with pytest.raises(ValueError, match="n_samples = 1"):
        sq.AllCNNClassifier(classes=[2000, 3000]).fit(np.ones((1, 60)), [2000])
    with pytest.raises(ValueError, match="transpose it"):
        sq.AllCNNClassifier().fit(X.T, np.arange(X.sizes["q"]))


def test_the_augmenter_takes_the_axis_of_the_patterns(noisy_samples):
    X, y, _ = noisy_samples
    fitted = sq.AllCNNClassifier(
        n_filters=4, max_epochs=1, augmenter=sq.QTruncation(q_max=5.0), random_state=0
    ).fit(X, y)
    np.testing.assert_array_equal(fitted.augmenter_.q_, X["q"].values)


def test_a_pattern_without_a_point_is_refused(noisy_samples):
    X, y, _ = noisy_samples
    classifier = quick(allcnn__max_epochs=1).fit(X, y)[-1]
    rows = np.ones((3, 400))
    rows[1] = np.nan
    with pytest.raises(ValueError, match="every value is NaN"):
        classifier.predict(rows)
    classifier.layers_ = [(1e38 * weight, bias) for weight, bias in classifier.layers_]
    with pytest.raises(ValueError, match="extreme values"):
        classifier.predict(rows[:1] * np.linspace(0.0, 1e9, 400))


def test_shipped_sizer_equals_torch(small_library):
    standardizer, classifier = sq.load_sizer("PbS").pipeline
    X = standardizer.transform(sq.library_samples(small_library)[0])
    X[:, :5004] = sq.PoissonNoise(20, random_state=0).fit_transform(X[:, :5004])
    X[1::2, 3000:5004] = np.nan
    X[::3, 5004:] = np.log(0.01)  # of a known instrument
    net = AllCNN(19, **arguments(classifier.architecture_, 5004)).eval()
    with torch.no_grad():
        # The normalisation is folded in: what is left of it is to divide by one.
        *hidden, (weight, bias) = classifier.layers_
        for k, (layer_weight, layer_bias) in enumerate(hidden):
            net.convolutions[k].weight.copy_(torch.from_numpy(layer_weight.T))
            net.convolutions[k].bias.zero_()
            net.norms[k] = torch.nn.Identity()
            net.q_biases[k].copy_(torch.from_numpy(layer_bias))
        net.output.weight.copy_(torch.from_numpy(weight.T))
        net.output.bias.copy_(torch.from_numpy(bias))
        logits = net(torch.from_numpy(classifier.encode(X)))
    expected = torch.softmax(logits.double(), dim=1).numpy()
    np.testing.assert_allclose(classifier.predict_proba(X), expected, atol=1e-5)


def test_a_checkpoint_needs_a_seed(noisy_samples, tmp_path):
    X, y, _ = noisy_samples
    for seed in (None, np.random.RandomState(0)):
        pipe = quick(allcnn__checkpoint=tmp_path / "state", allcnn__random_state=seed)
        with pytest.raises(ValueError, match="random_state to be an integer"):
            pipe.fit(X, y)


def test_a_checkpoint_knows_classes_augmenter_and_weights(noisy_samples, tmp_path):
    X, y, _ = noisy_samples
    q = X["q"].values
    made = quick(allcnn__max_epochs=1, allcnn__checkpoint=tmp_path / "state")
    made.set_params(allcnn__augmenter=sq.QTruncation(q_max=7.0, q=q)).fit(X, y)
    other = q.copy()
    other[200] += 1e-7
    for change in (
        {"augmenter": sq.QTruncation(q_max=7.0, q=other)},
        {"classes": [2000, 3000, 4500, 6000]},
    ):
        changed = clone(made).set_params(**{f"allcnn__{k}": v for k, v in change.items()})
        with pytest.raises(ValueError, match="belongs to a training with other"):
            changed.fit(X, y)
    warm = clone(made).set_params(allcnn__warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="belongs to a training with other"):
        warm.fit(X, y)  # from other weights


def test_an_interrupted_training_does_not_answer(noisy_samples, monkeypatch):
    X, y, _ = noisy_samples
    classifier = quick(allcnn__max_epochs=2, allcnn__augmenter=Interrupt(q=X["q"].values))[-1]
    classifier.set_params(warm_start=True).fit(X.values, y)
    before = classifier.predict_proba(X.values)
    monkeypatch.setattr(Interrupt, "when", 3)
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X.values, y)
    # A warm start that is interrupted leaves what there was, another training nothing.
    np.testing.assert_array_equal(classifier.predict_proba(X.values), before)
    with pytest.raises(KeyboardInterrupt):
        classifier.set_params(warm_start=False).fit(X.values * 5.0, y + 7)
    with pytest.raises(NotFittedError):
        classifier.predict(X.values)
    monkeypatch.setattr(Interrupt, "when", 0)
    assert classifier.set_params(warm_start=True).fit(X.values, y).score(X.values, y) > 0.3


def test_divergence_is_told(noisy_samples):
    X, y, _ = noisy_samples
    for early_stopping in (False, True):
        pipe = quick(allcnn__preset="paper", allcnn__lr=1e18, allcnn__schedule="constant")
        with pytest.raises(ValueError, match=r"diverged.*lower lr"):
            pipe.set_params(allcnn__early_stopping=early_stopping).fit(X, y)


@pytest.mark.parametrize("scale", [1e-20, 1e15])
def test_any_unit_of_intensity(noisy_samples, scale):
    X, y, _ = noisy_samples
    classifier = quick(allcnn__max_epochs=30)[-1]
    scaled = classifier.fit(X.values * scale, y)
    assert scaled.score(X.values * scale, y) > 0.9


def test_no_gpu_here(noisy_samples):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ValueError, match="finds no such GPU"):
        quick(allcnn__device="cuda").fit(*noisy_samples[:2])


def test_augmenters_in_a_pipeline_need_their_grid_too(noisy_samples):
    X, y, _ = noisy_samples
    chain = make_pipeline(sq.QTruncation(q_max=5.0), sq.PoissonNoise())
    with pytest.raises(ValueError, match=r"QTruncation\(q="):
        quick(allcnn__augmenter=chain).fit(X.values, y)


@pytest.mark.parametrize("damage", ["other", "cut", "text", "empty", "rows", "tensor"])
def test_wrong_checkpoints_are_refused(noisy_samples, tmp_path, damage):
    X, y, _ = noisy_samples
    path = tmp_path / "state.checkpoint"
    pipe = quick(allcnn__max_epochs=1, allcnn__checkpoint=path).fit(X, y)
    message = "not one, or damaged"
    if damage == "other":
        pipe.set_params(allcnn__lr=1e-4)
        message = "belongs to a training with other"
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-2000])
    elif damage == "rows":
        torch.save({**torch.load(path, weights_only=True), "rows": [1, 2, 3]}, path)
    elif damage == "tensor":
        torch.save(torch.ones(3), path)
    elif damage == "text":
        path.write_text("nothing of the kind")
    else:
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=message):
        pipe.fit(X, y)


def test_a_checkpoint_that_cannot_be_written_is_told_at_once(noisy_samples, tmp_path):
    X, y, _ = noisy_samples
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="file"):
        quick(allcnn__checkpoint=tmp_path / "file" / "state").fit(X, y)
    with pytest.raises(OSError, match="is a folder"):
        quick(allcnn__checkpoint=tmp_path).fit(X, y)


def test_workers_change_nothing(noisy_samples):
    X, y, _ = noisy_samples
    augmenter = sq.PoissonNoise(20)
    alone = quick(allcnn__max_epochs=2, allcnn__augmenter=augmenter).fit(X, y)
    helped = clone(alone).set_params(allcnn__n_workers=2).fit(X, y)
    np.testing.assert_array_equal(helped.predict_proba(X), alone.predict_proba(X))


def test_the_trained_net_holds_no_patterns(noisy_samples):
    X, y, _ = noisy_samples
    small = len(pickle.dumps(quick(allcnn__max_epochs=1).fit(X, y)))
    X10, y10 = np.tile(X.values, (10, 1)), np.tile(y, 10)
    pipe = quick(allcnn__max_epochs=1, allcnn__early_stopping=True).fit(X10, y10)
    assert len(pickle.dumps(pipe)) < 1.2 * small


def test_long_epochs_of_few_patterns(noisy_samples):
    X, y, _ = noisy_samples
    pipe = quick(allcnn__max_epochs=2, allcnn__steps_per_epoch=9).fit(X, y)
    assert [row["train_batch_count"] for row in pipe[-1].net_.history] == [9, 9]


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
        ({"n_filters": (4, 4)}, "n_filters"),
        ({"n_filters": (4, 4, 4, 4, 0)}, "n_filters"),
        ({"n_linear": 6}, "n_linear"),
        ({"preset": "fashionable"}, "preset"),
        ({"schedule": "daily"}, "schedule"),
        ({"channels": ()}, "channels"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
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
