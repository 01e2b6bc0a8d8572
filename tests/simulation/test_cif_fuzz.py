"""Whatever a CIF holds, reading gives a crystal or one clear error."""

import os
import resource
import warnings
from collections import Counter

import numpy as np
import pytest
from cif_fuzz import SEEDS, damaged_cifs
from hypothesis import HealthCheck, given, settings

from sk_qdots import Crystal


def check(path, content):
    path.write_bytes(content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            crystal = Crystal.from_cif(path)
        except ValueError as error:
            told = str(error)
            assert type(error) is ValueError
            assert told.startswith(f"{path}: ")
            assert 10 < len(told) - len(str(path)) < 1200
            assert "\n" not in told
            return "refused"
    told = [str(w.message) for w in caught]
    assert len(set(told)) == len(told)
    assert all(t.startswith(f"{path}: ") and len(t) < 2000 for t in told)
    assert all(w.category is UserWarning and w.filename == __file__ for w in caught)
    assert np.isfinite(crystal.lattice).all() and crystal.cell_volume > 0
    assert all(0 < s.occupancy <= 1 and 0 <= s.b_iso <= 100 for s in crystal.sublattices)
    return "read"


def fuzz(path, n_inputs):
    seen = Counter()

    @settings(
        max_examples=n_inputs,
        deadline=5000,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
    )
    @given(content=damaged_cifs())
    def run(content):
        seen[check(path / "damaged.cif", content)] += 1

    run()
    return seen


@pytest.mark.parametrize("name", SEEDS)
def test_the_seeds_are_crystals(tmp_path, name):
    assert check(tmp_path / name, SEEDS[name].encode()) == "read"


def test_damaged_cifs(tmp_path):
    seen = fuzz(tmp_path, 400)
    assert seen["read"] > 20 and seen["refused"] > 100


@pytest.mark.slow
def test_twenty_thousand_damaged_cifs_within_a_gibibyte(tmp_path):
    """Each within 5 s, and none asks for a gibibyte more than the interpreter has."""
    for name, text in SEEDS.items():
        check(tmp_path / name, text.encode())
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
        used = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, limits[1]))
    try:
        seen = fuzz(tmp_path, 20_000)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    print(dict(seen))
    assert sum(seen.values()) >= 20_000
