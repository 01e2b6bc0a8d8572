"""Every format that is read: what goes in comes out, and what is damaged is refused."""

import re
import signal
import warnings

import numpy as np
import pattern_files as files
import pytest
from pattern_files import ALPHA1, ALPHA2, NO_WAVELENGTH, TUBES, WRITERS

import sk_qdots as sq

ANGLES = np.linspace(10.0, 90.0, 801)
COUNTS = np.round(5000 + 4000 * np.sin(ANGLES) ** 2)
ESD = np.round(np.sqrt(COUNTS), 3)
MEAN = (ALPHA1 + 0.5 * ALPHA2) / 1.5


def wavelength_of(name):
    return MEAN if name in TUBES else 0.7


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def read(path, name, **options):
    if name in NO_WAVELENGTH:
        options.setdefault("wavelength", wavelength_of(name))
    return sq.read_pattern(path, **options)


def made(tmp_path, name, **options):
    writer = WRITERS[name]
    content = writer(ANGLES, COUNTS, ESD, wavelength_of(name), **options)
    return write(tmp_path, name, content)


@pytest.mark.parametrize("name", WRITERS)
def test_what_goes_in_comes_out(tmp_path, name):
    pattern = read(made(tmp_path, name), name)
    np.testing.assert_allclose(pattern, COUNTS, rtol=1e-6)
    np.testing.assert_allclose(pattern["two_theta"], ANGLES, atol=2e-4)
    assert pattern.attrs["wavelength"] == pytest.approx(wavelength_of(name), rel=1e-6)
    if name in TUBES:
        assert "mean" in pattern.attrs["wavelength_label"]
    if name in ("pyfai.chi", "sample.fxye", "esd.gsa", "azint1d.nxs", "pyfai.h5", "azint.h5"):
        np.testing.assert_allclose(pattern["esd"], ESD, rtol=1e-4)


STOPPED = (
    "fit2d.chi",
    "pyfai.chi",
    "sample.fxye",
    "esd.gsa",
    "std.gsa",
    "sample.ras",
    "sample.asc",
)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_file_that_stops_is_read_as_far_as_it_goes_or_refused(tmp_path, name, share):
    content = WRITERS[name](ANGLES, COUNTS, ESD, wavelength_of(name))
    path = write(tmp_path, name, content[: int(share * len(content))])
    if name == "pyfai.chi" and share > 0.02:
        # Columns that announce no length: a whole number of rows is a shorter pattern.
        path.write_bytes(path.read_bytes() + b"\n1.0")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            pattern = read(path, name)
        except sq.PatternError as error:
            pattern = None
            assert error.source == str(path)
            assert "\n" not in error.reason
            assert share < 0.1 or name not in STOPPED
    if pattern is not None:
        assert len(said) == 1 and said[0].category is sq.PatternWarning
        assert re.match(rf"{path}: .*(stops before|is cut short)", str(said[0].message))
        n_points = len(pattern)
        assert n_points <= (share + 0.01) * len(COUNTS) or name == "sample.xrdml"
        np.testing.assert_allclose(pattern, COUNTS[:n_points], rtol=1e-6)
        np.testing.assert_allclose(pattern["two_theta"], ANGLES[:n_points], atol=2e-4)


@pytest.mark.parametrize("name", sorted(TUBES))
def test_the_caller_may_say_which_line_of_the_tube(tmp_path, name):
    pattern = sq.read_pattern(made(tmp_path, name), wavelength=1.5406)
    assert pattern.attrs["wavelength"] == 1.5406
    assert pattern.attrs["wavelength_label"] == "Cu K-alpha 1"


@pytest.mark.parametrize("name", sorted(set(WRITERS) - NO_WAVELENGTH))
def test_another_wavelength_than_the_file_says_is_refused(tmp_path, name):
    path = made(tmp_path, name)
    with pytest.raises(sq.PatternError, match=r"the file says .* and 0\.56 was given"):
        sq.read_pattern(path, wavelength=0.56)
    if name not in ("pyfai.chi", "azint1d.nxs", "pyfai.h5", "azint.h5"):
        settled = sq.read_pattern(path, wavelength=0.56, x="two_theta")
        assert settled.attrs["wavelength"] == 0.56


