"""README's Python and commands say what is true."""

import re
from pathlib import Path

import pytest

import sk_qdots as sq

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE_TRUTH = 4.7  # nm, examples/data/README.md


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL))
def test_python_blocks_run(block, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(block, "README.md", "exec"), {})
    assert "nm, p = " in capsys.readouterr().out


def test_example_is_sized_by_the_command(capsys, monkeypatch):
    from sk_qdots.cli import main

    monkeypatch.chdir(ROOT)
    command = re.search(r"&& sk-qdots (size .*)", README).group(1)
    assert main(command.split()) == 0
    diameter = float(capsys.readouterr().out.splitlines()[1].split()[1])
    assert abs(diameter - EXAMPLE_TRUTH) <= 0.5


def test_links_lead_somewhere():
    for text in (README, (ROOT / "docs/index.md").read_text(encoding="utf-8")):
        base = ROOT if text is README else ROOT / "docs"
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert "://" in target or (base / target).exists(), target


def test_version_is_the_same_everywhere():
    from importlib.metadata import version

    assert f"version: {version('sk_qdots')}" in (ROOT / "CITATION.cff").read_text()
    assert sq.load_sizer("PbS").simulation["sk_qdots_version"] == version("sk_qdots")
