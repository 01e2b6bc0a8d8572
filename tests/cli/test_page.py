"""``sk-qdots page``."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="pip install 'sk_qdots[page]'")

from sk_qdots.cli import main
from sk_qdots.page import RunningPage, server

COMMAND = (sys.executable, "-m", "sk_qdots.cli", "page")
COLLOID = Path(__file__).resolve().parents[2] / "examples" / "data" / "PbS_colloid.xy"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_link_and_leaves_nothing_behind(tmp_path, ending):
    (tmp_path / "temp").mkdir()
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--no-browser", "--jobs", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "temp"), "http_proxy": "http://127.0.0.1:9"},
    ) as running:
        url = running.stdout.readline().strip()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]{43})", url)
        assert found
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=60) as answer:
            assert answer.status == 200 and b"nanocrystals" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            opener.open(url.split("?")[0], timeout=60)
        if ending == signal.SIGINT:
            assert _sized(opener, url)["verdict"] == "ok"
        assert list((tmp_path / "temp").iterdir())
        running.send_signal(ending)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0 and out == ""
    assert "Ctrl-C ends it" in err and "Traceback" not in err and found[2] not in err
    assert not list((tmp_path / "temp").iterdir())
    assert [file.name for file in tmp_path.iterdir()] == ["temp"]


def _sized(opener, url):
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="wavelength"\r\n\r\n0.5642\r\n',
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.xy"\r\n\r\n',
        COLLOID.read_bytes(),
        b"\r\n--x--\r\n",
    ]
    request = urllib.request.Request(
        url.replace("/?", "/api/size?"),
        data=b"".join(parts),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    with opener.open(request, timeout=120) as answer:
        return json.load(answer)


def test_a_port_that_is_taken_is_told(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["page", "--no-browser", "--port", str(taken.getsockname()[1])]) == 2
    assert "cannot be listened at" in capsys.readouterr().err
    assert main(["page", "--no-browser", "--port", "99999999"]) == 2


def test_what_is_missing_is_told(capsys, monkeypatch):
    monkeypatch.setattr(server, "_NEEDED", ("no_such_package",))
    assert main(["page", "--no-browser"]) == 2
    assert "pip install 'sk_qdots[page]'" in capsys.readouterr().err


def test_the_browser_is_opened_without_telling_others_the_token(monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    page = RunningPage()
    try:
        page.open_browser()
        (address,) = opened
        assert address.startswith("file:") and page.settings.keys.token not in address
        file = Path(address.removeprefix("file://"))
        assert page.settings.keys.token in file.read_text()
        assert file.parent.stat().st_mode & 0o077 == 0
    finally:
        page.close()
    assert not page.folder.exists()


def test_the_server_itself_needs_nothing_heavy():
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\n"
            "from sk_qdots.page.app import make_app\n"
            "from sk_qdots.page import serve\n"
            "print(sorted({'xarray', 'torch', 'sklearn', 'plotly'} & {*sys.modules}))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "[]"


def test_watching_keeps_a_page_up_to_date(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "f1.xy").write_bytes(COLLOID.read_bytes())
    command = [sys.executable, "-m", "sk_qdots.cli", "watch", str(folder)]
    command += ["--out", str(tmp_path / "series.csv"), "--wavelength", "0.5642", "--page"]
    subprocess.run([*command[:-1], "--once", "--settle", "0.1"], check=True, capture_output=True)
    with subprocess.Popen(
        [*command, "--settle", "0.1", "--poll", "0.2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        url = next(line for line in running.stderr if "live page" in line).split()[-1]
        (folder / "f2.xy").write_bytes(COLLOID.read_bytes())
        told = {"n_done": 0}
        last = time.monotonic() + 120.0
        while told["n_done"] < 2:
            assert time.monotonic() < last
            time.sleep(0.2)
            with urllib.request.urlopen(url.replace("/?", "/api/jobs?")) as answer:
                (job,) = json.load(answer)["jobs"]
            with urllib.request.urlopen(url.replace("/?", f"/api/jobs/{job['id']}?")) as answer:
                told = json.load(answer)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)
    assert running.returncode == 0
    assert [Path(row["file"]).name for row in told["rows"]] == ["f1.xy", "f2.xy"]
    assert all(row["verdict"] == "ok" for row in told["rows"])
    assert told["rows"][0]["volume_diameter_nm"] == told["rows"][1]["volume_diameter_nm"]
