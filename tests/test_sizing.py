import json
import shutil
import zipfile

import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq


@pytest.fixture(scope="module")
def library():
    return sq.simulate_library(
        "PbS", diameters=[2.0, 3.0, 4.5], dispersions=[0.1], strains=[-0.001, 0.0, 0.001]
    )


@pytest.fixture(scope="module")
def sizer(library):
    """A sizer that knows three sizes, trained in a second."""
    X, y, _ = sq.library_samples(library)
    augmenter = sq.RandomExperiment(n_liquids=3, random_state=0)
    pipe = sq.make_sizing_pipeline(augmenter=augmenter, random_state=0)
    pipe.set_params(allcnn__n_filters=8, allcnn__max_epochs=80, allcnn__batch_size=9).fit(X, y)
    return sq.Sizer(pipe, name="three", simulation=library.attrs, training={"seed": 0})


@pytest.fixture
def saved(sizer, tmp_path):
    sizer.save(tmp_path / "sizer")
    return tmp_path / "sizer"


def one(library, diameter=3.0, q=None):
    pattern = library["intensity"].sel(diameter=diameter).isel(dispersion=0, strain=1)
    return pattern if q is None else pattern.interp(q=q)


def test_size_says_how_sure_it_is(library, sizer):
    result = sizer.size(one(library))
    assert result.diameter == 3.0
    assert result.runner_up in (2.0, 4.5)
    assert result.probability > result.runner_up_probability
    assert float(result.probabilities.sum()) == pytest.approx(1.0)
    np.testing.assert_allclose(result.probabilities["diameter"], [2.0, 3.0, 4.5])
    expected = float((result.probabilities * result.probabilities["diameter"]).sum())
    assert result.expected_diameter == pytest.approx(expected)
    assert result.q_range == pytest.approx((0.99, 14.998), abs=1e-3)
    assert result.model == "three"


def test_predict_takes_every_container(library, sizer):
    X, y, _ = sq.library_samples(library)
    predicted = sizer.predict(X)
    assert predicted.dtype.kind == "i"
    np.testing.assert_array_equal(predicted, y)
    np.testing.assert_array_equal(sizer.predict(list(X)), predicted)
    np.testing.assert_array_equal(sizer.predict(X.values), predicted)
    short = [one(library, d, np.linspace(1.2, 6.0, 900)) for d in (2.0, 4.5)]
    assert sizer.predict([*short, one(library)]).tolist() == [2000, 4500, 3000]
    assert sizer.predict_proba(short).shape == (2, 3)
    assert sizer.predict(one(library)).tolist() == [3000]


@pytest.mark.parametrize(
    ("q", "message"),
    [
        (np.linspace(5.0, 15.0, 500), "needs 1.8 to 4.2"),
        (np.linspace(1.0, 3.0, 500), "needs 1.8 to 4.2"),
        (np.linspace(1.0, 15.0, 30), "finer step"),
    ],
)
def test_range_and_step_are_required(library, sizer, q, message):
    with pytest.raises(sq.PatternError, match=message):
        sizer.size(one(library, q=q))
    with pytest.raises(sq.PatternError, match=message):
        sizer.predict([one(library, q=q)])


def test_size_takes_one_pattern(library, sizer):
    with pytest.raises(ValueError, match="one pattern"):
        sizer.size(sq.library_samples(library)[0])
    with pytest.raises(TypeError, match="DataArray"):
        sizer.size(np.ones(5004))


def test_save_and_load(library, sizer, saved):
    X, _, _ = sq.library_samples(library)
    loaded = sq.load_sizer(saved)
    np.testing.assert_allclose(loaded.predict_proba(X), sizer.predict_proba(X), atol=1e-6)
    assert loaded.required_range == sizer.required_range == (1.8, 4.2)
    assert (loaded.name, loaded.training) == ("three", {"seed": 0})
    assert loaded.simulation["crystal"] == "PbS"
    manifest = json.loads((saved / "manifest.json").read_text())
    assert manifest["format_version"] == 1
    assert manifest["versions"]["sk_qdots"]
    assert manifest["augmentation"]["class"] == "RandomExperiment"
    # A loaded sizer can be saved again.
    loaded.save(saved.parent / "again")
    np.testing.assert_array_equal(
        sq.load_sizer(saved.parent / "again").predict_proba(X), loaded.predict_proba(X)
    )


