"""Series: a Dataset over frames, its files, and what is smoothed over time."""

import csv
import os
import sys

import h5py
import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.sizing import smoothed, write_series
from sk_qdots.sizing.frames import Frame
from sk_qdots.sizing.series_data import Clock
from sk_qdots.sizing.series_files import is_series_file

DIAMETERS = (3.0, 3.5, 4.0, 4.5)


@pytest.fixture(scope="module")
def patterns():
    library = sq.simulate_library("PbS", diameters=DIAMETERS, dispersions=[0.1], strains=[0.0])
    return sq.library_samples(library)[0]


@pytest.fixture(scope="module")
def sizer():
    return sq.load_sizer("PbS")


@pytest.fixture(scope="module")
def series(patterns, sizer):
    """Four frames, of which the second holds nothing."""
    frames = patterns.copy()
    frames[1] = 0.0
    return sq.size_series(frames, sizer, engine="network", per_frame=60.0)


@pytest.fixture
def files(patterns, tmp_path):
    for k, pattern in enumerate(patterns):
        table = np.column_stack([pattern["q"], pattern])
        np.savetxt(tmp_path / f"f{k}.xy", table, header="Q (1/Angstrom) intensity")
        os.utime(tmp_path / f"f{k}.xy", (1e9 + 10 * k, 1e9 + 10 * k))
    return tmp_path


def test_a_series_has_every_field_of_the_answers(series, patterns, sizer):
    answer = sizer.size(patterns[2], engine="network")
    frame = series.isel(frame=2)
    for name in ("number_diameter", "volume_diameter", "surface_diameter", "dispersion", "strain"):
        assert float(frame[name]) == pytest.approx(getattr(answer, name), rel=1e-5), name
        known_as = "diameter" if name == "number_diameter" else name
        deviation = answer.uncertainties[known_as]
        assert float(frame[f"{name}_std"]) == pytest.approx(deviation, rel=1e-4), name
        unit = "nm" if name.endswith("diameter") else "1"
        assert series[name].attrs["units"] == series[f"{name}_std"].attrs["units"] == unit
    for ends, name in ((answer.interval, "interval"), (answer.volume_interval, "volume_interval")):
        told = [float(frame[f"{name}_{end}"]) for end in ("low", "high")]
        assert told == pytest.approx(ends, rel=1e-5)
    assert float(frame["agreement"]) == pytest.approx(answer.agreement, rel=1e-4)
    assert frame["verdict"] == "ok" and frame["engine"] == answer.engine
    chances = frame["probabilities"]
    assert float(chances.sum()) == pytest.approx(1.0) and chances.idxmax("size") == answer.diameter
    alone = frame["engine_number_diameter"].sel(engine_name=answer.engine)
    assert float(alone) == pytest.approx(answer.number_diameter, rel=1e-5)
    assert series["time"].values.tolist() == [0.0, 60.0, 120.0, 180.0]
    assert series["time"].attrs["units"] == "s" and series.attrs["coverage"] == 0.9
    assert "width" not in series and '"PbS"' in series.attrs["sizers"]


def test_a_refused_frame_keeps_its_place(series):
    assert series["verdict"].values.tolist() == ["ok", "refused", "ok", "ok"]
    assert "no measured point is above zero" in str(series["reasons"].values[1])
    refused = series.isel(frame=1)
    numbers = [n for n, a in series.data_vars.items() if a.dtype.kind == "f" and n != "pattern"]
    assert all(np.isnan(refused[name]).all() for name in numbers)
    known = series["number_diameter"].values[[0, 2, 3]]
    np.testing.assert_allclose(known, [3.0, 4.0, 4.5], atol=0.1)


def test_patterns_are_kept_in_even_steps(series, patterns):
    kept = series["pattern"].isel(frame=2).dropna("q")
    np.testing.assert_allclose(np.diff(kept["q"]), 0.02, atol=1e-9)
    around = patterns[2].groupby_bins("q", np.append(kept["q"] - 0.01, kept["q"][-1] + 0.01))
    np.testing.assert_allclose(kept[5:-5], around.mean().values[5:-5], rtol=0.05)


