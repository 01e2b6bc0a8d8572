"""Which files a path stands for, and when they say that they were measured."""

import h5py
import numpy as np
import pattern_files as files
import pytest

import sk_qdots as sq
from sk_qdots.io import pattern_files

X = np.arange(10.0, 60.0, 0.05)
Y = np.round(100.0 + 900.0 * np.exp(-((X - 30.0) ** 2)))


def names(found):
    return [path.rpartition("/")[2] for path in found]


def test_a_folder_is_its_measured_files_in_the_order_of_their_numbers(tmp_path):
    for name in ("a10.xy", "a2.xy", "A1.XYE", "notes.md", "p.png", ".hidden.xy", "b.chi"):
        (tmp_path / name).touch()
    (tmp_path / "below.xy").mkdir()
    assert names(pattern_files(tmp_path)) == ["A1.XYE", "a2.xy", "a10.xy", "b.chi"]


def test_globs_are_expanded(tmp_path):
    (tmp_path / "below").mkdir()
    for name in ("a[1].xy", "a1.xy", "b2.xy", "below/c.xy"):
        (tmp_path / name).touch()
    assert names(pattern_files(f"{tmp_path}/*.xy")) == ["a1.xy", "a[1].xy", "b2.xy"]
    assert names(pattern_files(f"{tmp_path}/a[1].xy")) == ["a[1].xy"]  # which exists
    assert names(pattern_files(f"{tmp_path}/**/c.xy")) == ["c.xy"]
    assert pattern_files("nowhere.xy") == ["nowhere.xy"]  # whose reading says what is wrong


def test_what_stands_for_nothing(tmp_path):
    (tmp_path / "notes.md").touch()
    with pytest.raises(ValueError, match="holds no file that ends as measurements do"):
        pattern_files(tmp_path)
    with pytest.raises(ValueError, match="no file matches"):
        pattern_files(tmp_path / "*.xy")


def timed(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    given = {"wavelength": 1.5406} if name.endswith("nxs") else {}
    return sq.read_pattern(tmp_path / name, **given).attrs.get("time")


def test_files_say_when_they_were_measured(tmp_path):
    xrdml = files.xrdml(X, Y, None, None)
    assert timed(tmp_path, "a.xrdml", xrdml) == "2024-05-01T08:00:00"  # an offset of two hours
    damaged = xrdml.replace(b"2024-05-01T10", b"yesterday at ten")
    assert timed(tmp_path, "b.xrdml", damaged) is None
    placeholder = xrdml.replace(b"2024-05-01T10", b"0001-01-01T00")
    assert timed(tmp_path, "c.xrdml", placeholder) is None
    ras = files.ras(X, Y, None, None)
    start = b'*RAS_HEADER_START\n*MEAS_SCAN_START_TIME "04/16/19 13:49:44"'
    said = ras.replace(b"*RAS_HEADER_START", start)
    assert said != ras and timed(tmp_path, "a.ras", said) == "2019-04-16T13:49:44"
    assert timed(tmp_path, "a.xy", files.columns(X, Y, header="# 2theta, wavelength 1.5\n")) is None


@pytest.mark.parametrize("name", ["start_time", "end_time"])
def test_nexus_says_when(tmp_path, name):
    with h5py.File(tmp_path / "new.nxs", "w") as file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs.update(NX_class="NXentry", default="data")
        entry[name] = "2026-03-01T12:00:00.5+01:00"
        data = entry.create_group("data")
        data.attrs.update(NX_class="NXdata", signal="I", axes=["two_theta"])
        data["I"] = Y
        data["two_theta"] = X
        data["two_theta"].attrs["units"] = "deg"
    content = (tmp_path / "new.nxs").read_bytes()
    assert timed(tmp_path, "a.nxs", content) == "2026-03-01T11:00:00.500000"
