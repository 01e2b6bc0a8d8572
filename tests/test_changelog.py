"""What CHANGELOG.md says of moving from 0.1.0 is so."""

import importlib
import re
from pathlib import Path

import pytest

import sk_qdots as sq

TEXT = (Path(__file__).resolve().parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
TABLE = re.search(r"### What breaks between 0\.1\.0.*?\n\n(\|.*?)\n\n", TEXT, flags=re.DOTALL)
ROWS = {
    cells[0].strip(): [cell.strip() for cell in cells[1:]]
    for cells in (line.strip("|").split("|") for line in TABLE.group(1).splitlines()[2:])
}


def test_every_row_says_what_to_do():
    assert len(ROWS) > 10
    assert all(len(cells) == 3 and cells[1] and cells[2] for cells in ROWS.values())


def test_modules_have_moved():
    before, now, _ = ROWS["modules"]
    for name in re.findall(r"`(.*?)`", before):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)
    for name in re.findall(r"`(.*?)`", now):
        importlib.import_module(name)
    assert callable(sq.subtract_blank)


def test_the_shipped_sizer_is_as_told():
    sizer = sq.load_sizer("PbS")
    count, first, last = re.match(
        r"(\d+), ([\d.]+) to ([\d.]+) nm", ROWS["classes of the shipped PbS sizer"][1]
    ).groups()
    classes = sizer.classes_
    assert (len(classes), classes[0], classes[-1]) == (
        int(count),
        1000 * float(first),
        1000 * float(last),
    )
    assert len(sizer.inner_classes) == 17
    points, told = re.match(
        r"(\d+) points and (\d+) columns", ROWS["rows of its standardiser"][1]
    ).groups()
    assert (len(sizer.q_), sizer.standardizer.n_told) == (int(points), int(told))


def test_plans_are_as_told():
    plan = sq.plan_training("PbS", dispersions=[0.05, 0.1, 0.2], b_iso=[-0.2, 0.4])
    assert plan.dispersions == (0.05, 0.2) and plan.b_iso == (-0.2, 0.4)
    with pytest.raises(ValueError, match="lowest and the highest"):
        sq.plan_training("PbS", b_iso=1.2)
    for name in ("series", "diameters", "minutes"):
        assert not hasattr(plan, name)
    assert callable(plan.duration) and isinstance(plan.common_dispersions, tuple)
