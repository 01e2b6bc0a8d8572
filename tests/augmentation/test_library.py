import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq


def area(rows, q):
    return np.trapezoid(rows, q, axis=-1)


def samples(library):
    return sq.library_samples(library)


def test_augment_library_mixes_the_solvent(small_library):
    mixed = sq.augment_library(
        small_library, solvents=["hexane"], qd_fractions=[0.2], snr=[1e5], random_state=0
    )
    X, _, _ = samples(mixed)
    q = X["q"].values
    dots = small_library["intensity"].values.reshape(9, -1).astype(float)
    dots *= 1000.0 / area(dots, q)[:, None]
    solvent = np.interp(q, sq.load_solvent("hexane")["q"], sq.load_solvent("hexane"))
    expected = 0.2 * dots + 0.8 * 1000.0 * solvent / area(solvent, q)
    np.testing.assert_allclose(X.values, expected, rtol=2e-3)


def test_augment_library_is_the_full_factorial(small_library):
    augmented = sq.augment_library(
        small_library, solvents=["hexane"], qd_fractions=[0.3, 1.0], snr=[14, 122], random_state=0
    )
    assert dict(augmented.sizes) == {
        "diameter": 3, "dispersion": 1, "strain": 3, "solvent": 1, "qd_fraction": 2, "snr": 2,
        "q": 400,
    }  # fmt: skip
    X, y, groups = samples(augmented)
    assert X.dims == ("sample", "q")
    assert set(y) == {2000, 3000, 4500} and y.dtype.kind == "i"
    assert len(np.unique(groups)) == 9
    for group in np.unique(groups):
        assert len(set(y[groups == group])) == 1
        assert (groups == group).sum() == 4
    np.testing.assert_allclose(area(X.values, X["q"].values), 1000.0, rtol=0.05)
    for level in (14, 122):
        dry = X[((X["qd_fraction"] == 1.0) & (X["snr"] == level)).values].values
        clean = small_library["intensity"].values.reshape(9, -1).astype(float)
        clean *= 1000.0 / area(clean, X["q"].values)[:, None]
        k = level**2 / clean.mean(axis=1, keepdims=True)
        deviation = (dry - clean) * np.sqrt(k / clean)
        assert deviation.std() == pytest.approx(1.0, rel=0.05)


def test_augment_library_reproduces(small_library):
    one, two, other = (
        sq.augment_library(small_library, snr=[46], random_state=s) for s in (0, 0, 1)
    )
    assert one.identical(two)
    assert not one.equals(other)
    # A part of the library gets the same noise as in the whole.
    part = sq.augment_library(small_library.isel(diameter=[1]), snr=[46], random_state=0)
    np.testing.assert_array_equal(part["intensity"], one["intensity"].isel(diameter=[1]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"qd_fractions": [0.0]}, "qd_fractions holds 0;"),
        ({"qd_fractions": [15]}, "qd_fractions holds 15"),
        ({"snr": [0]}, "snr holds 0"),
        ({"solvents": ["vodka"]}, "known: .*toluene"),
        ({"qd_fractions": []}, "qd_fractions is empty"),
        ({"snr": [46, 46]}, "snr holds a value twice"),
        ({"snr": [np.nan]}, "snr holds nan"),
        ({"snr": [1e170]}, "snr holds 1e.170"),
        ({"snr": ["a"]}, "sequence of numbers"),
        ({"snr": [[14, 24]]}, "2 dimensions"),
        ({"solvents": []}, "solvents is empty"),
        ({"path": "here.txt"}, "must end in .nc"),
        ({"solvents": ["hexane", "hexane"]}, "different names"),
        ({"solvents": [sq.load_solvent("hexane").rename(None)]}, "no name"),
    ],
)
def test_bad_augmentation(small_library, arguments, message):
    with pytest.raises(ValueError, match=message):
        sq.augment_library(small_library, **arguments)


def test_a_broken_library_is_refused(small_library):
    intensity = small_library["intensity"]
    for factor, message in ((np.inf, "infinite"), (-1.0, "negative"), (0.0, "without any")):
        broken = small_library.assign(intensity=xr.where(intensity["q"] > 0, factor, intensity))
        broken["intensity"] = broken["intensity"].broadcast_like(intensity)
        with pytest.raises(ValueError, match=message):
            sq.augment_library(broken)
    with pytest.raises(ValueError, match="ascending"):
        sq.augment_library(small_library.isel(q=slice(None, None, -1)))


