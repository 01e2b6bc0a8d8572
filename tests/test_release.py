"""What a release needs: paper, citation, recipe, workflow, and the check of a tag."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import sk_qdots as sq

ROOT = Path(__file__).resolve().parents[1]
TOOL = ROOT / "tools" / "check_release.py"
PAPER = ROOT / "docs" / "joss" / "paper.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RECIPE = (ROOT / "tools" / "conda" / "meta.yaml").read_text(encoding="utf-8")
ELSEWHERE = {"torch": "pytorch", "matplotlib": "matplotlib-base"}  # names of conda-forge


@pytest.fixture
def checkout(tmp_path):
    """What is looked at, as it is on the day of a release."""
    for name in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md", "tools/conda/meta.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    version = PROJECT["version"]
    with (tmp_path / "CITATION.cff").open("a", encoding="utf-8") as file:
        file.write("date-released: 2026-12-01\n")
    (tmp_path / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## [Unreleased]\n\n## {version}\n\n- new\n", encoding="utf-8"
    )
    return tmp_path


def check(root, tag):
    told = subprocess.run(
        [sys.executable, TOOL, tag, "--root", root], capture_output=True, text=True, check=False
    )
    assert told.returncode == (1 if told.stderr.strip() else 0)
    return told.stderr


def test_a_release_that_is_ready_passes(checkout):
    assert check(checkout, f"v{PROJECT['version']}") == ""


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("CITATION.cff", "\nversion: ", "\nversion: 9", "CITATION.cff says 9"),
        ("CITATION.cff", "date-released", "date", "no date-released"),
        ("tools/conda/meta.yaml", 'version = "', 'version = "9', "meta.yaml says 9"),
        ("CHANGELOG.md", "[Unreleased]\n", "[Unreleased]\n\n- new\n", "under Unreleased"),
        ("CHANGELOG.md", f"## {PROJECT['version']}", "## 9.9", "no section"),
    ],
)
def test_what_is_not_ready_is_told(checkout, file, before, after, told):
    text = (checkout / file).read_text(encoding="utf-8")
    assert before in text
    (checkout / file).write_text(text.replace(before, after), encoding="utf-8")
    assert told in check(checkout, f"v{PROJECT['version']}")


def test_a_tag_of_another_version_is_refused(checkout):
    assert "the tag is v9.9.9" in check(checkout, "v9.9.9")


def asked(requirements):
    """Name and oldest version of each requirement."""
    found = [re.match(r"([\w.-]+)(?:\[.*?\])? ?>=([\w.]+)$", one) for one in requirements]
    return {one[1].lower().replace("_", "-"): one[2] for one in found if one}


def recipe_section(name):
    block = re.search(rf"^  {name}:\n((?:    - .*\n)+)", RECIPE, flags=re.MULTILINE).group(1)
    return [line.removeprefix("    - ") for line in block.splitlines()]


def test_the_recipe_asks_for_what_the_project_asks_for():
    needed = {ELSEWHERE.get(name, name): v for name, v in asked(PROJECT["dependencies"]).items()}
    assert len(needed) == len(PROJECT["dependencies"])
    python = PROJECT["requires-python"].removeprefix(">=")
    assert asked(recipe_section("run")) == {"python": python, **needed}
    assert (
        asked(recipe_section("run_constrained")).items()
        <= {
            name: version
            for extra in PROJECT["optional-dependencies"].values()
            for name, version in asked(extra).items()
        }.items()
    )


def test_the_workflow_checks_a_tag_before_it_publishes():
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    jobs = dict(re.findall(r"^  (\w+):\n    name(.*?)(?=^  \w+:\n    name|\Z)", text, re.M | re.S))
    assert {"build", "wheel", "tests", "documentation", "publish", "pages"} <= set(jobs)
    assert "tools/check_release.py" in jobs["build"]
    for job in ("publish", "pages"):
        assert "github.ref_type == 'tag'" in jobs[job] and "id-token: write" in jobs[job]
    assert "needs: [wheel, tests, documentation]" in jobs["publish"]
    assert "password" not in text and "secrets." not in text


def test_the_paper_is_as_the_journal_asks():
    text = PAPER.read_text(encoding="utf-8")
    header, body = re.match(r"---\n(.*?)\n---\n(.*)", text, flags=re.DOTALL).groups()
    assert all(f"{key}:" in header for key in ("title", "tags", "authors", "date", "bibliography"))
    wanted = ["Summary", "Statement of need", "State of the field", "Software design"]
    wanted += ["Research impact statement", "AI usage disclosure", "Acknowledgements", "References"]
    assert re.findall(r"^# (.*)$", body, flags=re.MULTILINE) == wanted
    assert 750 <= len(re.sub(r"<!--.*?-->", "", body).split()) <= 1750
    for picture in re.findall(r"\]\((\S+\.png)\)", body):
        assert (PAPER.parent / picture).is_file()


def test_references_of_the_paper_are_there_and_cited():
    cited = set(re.findall(r"@(\w+\d{4}|ausaxs|debyer)\b", PAPER.read_text(encoding="utf-8")))
    entries = (PAPER.parent / "paper.bib").read_text(encoding="utf-8").split("\n@")
    keys = {re.match(r"@?\w+\{(\w+),", entry).group(1) for entry in entries}
    assert cited == keys
    for entry in entries:
        assert re.search(r"doi\s+= \{10\.\d{4,5}/\S+\}|url\s+= \{https://", entry)


def test_figures_of_the_paper_are_those_of_the_tables():
    text = PAPER.read_text(encoding="utf-8")
    notes = re.findall(r"<!-- (docs/tables/\S+): (.*?) -->", text)
    assert len(notes) >= 3
    told = re.sub(r"<!--.*?-->", "", text)
    for table, figures in notes:
        found = re.findall(r"[\w.+-]+", (ROOT / table).read_text(encoding="utf-8"))
        numbers = {number.lstrip("+-") for number in found}
        for figure in figures.split(" | "):
            assert figure in numbers, (table, figure)
            assert figure.rstrip("0") in told, figure


def test_counts_of_the_paper_are_true():
    told = " ".join(PAPER.read_text(encoding="utf-8").split())
    assert "seventeen crystals" in told and len(sq.Crystal.builtin_names()) == 17
