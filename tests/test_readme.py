"""README's Python and commands say what is true."""

import re
import shlex
from pathlib import Path

import pytest

import sk_qdots as sq
from sk_qdots.cli import _parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE_TRUTH = 4.7  # nm, examples/data/PbS_colloid.md


def python_blocks(text):
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.parametrize("block", python_blocks(README))
def test_python_blocks_run(block, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(block, "README.md", "exec"), {})
    assert re.search(r"\d nm \(\d.*, (ok|caution)$", capsys.readouterr().out, re.M)


@pytest.mark.parametrize("page", sorted(p.name for p in (ROOT / "docs").glob("*.md")))
def test_python_blocks_of_the_docs_run(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    names = {"__name__": "__main__"}  # one after the other, as a reader would type them
    for block in python_blocks((ROOT / "docs" / page).read_text(encoding="utf-8")):
        exec(compile(block, page, "exec"), names)


def commands():
    """Every line of sk-qdots or Python that a page or the README tells a reader to type."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
        told = "\n".join(blocks) + "\n" + "\n".join(re.findall(r"`([^`\n]+)`", text))
        for line in told.replace("\\\n", " ").splitlines():
            for command in line.split(" && "):
                words = shlex.split(command, comments=True)
                if words[:1] in (["sk-qdots"], ["python"]) and len(words) > 2:
                    yield pytest.param(words, id=f"{page.stem}: {' '.join(words)[:70]}")


@pytest.mark.parametrize("words", list(commands()))
def test_commands_of_the_docs_are_understood(words):
    if words[0] == "python":
        assert words[1] == "-m" or (ROOT / words[1]).is_file()
        return
    words = words[1 : words.index(">")] if ">" in words else words[1:]
    try:
        _parser().parse_args(words)
    except SystemExit as ended:
        missing = words[0] in ("size", "train", "evaluate") and len(words) <= 3
        assert ended.code == 0 or missing  # "sk-qdots size --subtracted" names an option only


def test_example_is_sized_by_the_command(capsys, monkeypatch):
    from sk_qdots.cli import main

    monkeypatch.chdir(ROOT)
    command = re.search(r"&& sk-qdots (size .*)", README).group(1)
    assert main(command.split()) == 0
    diameter = float(capsys.readouterr().out.splitlines()[1].split()[1])
    assert abs(diameter - EXAMPLE_TRUTH) <= 0.5


def test_links_lead_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert "://" in target or (page.parent / target).exists(), target


def test_version_is_the_same_everywhere():
    from importlib.metadata import version

    assert f"version: {version('sk_qdots')}" in (ROOT / "CITATION.cff").read_text()
    assert sq.load_sizer("PbS").simulation["sk_qdots_version"] == version("sk_qdots")