def test_bad_files_spoil_nothing_and_processes_change_nothing(files, sizer):
    (files / "f1.xy").write_text("not a pattern")
    (files / "f2.xy").unlink()
    asked = [files / f"f{k}.xy" for k in range(4)]
    one, two = (sq.size_series(asked, sizer, engine="network", n_jobs=n) for n in (None, 2))
    xr.testing.assert_identical(one, two)
    assert one["verdict"].values.tolist() == ["ok", "refused", "refused", "ok"]
    assert "no such file" in str(one["reasons"].values[2])
    assert one["file"].values.tolist() == [str(file) for file in asked]
    assert np.isnat(one["time"].values[2])


def test_a_fitting_sizer_answers_alike_in_other_processes(patterns, tmp_path, monkeypatch):
    monkeypatch.setenv("SK_QDOTS_CACHE", str(tmp_path))
    rng = np.random.default_rng(0)
    coarse = patterns[:3, 200:1500:4]
    counts = coarse.copy(data=rng.poisson(500.0 * coarse / coarse.mean()).astype(float))
    made = sq.make_sizer("PbS", diameters=(2.5, 5.5))
    one, two = (sq.size_series(counts, made, n_jobs=n) for n in (None, 2))
    xr.testing.assert_identical(one, two)
    assert (
        np.isfinite(one["r_wp"]).all() and np.isfinite(one["fit_std"].sel(parameter="strain")).all()
    )
    assert float(one["amount"].sel(part="dots")[0]) == pytest.approx(1.0, abs=0.2)
    low, high = one["interval_low"], one["interval_high"]
    assert ((low < one["number_diameter"]) & (one["number_diameter"] < high)).all()


def test_dates_of_files_tell_the_time(files, sizer):
    series = sq.size_series(files, sizer, engine="network")
    assert series["time"].attrs["clock"] == "dates of the files"
    seconds = (series["time"] - series["time"][0]) / np.timedelta64(1, "s")
    np.testing.assert_allclose(seconds, [0, 10, 20, 30])
    alike = sq.size_series(f"{files}/f[0-3].xy", sizer, engine="network")
    assert alike["file"].values.tolist() == series["file"].values.tolist()


def frames(*times, readable=True):
    curve = (0, np.ones(3, dtype=np.float32))
    return [Frame("f", time=t, modified=1e9, curve=curve if t or readable else None) for t in times]


