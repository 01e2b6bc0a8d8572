"""CIFs that something happened to, as hypothesis strategies."""

from hypothesis import strategies as st

_CELL = """_cell_length_a {}
_cell_length_b {}
_cell_length_c {}
_cell_angle_alpha {}
_cell_angle_beta {}
_cell_angle_gamma {}
"""
_MINERAL = (
    "data_global\n_chemical_name_mineral 'Quartz'\nloop_\n_publ_author_name\n'Levien L'\n"
    "_journal_year 1980\n_journal_year 1980\n_chemical_formula_sum 'Si O2'\n"
    + _CELL.format(4.916, 4.916, 5.4054, 90, 90, 120)
    + "_exptl_crystal_density_diffrn 2.646\n_symmetry_space_group_name_H-M 'P 32 2 1'\n"
    "loop_\n_symmetry_equiv_pos_as_xyz\n  'x,y,z'\n  'y,x,2/3-z'\n  '-y,x-y,2/3+z'\n"
    "  '-x,-x+y,1/3-z'\n  '-x+y,-x,1/3+z'\n  'x-y,-y,-z'\n"
    "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    "Si 0.46970 0.00000 0.00000\nO 0.41350 0.26690 0.11910\n"
    "loop_\n_atom_site_aniso_label\n_atom_site_aniso_U_11\n_atom_site_aniso_U_22\n"
    "_atom_site_aniso_U_33\n_atom_site_aniso_U_12\n_atom_site_aniso_U_13\n_atom_site_aniso_U_23\n"
    "Si 0.00854 0.00716 0.00725 0.00358 -0.00001 -0.00002\n"
    "O 0.01745 0.01322 0.01229 0.00973 -0.00291 -0.00408\n"
)
_SITES = (
    "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_symmetry_multiplicity\n"
    "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n"
    "_atom_site_U_iso_or_equiv\n"
)
_SYMBOL = (
    "data_spinel\n_chemical_formula_sum 'Fe3 O4'\n_cell_formula_units_Z 8\n"
    "_cell_volume 592.0\n_space_group_name_H-M_alt 'F d -3 m'\n_space_group_IT_number 227\n"
    + _CELL.format("8.3969(1)", "8.3969(1)", "8.3969(1)", 90, 90, 90)
    + _SITES
    + "Fe1 Fe3+ 8 0.125 0.125 0.125 1 0.005\nFe2 Fe2+ 16 0.5 0.5 0.5 1.0 0.006\n"
    "O1 O2- 32 0.2549(2) 0.2549(2) 0.2549(2) 1.002(3) 0.006\n"
)
_BLOCKS = (
    "#\\#CIF_2.0\ndata_first\n_audit_date 2020-01-01\n_title\n;\nof two\n;\ndata_second\n"
    "_space_group_IT_number '14'\n"
    + _CELL.format(5.1505, 5.2116, 5.3173, 90, 99.23, 90)
    + "_chemical_formula_sum 'Zr O2'\n_cell_formula_units_Z 4\n"
    + _SITES
    + "Zr1 Zr 4 0.2754 0.0395 0.2083 1 0.004\nO1 O 4 0.07 0.3317 0.3447 0.5 .\n"
    "O1a O 4 0.08 0.3317 0.3447 0.5 ?\nO2 O 4 0.4496 0.7569 0.4792 1 0.01\n"
)
SEEDS = {"mineral.cif": _MINERAL, "symbol.cif": _SYMBOL, "blocks.cif": _BLOCKS}

_TOKENS = [
    *["", "\0", "\n", "\r", " ", ",", ";", "\n;", "\t", "#", "'", '"', "?", ".", "nan", "inf"],
    *["-1", "0", "1e999", "1e-999", "-inf", "0.5(", "1/3", "1/0", "99999999999999999999", "1e308"],
    *["loop_", "data_", "data_x", "global_", "save_", "save_x", "stop_", "_", "_atom_site_label"],
    *["x,y,z", "-x,-y,-z", "x+1/2,y,z", "y,z,x", "x+1/7,y,z", "2x,y,z", "x,x,z", "x+0.01,y,z"],
    *["z,y,-x+1/4", "x+y,y,z", "x,y", "x,,", "x1,x2,x3,x4", "x/0,y,z", "3*x-2*y,x,z+99999999/7"],
    *["P 1", "F d -3 m", "R -3 m", "P 21/c", "227", "1000", "-P 4 2 3", "F m -3 m :9", "P" * 300],
    *["_symmetry_equiv_pos_as_xyz", "_atom_site_fract_x", "_cell_length_a 1e9", "\ufeff", "θ", "٣"],
    *["1e-5", "179.99", "0.0001", "1000000", "Wat", "Fe/Mg", "O-2", "Xx", "D", "H2O", "'''", "^"],
    *["_cell_modulation_dimension 1", "_atom_site_occupancy", "_space_group_name_Hall '-F 4'"],
]
_place = st.floats(0.0, 1.0, exclude_max=True)
_token = st.sampled_from(_TOKENS) | st.text(max_size=8)
_change = st.one_of(
    st.tuples(st.just("put"), _place, _token),
    st.tuples(st.just("word"), _place, _token),
    st.tuples(st.just("word"), _place, _token),
    st.tuples(st.just("drop"), _place, st.integers(1, 200)),
    st.tuples(st.just("cut"), _place, st.just(0)),
    st.tuples(st.just("repeat"), _place, st.integers(1, 400)),
    st.tuples(st.just("line"), _place, st.integers(0, 2000)),
    st.tuples(st.just("swap"), _place, _place),
)


def _words(text):
    """Where the words of a text begin and end."""
    places, start = [], None
    for k, letter in enumerate(text + " "):
        if letter.isspace():
            if start is not None:
                places.append((start, k))
            start = None
        elif start is None:
            start = k
    return places


def _changed(text, change):
    kind, place, what = change
    at = int(place * len(text))
    if kind == "put":
        return text[:at] + what + text[at:]
    if kind == "drop":
        return text[:at] + text[at + what :]
    if kind == "cut":
        return text[:at]
    if kind == "repeat":
        return text[: at + what] + text[at:]
    if kind == "line":
        lines = text.split("\n")
        k = int(place * len(lines))
        return "\n".join(lines[:k] + [lines[k]] * what + lines[k + 1 :])
    words = _words(text)
    if not words:
        return text
    start, end = words[int(place * len(words))]
    if kind == "word":
        return text[:start] + what + text[end:]
    low, high = words[int(what * len(words))]
    if high <= start:
        start, end, low, high = low, high, start, end
    return text[:start] + text[low:high] + text[end:low] + text[start:end] + text[high:]


@st.composite
def damaged_cifs(draw):
    """Content of a CIF with changes, in some encoding, or of any text."""
    kind = draw(st.integers(0, 19))
    if kind == 0:
        return draw(st.binary(max_size=600))
    if kind == 1:
        return draw(st.lists(st.sampled_from(_TOKENS), max_size=60).map(" ".join)).encode()
    text = SEEDS[draw(st.sampled_from(sorted(SEEDS)))]
    for change in draw(st.lists(_change, min_size=1, max_size=5)):
        text = _changed(text, change)
    text = text[:200_000]
    encoding = draw(st.sampled_from(["utf-8"] * 8 + ["utf-16", "latin-1", "utf-16-be"]))
    ends = draw(st.sampled_from(["\n"] * 6 + ["\r\n", "\r"]))
    return text.replace("\n", ends).encode(encoding, errors="replace")
