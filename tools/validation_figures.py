"""The figures and the table of the validation page: ``python tools/validation_figures.py``.

Puts the shipped PbS sizer through ``sk-qdots evaluate`` (an hour and more on two
cores; resumed where the folder holds a part), copies its figures to
``docs/images/validation`` and writes ``docs/tables/figures.md`` and
``docs/tables/conditions.md``.
"""

import argparse
import html
import re
import sys
from pathlib import Path

from PIL import Image

from sk_qdots.cli import main as sk_qdots

ROOT = Path(__file__).resolve().parent.parent
TITLES = {
    "1b_patterns": "Simulated patterns",
    "2ab_errors": "Errors by size and by concentration",
    "2c_clark": "Distances between the sizes",
    "3ab_q_max": "Shorter ranges",
    "3cd_step": "Coarser steps",
    "3ef_qd_fraction": "Dilution",
    "4c_diameters": "Diameters between the classes",
    "4d_sizing_curves": "Sizing curves",
    "confusions": "Which size is taken for which",
    "more_conditions": "What the paper does not report",
    "reliability": "Is a probability what it says?",
    "activation": "What decided",
    "verdicts": "What becomes of a pattern",
    "intervals": "Do intervals cover what they state?",
}


def heading(stem: str) -> str:
    """Title of a figure; its number is the paper's."""
    named = TITLES.get(stem, stem)
    return f"{named} (figure {stem.split('_')[0]} of the paper)" if stem[0].isdigit() else named


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--evaluation", type=Path, default=ROOT / "evaluation")
    folder = parser.parse_args().evaluation
    if status := sk_qdots(["evaluate", "--out", str(folder)]):
        return status
    images = ROOT / "docs/images/validation"
    images.mkdir(parents=True, exist_ok=True)
    for old in images.glob("*.png"):
        if old.name != "faults.png":  # that of tools/fit_faults.py
            old.unlink()
    sections = []
    for path in sorted(folder.glob("*.png")):
        with Image.open(path) as picture:
            caption = str(picture.info["Description"])
            picture.quantize(256).save(images / path.name, optimize=True, dpi=(150, 150))
        sections.append(
            f"### {heading(path.stem)}\n\n![{heading(path.stem)}](../images/validation/{path.name})"
            f"\n\n{caption}. Made by `sk-qdots evaluate`.\n"
        )
    (ROOT / "docs/tables/figures.md").write_text("\n".join(sections), encoding="utf-8")
    report = (folder / "report.html").read_text(encoding="utf-8")
    table, facts = re.findall(r"<table.*?</table>", report, flags=re.S)[-2:]
    told = dict(re.findall(r"<th>(.*?)</th><td>(.*?)</td>", facts))
    note = f"Made by `sk-qdots evaluate` on {told['made']} ({told['versions']})."
    cells = re.compile(r"<t[hd].*?>(.*?)</t[hd]>")
    rows = [map(html.unescape, cells.findall(row)) for row in table.split("</tr>")[:-1]]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|---" * (lines[0].count("|") - 1) + "|")
    text = "\n".join([*lines, "", note, ""])
    (ROOT / "docs/tables/conditions.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
