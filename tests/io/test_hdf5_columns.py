"""HDF5 without a default: the caller names the datasets, and messages say which there are."""

from pathlib import Path

import h5py
import numpy as np
import pattern_files as files
import pytest
import table_files as tables
from table_files import datasets

import sk_qdots as sq

X = np.linspace(5.0, 60.0, 551)
COUNTS = np.round(1460 + 300 * np.sin(X))
ESD = np.sqrt(COUNTS)


def write(tmp_path, content, name="a.h5"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.fixture
def beamline(tmp_path):
    return write(tmp_path, tables.beamline(X, COUNTS, ESD, 0.5))


def test_frames_are_scans(beamline):
    pattern = sq.read_pattern(beamline, columns=("2th", "I", "sigma"), scan=2)
    np.testing.assert_allclose(pattern, 3 * COUNTS)
    np.testing.assert_allclose(pattern["two_theta"], X)
    np.testing.assert_allclose(pattern["esd"], ESD)
    assert pattern.attrs["wavelength"] == pytest.approx(0.5, rel=1e-9)
    assert pattern.attrs["wavelength_label"] == "as /poni_file says"
    assert pattern.attrs["columns"] == "/2th, /I, /sigma"
    assert pattern.attrs["format"] == "HDF5"


def test_frames_have_to_be_chosen(beamline):
    with pytest.raises(sq.PatternError, match="holds 3 scans"):
        sq.read_pattern(beamline, columns=("2th", "I"))
    summed = sq.read_pattern(beamline, columns=("2th", "I"), scan="sum")
    np.testing.assert_allclose(summed, 6 * COUNTS)


def test_one_of_five_hundred_frames(tmp_path):
    path = write(tmp_path, tables.beamline(X, COUNTS, ESD, 0.5, frames=500))
    pattern = sq.read_pattern(path, columns=("2th", "I"), scan=499)
    np.testing.assert_allclose(pattern, 500 * COUNTS)


def test_without_columns_the_message_lists_them(beamline):
    with pytest.raises(
        sq.PatternError,
        match=r"columns=\('/2th', '/I'\) \(3 patterns of 551 points\): say which \(--columns",
    ):
        sq.read_pattern(beamline)


def test_paths_names_and_errors_beside(tmp_path):
    content = datasets(
        scan1__result__tth=(X, "deg"),
        scan1__result__counts=COUNTS,
        scan1__result__counts_errors=ESD,
        scan2__result__counts=2 * COUNTS,
    )
    path = write(tmp_path, content)
    options = {"wavelength": 0.5}
    for columns in (("scan1/result/tth", "/scan1/result/counts"), ("tth", "scan1/result/counts")):
        pattern = sq.read_pattern(path, columns=columns, **options)
        np.testing.assert_allclose(pattern, COUNTS)
        np.testing.assert_allclose(pattern["esd"], ESD)
    pattern = sq.read_pattern(path, columns=("tth", "scan2/result/counts"), **options)
    np.testing.assert_allclose(pattern, 2 * COUNTS)
    with pytest.raises(sq.PatternError, match="2 datasets are called 'counts': say /scan1/result"):
        sq.read_pattern(path, columns=("tth", "counts"), **options)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (("2th", "J"), r"no dataset 'J'.*it could be columns=\('/2th', '/I'\)"),
        ((0, 1), r"no dataset 0; in HDF5 the columns are the paths"),
        (("poni_file", "I"), "is one number|holds no numbers"),
        (("2th", "polarization_factor"), "is one number, no column"),
        (("I", "I2"), "no dataset 'I2'"),
        (("2th", "I", "2th"), "must name two or three different columns"),
    ],
)
def test_datasets_that_are_no_columns(beamline, columns, reason):
    with pytest.raises(sq.PatternError, match=reason) as caught:
        sq.read_pattern(beamline, columns=columns)
    assert "\n" not in caught.value.reason


