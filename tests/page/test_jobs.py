"""Series and watched folders."""

import csv
import io
import json
import os
import time

import pytest
import xarray as xr
from page_requests import BEAM

from sk_qdots.instruments import load_instrument, remember_instrument


def finished(client, job, *, until=lambda told: told["state"] != "running", within=120.0):
    """A job once something is so of it, with all of its rows."""
    last = time.monotonic() + within
    while time.monotonic() < last:
        told = client.get(f"/api/jobs/{job['id']}").json()
        if until(told):
            return told
        time.sleep(0.1)
    raise AssertionError(f"not in time: {told}")


@pytest.fixture(scope="module")
def series(client, content):
    """Four frames, one of which is garbage, all of them called alike but for a folder."""
    files = [("file", (f"run/f{k}.xy", b"5 1\n" if k == 2 else content)) for k in range(4)]
    fields = {**BEAM, "modified": json.dumps([1e9 + 60 * k for k in range(4)])}
    answer = client.post("/api/series", files=files, data=fields)
    assert answer.status_code == 202
    return finished(client, answer.json())


def test_a_series_is_sized(series):
    assert series["state"] == "done"
    assert (series["n_total"], series["n_done"]) == (4, 4)
    assert series["verdicts"] == {"ok": 3, "caution": 0, "refused": 1}
    rows = sorted(series["rows"], key=lambda row: row["place"])
    assert [row["file"] for row in rows] == ["f0.xy", "f1.xy", "f2.xy", "f3.xy"]
    assert [row["verdict"] for row in rows] == ["ok", "ok", "refused", "ok"]
    assert rows[0]["number_diameter_nm"] == pytest.approx(4.7, abs=0.1)
    assert rows[3]["modified"] == 1e9 + 180


def test_rows_are_told_from_a_number_on(client, series):
    told = client.get(f"/api/jobs/{series['id']}", params={"since": 3}).json()
    assert told["rows"] == series["rows"][3:] and told["n_done"] == 4
    for since in ("-1", "x", "9" * 30):
        answer = client.get(f"/api/jobs/{series['id']}", params={"since": since})
        assert answer.status_code == 200


def test_a_series_can_be_downloaded(client, series, tmp_path):
    place = f"/api/jobs/{series['id']}/file"
    rows = list(csv.DictReader(io.StringIO(client.get(place).text)))
    assert [row["verdict"] for row in rows] == ["ok", "ok", "refused", "ok"]
    assert rows[1]["time"].startswith("2001-09-09T01:47:40")
    (tmp_path / "series.nc").write_bytes(client.get(place, params={"format": "nc"}).content)
    with xr.open_dataset(tmp_path / "series.nc") as data:
        assert data.sizes["frame"] == 4
    assert client.get(place, params={"format": "nxs"}).content.startswith(b"\x89HDF")
    assert client.get(place, params={"format": "png"}).content.startswith(b"\x89PNG")
    assert client.get(place, params={"format": "exe"}).status_code == 400


def test_files_of_a_series_are_deleted(page, series):
    assert not list(page.folder.glob("request-*"))


def test_a_series_ends_when_it_is_cancelled(client, page, content):
    files = [("file", (f"f{k}.xy", content)) for k in range(60)]
    job = client.post("/api/series", files=files, data=BEAM).json()
    finished(client, job, until=lambda told: told["n_done"] > 0)
    told = client.delete(f"/api/jobs/{job['id']}").json()
    assert told["state"] == "cancelled" and 0 < told["n_done"] < 60
    assert client.get(f"/api/jobs/{job['id']}/file").status_code == 200  # what is known is kept
    assert not list(page.folder.glob("request-*"))
    assert client.post("/api/size", files={"file": content}, data=BEAM).status_code == 200