@pytest.mark.parametrize("name", sorted(TUBES | {"sample.fxye"}))
def test_an_angle_is_not_taken_for_q(tmp_path, name):
    with pytest.raises(sq.PatternError, match="whose abscissa is two-theta in degrees"):
        sq.read_pattern(made(tmp_path, name), x="q")


@pytest.mark.parametrize("name", ["sample.xrdml", "sample.brml", "version4.raw", "sample.ras"])
def test_several_scans(tmp_path, name):
    path = made(tmp_path, name, scans=3)
    with pytest.raises(sq.PatternError, match=r"holds 3 scans.*scan=0"):
        sq.read_pattern(path)
    np.testing.assert_allclose(sq.read_pattern(path, scan=2), COUNTS)
    np.testing.assert_allclose(sq.read_pattern(path, scan="sum"), 3 * COUNTS)
    for bad in (3, -1, "first", 1.0, True):
        with pytest.raises(sq.PatternError, match="scan is"):
            sq.read_pattern(path, scan=bad)


def test_scans_of_different_points_are_not_added(tmp_path):
    one = files.raw4(ANGLES, COUNTS, None, None)
    other = files.raw4(ANGLES + 1.0, COUNTS, None, None)
    head = len(one) - (160 + 2 * 72 + 4 * len(ANGLES))  # what comes before the range
    path = write(tmp_path, "two.raw", one + other[head:])
    with pytest.raises(sq.PatternError, match="different points"):
        sq.read_pattern(path, scan="sum")
    np.testing.assert_allclose(sq.read_pattern(path, scan=1)["two_theta"], ANGLES + 1.0)


def test_xrdml_listed_positions(tmp_path):
    uneven = ANGLES + 0.03 * np.sin(ANGLES)
    path = write(tmp_path, "a.xrdml", files.xrdml(uneven, COUNTS, None, None, listed=True))
    np.testing.assert_allclose(sq.read_pattern(path)["two_theta"], uneven, rtol=1e-9)


def test_xrdml_counts_are_multiplied_by_the_attenuator(tmp_path):
    factor = np.where(ANGLES < 30, 100.0, 1.0)
    extra = f"<beamAttenuationFactors>{files._words(factor)}</beamAttenuationFactors>"
    content = files.xrdml(ANGLES, COUNTS / factor, None, None, extra=extra, tag="counts")
    pattern = sq.read_pattern(write(tmp_path, "a.xrdml", content))
    np.testing.assert_allclose(pattern, COUNTS, rtol=1e-8)
    np.testing.assert_allclose(pattern["esd"], np.sqrt(COUNTS / factor) * factor, rtol=1e-8)


def test_xrdml_intensities_are_corrected_already(tmp_path):
    factor = np.where(ANGLES < 30, 100.0, 1.0)
    extra = f"<beamAttenuationFactors>{files._words(factor)}</beamAttenuationFactors>"
    content = files.xrdml(ANGLES, COUNTS, None, None, extra=extra)
    np.testing.assert_allclose(sq.read_pattern(write(tmp_path, "a.xrdml", content)), COUNTS)


def test_xrdml_counting_times(tmp_path):
    times = np.where(ANGLES < 30, 1.0, 3.0)
    extra = f"<countingTimes>{files._words(times)}</countingTimes>"
    content = files.xrdml(ANGLES, COUNTS * times, None, None, extra=extra)
    pattern = sq.read_pattern(write(tmp_path, "a.xrdml", content))
    np.testing.assert_allclose(pattern / COUNTS, times.mean(), rtol=1e-8)
    np.testing.assert_allclose(pattern["esd"] / pattern, 1.0 / np.sqrt(COUNTS * times), rtol=1e-8)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'axis="2Theta"', b'axis="Chi"', "does not move two-theta"),
        (b'unit="deg"><start', b'unit="rad"><start', "in 'rad'"),
        (b"intensities", b"somethings", "neither intensities nor counts"),
        (b"xrdMeasurements", b"xrdResults", "no diffractogram"),
        (b"</scan>", b"</scam>", "damaged XML"),
        (b"<sample", b"<!DOCTYPE a><sample", "not the XML of a diffractometer"),
        (b"<header>", b"<header><x>\xff</x>", "damaged XML"),
    ],
)
def test_xrdml_that_is_no_pattern(tmp_path, old, new, reason):
    content = files.xrdml(ANGLES, COUNTS, None, None)
    assert old in content
    with pytest.raises(sq.PatternError, match=reason):
        sq.read_pattern(write(tmp_path, "a.xrdml", content.replace(old, new)))


