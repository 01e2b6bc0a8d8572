"""Every public object is documented as numpydoc wants it, and stands in the API reference."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

numpydoc = pytest.importorskip("numpydoc.validate")

MODULES = (
    "augmentation",
    "baselines",
    "evaluation",
    "inspection",
    "io",
    "model_selection",
    "neural_network",
    "page",
    "pipeline",
    "posterior",
    "posterior.cache",
    "preprocessing",
    "simulation",
    "sizing",
    "baselines.sizing_curves",
    "instruments",
    "sizing.registry",
    "solvents",
    "training",
    "utils",
)
# Not asked for: an extended summary, a See Also section, descriptions of what a type and a name say
# alone, summaries as infinitives of verbs that look like third persons.
LEFT = {"ES01", "SA01", "PR04", "PR07", "RT03", "SS05"}


def public_objects():
    for name in MODULES:
        module = importlib.import_module(f"sk_qdots.{name}")
        for public in module.__all__:
            found = getattr(module, public)
            if inspect.isclass(found) or inspect.isfunction(found):
                yield f"sk_qdots.{name}.{public}", found


OBJECTS = dict(public_objects())


def methods(found):
    if inspect.isclass(found):
        for name, value in vars(found).items():
            kinds = (classmethod, staticmethod, property)
            public = not name.startswith("_")
            if public and (inspect.isfunction(value) or isinstance(value, kinds)):
                own = value.__func__ if isinstance(value, classmethod | staticmethod) else value
                if own.__doc__ or not inspect.getdoc(getattr(found, name)):  # not an inherited one
                    yield name


@pytest.mark.parametrize("path", OBJECTS)
def test_docstrings_are_numpydoc(path):
    found = OBJECTS[path]
    errors = [(path, *error) for error in numpydoc.validate(path)["errors"]]
    for name in methods(found):
        told = numpydoc.validate(f"{path}.{name}")["errors"]
        errors += [(f"{path}.{name}", *error) for error in told if error[0] != "EX01"]
    left = LEFT | ({"PR01"} if getattr(found, "_is_protocol", False) else set())  # made by nobody
    assert [error for error in errors if error[1] not in left] == []


def test_api_reference_names_every_public_object():
    pages = (Path(__file__).resolve().parents[1] / "docs" / "api").glob("*.rst")
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    sections = re.split(r"\.\. module:: sk_qdots\.", text)[1:]
    listed = {
        section.split()[0]: set(re.findall(r"^   (\w+)$", section, re.M)) for section in sections
    }
    assert set(listed) == set(MODULES)
    for name, names in listed.items():
        assert names == set(importlib.import_module(f"sk_qdots.{name}").__all__), name
