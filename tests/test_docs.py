"""The pages of the documentation: their pictures, their place, and the gallery."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
EXAMPLES = {path.stem for path in (ROOT / "examples").glob("plot_*.py")}


def gallery_order():
    spec = importlib.util.spec_from_file_location("gallery_order", DOCS / "gallery_order.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_has_its_place_in_the_gallery():
    order = gallery_order()
    assert {f"plot_{name}" for name in order.ORDER} == EXAMPLES
    placed = sorted((f"{name}.py" for name in EXAMPLES), key=order.Order("examples"))
    assert placed[0] == "plot_size_a_file.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pictures_are_there_or_drawn_by_the_gallery(page):
    for picture in re.findall(r"\{figure\} (\S+)", page.read_text(encoding="utf-8")):
        drawn = re.fullmatch(r"gallery/images/sphx_glr_(plot_\w+)_00\d\.png", picture)
        assert drawn.group(1) in EXAMPLES if drawn else (DOCS / picture).is_file(), picture


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_examples_that_are_named_are_there(page):
    for name in re.findall(r"<gallery/(plot_\w+)>", page.read_text(encoding="utf-8")):
        assert name in EXAMPLES


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pictures_say_what_they_show(page):
    for options in re.findall(r"\{figure\} \S+\n((?::.*\n)*)", page.read_text(encoding="utf-8")):
        assert ":alt:" in options


def test_formulas_need_no_network():
    assert "sphinx-mathjax-offline" in (DOCS / "conf.py").read_text(encoding="utf-8")