def test_xrdml_uncorrected_divergence_is_refused(tmp_path):
    extra = f"<divergenceCorrections>{files._words(ANGLES)}</divergenceCorrections>"
    content = files.xrdml(ANGLES, COUNTS, None, None, extra=extra, tag="counts")
    with pytest.raises(sq.PatternError, match="divergence correction"):
        sq.read_pattern(write(tmp_path, "a.xrdml", content))


def test_brml_without_the_names_of_its_columns(tmp_path):
    content = files.brml(ANGLES, COUNTS, None, None, views="")
    np.testing.assert_allclose(sq.read_pattern(write(tmp_path, "a.brml", content)), COUNTS)


def test_brml_parts_counted_for_longer(tmp_path):
    half = len(ANGLES) // 2
    times = np.where(np.arange(len(ANGLES)) < half, 1.0, 2.0)
    parts = (
        f'<SubScanInfo MeasuredSteps="{half}" PlannedTimePerStep="1"/>'
        f'<SubScanInfo MeasuredSteps="{len(ANGLES) - half}" PlannedTimePerStep="2"/>'
    )
    content = files.brml(ANGLES, COUNTS * times, None, None, sub_scans=parts)
    pattern = sq.read_pattern(write(tmp_path, "a.brml", content))
    np.testing.assert_allclose(pattern / COUNTS, times.mean(), rtol=1e-8)


def test_brml_counts_hold_the_absorber_already(tmp_path):
    factor = np.where(ANGLES < 30, 8.0, 1.0)
    content = files.brml(ANGLES, COUNTS * factor, None, None, factor=factor)
    pattern = sq.read_pattern(write(tmp_path, "a.brml", content))
    np.testing.assert_allclose(pattern, COUNTS * factor)
    np.testing.assert_allclose(pattern["esd"], np.sqrt(COUNTS) * factor, rtol=1e-8)


def test_brml_frames_of_a_detector_are_no_pattern(tmp_path):
    views = """<DataViews><RawDataView xsi:type="RecordedRawDataView" Start="0" Length="1280">
      <Recording LogicName="Counter1D"/></RawDataView></DataViews>"""
    content = files.brml(ANGLES, COUNTS, None, None, views=views)
    with pytest.raises(sq.PatternError, match="detector frames of 1280"):
        sq.read_pattern(write(tmp_path, "a.brml", content))


@pytest.mark.parametrize("size", [4, 8, 12])
def test_raw_records_of_any_size(tmp_path, size):
    content = files.raw4(ANGLES, COUNTS, None, None, size=size)
    np.testing.assert_allclose(sq.read_pattern(write(tmp_path, "a.raw", content)), COUNTS)


def test_raw_that_moves_another_drive_is_refused(tmp_path):
    content = files.raw4(ANGLES, COUNTS, None, None, drive="Chi")
    content = content.replace(b"Locked Coupled", b"PolFigure Scan")
    with pytest.raises(sq.PatternError, match="does not move two-theta"):
        sq.read_pattern(write(tmp_path, "a.raw", content))


def test_raw_of_another_kind(tmp_path):
    with pytest.raises(sq.PatternError, match="of a kind that is not read"):
        sq.read_pattern(write(tmp_path, "a.raw", b"RAW9\0" + bytes(400)))


@pytest.mark.parametrize("name", ["sample.ras", "sample.rasx"])
def test_attenuator_of_rigaku(tmp_path, name):
    factor = np.where(ANGLES < 30, 7.3, 1.0)
    writer = WRITERS[name]
    raw = writer(ANGLES, COUNTS, None, None, factor=factor)
    expected = COUNTS * factor
    pattern = sq.read_pattern(write(tmp_path, name, raw))
    np.testing.assert_allclose(pattern, expected, rtol=1e-6)
    corrected = writer(ANGLES, COUNTS[0] * factor, None, None, factor=factor)
    pattern = sq.read_pattern(write(tmp_path, name, corrected))
    np.testing.assert_allclose(pattern, COUNTS[0] * factor, rtol=1e-6)
    unclear = writer(ANGLES, COUNTS + 0.37, None, None, factor=factor)
    with pytest.raises(sq.PatternError, match="attenuator changes"):
        sq.read_pattern(write(tmp_path, name, unclear))


