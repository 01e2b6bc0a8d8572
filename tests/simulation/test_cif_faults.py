"""CIFs that say a thing twice, in part, or in words of their own."""

import functools

import pytest
from cif_texts import PLAIN, SYMBOL, cif, read_text

SHARED = (*PLAIN, "occupancy", "U_iso_or_equiv")
RIGHT = (90, 90, 90)


@pytest.fixture
def read(tmp_path):
    return functools.partial(read_text, folder=tmp_path)


@pytest.mark.parametrize(
    ("symbol", "cell", "site", "expected"),
    [
        ("P m m m", (6, 6.1, 6.2, *RIGHT), "Pb 0.01 0.3 0.3 .5 .01", 4),
        ("P m m m", (6, 6.1, 6.2, *RIGHT), "Pb 0.01 0.30 0.3 .5 .01", 4),
        ("P m m m", (6, 6.1, 6.2, *RIGHT), "Pb 0.3 0.01 0.01 .25 .01", 2),
        ("P m m m", (8, 9, 7, *RIGHT), "Pb 0.012 0.2 0.35 .5 .01", 4),
        ("P m m m", (6, 6.1, 6.2, *RIGHT), "Pb 0.001 0.3 0.3 .5 .01", 2),
        ("P 4/m m m", (4, 4, 4.1, *RIGHT), "Ti 0.3 0.297 0.02 .5 .01", 4),
        ("P 4/m m m", (4, 4, 4.1, *RIGHT), "Ti 0.31 0.31 0.02 .5 .01", 4),
        ("P 6/m m m", (7, 7, 5, 90, 90, 120), "La 0.33 0.67 0 .5 .01", 1),
        ("P 6/m m m", (7, 7, 5, 90, 90, 120), "La 0.33 0.667 0 .5 .01", 1),
        ("P 63 m c", (3.25, 3.25, 5.2, 90, 90, 120), "Zn 0.66 0.33 0.1 .5 .01", 1),
    ],
)
def test_split_sites_keep_all_their_images(read, symbol, cell, site, expected):
    found, messages, _ = read(cif([site], cell=cell, columns=SHARED, pairs={SYMBOL: symbol}))
    assert sum(found.values()) == pytest.approx(expected)
    assert messages == []
