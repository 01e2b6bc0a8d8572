"""The package's layers: what each import may bring along."""

import subprocess
import sys

import pytest

import sk_qdots as sq


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
        ("import sk_qdots.simulation", {"torch", "skorch", "sklearn"}),
        ("import sk_qdots.cli", {"torch", "skorch", "sklearn", "matplotlib"}),
        ("import sk_qdots; sk_qdots.read_pattern", {"torch", "skorch", "sklearn"}),
        ("import sk_qdots; sk_qdots.AllCNNClassifier", {"torch", "skorch", "matplotlib"}),
    ],
)
def test_imports_stay_light(code, forbidden):
    assert not modules_after(code) & forbidden


def test_every_public_name_is_there():
    assert sq.__all__
    for name in sq.__all__:
        assert getattr(sq, name).__doc__