@pytest.mark.parametrize("name", ["sample.ras", "sample.rasx"])
def test_rigaku_scan_of_another_axis(tmp_path, name):
    content = WRITERS[name](ANGLES, COUNTS, None, None, axis="Omega")
    with pytest.raises(sq.PatternError, match="does not move two-theta"):
        sq.read_pattern(write(tmp_path, name, content))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"CONST", b"SLOG ", "CONST"),
        (b"FXYE", b"FXYZ", "of type 'FXYZ'"),
        (b"801 801", b"801 80x", None),
        (b"BANK 1 801", b"BANK 1 ABC", "not a complete BANK line"),
    ],
)
def test_gsas_that_is_no_pattern(tmp_path, old, new, reason):
    content = files.fxye(ANGLES, COUNTS, ESD, 0.7)
    assert old in content
    path = write(tmp_path, "a.fxye", content.replace(old, new))
    if reason is None:
        np.testing.assert_allclose(sq.read_pattern(path), COUNTS)
        return
    with pytest.raises(sq.PatternError, match=reason):
        sq.read_pattern(path)


@pytest.mark.parametrize(
    ("units", "long_name", "expected"),
    [
        ("1/angstrom", "q", "Q in 1/Angstrom"),
        ("q_A^-1", "", "Q in 1/Angstrom"),
        ("1/nm", "scattering vector", "Q in 1/nm"),
        ("nm^-1", "", "Q in 1/nm"),
        ("q_nm^-1", "", "Q in 1/nm"),
        ("Å^-1", "q", "Q in 1/Angstrom"),
        ("degrees", "2theta", "two-theta in degrees"),
        ("2th_deg", "", "two-theta in degrees"),
    ],
)
@pytest.mark.parametrize("default", [True, False])
def test_nexus_axes(tmp_path, units, long_name, expected, default):
    content = files.nexus(
        ANGLES, COUNTS, ESD, 0.7, units=units, long_name=long_name, default=default
    )
    pattern = sq.read_pattern(write(tmp_path, "a.nxs", content))
    assert pattern.attrs["axis"] == expected
    np.testing.assert_allclose(pattern["two_theta"], ANGLES, rtol=1e-9)
    assert pattern.attrs["instrument"] == "a beamline"


def test_nexus_energy(tmp_path):
    path = write(tmp_path, "a.nxs", files.nexus(ANGLES, COUNTS, ESD, 0.7, energy=True))
    assert sq.read_pattern(path).attrs["wavelength"] == pytest.approx(0.7, rel=1e-9)


def test_nexus_bins_without_pixels_are_not_measured(tmp_path):
    holed = np.where((ANGLES > 30) & (ANGLES < 32), np.nan, COUNTS)
    pattern = sq.read_pattern(write(tmp_path, "a.nxs", files.nexus(ANGLES, holed, ESD, 0.7)))
    assert len(pattern) == np.isfinite(holed).sum()


def test_nexus_series(tmp_path):
    path = write(tmp_path, "a.nxs", files.nexus(ANGLES, np.stack([COUNTS, 2 * COUNTS]), None, 0.7))
    with pytest.raises(sq.PatternError, match="holds 2 scans"):
        sq.read_pattern(path)
    np.testing.assert_allclose(sq.read_pattern(path, scan=1), 2 * COUNTS)


def test_sectors_of_an_image_are_no_patterns(tmp_path):
    import h5py

    path = write(tmp_path, "a.nxs", files.nexus(ANGLES, np.stack([COUNTS, COUNTS]), None, 0.7))
    with h5py.File(path, "r+") as file:
        file["entry/data"].attrs["axes"] = ["azimuthal_axis", "radial_axis"]
    with pytest.raises(sq.PatternError, match="without a pattern"):
        sq.read_pattern(path)


