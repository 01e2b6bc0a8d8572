"""``POST /api/size``: one pattern, as a file or as arrays."""

import csv
import io
import json

import numpy as np
import pytest
from page_requests import BEAM, COLLOID

import sk_qdots as sq
from sk_qdots.instruments import load_instrument
from sk_qdots.sizing.answer import SCHEMA


@pytest.fixture(scope="module")
def expected():
    """What Python answers to the same file."""
    return sq.load_sizer("PbS").size(sq.read_pattern(COLLOID, wavelength=0.5642)).to_dict()


@pytest.fixture(scope="module")
def view(size, content):
    return size(content, **BEAM, format="view").json()


def without_source(told):
    told["settings"]["pattern"].pop("source")
    return {key: value for key, value in told.items() if key != "source"}


def test_a_file_is_answered_as_python_answers(size, content, expected):
    answer = size(content, name="../../colloid.xy", **BEAM)
    assert answer.status_code == 200
    told = answer.json()
    assert told["source"] == told["settings"]["pattern"]["source"] == "colloid.xy"
    assert told["schema"] == SCHEMA
    assert without_source(told) == without_source(json.loads(json.dumps(expected)))


def test_arrays_are_answered_alike(client, expected):
    pattern = sq.read_pattern(COLLOID, wavelength=0.5642)
    body = {
        "two_theta": pattern["two_theta"].values.tolist(),
        "intensity": pattern.values.tolist(),
        "source": "a detector",
        "wavelength": 0.5642,
    }
    told = client.post("/api/size", json=body).json()
    assert told["number_diameter"] == pytest.approx(expected["number_diameter"], rel=1e-9)
    assert told["source"] == "a detector"
    over_q = {"q": pattern["q"].values.tolist(), "intensity": pattern.values.tolist()}
    told = client.post("/api/size", json={**over_q, "coverage": 0.5}).json()
    assert told["number_diameter"] == pytest.approx(expected["number_diameter"], abs=1e-3)
    assert told["coverage"] == 0.5


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("[1]", "no JSON object"),
        ("{", "no JSON"),
        ('{"intensity": [1]}', "either q"),
        ('{"q": [1], "two_theta": [1], "intensity": [1]}', "either q"),
        ('{"q": [1, 2], "intensity": [1]}', "same length"),
        ('{"q": [1, "2"], "intensity": [1, 2]}', "numbers alone"),
        ('{"q": [1, true], "intensity": [1, 2]}', "numbers alone"),
        ('{"q": 1, "intensity": [1]}', "array"),
        ('{"q": [1], "intensity": [1], "source": 3}', "source"),
        ('{"q": [1], "intensity": [1], "sizer": []}', "text or a number"),
        ('{"q": [1], "intensity": [1], "wrong": 1}', "no field"),
        ("[" * 100_000, "no JSON"),
        ('{"q": [' + "9" * 400 + '], "intensity": [1]}', "too large"),
    ],
)
def test_arrays_that_are_none_are_refused(client, body, reason):
    answer = client.post("/api/size", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert reason in answer.json()["error"]["reason"]


def test_what_is_not_finite_is_refused_as_in_files(client):
    body = '{"q": [' + ",".join(f"{q / 10}" for q in range(10, 110)) + '], "intensity": ['
    body += ",".join(["NaN", *["1"] * 99]) + "]}"
    answer = client.post("/api/size", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert "NaN" in answer.json()["error"]["reason"]


def test_it_asks_for_what_the_file_does_not_say(size, content):
    told = size(content).json()["error"]
    assert told["code"] == "refused" and told["asks"] == ["wavelength"]
    bare = b"\n".join(line for line in content.splitlines() if not line.startswith(b"#"))
    told = size(bare).json()["error"]
    assert set(told["asks"]) == {"wavelength", "x"}
    assert "--" in told["reason"] and "(--wavelength)" not in told["plain"]


def test_a_refusal_shows_what_was_read(size):
    q = np.arange(1.0, 15.0, 0.01)
    flat = "".join(f"{x:.2f} {1000 + (k * 7919) % 90}\n" for k, x in enumerate(q))
    answer = size(flat.encode(), x="q", format="view")
    assert answer.status_code == 422
    told = answer.json()
    assert told["error"]["asks"] == [] and len(told["curves"]["q"]) == len(q)


def test_the_view_has_everything_to_draw(view, expected):
    assert view["answer"]["number_diameter"] == expected["number_diameter"]
    assert view["words"]["verdict"] == "Ok" and "nm across" in view["words"]["sentence"]
    curves = view["curves"]
    n = len(curves["q"])
    assert 1000 < n <= 4000
    assert all(len(curves[name]) == n for name in ("measured", "calculated", "background"))
    told = view["distribution"]
    for name, mean in (("number", "number_diameter"), ("volume", "volume_diameter")):
        sizes, density = np.array(told["diameter"]), np.array(told[name]["mean"])
        assert np.trapezoid(density, sizes) == pytest.approx(1.0, abs=0.02)
        found = np.trapezoid(density * sizes, sizes)
        assert found == pytest.approx(expected[mean], rel=0.02)
        assert np.all(np.array(told[name]["low"]) <= density + 1e-9)
    assert view["row"]["file"] == "sample.xy"
    assert view["command"] == "sk-qdots size sample.xy --wavelength=0.5642 --model=PbS"


@pytest.mark.parametrize(
    ("kind", "media", "begin"),
    [
        ("csv", "text/csv", b"file,diameter_nm"),
        ("png", "image/png", b"\x89PNG"),
        ("report", "text/html", b"<!doctype html>"),
    ],
)
def test_files_can_be_downloaded(size, content, kind, media, begin):
    answer = size(content, name='a"b\r\n.xy', **BEAM, format=kind)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media)
    assert answer.content.startswith(begin)
    told = answer.headers["content-disposition"]
    assert told.startswith("attachment; filename=") and "\r" not in told


def test_the_row_is_that_of_the_command(size, content, expected):
    (row,) = csv.DictReader(io.StringIO(size(content, **BEAM, format="csv").text))
    assert row["verdict"] == "ok"
    assert float(row["number_diameter_nm"]) == pytest.approx(expected["number_diameter"], abs=1e-4)


def test_the_report_needs_nothing_else(size, content):
    report = size(content, name="<b>&.xy", **BEAM, format="report").text
    assert "&lt;b&gt;&amp;.xy" in report and "<b>&.xy" not in report
    assert 'src="data:image/png' in report and "http://" not in report.split("</style>")[1]
    for told in ("SHA-256", "arrays_sha256", "sk_qdots 0", "--wavelength=0.5642", "numpy"):
        assert told in report


def test_a_network_has_no_fit_to_download(size, content):
    answer = size(content, **BEAM, format="fit", fast="true")
    assert answer.status_code == 422 and answer.json()["error"]["code"] == "no_fit"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"wavelenght": "1"}, "is no field"),
        ({"wavelength": "one"}, "is not a number"),
        ({"wavelength": "0,56"}, "decimal point"),
        ({"wavelength": "0.56", "energy": "20"}, "give one of them"),
        ({"sizer": "../../etc"}, "there is no sizer"),
        ({"crystal": "Unobtainium"}, "Unobtainium"),
        ({"sizer": "PbS", "crystal": "PbS"}, "give one of"),
        ({"instrument": "/etc/passwd"}, "there is no instrument"),
        ({"instrument": "lab-cu", "resolution": "0.1"}, "give one of"),
        ({"resolution": "-1"}, "no width"),
        ({"fast": "perhaps"}, "neither true nor false"),
        ({"diameters": "2:8", "sizer": "PbS"}, "belongs to"),
        ({"coverage": "95"}, "not between 0 and 1"),
        ({"format": "pdf"}, "format is one of"),
    ],
)
def test_what_cannot_be_asked_is_told(size, content, fields, reason):
    answer = size(content, **fields)
    assert answer.status_code == 400, answer.text
    assert reason in answer.json()["error"]["reason"]


