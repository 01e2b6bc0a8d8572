"""What a CIF says of itself beside its atoms: formula, units, density and volume."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ._cif_text import Block, number_and_deviation
from ._formulas import formula_counts, formula_rounding

__all__ = ["Facts"]


@dataclass
class Facts:
    """What a CIF says of itself.

    Parameters
    ----------
    formula : dict of str to float
        Atoms of each element in a formula unit; empty where it is not given.
    units : float
        Formula units in the cell; 0 where not given.
    density, volume : float
        In g/cm^3 and Angstrom^3; 0 where not given.
    rounding : float
        Half of the last digit of the formula.
    of_cell : bool
        Whether the formula may be that of the whole cell, beside its units, as pymatgen has it.
    """

    formula: dict[str, float] = field(default_factory=dict)
    units: float = 0.0
    density: float = 0.0
    volume: float = 0.0
    rounding: float = 0.0
    of_cell: bool = False

    @classmethod
    def of(cls, block: Block) -> Facts:
        """Facts of a block."""
        text = block.value("_chemical_formula_sum", "_chemical_formula_iupac")
        formula = formula_counts(text)
        density = _positive(block, "_exptl_crystal_density_diffrn")
        units = _positive(block, "_cell_formula_units_z")
        structural = formula_counts(block.value("_chemical_formula_structural"))
        shares = {e: n / units for e, n in formula.items()} if units > 1.0 else {}
        if shares.keys() == structural.keys() and structural:  # pymatgen
            if all(math.isclose(structural[e], shares[e], rel_tol=1e-3) for e in shares):
                units, shares = 1.0, {}
            elif all(math.isclose(structural[e], formula[e], rel_tol=1e-3) for e in shares):
                shares = {}
        return cls(
            formula,
            units,
            density / 1000.0 if density > 100.0 else density,  # kg/m^3
            _positive(block, "_cell_volume"),
            formula_rounding(text),
            bool(shares) and all(share == round(share) for share in shares.values()),
        )


def _positive(block: Block, tag: str) -> float:
    found = number_and_deviation(block.value(tag))
    return found[0] if found is not None and 0 < found[0] < 1e9 else 0.0
