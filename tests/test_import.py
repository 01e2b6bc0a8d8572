"""The package's layers: what each import may bring along."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import sk_qdots as sq

EXAMPLE = Path(__file__).resolve().parent.parent / "examples/data/PbS_colloid.xy"
SIZE = f"""
from sk_qdots.cli import main
main(["size", {str(EXAMPLE)!r}, "--wavelength", "0.5642"])
"""
# Raises where the package would use the network, or write into a folder.
ALONE = """
import os
def refuse(event, arguments):
    writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    changes = event in ("os.mkdir", "os.rename", "os.remove")
    if event.startswith("socket.") or writes or changes:
        raise PermissionError(event, arguments)
sys.dont_write_bytecode = True
sys.addaudithook(refuse)
"""


def modules_after(code):
    probe = f"import sys\n{code}\nprint(*sorted(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", probe], check=True, capture_output=True, text=True
    )
    return set(result.stdout.split())


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import sk_qdots", {"torch", "skorch", "sklearn", "numpy", "scipy", "xarray"}),
        ("from sk_qdots.simulation import *", {"torch", "skorch", "sklearn"}),
        ("import sk_qdots.cli", {"torch", "skorch", "sklearn", "matplotlib"}),
        ("import sk_qdots; sk_qdots.read_pattern", {"torch", "skorch", "sklearn"}),
        ("import sk_qdots; sk_qdots.AllCNNClassifier", {"torch", "skorch", "matplotlib"}),
        (SIZE, {"torch", "skorch", "matplotlib", "numba", "sk_qdots.simulation.library"}),
    ],
)
def test_imports_stay_light(code, forbidden):
    assert not modules_after(code) & forbidden


def test_every_public_name_is_there():
    assert sq.__all__
    for name in sq.__all__:
        assert getattr(sq, name).__doc__


def test_every_public_subpackage_can_be_reached():
    package = Path(sq.__file__).parent
    found = {path.parent.name for path in package.glob("*/__init__.py")} | {"pipeline"}
    found -= {"cli"}  # the command, for nobody to import
    assert found <= set(sq.__all__)
    assert all(getattr(sq, name).__name__ == f"sk_qdots.{name}" for name in found)


def test_sizing_uses_no_network_and_writes_nothing():
    assert "sk_qdots.sizing" in modules_after(ALONE + SIZE)
    with pytest.raises(subprocess.CalledProcessError):
        modules_after(ALONE + f"open({str(EXAMPLE)!r}, 'a')")


def test_what_the_wheel_carries_stays_small():
    package = Path(sq.__file__).parent
    sizes = {
        path.relative_to(package).parts: path.stat().st_size
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    sizers = Counter()
    for parts, size in sizes.items():
        if parts[0] == "pretrained" and len(parts) > 2:
            sizers[parts[1]] += size
    assert "PbS" in sizers and max(sizers.values()) < 6e6
    assert sum(sizes.values()) - sizers.total() < 3_400_000