def test_hdf5_without_a_pattern(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["numbers"] = np.ones(5)
    with pytest.raises(sq.PatternError, match="without a pattern"):
        sq.read_pattern(tmp_path / "a.h5")


def test_hdf5_links_to_other_files_are_not_followed(tmp_path):
    import h5py

    write(tmp_path, "other.nxs", files.nexus(ANGLES, COUNTS, ESD, 0.7))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry"] = h5py.ExternalLink("other.nxs", "/entry")
    with pytest.raises(sq.PatternError, match="without a pattern"):
        sq.read_pattern(tmp_path / "a.h5")


def test_zip_bomb_is_refused(tmp_path):
    bomb = files.archive({"Experiment0/RawData0.xml": b"<a>" + b" " * (64 * 2**20) + b"</a>"})
    assert len(bomb) < 2**20
    with pytest.raises(sq.PatternError, match="too large"):
        sq.read_pattern(write(tmp_path, "a.brml", bomb))


def test_zip_of_something_else(tmp_path):
    content = files.archive({"readme.txt": "hello"})
    with pytest.raises(sq.PatternError, match=r"without a pattern .*readme\.txt.*unpack it"):
        sq.read_pattern(write(tmp_path, "a.zip", content))


@pytest.mark.parametrize(
    ("begins", "said"),
    [
        *[
            (b, "image.*integrate")
            for b in (b"II*\0", b"MM\0*", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
        ],
        (b"###CBF: VERSION 1.5\r\n", "image.*integrate"),
        (b"%PDF-1.4\n1 0 obj", "PDF document.*export"),
    ],
)
def test_images_and_documents(tmp_path, begins, said):
    with pytest.raises(sq.PatternError, match=said):
        sq.read_pattern(write(tmp_path, "a.xy", begins + bytes(1000)))


def test_the_name_does_not_matter(tmp_path):
    content = files.brml(ANGLES, COUNTS, None, None)
    np.testing.assert_allclose(sq.read_pattern(write(tmp_path, "a.xy", content)), COUNTS)


@pytest.mark.parametrize("name", ["sample.xrdml", "sample.brml", "sample.rasx"])
def test_fairmat_readers_xrd_reads_the_same(tmp_path, name):
    """Another project's readers, made after real files, understand our test files alike."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        readers = pytest.importorskip("fairmat_readers_xrd")
        other = readers.read_file(str(made(tmp_path, name)))
    ours = sq.read_pattern(tmp_path / name)
    np.testing.assert_allclose(other["2Theta"].magnitude, ours["two_theta"], atol=2e-4)
    np.testing.assert_allclose(other["intensity"].magnitude, ours, rtol=1e-6)
    assert float(other["metadata"]["source"]["kAlpha1"].magnitude) == ALPHA1


def test_hdf5_that_takes_too_long_is_refused(tmp_path, monkeypatch):
    """HDF5 is read in a second process: what hangs or ends it is a damaged file."""
    from sk_qdots.io import _apart

    path = write(tmp_path, "a.nxs", files.nexus(ANGLES, COUNTS, ESD, 0.7))
    sq.read_pattern(path)
    _apart._Reader.current().process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(_apart, "_READ", 0.1)
    with pytest.raises(sq.PatternError, match="cannot be read to its end"):
        sq.read_pattern(path)
    monkeypatch.undo()
    np.testing.assert_allclose(sq.read_pattern(path), COUNTS)


def test_hdf5_that_ends_its_reader_is_refused(tmp_path, monkeypatch):
    from sk_qdots.io import _apart

    path = write(tmp_path, "a.nxs", files.nexus(ANGLES, COUNTS, ESD, 0.7))
    sq.read_pattern(path)
    reader = _apart._Reader.current()
    send = _apart._send

    def send_and_die(stream, message):
        reader.process.kill()
        send(stream, message)

    monkeypatch.setattr(_apart, "_send", send_and_die)
    with pytest.raises(sq.PatternError, match="cannot be read to its end"):
        sq.read_pattern(path)
    monkeypatch.undo()
    assert reader.process.poll() is not None
    np.testing.assert_allclose(sq.read_pattern(path), COUNTS)
