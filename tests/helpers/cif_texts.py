"""Small CIFs, made of what matters to a test, and how one is read."""

import warnings

from sk_qdots import Crystal

OLD = "_symmetry_equiv_pos_as_xyz"
NEW = "_space_group_symop_operation_xyz"
SYMBOL = "_symmetry_space_group_name_H-M"
NUMBER = "_symmetry_Int_Tables_number"
OPERATIONS = ["x,y,z", "y,x,2/3-z", "-y,x-y,2/3+z", "-x,-x+y,1/3-z", "-x+y,-x,1/3+z", "x-y,-y,-z"]
PLAIN = ("label", "fract_x", "fract_y", "fract_z")
U_ISO = (*PLAIN, "U_iso_or_equiv")
QUARTZ_SITES = ["Si 0.4697 0 0 0.01", "O 0.4135 0.2669 0.1191 0.01"]
QUARTZ_CELL = (4.916, 4.916, 5.4054, 90, 90, 120)
SILICA = {"_chemical_formula_sum": "Si O2", "_cell_formula_units_Z": 3}
NAMES = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")


def loop(tags, rows):
    return "\n".join(["loop_", *tags, *rows, ""])


def cif(sites, *, cell=(5.64, 5.64, 5.64, 90, 90, 90), columns=U_ISO, operations=(), **more):
    """A CIF; ``more`` are pairs of tags and values, their names without the underscore."""
    lines = ["data_made", *(f"_cell_{n} {v}" for n, v in zip(NAMES, cell, strict=True))]
    lines += [f"{tag} '{value}'" for tag, value in more.get("pairs", {}).items()]
    text = "\n".join([*lines, ""])
    if operations:
        text += loop([more.get("tag", OLD)], [f"  '{o}'" for o in operations])
    return text + loop([f"_atom_site_{c}" for c in columns], sites)


def quartz(operations=OPERATIONS, **more):
    return cif(QUARTZ_SITES, cell=QUARTZ_CELL, operations=operations, **more)


def rocksalt(first="Na", second="Cl", columns=U_ISO, u=" 0.02", a=5.64, **more):
    more.setdefault("pairs", {SYMBOL: "F m -3 m"})
    sites = [f"{first} 0 0 0{u}", f"{second} .5 .5 .5{u}"]
    return cif(sites, cell=(a, a, a, 90, 90, 90), columns=columns, **more)


def read_text(text, folder, **options):
    """Atoms in the cell, messages, and the crystal."""
    path = folder / "made.cif"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        crystal = Crystal.from_cif(path, primitive=False, **options)
    assert all(str(w.message).startswith(f"{path}: ") for w in caught)
    found = {}
    for s in crystal.sublattices:
        found[s.element] = found.get(s.element, 0.0) + s.occupancy
    return found, [str(w.message).removeprefix(f"{path}: ") for w in caught], crystal
