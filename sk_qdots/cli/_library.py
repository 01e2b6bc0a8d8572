"""``sk-qdots simulate`` and ``sk-qdots augment``: libraries of patterns in files."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from ._words import (
    BAD_INPUT,
    Commands,
    add_crystal,
    asked_crystal,
    complain,
    natural,
    number,
    numbers,
)

if TYPE_CHECKING:
    import xarray as xr

    from ..simulation import Crystal

__all__ = ["add_augment", "add_simulate"]

_AXES = ("diameters", "dispersions", "strains", "growth_faults", "deformation_faults")
_END = 0.97  # of the largest Q that an angle exists for


class _Make(Protocol):
    """Makes a library, into its file."""

    def __call__(self, *, path: Path, n_jobs: int, progress: bool) -> xr.Dataset:
        """With so many processors, and a progress bar or none."""
        ...


def add_simulate(commands: Commands) -> None:
    """Add ``simulate`` to the parser."""
    simulate = commands.add_parser(
        "simulate",
        help="simulate a library of patterns",
        description="Simulate the patterns of nanocrystals with the Debye scattering equation, "
        "over diameters, dispersions and strains, into a file for xarray.",
        epilog="Example: sk-qdots simulate --crystal PbS --diameters 2:10:0.5 --out library.nc",
    )
    add_crystal(simulate)
    for name, words in {
        "diameters": "in nm (default: 2:10:0.5)",
        "dispersions": "standard deviation / mean of the diameters (default: 0.05:0.2:0.05)",
        "strains": "relative change of the lattice (default: nineteen from -0.0025 to 0.0051); "
        "with an equals sign where it begins with a minus: --strains=-0.004:0.004:0.002",
        "growth-faults": "probabilities of hexagonal layers in close-packed crystals: 0 is cubic, "
        "1 hexagonal (default: perfect crystals)",
        "deformation-faults": "probabilities of slip faults in them (default: perfect crystals)",
    }.items():
        simulate.add_argument(f"--{name}", type=numbers, metavar="FIRST:LAST:STEP", help=words)
    simulate.add_argument(
        "--shape", nargs="+", default=["sphere"], metavar="NAME", help="one or several shapes"
    )
    simulate.add_argument(
        "--wavelength",
        type=number,
        default=0.56,
        metavar="A",
        help="in Angstrom; patterns end where angles do (default: 0.56)",
    )
    _add_out(simulate)
    simulate.set_defaults(run=_simulate)


def add_augment(commands: Commands) -> None:
    """Add ``augment`` to the parser."""
    augment = commands.add_parser(
        "augment",
        help="dilute and count the patterns of a library",
        description="Mix every pattern of a library with liquids, in every concentration, and "
        "count it with every signal-to-noise ratio.",
        epilog="Example: sk-qdots augment library.nc --solvents hexane toluene --qd-fractions 0.15 "
        "0.37 1 --snr 14 46 --out augmented.zarr",
    )
    augment.add_argument("library", metavar="LIBRARY", help="what sk-qdots simulate wrote")
    augment.add_argument(
        "--solvents",
        nargs="+",
        default=["hexane", "toluene"],
        metavar="NAME",
        help="default: hexane toluene",
    )
    augment.add_argument(
        "--qd-fractions",
        nargs="+",
        type=number,
        default=[0.15, 0.37, 0.65, 1.0],
        metavar="SHARE",
        help="the dots' shares of the intensity; 1 is dry (default: 0.15 0.37 0.65 1)",
    )
    augment.add_argument(
        "--snr",
        nargs="+",
        type=number,
        default=[14.0, 24.0, 46.0, 122.0],
        metavar="RATIO",
        help="mean signal-to-noise ratios (default: 14 24 46 122)",
    )
    augment.add_argument("--seed", type=natural, default=0, help="of the noise (default: 0)")
    _add_out(augment)
    augment.set_defaults(run=_augment)


def _add_out(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="FILE",
        help="to write: .nc (netCDF), or .zarr, which may be larger than memory and goes on where "
        "it was interrupted",
    )
    command.add_argument(
        "--jobs", type=int, default=-1, metavar="N", help="processors (default: all)"
    )


def _simulate(options: argparse.Namespace) -> int:
    from ..simulation import default_q_grid, simulate_library

    axes = {name: value for name in _AXES if (value := getattr(options, name)) is not None}

    def make(*, path: Path, n_jobs: int, progress: bool) -> xr.Dataset:
        crystal = cast("Crystal", asked_crystal(options))
        shape = options.shape if len(options.shape) > 1 else options.shape[0]
        q = default_q_grid()
        reached = q[q * options.wavelength <= _END * 4.0 * math.pi]
        if not options.wavelength > 0 or len(reached) < 2:
            raise ValueError(f"wavelength is {options.wavelength:g}; give it in Angstrom, as 0.56")
        return simulate_library(
            crystal,
            **axes,
            shape=shape,
            wavelength=options.wavelength,
            q=reached,
            path=path,
            n_jobs=n_jobs,
            progress=progress,
        )

    return _write_library(make, options)


def _augment(options: argparse.Namespace) -> int:
    import xarray as xr

    from ..augmentation import augment_library

    def make(*, path: Path, n_jobs: int, progress: bool) -> xr.Dataset:
        source = Path(options.library)
        if not source.exists():
            raise ValueError(f"{source}: no such file")
        try:
            if source.suffix == ".zarr":
                library = xr.open_zarr(source, consolidated=False)
            else:
                library = xr.open_dataset(source)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"{source}: not a library of patterns: {error}") from None
        with library:
            return augment_library(
                library,
                solvents=options.solvents,
                qd_fractions=options.qd_fractions,
                snr=options.snr,
                random_state=options.seed,
                path=path,
                n_jobs=n_jobs,
                progress=progress,
            )

    return _write_library(make, options)


def _write_library(make: _Make, options: argparse.Namespace) -> int:
    """Make a library into its file and say what is in it."""
    out = options.out
    if out.suffix == ".nc" and out.exists():
        complain(f"{out} exists; choose another file with --out")
        return BAD_INPUT
    try:
        made = make(path=out, n_jobs=options.jobs, progress=sys.stderr.isatty())
    except (ValueError, OSError, ImportError) as error:
        complain(str(error))
        return BAD_INPUT
    intensity = made["intensity"]
    sizes = ", ".join(f"{name} {n}" for name, n in intensity.sizes.items())
    print(f"wrote {out}: {intensity.size // intensity.sizes['q']} patterns ({sizes})")
    return 0
