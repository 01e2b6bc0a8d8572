"""The order of the gallery: what a user does first comes first."""

from pathlib import Path

ORDER = (
    "size_a_file",
    "any_crystal",
    "what_wrong_looks_like",
    "calibrate_instrument",
    "textured_laboratory",
    "fault_probability",
    "free_distribution",
    "in_situ_series",
    "simulate",
    "library",
    "planar_faults",
    "brute_force",
    "augmentation",
    "any_instrument",
    "another_crystal",
    "own_solvent",
    "cross_validation",
    "grid_search",
    "robustness",
    "class_activation",
    "sizing_curve",
)


class Order:
    """Sort key of sphinx-gallery for the files of a folder.

    Parameters
    ----------
    folder : str
        That is sorted.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return "<gallery_order.Order>"

    def __call__(self, name: str) -> tuple[int, str]:
        """Place of a file; what is not listed comes last, by its name."""
        stem = Path(name).stem.removeprefix("plot_")
        return (ORDER.index(stem) if stem in ORDER else len(ORDER), name)