def test_shapes_that_do_not_fit(tmp_path):
    path = write(tmp_path, datasets(tth=X, counts=COUNTS[:-5], few=ESD[:20]))
    with pytest.raises(sq.PatternError, match=r"/counts has shape \(546,\) and /tth \(551,\)"):
        sq.read_pattern(path, columns=("tth", "counts"), wavelength=0.5)
    path = write(tmp_path, datasets(tth=X, counts=COUNTS, few=ESD[:20]))
    with pytest.raises(sq.PatternError, match="expected a standard deviation for each"):
        sq.read_pattern(path, columns=("tth", "counts", "few"), wavelength=0.5)


def test_frames_down_the_columns_and_edges_of_bins(tmp_path):
    frames = np.stack([COUNTS, 2 * COUNTS])
    step = X[1] - X[0]
    edges = np.append(X - step / 2, X[-1] + step / 2)
    path = write(tmp_path, datasets(tth=edges, I=frames.T))
    pattern = sq.read_pattern(path, columns=("tth", "I"), scan=1, wavelength=0.5)
    np.testing.assert_allclose(pattern, 2 * COUNTS)
    np.testing.assert_allclose(pattern["two_theta"], X)


@pytest.mark.parametrize(
    ("name", "value", "units", "expected"),
    [
        ("lambda", 0.05, "nm", 0.5),
        ("Lambda", 0.5, "A", 0.5),
        ("incident_wavelength", 0.5, "angstrom", 0.5),
        ("wavelength", 5e-11, None, 0.5),  # metres, as it can be nothing else
        ("incident_energy", 24.8, "keV", 12.398419843 / 24.8),
        ("photon_energy", 24800.0, "eV", 12.398419843 / 24.8),
        ("wavelength", 0.5, None, None),
        ("photon_energy", 24.8, None, None),
    ],
)
def test_names_of_the_wavelength(tmp_path, name, value, units, expected):
    beam = {f"entry__monochromator__{name}": (value, units)}
    path = write(tmp_path, datasets(entry__tth=(X, "deg"), entry__I=COUNTS, **beam))
    columns = ("entry/tth", "entry/I")
    if expected is None:
        with pytest.raises(sq.PatternError, match=f"{name} = {value:g}, without a unit"):
            sq.read_pattern(path, columns=columns)
        return
    pattern = sq.read_pattern(path, columns=columns)
    assert pattern.attrs["wavelength"] == pytest.approx(expected, rel=1e-6)


def test_settings_of_pyfai_say_the_wavelength(tmp_path):
    path = write(tmp_path, files.nexus(X, COUNTS, ESD, 0.5, units="2th_deg", long_name=""))
    with h5py.File(path, "r+") as file:
        del file["entry/instrument/monochromator"]
        file["entry/pyFAI/configuration/data"] = '{"poni": [], "wavelength": 5e-11}'
    assert sq.read_pattern(path).attrs["wavelength"] == pytest.approx(0.5)


def test_an_axis_without_a_known_name_is_not_guessed(tmp_path):
    path = write(tmp_path, datasets(radial=X, I=COUNTS))
    with pytest.raises(sq.PatternError, match="its abscissa is called 'radial'"):
        sq.read_pattern(path, columns=("radial", "I"), wavelength=0.5)
    pattern = sq.read_pattern(path, columns=("radial", "I"), wavelength=0.5, x="two_theta")
    np.testing.assert_allclose(pattern["two_theta"], X)


def test_several_groups_of_data(tmp_path):
    path = write(tmp_path, files.nexus(X, COUNTS, ESD, 0.5, default=False))
    with h5py.File(path, "r+") as file:
        file.copy("entry/data", "entry/other")
        file["entry/other/I"][...] = 2 * COUNTS
    with pytest.raises(
        sq.PatternError,
        match=r"2 groups of data .*columns=\('/entry/data/radial_axis', '/entry/data/I'\).* or ",
    ):
        sq.read_pattern(path)
    pattern = sq.read_pattern(path, columns=("entry/other/radial_axis", "entry/other/I"))
    np.testing.assert_allclose(pattern, 2 * COUNTS)
    np.testing.assert_allclose(pattern["esd"], ESD)
    assert pattern.attrs["wavelength"] == pytest.approx(0.5)


