import numpy as np
import pytest
import xarray as xr

from sk_qdots.inspection import SeriesDisplay

VERDICTS = ("ok", "ok", "caution", "refused", "ok", "ok")


def made(n=6, **coords):
    rng = np.random.default_rng(0)
    verdicts = np.array([VERDICTS[k % 6] for k in range(n)], dtype=object)
    bad = verdicts == "refused"
    variables = {"verdict": ("frame", verdicts)}
    for name, middle, error in (
        ("volume_diameter", 4.0, 0.03),
        ("number_diameter", 3.9, 0.05),
        ("dispersion", 0.1, 0.01),
        ("strain", 0.001, 1e-4),
    ):
        values = middle + rng.normal(0.0, error, n)
        values[bad] = np.nan
        variables[name] = ("frame", values)
        variables[f"{name}_std"] = ("frame", np.where(bad, np.nan, error))
    for prefix, name in (("", "number_diameter"), ("volume_", "volume_diameter")):
        for end, sign in (("low", -1.0), ("high", 1.0)):
            ends = variables[name][1] + sign * 1.645 * variables[f"{name}_std"][1]
            variables[f"{prefix}interval_{end}"] = ("frame", ends)
    q = np.arange(1.0, 8.0, 0.02)
    peaks = 1.0 + np.exp(-(((q - 3.0) / 0.1) ** 2))
    pattern = np.repeat(peaks[None], n, axis=0).astype(np.float32)
    pattern[0, :20] = np.nan
    variables["pattern"] = (("frame", "q"), pattern)
    time = coords.pop("time", 60.0 * np.arange(n))
    where = {"frame": np.arange(n), "time": ("frame", time), "q": q}
    return xr.Dataset(variables, coords=where, attrs={"coverage": 0.9})


@pytest.fixture
def drawn():
    import matplotlib.pyplot as plt

    yield lambda series, **given: SeriesDisplay.from_dataset(series).plot(**given)
    plt.close("all")


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_four_panels_and_a_map_over_one_time(drawn):
    series = made()
    display = drawn(series)
    *panels, below = display.ax_
    assert [ax.get_ylabel().replace("\n", " ").split(" (")[0] for ax in panels] == [
        *("volume diameter", "number diameter", "dispersion", "strain")
    ]
    assert labels(panels[0]) == ["ok (4)", "caution (1)", "refused (1)", "90 % interval"]
    line, fine, caution, refused = panels[0].get_lines()
    np.testing.assert_array_equal(line.get_ydata(), series["volume_diameter"])
    assert line.get_xdata().tolist() == [0, 1, 2, 3, 4, 5]
    assert len(fine.get_xdata()) == 4
    assert caution.get_xdata().tolist() == [2.0] and refused.get_xdata().tolist() == [3.0]
    assert below.get_xlabel() == "time (min)" and "Q" in below.get_ylabel()
    assert below.get_xlim() == panels[0].get_xlim() == (-0.5, 5.5)
    strain = panels[3].get_lines()[0].get_ydata()
    np.testing.assert_allclose(strain, 100.0 * series["strain"])


def test_bands_are_the_intervals(drawn):
    series = made(n=3)
    panel = drawn(series, patterns=None).ax_[0]
    corners = panel.collections[0].get_paths()[0].vertices[:, 1]
    assert corners.min() == pytest.approx(float(series["volume_interval_low"].min()))
    assert corners.max() == pytest.approx(float(series["volume_interval_high"].max()))


def test_a_waterfall_beside(drawn):
    *panels, beside = drawn(made(n=60), patterns="waterfall").ax_
    lines = beside.get_lines()
    assert len(lines) == 25 and "Q" in beside.get_xlabel()
    assert panels[-1].get_xlabel() == "time (min)"
    assert any(line.get_linestyle() == ":" for line in lines)  # the refused
    heights = [np.nanmean(line.get_ydata()) for line in lines]
    assert (np.diff(heights) > 0).all()


def test_what_was_smoothed_is_drawn(drawn):
    series = made()
    about = {
        "volume_diameter_smoothed": ("frame", np.full(6, 4.0)),
        "volume_diameter_smoothed_std": ("frame", np.full(6, 0.01)),
    }
    first = drawn(series.assign(about), patterns=None).ax_[0]
    assert labels(first)[-1] == "smoothed" and first.get_lines()[-1].get_color() == "black"


@pytest.mark.parametrize(
    ("time", "label"),
    [
        (
            np.datetime64("2026-03-01T12:00:00") + 3600 * np.arange(6),
            "time since 2026-03-01 12:00:00 (h)",
        ),
        (np.full(6, np.datetime64("NaT"), dtype="M8[ns]"), "frame"),
        (np.zeros(6), "frame"),
        (0.5 * np.arange(6), "time (s)"),
        (np.array([0.0, np.nan, 2.0, 3.0, 4.0, 5.0]), "frame"),
    ],
)
def test_times(drawn, time, label):
    assert drawn(made(time=time)).ax_[-1].get_xlabel() == label


def test_one_frame_refusals_alone_and_no_patterns(drawn):
    drawn(made(n=1)).figure_.canvas.draw()
    alone = made().isel(frame=[3])
    display = drawn(alone.drop_vars("pattern"))
    assert len(display.ax_) == 1 and labels(display.ax_[0])[0] == "refused (1)"
    display.figure_.canvas.draw()


def test_what_is_no_series(drawn):
    with pytest.raises(ValueError, match="it has no volume_diameter"):
        SeriesDisplay(xr.Dataset())
    with pytest.raises(ValueError, match="must be 'map', 'waterfall' or None"):
        drawn(made(), patterns="heat")