def test_the_library_s_facts_are_kept(small_library):
    augmented = sq.augment_library(small_library, snr=[46], random_state=0)
    xr.testing.assert_identical(augmented["mean_diameter"], small_library["mean_diameter"])
    assert augmented.attrs["wavelength"] == small_library.attrs["wavelength"]


def test_augmenting_twice_is_refused(small_library):
    augmented = sq.augment_library(small_library, solvents="hexane", snr=[46], random_state=0)
    with pytest.raises(ValueError, match="augmented already"):
        sq.augment_library(augmented)


def test_library_samples_needs_a_library():
    with pytest.raises(ValueError, match="diameter and q"):
        sq.library_samples(xr.Dataset())


def test_a_zarr_store_is_the_same_library(small_library, tmp_path):
    arguments = {"solvents": ["hexane"], "qd_fractions": [0.3, 1.0], "snr": [46], "random_state": 0}
    memory = sq.augment_library(small_library, **arguments)
    stored = sq.augment_library(small_library, **arguments, path=tmp_path / "a.zarr")
    assert not stored["intensity"].variable._in_memory
    xr.testing.assert_equal(memory, stored)
    sq.augment_library(small_library, **arguments, path=tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as read:
        xr.testing.assert_equal(memory, read)
    X, _, _ = samples(stored)
    np.testing.assert_array_equal(X, samples(memory)[0])
    other = {**arguments, "random_state": 1}
    with pytest.raises(ValueError, match="holds another library"):
        sq.augment_library(small_library, **other, path=tmp_path / "a.zarr")


def test_an_interrupted_store_is_finished(small_library, tmp_path, monkeypatch):
    from sk_qdots.augmentation import _library

    arguments = {"solvents": ["hexane"], "qd_fractions": [0.3], "snr": [46], "random_state": 0}
    whole = sq.augment_library(small_library, **arguments)
    factorial, calls = _library._factorial, []

    def interrupted(*given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return factorial(*given)

    monkeypatch.setattr(_library, "_factorial", interrupted)
    path = tmp_path / "a.zarr"
    with pytest.raises(KeyboardInterrupt):
        sq.augment_library(small_library, **arguments, path=path)
    assert path.with_name("a.zarr.progress").exists()
    monkeypatch.setattr(_library, "_factorial", factorial)
    finished = sq.augment_library(small_library, **arguments, path=path)
    xr.testing.assert_equal(whole, finished)
    assert not path.with_name("a.zarr.progress").exists()


def test_a_store_needs_a_seed(small_library, tmp_path):
    with pytest.raises(ValueError, match="integer random_state"):
        sq.augment_library(small_library, path=tmp_path / "a.zarr")


def test_threads_change_nothing(small_library):
    arguments = {"snr": [46], "random_state": 0}
    one, two = (sq.augment_library(small_library, **arguments, n_jobs=n) for n in (1, 2))
    assert one.identical(two)


def test_a_library_from_a_file_is_augmented_alike(small_library, tmp_path):
    small_library.to_netcdf(tmp_path / "library.nc", engine="h5netcdf")
    arguments = {"snr": [46], "random_state": 0}
    with xr.open_dataset(tmp_path / "library.nc", engine="h5netcdf") as read:
        from_file = sq.augment_library(read, **arguments, path=tmp_path / "a.zarr")
    xr.testing.assert_equal(from_file, sq.augment_library(small_library, **arguments))
    # One list of one number is a number in netCDF: the same library all the same.
    sq.augment_library(small_library, **arguments, path=tmp_path / "a.zarr")


def test_another_library_does_not_go_on_in_a_store(small_library, tmp_path):
    arguments = {"snr": [46], "random_state": 0, "path": tmp_path / "a.zarr"}
    sq.augment_library(small_library, **arguments)
    changed = small_library.assign(intensity=small_library["intensity"] + 1.0)
    with pytest.raises(ValueError, match="other library"):
        sq.augment_library(changed, **arguments)