def test_columns_in_another_file_are_not_followed(tmp_path):
    write(tmp_path, datasets(tth=X, I=COUNTS), "other.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["I"] = COUNTS
        file["tth"] = h5py.ExternalLink("other.h5", "/tth")
    with pytest.raises(sq.PatternError, match="no dataset 'tth'"):
        sq.read_pattern(tmp_path / "a.h5", columns=("tth", "I"))


def test_a_file_of_danmax():
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "files"
    path = folder / "LNMO_p8_scan-0000.h5"
    if not path.exists():
        pytest.skip("the files of other projects are not here")
    with pytest.raises(sq.PatternError, match=r"\('/2th', '/I'\) \(21 patterns of 3000 points\)"):
        sq.read_pattern(path)
    pattern = sq.read_pattern(path, columns=("2th", "I"), scan=20)
    assert len(pattern) == 3000
    assert pattern.attrs["wavelength"] == pytest.approx(0.4959367938)
    with h5py.File(path) as file:
        np.testing.assert_allclose(pattern, file["I"][20])
        np.testing.assert_allclose(pattern["two_theta"], file["2th"])


def groups(tmp_path, *, default=None, **described):
    """NeXus of groups NXdata, each of which has a name and unit of its axis and its signal."""
    path = tmp_path / "groups.nxs"
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["wavelength"] = 1.5406
        entry["wavelength"].attrs["units"] = "angstrom"
        if default:
            entry.attrs["default"] = default
        for number, (name, (axis, units, signal)) in enumerate(described.items()):
            data = entry.create_group(name)
            data.attrs.update({"NX_class": "NXdata", "signal": signal, "axes": axis})
            data[axis] = X / 8 if units.startswith("1/") else X
            data[axis].attrs["units"] = units
            data[signal] = (number + 1) * COUNTS
    return path


TWO_THETA, OMEGA = ("two_theta", "degree", "I"), ("omega", "degree", "I")


@pytest.mark.parametrize("default", [None, "rock", "scan"])
def test_the_pattern_beside_a_rocking_curve(tmp_path, default):
    """Also where the file shows the other by default."""
    path = groups(tmp_path, rock=OMEGA, scan=TWO_THETA, phi=("phi", "deg", "I"), default=default)
    np.testing.assert_allclose(sq.read_pattern(path), 2 * COUNTS)


def test_two_patterns_beside_a_rocking_curve(tmp_path):
    path = groups(tmp_path, rock=OMEGA, scan=TWO_THETA, again=TWO_THETA)
    with pytest.raises(sq.PatternError, match="holds 2 groups of data") as caught:
        sq.read_pattern(path)
    assert "/entry/scan/two_theta" in str(caught.value) and "omega" not in str(caught.value)


def test_groups_none_of_which_is_a_pattern(tmp_path):
    path = groups(tmp_path, rock=OMEGA, phi=("phi", "deg", "I"))
    with pytest.raises(sq.PatternError, match="none of which is a pattern") as caught:
        sq.read_pattern(path)
    assert "/entry/rock/omega: I" in str(caught.value) and "'/entry" not in str(caught.value)
    with pytest.raises(sq.PatternError, match="its abscissa is called 'omega degree'"):
        sq.read_pattern(groups(tmp_path, rock=OMEGA))


@pytest.mark.parametrize("signal", ["SQ", "S(Q)", "fq", "F(Q)", "total_structure_factor"])
def test_signals_that_are_computed_from_a_pattern(tmp_path, signal):
    computed = ("Q", "1/angstrom", signal)
    with pytest.raises(sq.PatternError, match=r"is [SF]\(Q\), as its signal says"):
        sq.read_pattern(groups(tmp_path, data=computed))
    beside = groups(tmp_path, data=computed, measured=("Q", "1/angstrom", "I"))
    np.testing.assert_allclose(sq.read_pattern(beside), 2 * COUNTS)
    path = write(tmp_path, datasets(**{"q": (X / 8, "A^-1"), signal: COUNTS}))
    with pytest.raises(sq.PatternError, match=r"is [SF]\(Q\), as its signal says"):
        sq.read_pattern(path, columns=("q", signal))