def test_what_files_say_counts_where_all_say_it():
    stated = "2026-01-01T00:00:00"
    times, about = Clock().times(frames(stated, "", readable=False))
    assert about["clock"] == "the files" and str(times[0])[:19] == stated and np.isnat(times[1])
    times, about = Clock().times(frames(stated, ""))
    assert about["clock"] == "dates of the files" and times[0] == times[1]
    moments = np.array(["2026-01-01", "2026-01-02"], dtype="M8[D]")
    times, about = Clock.checked(moments, None, 2).times(frames(stated, ""))
    assert about["clock"] == "given" and times[1] == moments[1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"time": [0.0, 1.0], "per_frame": 1.0}, "give one of them"),
        ({"time": [0.0]}, "one for each of 4 frames"),
        ({"time": ["now"] * 4}, "datetime64, or numbers"),
        ({"per_frame": -1.0}, "above zero"),
        ({"engine": "posteriors"}, "must be 'both'"),
        ({"coverage": 90.0}, "between 0 and 1"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(patterns, sizer, given, message):
    with pytest.raises(ValueError, match=message):
        sq.size_series(patterns, sizer, **given)


def test_no_series(sizer, tmp_path):
    with pytest.raises(ValueError, match="no pattern to size"):
        sq.size_series([], sizer)
    with pytest.raises(ValueError, match="holds no file"):
        sq.size_series(tmp_path, sizer)
    with pytest.raises(TypeError, match="an item of the series is a int"):
        sq.size_series([1], sizer)


def test_a_series_of_refusals(sizer, tmp_path):
    series = sq.size_series([tmp_path / "a.xy", tmp_path / "b.xy"], sizer, engine="network")
    assert set(series["verdict"].values) == {"refused"}
    assert np.isnan(series["volume_diameter"]).all() and np.isnat(series["time"]).all()
    for ending in ("csv", "nc", "nxs"):
        write_series(series, tmp_path / f"a.{ending}")


def test_csv(series, tmp_path):
    write_series(series, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["verdict"] for row in rows] == series["verdict"].values.tolist()
    assert rows[1]["number_diameter_nm"] == "" and "above zero" in rows[1]["reasons"]
    for name, column in (("volume_interval_low", "volume_interval_low_nm"), ("strain",) * 2):
        told = [float(row[column]) for row in (rows[0], rows[3])]
        np.testing.assert_allclose(told, series[name].values[[0, 3]], rtol=1e-6)
    assert [float(row["time_s"]) for row in rows] == [0, 60, 120, 180]


def test_netcdf_comes_back(series, tmp_path):
    for k, moments in enumerate((None, np.datetime64("2026-01-01") + np.arange(4))):
        written = series if moments is None else series.assign_coords(time=("frame", moments))
        write_series(written, tmp_path / f"{k}.nc")
        with xr.open_dataset(tmp_path / f"{k}.nc") as read:
            read.load()
        for name, array in written.variables.items():
            assert read[name].attrs == array.attrs
            if array.dtype.kind == "f":
                np.testing.assert_array_equal(read[name].values, array.values)
            else:
                assert read[name].values.tolist() == array.values.astype(read[name].dtype).tolist()
        assert read.attrs == written.attrs


def test_nexus_has_a_default_plot(series, tmp_path):
    moments = np.datetime64("2026-01-01T10:00:00") + 30 * np.arange(4)
    write_series(series.assign_coords(time=("frame", moments)), tmp_path / "a.nxs")
    with h5py.File(tmp_path / "a.nxs") as file:
        assert file.attrs["NX_class"] == "NXroot"
        entry = file[file.attrs["default"]]
        assert entry.attrs["NX_class"] == "NXentry"
        sizes = entry[entry.attrs["default"]]
        assert sizes.attrs["NX_class"] == "NXdata" and list(sizes.attrs["axes"]) == ["time"]
        signal = sizes.attrs["signal"]
        np.testing.assert_array_equal(sizes[signal], series["volume_diameter"])
        np.testing.assert_array_equal(sizes[f"{signal}_errors"], series["volume_diameter_std"])
        assert sizes[signal].attrs["units"] == "nm"
        for name in sizes.attrs["auxiliary_signals"]:
            assert sizes[name].shape == sizes[f"{name}_errors"].shape == (4,)
        assert sizes["time"][()].tolist() == [0, 30, 60, 90]
        assert sizes["time"].attrs["start"].startswith("2026-01-01T10:00:00")
        assert entry["answers/verdict"].asstr()[()].tolist() == series["verdict"].values.tolist()
        patterns = entry["patterns"]
        assert patterns["intensity"].shape == (4, len(patterns["q"]))
        assert list(patterns.attrs["axes"]) == ["time", "q"]


def test_files_that_cannot_be(series, tmp_path):
    with pytest.raises(ValueError, match=r"\.csv, \.nc, \.nxs"):
        write_series(series, tmp_path / "a.xlsx")
    with pytest.raises(OSError):
        write_series(series, tmp_path / "nowhere" / "a.csv")
    (tmp_path / "a.csv").write_text("q,intensity\n")
    assert not is_series_file(tmp_path / "a.csv") and not is_series_file(tmp_path / "none.csv")
    for ending in ("csv", "nc", "nxs"):
        write_series(series, tmp_path / f"a.{ending}")
        assert is_series_file(tmp_path / f"a.{ending}")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.csv", "a.nc", "a.nxs"]


def walk(n=100, step=0.02, seed=0, missing=()):
    rng = np.random.default_rng(seed)
    true = 4.0 + np.cumsum(rng.normal(0.0, step, n))
    errors = rng.uniform(0.03, 0.1, n)
    seen = true + rng.normal(0.0, errors)
    seen[list(missing)] = np.nan
    about = {"units": "nm"}
    made = {"volume_diameter": ("frame", seen, about), "volume_diameter_std": ("frame", errors)}
    return true, xr.Dataset(made, coords={"time": ("frame", 30.0 * np.arange(n))})


def test_smoothing_brings_its_errors():
    pytest.importorskip("statsmodels")
    pulls = []
    for seed in range(5):
        true, seen = walk(seed=seed, missing=range(40, 50))
        smooth = smoothed(seen)
        assert smooth.drop_vars(
            ["volume_diameter_smoothed", "volume_diameter_smoothed_std"]
        ).equals(seen)
        errors = smooth["volume_diameter_smoothed_std"].values
        assert errors[45] > 1.1 * errors[20] and np.isfinite(errors).all()
        assert errors.mean() < 0.5 * np.nanmean(seen["volume_diameter_std"])
        pulls.append((smooth["volume_diameter_smoothed"].values - true) / errors)
    assert 0.75 < np.mean(np.abs(pulls) < 1.645) < 0.98
    assert smooth["volume_diameter_smoothed"].attrs["units"] == "nm"


def test_what_does_not_change_is_its_mean():
    pytest.importorskip("statsmodels")
    _, seen = walk(step=0.0)
    errors = seen["volume_diameter_std"].values
    mean = np.average(seen["volume_diameter"], weights=errors**-2)
    smooth = smoothed(seen)
    alone = np.sum(errors**-2) ** -0.5
    np.testing.assert_allclose(smooth["volume_diameter_smoothed"], mean, atol=1.5 * alone)
    assert (smooth["volume_diameter_smoothed_std"] > 0.99 * alone).all()
    assert (smooth["volume_diameter_smoothed_std"] < 2.5 * alone).all()


def test_what_cannot_be_smoothed(series, monkeypatch):
    with pytest.raises(ValueError, match="has no 'width' with a deviation; it has number_diameter"):
        smoothed(series, "width")
    with pytest.raises(ValueError, match="2 frames have a volume_diameter"):
        smoothed(series.isel(frame=[0, 1, 2]))
    monkeypatch.setitem(sys.modules, "statsmodels.tsa.statespace.mlemodel", None)
    with pytest.raises(ImportError, match=r"pip install \"sk_qdots\[series\]\""):
        smoothed(series)


def odd(q=None, **attrs):
    values = np.linspace(1.2, 9.0, 900) if q is None else q
    return xr.DataArray(np.ones(len(values)), dims="q", coords={"q": values}, attrs=attrs)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (odd(1e10 * np.linspace(1.2, 9.0, 900)), "grid"),
        (odd(np.linspace(9.0, 1.2, 900)), "ascending"),
        (odd(np.r_[np.nan, np.linspace(1.2, 9.0, 900)]), "ascending"),
        (odd(wavelength="0.56 A"), "must be in Angstrom"),
        (odd(wavelength=[0.5, 0.6]), "must be in Angstrom"),
    ],
)
@pytest.mark.parametrize("engine", ["network", "both"])
def test_an_odd_pattern_is_refused_and_the_others_are_sized(pattern, reason, engine):
    library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0])
    good = sq.library_samples(library)[0][0].assign_attrs(wavelength=np.array([0.56]))
    sized, refused = sq.load_sizer("PbS").size_many([good, pattern], engine=engine)
    assert sized.diameter == 4.0
    assert isinstance(refused, sq.PatternError) and reason in refused.reason
