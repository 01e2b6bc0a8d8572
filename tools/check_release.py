"""Say whether everything is ready for a release: ``python tools/check_release.py v0.2.0``.

The tag, ``pyproject.toml``, ``CITATION.cff`` and the conda recipe must name one version, the
citation its date, and the changelog must have a section for it with nothing left unreleased.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def problems(tag: str, root: Path) -> list[str]:
    """What keeps a tag from being released, a line each."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    version = project["version"]
    citation = (root / "CITATION.cff").read_text("utf-8")
    recipe = (root / "tools" / "conda" / "meta.yaml").read_text("utf-8")
    changes = (root / "CHANGELOG.md").read_text("utf-8")
    told = []
    if tag != f"v{version}":
        told.append(f"the tag is {tag}, and pyproject.toml says {version}")
    for name, text, pattern in (
        ("CITATION.cff", citation, r'^version: "?([^"\s]+)"?'),
        ("tools/conda/meta.yaml", recipe, r'set version = "(.+?)"'),
    ):
        found = re.search(pattern, text, flags=re.MULTILINE)
        if found is None or found[1] != version:
            told.append(f"{name} says {found[1] if found else 'no version'}, not {version}")
    if not re.search(r"^date-released: \"?\d{4}-\d\d-\d\d", citation, flags=re.MULTILINE):
        told.append("CITATION.cff has no date-released")
    if not re.search(rf"^## \[?{re.escape(version)}\]?(?: .*)?$", changes, flags=re.MULTILINE):
        told.append(f"CHANGELOG.md has no section {version}")
    unreleased = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## |\Z)", changes, re.DOTALL | re.M)
    if unreleased is not None and unreleased[1].strip():
        told.append("CHANGELOG.md has changes under Unreleased: move them")
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tag", help="as pushed: v and the version")
    parser.add_argument("--root", type=Path, default=ROOT, help="of the checkout")
    told = problems(*vars(parser.parse_args()).values())
    sys.exit("\n".join(told) if told else None)


if __name__ == "__main__":
    main()
