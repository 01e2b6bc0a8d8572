"""Requests that are damaged: never an error of the server, nothing written elsewhere."""

import contextlib
import os
import random
import socket
import sys
import threading
import time

import pytest
from page_requests import BEAM

from sk_qdots.page import uploads

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
watched = {"is_on": False, "places": []}


def _hear(event, arguments):
    """Remember what is opened for writing, or made, by threads of this process."""
    if not watched["is_on"]:
        return
    if event == "open":
        path, mode, flags = arguments
        is_written = isinstance(flags, int) and flags & _WRITING
        if is_written and isinstance(path, str | bytes) and mode != "r":
            watched["places"].append(os.fsdecode(path))
    elif event in ("os.mkdir", "os.rename", "os.link", "os.symlink"):
        watched["places"].append(os.fsdecode(arguments[0]))


@pytest.fixture(scope="module")
def writing(client, content):
    """The places that the server writes to."""
    assert client.post("/api/size", files={"file": content}, data=BEAM).status_code == 200
    sys.addaudithook(_hear)
    watched["places"].clear()
    watched["is_on"] = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uploads, "_SLOWEST", 0.5)  # for bodies that are shorter than they say
        yield watched["places"]
    watched["is_on"] = False


NAMES = ["file", "cif", "blank", "instrument", "wavelength", "x", "sizer", "", "é", "a" * 300, "\0"]
PATHS = ["a.xy", "../../../x", "/etc/x", "..\\x", "a\0b", "C:\\x", "%2e%2e%2f", "", "é" * 99, "CON"]
ADDRESSES = [
    *("/api/size", "/api/series", "/api/watch", "/api/jobs/..%2f..", "/api/sizers", "/", "//"),
    *("/static/..%2f..%2fapp.py", "/static/%00", "/api/size/../../x", "/api/jobs/x/file?format=%"),
    *("/api/openapi.json", "/%ff", "/api/jobs/" + "x" * 3000, "*", "/?token=&token=", "/a#x"),
]
FIELDS = ["nan", "-1", "1e999", "0.5642", "q", "[]", "\udc80", "a" * 500, "true", "2:1", "lab-cu"]