def test_what_cannot_be_a_series_is_refused(client, content):
    many = [("file", ("f.xy", b"1 2\n"))] * 2001
    assert client.post("/api/series", files=many).status_code == 413
    for fields in ({"per_frame": "-1"}, {"modified": "[[]]"}, {"modified": "["}, {"sizer": "none"}):
        answer = client.post("/api/series", files={"file": content}, data=fields)
        assert answer.status_code == 400
    assert client.post("/api/series", files={"cif": b"data_x"}).status_code == 400
    assert client.get("/api/jobs/none").status_code == 404
    assert client.delete("/api/jobs/..%2fx").status_code == 404


def test_a_bad_crystal_ends_a_series_with_its_reason(client, content):
    files = [("file", ("f.xy", content)), ("cif", ("x.cif", b"data_x"))]
    told = finished(client, client.post("/api/series", files=files, data=BEAM).json())
    assert told["state"] == "failed" and "x.cif" in told["reason"]


def test_a_folder_is_watched(client, content, tmp_path):
    old = tmp_path / "f1.xy"
    old.write_bytes(content)
    os.utime(old, (1e9, 1e9))
    fields = {**BEAM, "folder": str(tmp_path), "pattern": "*.xy"}
    answer = client.post("/api/watch", files={"cif": b""}, data=fields)
    assert answer.status_code == 202
    job = answer.json()
    told = finished(client, job, until=lambda told: told["n_done"] == 1)
    assert told["rows"][0]["file"] == "f1.xy" and told["state"] == "running"
    (tmp_path / "f2.txt").write_bytes(content)
    (tmp_path / "f3.xy").write_bytes(content)
    told = finished(client, job, until=lambda told: told["n_done"] == 2)
    assert told["rows"][1]["file"] == "f3.xy" and told["rows"][1]["verdict"] == "ok"
    assert client.delete(f"/api/jobs/{job['id']}").json()["state"] == "cancelled"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["f1.xy", "f2.txt", "f3.xy"]


def test_a_folder_remembers_its_instrument(client, content, tmp_path):
    mine = load_instrument("synchrotron").replace(wavelengths=(0.5642,), name="mine")
    remember_instrument(mine, tmp_path)
    (tmp_path / "f1.xy").write_bytes(content)
    os.utime(tmp_path / "f1.xy", (1e9, 1e9))
    job = client.post("/api/watch", files={"cif": b""}, data={"folder": str(tmp_path)}).json()
    told = finished(client, job, until=lambda told: told["n_done"] == 1)
    client.delete(f"/api/jobs/{job['id']}")
    assert told["rows"][0]["settings"]["instrument"]["name"] == "mine"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"folder": " "},
        {"folder": "/nowhere/at/all"},
        {"folder": "a\0b"},
        {"folder": "/", "pattern": "../*"},
        {"folder": "/", "pattern": "/etc/*"},
        {"folder": "/x" * 4000},
    ],
)
def test_what_is_no_folder_is_refused(client, fields):
    answer = client.post("/api/watch", files={"cif": b""}, data=fields)
    assert answer.status_code == 400, answer.text


def test_rows_that_others_tell_are_shown(page, client):
    job = page.show("told by a test")
    job.tell(0, {"file": "a.xy", "verdict": "ok", "volume_diameter_nm": 4.5}, 1e9)
    job.tell(1, {"file": "b.xy", "verdict": "refused", "reasons": "flat"}, float("nan"))
    job.tell(0, {"file": "a.xy", "verdict": "caution", "volume_diameter_nm": 4.6}, 1e9)
    (listed,) = (one for one in client.get("/api/jobs").json()["jobs"] if one["id"] == job.key)
    assert listed["title"] == "told by a test" and listed["rows"] == []
    told = client.get(f"/api/jobs/{job.key}").json()
    assert told["verdicts"] == {"ok": 0, "caution": 1, "refused": 1} and told["n_done"] == 2
    rows = list(csv.DictReader(io.StringIO(client.get(f"/api/jobs/{job.key}/file").text)))
    assert [row["volume_diameter_nm"] for row in rows] == ["4.6", ""]
    assert client.get(f"/api/jobs/{job.key}/file", params={"format": "nc"}).status_code == 400
    assert client.delete(f"/api/jobs/{job.key}").status_code == 409
    job.state = "done"
