"""Files that something happened to, as hypothesis strategies."""

import io
import zipfile

import numpy as np
from hypothesis import strategies as st
from instrument_files import WRITERS as INSTRUMENTS
from pattern_files import WRITERS, archive, columns
from table_files import TABLES, beamline

_ANGLES = np.linspace(10.0, 90.0, 41)
_COUNTS = 1000.0 + np.arange(41)

_TOKENS = [
    *[b"", b"\0", b"\n", b"\r", b" ", b",", b";", b"\t", b"#", b'"', b"<", b">", b"<a>", b"</a>"],
    *[b"nan", b"inf", b"-1", b"0", b"1e999", b"1e-999", b"-inf", b"1,5", b"1.234", b"1_0", b"NaN"],
    *[b"4294967295", b"-2147483648", b"99999999999999999999", b"\xff\xff\xff\xff", b"\0\0\0\0"],
    *[b"\xff\xfe", b"\xef\xbb\xbf", "θ".encode(), "Å".encode(), "\u2028".encode(), "٣".encode()],
    *[b"2theta", b"Q (1/nm)", b"d (A)", b"wavelength: 0", b"wavelength: 1e400 A", b"energy: 0 keV"],
    *[b"_COUNTS", b"_2THETACOUNTSTIME", b"_DRIVE='OMEGA'", b"_STEPSIZE=0", b"RawScan", b",/"],
    *[b"BANK 1 10 1 CONST 1 1 0 0 ESD", b"*RAS_INT_START", b"*COUNT = 9", b"<!ENTITY a 'b'>"],
]
SEEDS = {
    "columns.xy": columns(_ANGLES, _COUNTS),
    "columns.csv": columns(_ANGLES, _COUNTS, _COUNTS, "2theta,I,esd\n", separator=","),
    "commas.txt": columns(_ANGLES, _COUNTS, separator=";", decimal=","),
} | {
    name: writer(_ANGLES, _COUNTS, np.sqrt(_COUNTS), 0.7)
    for name, writer in (WRITERS | INSTRUMENTS | TABLES | {"beamline.h5": beamline}).items()
}
SEED_OPTIONS = {  # of seeds that are no patterns without
    "beamline.h5": {"columns": ("2th", "I"), "scan": 1},
    "sample.dbw": {"wavelength": 0.7},
}

_place = st.floats(0.0, 1.0, exclude_max=True)
_change = st.one_of(
    st.tuples(st.just("put"), _place, st.sampled_from(_TOKENS) | st.binary(max_size=8)),
    st.tuples(st.just("over"), _place, st.sampled_from(_TOKENS) | st.binary(max_size=8)),
    st.tuples(st.just("drop"), _place, st.integers(1, 200)),
    st.tuples(st.just("cut"), _place, st.just(0)),
    st.tuples(st.just("repeat"), _place, st.integers(1, 400)),
    st.tuples(st.just("number"), _place, st.sampled_from(_TOKENS)),
)


def _changed(content, change):
    kind, place, what = change
    at = int(place * len(content))
    if kind == "put":
        return content[:at] + what + content[at:]
    if kind == "over":
        return content[:at] + what + content[at + len(what) :]
    if kind == "drop":
        return content[:at] + content[at + what :]
    if kind == "cut":
        return content[:at]
    if kind == "repeat":
        return content[: at + what] + content[at:]
    # The number that begins next, replaced.
    start = at
    while start < len(content) and not content[start : start + 1].isdigit():
        start += 1
    end = start
    while end < len(content) and content[end : end + 1] in b"0123456789.eE+-":
        end += 1
    return content[:start] + what + content[end:]


def _change_member(content, change, member):
    """Change what a zip archive holds, not only the archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    name = sorted(members)[member % len(members)]
    return archive(members | {name: _changed(members[name], change)})


@st.composite
def damaged_files(draw):
    """Name and content of a file: of a known format with changes, or of any bytes."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return "any.xy", draw(st.binary(max_size=600))
    if kind == 1:
        text = st.text("0123456789.-+eE naifQdth2_()/#,;\t\n", max_size=600)
        return "any.xy", draw(text).encode()
    name = draw(st.sampled_from(sorted(SEEDS)))
    content = SEEDS[name]
    for change in draw(st.lists(_change, min_size=1, max_size=6)):
        packed = content[:4] == b"PK\x03\x04" and zipfile.is_zipfile(io.BytesIO(content))
        if packed and draw(st.integers(0, 3)):
            try:
                content = _change_member(content, change, draw(st.integers(0, 5)))
            except Exception:  # the archive itself is damaged by now
                content = _changed(content, change)
        else:
            content = _changed(content, change)
    return name, content
