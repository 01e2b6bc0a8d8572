"""What is said becomes text of the page, never a part of it."""

import pytest

from sk_qdots.evaluation import _report
from sk_qdots.evaluation.told_tables import Table

SCRIPT = "<script>alert('dots')</script>"


@pytest.fixture
def report():
    return _report.Report(
        sizer="PbS",
        facts={"seed": "0"},
        is_published=False,
        columns=["condition", "right", "Scherrer"],
        rows=[
            _report.Row("standard", "", ["0.970", ""]),
            _report.Row("q_max=2.5", "covers too little", []),
        ],
        figures=[
            _report.Picture("2ab", "Wrong answers.", "UE5H"),
            _report.Picture("", "Reliability.", "UE5H"),
        ],
        summary=["Right patterns: none refused."],
        first=_report.Picture("", "Verdicts.", "UE5H"),
        tables=[Table("Refused", "Some.", ["patterns", "refused"], [["standard", "0.02"]])],
        told=[_report.Picture("", "Intervals.", "UE5H")],
    )


def test_page_says_what_the_report_says(report):
    text = _report.render(report)
    assert "<h1>Evaluation of the sizer PbS</h1>" in text
    assert "<tr><th>seed</th><td>0</td></tr>" in text
    assert '<td class="number">0.970</td><td class="number"></td></tr>' in text
    assert '<tr><td>q_max=2.5</td><td colspan="2">refused: covers too little</td></tr>' in text
    assert "<figcaption><b>Figure 2ab</b> (as in the paper). Wrong answers.<" in text
    assert "<figcaption>Reliability.<" in text
    assert "the paper's two liquids" not in text
    assert "<li>Right patterns: none refused.</li>" in text
    assert '<tr><td>standard</td><td class="number">0.02</td></tr>' in text
    order = ("none refused", "Verdicts.", "Intervals.", "<h3>Refused", "Every condition", "Wrong")
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)


@pytest.mark.parametrize(
    "field",
    ["sizer", "facts", "columns", "rows", "figures", "summary", "first", "tables", "told"],
)
def test_words_are_escaped(report, field):
    hostile = {
        "sizer": SCRIPT,
        "facts": {SCRIPT: SCRIPT},
        "columns": [SCRIPT],
        "rows": [_report.Row(SCRIPT, SCRIPT, [])],
        "figures": [_report.Picture(SCRIPT, SCRIPT, SCRIPT)],
        "summary": [SCRIPT],
        "first": _report.Picture(SCRIPT, SCRIPT, SCRIPT),
        "tables": [Table(SCRIPT, SCRIPT, [SCRIPT], [[SCRIPT, SCRIPT]])],
        "told": [_report.Picture(SCRIPT, SCRIPT, SCRIPT)],
    }
    text = _report.render(_report.Report(**{**vars(report), field: hostile[field]}))
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#39;dots&#39;)&lt;/script&gt;" in text