def test_save_overwrites_only_when_told(sizer, saved, tmp_path):
    with pytest.raises(sq.SizerError, match="overwrite=True"):
        sizer.save(saved)
    sizer.save(saved, overwrite=True)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("x")
    with pytest.raises(sq.SizerError, match="not a sizer"):
        sizer.save(tmp_path / "thesis", overwrite=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(sq.SizerError, match="not a sizer"):
        sizer.save(tmp_path / "file", overwrite=True)


def edit(change):
    def apply(folder):
        path = folder / "manifest.json"
        manifest = json.loads(path.read_text())
        change(manifest)
        path.write_text(json.dumps(manifest))

    return apply


def replace_weights(change):
    """Change the arrays and the digest that vouches for them."""

    def apply(folder):
        import hashlib

        path = folder / "weights.npz"
        with np.load(path) as loaded:
            arrays = dict(loaded)
        change(arrays)
        np.savez(path, **arrays)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        edit(lambda m: m.update(weights_sha256=digest))(folder)

    return apply


class Hostile:
    """Would run code if its pickle were opened."""

    def __reduce__(self):
        return eval, ("1 / 0",)


def hostile_pickle(arrays):
    arrays["classes"] = np.array([Hostile()], dtype=object)


def bomb(folder):
    import hashlib

    path = folder / "weights.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("classes.npy", b"\0" * (80 * 2**20))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit(lambda m: m.update(weights_sha256=digest))(folder)


DAMAGE = {
    "no manifest": lambda f: (f / "manifest.json").unlink(),
    "no weights": lambda f: (f / "weights.npz").unlink(),
    "manifest is not JSON": lambda f: (f / "manifest.json").write_text("{"),
    "manifest is binary": lambda f: (f / "manifest.json").write_bytes(b"\xff\xfe\x00"),
    "manifest is a list": lambda f: (f / "manifest.json").write_text("[]"),
    "manifest is deep": lambda f: (f / "manifest.json").write_text("[" * 200_000),
    "manifest is huge": lambda f: (f / "manifest.json").write_text(" " * 2**21),
    "weights cut short": lambda f: (f / "weights.npz").write_bytes(
        (f / "weights.npz").read_bytes()[:1000]
    ),
    "newer format": edit(lambda m: m.update(format_version=99)),
    "other program": edit(lambda m: m.update(format="cookbook")),
    "missing key": edit(lambda m: m.pop("classifier")),
    "wrong type": edit(lambda m: m.update(standardizer=3)),
    "huge grid": edit(lambda m: m["standardizer"].update(n_points=10**12)),
    "wrong kernel": edit(lambda m: m["classifier"].update(kernel_sizes=[7, 5, 4, 3, 2])),
    "zero scale": edit(lambda m: m.update(scale=[0.0, 1.0])),
    "bad range": edit(lambda m: m.update(required_range=[4.0, 1.0])),
    "pickle": replace_weights(hostile_pickle),
    "NaN weights": replace_weights(lambda a: a.update(bias0=a["bias0"] * np.nan)),
    "missing array": replace_weights(lambda a: a.pop("mean")),
    "unsorted classes": replace_weights(lambda a: a.update(classes=a["classes"][::-1])),
    "zip bomb": bomb,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_sizers_are_refused(saved, kind):
    DAMAGE[kind](saved)
    with pytest.raises(sq.SizerError, match="sizer"):
        sq.load_sizer(saved)


def test_unknown_sizer_lists_the_shipped():
    with pytest.raises(sq.SizerError, match="shipped: PbS"):
        sq.load_sizer("Unobtainium")


def test_sizer_needs_a_fitted_sizing_pipeline():
    with pytest.raises(ValueError, match="not fitted"):
        sq.Sizer(sq.make_sizing_pipeline())
    from sklearn.pipeline import make_pipeline

    with pytest.raises(ValueError, match="make_sizing_pipeline"):
        sq.Sizer(make_pipeline(sq.QStandardizer()))


def test_shipped_sizer_is_described(tmp_path):
    sizer = sq.load_sizer("PbS")
    assert sizer.classes_.tolist() == list(range(2000, 10001, 500))
    assert sizer.training["scores"]["dry"]["accuracy"] > 0.95
    # It works from a folder that nobody may write to.
    from sk_qdots._sizer_files import shipped_sizers

    copy = tmp_path / "copy"
    shutil.copytree(shipped_sizers()["PbS"], copy)
    copy.chmod(0o500)
    assert sq.load_sizer(copy).name == "PbS"
    copy.chmod(0o700)


def test_shipped_sizer_on_fresh_patterns():
    """A quick look at each size, dry and diluted, with a liquid of its own."""
    rng = np.random.default_rng(7)
    library = sq.simulate_library(
        "PbS", diameters=[2.5, 4.0, 6.0, 9.0], dispersions=[0.12], strains=[0.0011]
    )
    X, y, _ = sq.library_samples(library)
    for fraction in (1.0, 0.4):
        mixed = sq.SolventMixer(qd_fraction=fraction).fit_transform(X)
        noisy = sq.PoissonNoise(snr=46, random_state=int(rng.integers(1000))).fit_transform(mixed)
        predicted = sq.load_sizer("PbS").predict(noisy)
        assert np.abs(predicted - y).max() <= 500


def test_bare_array_of_another_length_is_refused():
    with pytest.raises(ValueError, match="5004"):
        sq.load_sizer("PbS").predict(np.ones((1, 700)))


def test_pattern_without_an_axis_is_refused():
    with pytest.raises(ValueError, match="no axis"):
        sq.load_sizer("PbS").size(xr.DataArray(np.ones(5004), dims="x"))