def nearly_right(rng, content, port, token):
    """A form as it should be, whose file and fields are not."""
    lines = content.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    kept = b"".join(lines[: rng.randrange(20, 400)])
    file = rng.choice(
        [
            kept,
            kept[: rng.randrange(len(kept))],
            b"".join(rng.sample(lines[:300], 200)),
            kept + rng.randbytes(30) + lines[place],
            rng.choice([b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"RAW4.00", b"<?xml "]) + kept,
            rng.randbytes(2000),
            b"data_x\nloop_\n_pd_meas_2theta_scan\n" + kept,
        ]
    )
    names = ["wavelength", "x", "subtracted", "if_missing", "columns", "scan", "resolution"]
    names += ["coverage", "fast", "format"]
    values = ["0.5642", "1.5418", "q", "d_nm", "true", "0,1", "1", "join", "0.3", "view", "csv"]
    fields = {rng.choice(names): rng.choice(values) for _ in range(rng.randrange(4))}
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    path = rng.choice(PATHS).replace("\0", "")
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{path}"\r\n\r\n'
    body = b"".join([*parts, head.encode(), file, b"\r\n--x--\r\n"])
    headers = [
        "POST /api/size HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"X-Token: {token}",
        "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join(headers).encode() + b"\r\n\r\n" + body


def damaged(rng, content, port, token):
    """One request as bytes."""
    if rng.random() < 0.4:
        return nearly_right(rng, content, port, token)
    boundary = rng.choice(["x", "-" * 20, "é", "a b", "x" * 71])
    parts = []
    for _ in range(rng.randrange(4)):
        name, path = rng.choice(NAMES), rng.choice(PATHS)
        head = f'Content-Disposition: form-data; name="{name}"'
        if rng.random() < 0.6:
            head += f'; filename="{path}"'
        piece = rng.choice([content[: rng.randrange(3000)], rng.randbytes(200), b"", b"5 1\n" * 9])
        if rng.random() < 0.3:
            piece = rng.choice(FIELDS).encode("utf-8", "surrogateescape")
        raw = head.encode("utf-8", "replace") + b"\r\n\r\n" + piece + b"\r\n"
        parts.append(b"--" + boundary.encode() + b"\r\n" + raw)
    body = b"".join(parts) + b"--" + boundary.encode() + b"--\r\n"
    kind = rng.choice(
        [f"multipart/form-data; boundary={boundary}"] * 6
        + ["application/json", "multipart/form-data", "text/plain", "\x7f", "application/json; x"]
    )
    if kind.startswith("application/json") and rng.random() < 0.7:
        body = rng.choice(
            [
                b'{"q": [1, 2], "intensity": [1, NaN]}',
                b'{"q": [' + b"1," * 3000 + b'1], "intensity": [1]}',
                b'{"intensity": null, "q": {}}',
                b"\xff\xfe{}",
                b"{" * 5000,
                b'{"q": [1e308, -1e308], "intensity": [1, 2], "blank": {"q": 1}, "instrument": {}}',
            ]
        )
    if rng.random() < 0.4 and body:  # bytes that got lost, or became others
        place = rng.randrange(len(body))
        body = body[:place] + rng.randbytes(rng.randrange(6)) + body[place + rng.randrange(9) :]
    method = rng.choice(["POST"] * 8 + ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "B\0D", "é"])
    address = rng.choice(["/api/size"] * 8 + ADDRESSES)
    host = rng.choice([f"127.0.0.1:{port}"] * 9 + ["evil", ""])
    length = rng.choice([str(len(body))] * 9 + ["-1", "x", str(len(body) + 9), "0"])
    headers = [
        f"{method} {address} HTTP/1.1",
        f"Host: {host}",
        f"Content-Type: {kind}",
        f"Content-Length: {length}",
        *(["X-Token: " + token] if rng.random() < 0.95 else ["X-Token: \xff"]),
        *rng.choice([[], [], [], ["Origin: null"], ["A: " + "b" * 9000], ["Transfer-Encoding: x"]]),
        "Connection: close",
    ]
    return "\r\n".join(headers).encode("latin-1", "replace") + b"\r\n\r\n" + body


def status_of(port, raw):
    """What the server says; None where it ends the line, or waits for what was announced."""
    said = b""
    with (
        contextlib.suppress(ConnectionError, TimeoutError),
        socket.create_connection(("127.0.0.1", port), timeout=120.0) as line,
    ):
        line.sendall(raw)
        while piece := line.recv(65536):
            said += piece
    if not said:
        return None
    assert said.startswith(b"HTTP/1.1 "), said[:80]
    assert b"Traceback" not in said and b"sk_qdots/" not in said
    return int(said[9:12])


def check(page, writing, content, seed, n):
    rng = random.Random(seed)
    port, token = page.settings.port, page.settings.keys.token
    requests = [damaged(rng, content, port, token) for _ in range(n)]
    statuses = []

    def work(mine):
        statuses.extend(status_of(port, raw) for raw in mine)

    threads = [threading.Thread(target=work, args=(requests[k::4],)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == n
    assert not [status for status in statuses if status is not None and status >= 500]
    assert {200, 400, 403, 404, 405, 422} <= set(statuses)
    root = str(page.folder)
    elsewhere = [place for place in writing if not place.startswith(root) and place != os.devnull]
    assert not elsewhere
    last = time.monotonic() + 60.0  # a series may still run
    while list(page.folder.glob("request-*")) and time.monotonic() < last:
        time.sleep(0.1)
    assert not list(page.folder.glob("request-*"))


def test_damaged_requests_are_refused(page, client, writing, content):
    check(page, writing, content, 0, 100)
    assert client.post("/api/size", files={"file": content}, data=BEAM).status_code == 200


@pytest.mark.slow
def test_a_thousand_damaged_requests_are_refused(page, client, writing, content):
    check(page, writing, content, 1, 1500)
    assert client.post("/api/size", files={"file": content}, data=BEAM).status_code == 200
