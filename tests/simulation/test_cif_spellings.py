"""Every tabulated setting of a space group is found by its symbol, however it is spelt."""

import re

import gemmi
import numpy as np
import pytest

from sk_qdots import Crystal

CELLS = {
    "triclinic": (8.1, 9.2, 10.3, 83, 97, 104),
    "orthorhombic": (8.1, 9.2, 10.3, 90, 90, 90),
    "tetragonal": (8.1, 8.1, 10.3, 90, 90, 90),
    "hexagonal": (8.1, 8.1, 10.3, 90, 90, 120),
    "cubic": (8.1, 8.1, 8.1, 90, 90, 90),
}
NAMES = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")


def cell_of(group):
    system = group.crystal_system_str()
    if system == "monoclinic":
        parts = group.hm.split()[1:]
        axis = 1 if len(parts) == 1 else next(k for k, p in enumerate(parts) if p != "1")
        return (8.1, 9.2, 10.3, *(97 if k == axis else 90 for k in range(3)))
    if group.ext == "R":
        return (8.1, 8.1, 8.1, 75, 75, 75)
    return CELLS["hexagonal" if system == "trigonal" else system]


def bracketed(hm):
    """SHELX: P 21/c as P2(1)/c."""
    return re.sub(r"(?<= )([2346])([1-5])(?=[ /]|$)", r"\1(\2)", hm).replace(" ", "")


def subscripts(hm):
    return re.sub(r"(?<= )([2346])([1-5])(?=[ /]|$)", r"\1_\2", hm)


def full(hm):
    """2/m for each mirror of a centrosymmetric group that has an axis across it."""
    lattice, *parts = hm.split()
    if len(parts) < 2 or parts.count("1") == 2:
        return hm
    slash, third = "/" in parts[0], parts[1] == "-3"
    letters = all(re.fullmatch("[a-n]", p) for p in parts)
    if len(parts) == 3 and letters:  # or of the polar class, which has a 2 in its symbol
        parts = [f"2/{p}" for p in parts]
    elif slash:
        parts[1:] = [f"2/{p}" for p in parts[1:]]
    elif parts[0] == "-3":
        parts[1:] = [p if p == "1" else f"2/{p}" for p in parts[1:]]
    elif third and len(parts) == 3:
        parts = [f"4/{parts[0]}", "-3", f"2/{parts[2]}"]
    elif third:
        parts = [f"2/{parts[0]}", "-3"]
    return " ".join([lattice, *parts])


SPELLINGS = {
    "hm": lambda g: g.xhm(),
    "hm without blanks": lambda g: g.xhm().replace(" ", ""),
    "brackets": lambda g: bracketed(g.hm) + (f":{g.ext}" if g.ext.strip("\0") else ""),
    "brackets and blanks": lambda g: (
        re.sub(r"(?<= )([2346])([1-5])(?=[ /]|$)", r"\1(\2)", g.hm)
        + (f" :{g.ext}" if g.ext.strip("\0") else "")
    ),
    "subscripts": lambda g: subscripts(g.hm) + (f":{g.ext}" if g.ext.strip("\0") else ""),
    "ICSD": lambda g: g.hm + {"1": " S", "2": " Z", "H": " H", "R": " R"}.get(g.ext, ""),
    "number": lambda g: f"{g.xhm()} (No. {g.number})",
    "number behind": lambda g: f"{g.xhm()} ({g.number})",
    "brackets and number": lambda g: f"{bracketed(g.xhm())} ({g.number})",
    "full": lambda g: full(g.hm) + (f" :{g.ext}" if g.ext.strip("\0") else ""),
    "full without blanks": lambda g: (
        full(g.hm).replace(" ", "") + (f":{g.ext}" if g.ext.strip("\0") else "")
    ),
}


def operations(group):
    return {op.wrap().triplet() for op in group.operations()}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_tabulated_setting_is_found(tmp_path, spelling):
    path = tmp_path / "made.cif"
    wrong = []
    for group in gemmi.spacegroup_table():
        cell = cell_of(group)
        pairs = "\n".join(f"_cell_{n} {v}" for n, v in zip(NAMES, cell, strict=True))
        place = np.array([0.117, 0.239, 0.362])
        path.write_text(
            f"data_a\n{pairs}\n_symmetry_space_group_name_H-M '{SPELLINGS[spelling](group)}'\n"
            "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n"
            "_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n"
            "_atom_site_U_iso_or_equiv\n"
            f"Fe Fe {' '.join(map(str, place))} .01 .01\n"
        )
        try:
            found = Crystal.from_cif(path, primitive=False).space_group
        except ValueError as error:
            found = str(error).partition(": ")[2]
        asked = gemmi.find_spacegroup_by_name(found) if len(found) < 20 else None
        if asked is None or operations(asked) != operations(group):
            wrong.append((group.xhm(), SPELLINGS[spelling](group), found[:90]))
    assert wrong == []


@pytest.mark.parametrize(
    ("written", "cell", "found"),
    [
        ("P2(1)2(1)2(1)", "orthorhombic", "P 21 21 21"),
        ("P 21 21 2(1)", "orthorhombic", "P 21 21 21"),
        ("P 21 21 2 (1)", "orthorhombic", "P 21 21 21"),
        ("P21212 (18)", "orthorhombic", "P 21 21 2"),
        ("C222(1)", "orthorhombic", "C 2 2 21"),
        ("Pna2(1)", "orthorhombic", "P n a 21"),
        ("Pca2(1)", "orthorhombic", "P c a 21"),
        ("I4(1)", "tetragonal", "I 41"),
        ("P6(3)", "hexagonal", "P 63"),
        ("P6(3)/m", "hexagonal", "P 63/m"),
        ("Pbca(61)", "orthorhombic", "P b c a"),
        ("P 63/m 2/m 2/c", "hexagonal", "P 63/m m c"),
        ("P 21/n 21/m 21/a", "orthorhombic", "P n m a"),
        ("P 42/m 21/n 2/m", "tetragonal", "P 42/m n m"),
        ("R -3 2/m", "hexagonal", "R -3 m:H"),
        ("R 3 c HEX", "hexagonal", "R 3 c:H"),
        ("F 4/m -3 2/m", "cubic", "F m -3 m"),
        ("F 4/m \u03053 2/m", "cubic", "F m -3 m"),
        ("Fm\u03053m", "cubic", "F m -3 m"),
        ("F m -3 m O", "cubic", "F m -3 m"),
        ("Pm-3m:a", "cubic", "P m -3 m"),
        ("P 21/b", (5.15, 5.32, 5.2, 90, 90, 99.2), "P 1 1 21/b"),
        ("P 21/m", (9, 9.2, 5, 90, 90, 105), "P 1 1 21/m"),
        ("P 21/c", (9, 9.2, 5, 100, 90, 90), "P 21/c 1 1"),
    ],
)
def test_spellings(tmp_path, written, cell, found):
    values = CELLS.get(cell, cell)
    pairs = "\n".join(f"_cell_{n} {v}" for n, v in zip(NAMES, values, strict=True))
    path = tmp_path / "made.cif"
    path.write_text(
        f"data_a\n{pairs}\n_symmetry_space_group_name_H-M '{written}'\nloop_\n_atom_site_label\n"
        "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n"
        "_atom_site_U_iso_or_equiv\nFe .117 .239 .362 .01 .01\n",
        encoding="utf-8",
    )
    assert Crystal.from_cif(path).space_group == found