def test_an_instrument_counts(size, content):
    answer = size(content, **BEAM, resolution="0.3").json()
    assert answer["settings"]["instrument"]["name"].startswith("lines of 0.3")
    lines = load_instrument("synchrotron").replace(wavelengths=(0.5642,), name="").to_json()
    answer = size(content, files={"instrument": ("mine.json", lines.encode())}).json()
    assert answer["settings"]["instrument"]["name"] == "mine"
    answer = size(content, files={"instrument": ("mine.json", b"{}")})
    assert answer.status_code == 400 and "mine.json" in answer.json()["error"]["reason"]
    assert "/" not in answer.json()["error"]["reason"].split("mine.json")[0]


def test_a_crystal_of_a_cif_is_fitted(size, content):
    fields = {**BEAM, "diameters": "3:6", "format": "view"}
    files = {"cif": ("galena of mine.cif", CIF.encode())}
    told = size(content, files=files, **fields).json()
    assert told["answer"]["model"] == "galena of mine"
    assert told["answer"]["fit"]["r_wp"] < 0.05
    assert told["answer"]["number_diameter"] == pytest.approx(4.75, abs=0.2)
    assert told["curves"]["esd"] and told["curves"]["reflections"]
    assert "'--cif=galena of mine.cif'" in told["command"]
    broken = size(content, files={"cif": ("x.cif", b"data_x")}, **BEAM)
    assert broken.status_code == 400 and "x.cif" in broken.json()["error"]["reason"]


CIF = """data_galena
_cell_length_a 5.9362
_cell_length_b 5.9362
_cell_length_c 5.9362
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
_atom_site_B_iso_or_equiv
Pb1 Pb 0 0 0 1 1.0
S1 S 0.5 0.5 0.5 1 1.0
"""


def test_what_can_be_asked_is_listed(client):
    told = client.get("/api/sizers").json()
    assert told["sizers"][0]["name"] == "PbS" and "folder" not in told["sizers"][0]
    assert "CeO2" in told["crystals"] and "lab-cu" in told["instruments"]
    assert told["columns"][0] == "file"


def test_nothing_of_a_request_is_kept(page, size, content):
    size(content, **BEAM)
    size(b"garbage")
    assert not list(page.folder.glob("request-*"))


def test_what_was_said_before_counts_where_the_file_says_nothing(size, content):
    said = {**BEAM, "x": "d", "scan": "1", "subtracted": "true", "if_missing": "true"}
    view = size(content, **said, format="view").json()
    assert view["answer"]["settings"]["pattern"]["wavelength"] == 0.5642
    assert view["command"] == "sk-qdots size sample.xy --wavelength=0.5642 --model=PbS"
    over_q = b"# Q (1/Angstrom) counts\n" + b"".join(
        b"%.2f %d\n" % (q / 100, 1000 + q % 7) for q in range(100, 1500)
    )
    told = size(over_q, **said).json()["error"]
    assert told["asks"] == []  # it could be read, as its header says
    assert size(content, if_missing="true").json()["error"]["asks"] == ["wavelength"]
