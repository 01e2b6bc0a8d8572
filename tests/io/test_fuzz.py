"""Whatever a file holds, reading gives a valid pattern or one clear error."""

import os
import resource
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pattern_fuzz import SEED_OPTIONS, SEEDS, damaged_files

import sk_qdots as sq

OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "wavelength": st.sampled_from([0.56, 1.5406]),
        "x": st.sampled_from(["two_theta", "two_theta_rad", "q", "q_nm", "d", "d_nm"]),
        "scan": st.sampled_from([0, 1, "sum", "join"]),
        "columns": st.sampled_from(
            [
                *[(0, 1), (0, 1, 2), (2, 0), ("2theta (deg)", "I"), ("A", "B", "C"), (0, 7)],
                *[("2th", "I"), ("2th", "I", "sigma"), ("/poni_file", "I"), ("entry/data/q", "I")],
                *[("_pd_meas_2theta_scan", "_pd_meas_intensity_total"), ("2theta", "I")],
            ]
        ),
    },
)


def check(path, content, options):
    path.write_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sq.PatternWarning)
            pattern = sq.read_pattern(path, **options)
    except sq.PatternError as error:
        assert error.source == str(path)
        assert str(error).startswith(f"{path}: ")
        assert 10 < len(error.reason) < 600
        assert "\n" not in error.reason
        return "refused"
    assert pattern.dims == ("q",) and len(pattern) >= 10
    assert np.isfinite(pattern).all() and (pattern >= 0).all() and pattern.any()
    assert (np.diff(pattern["q"]) > 0).all() and pattern["q"][0] >= 0
    if "two_theta" in pattern.coords:
        assert 0 < pattern.attrs["wavelength"] < 5
        assert (np.diff(pattern["two_theta"]) > 0).all()
    if "esd" in pattern.coords:
        assert (pattern["esd"] >= 0).all()
    return "read"


def fuzz(path, n_inputs):
    seen = Counter()

    @settings(
        max_examples=n_inputs,
        deadline=5000,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
    )
    @given(file=damaged_files(), options=OPTIONS)
    def run(file, options):
        name, content = file
        seen[check(path / name, content, options)] += 1

    run()
    return seen


@pytest.mark.parametrize("name", SEEDS)
def test_the_seeds_are_patterns(tmp_path, name):
    options = {"wavelength": 0.7} if name.startswith(("col", "com", "fit", "esd", "std")) else {}
    options |= SEED_OPTIONS.get(name, {})
    assert check(tmp_path / name, SEEDS[name], options) == "read"


def test_damaged_files(tmp_path):
    seen = fuzz(tmp_path, 1000)
    assert seen["read"] > 20 and seen["refused"] > 200


@pytest.mark.slow
def test_a_hundred_thousand_damaged_files_within_a_gibibyte(tmp_path):
    """Each within 5 s, and none asks for a gibibyte more than the interpreter has."""
    check(tmp_path / "a.xy", SEEDS["columns.xy"], {})
    check(tmp_path / "a.nxs", SEEDS["azint1d.nxs"], {})
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
        used = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, limits[1]))
    try:
        seen = fuzz(tmp_path, 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    print(dict(seen))
    assert sum(seen.values()) >= 100_000
