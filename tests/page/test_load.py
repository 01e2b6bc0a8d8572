"""The script that uploads much at once runs from end to end, on very little."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("psutil")
TOOLS = Path(__file__).resolve().parents[2] / "tools"


def test_uploads_at_once(monkeypatch, capsys):
    monkeypatch.syspath_prepend(TOOLS)
    import load_page

    arguments = ["load_page.py", "--uploads", "12", "--clients", "4", "--jobs", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    load_page.main()
    told = capsys.readouterr().out
    assert told.startswith("12 of 12 answered") and "folders left: 0" in told
