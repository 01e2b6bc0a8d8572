"""What a request brings, and how much of it."""

import dataclasses

import pytest
from page_requests import BEAM

from sk_qdots.page import forms, uploads
from sk_qdots.page.forms import clean_name

MIB = 2**20


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("dots.xye", "dots.xye"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a/../../b", "b"),
        ("...", "pattern"),
        ("", "pattern"),
        ("a\0b\r\nc.xy", "a_b__c.xy"),
        ("größe.xy", "größe.xy"),
        ("x" * 300 + ".xy", "x" * 117 + ".xy"),
    ],
)
def test_names_are_shown_and_never_paths(name, kept):
    assert clean_name(name) == kept


@pytest.mark.parametrize(
    "name", ["../../evil.xy", "/tmp/evil.xy", "..\\evil.xy", "C:\\evil.xy", "a\0b", "CON", "."]
)
def test_nothing_is_written_under_the_name_it_brings(page, size, content, name, monkeypatch):
    written = []
    usual = uploads.Path.open

    def opened(path, mode="r", *rest, **more):
        if "r" not in mode:
            written.append(path)
        return usual(path, mode, *rest, **more)

    monkeypatch.setattr(uploads.Path, "open", opened)
    answer = size(content, name=name, **BEAM)
    assert answer.status_code == 200
    assert written
    assert all(path.is_relative_to(page.folder) and path.name == "00000" for path in written)


def test_a_file_may_be_as_large_as_a_pattern(size):
    assert size(b"1" * (32 * MIB + 1)).status_code == 413
    answer = size(b"1" * 100, files={"blank": ("b.xy", b"2" * (32 * MIB + 1))})
    assert answer.status_code == 413


def test_a_request_may_not_be_larger_altogether(client, page):
    limits = forms.ONE
    headers = {"Content-Type": "application/json"}
    answer = client.post("/api/size", content=b"[" * (limits.n_bytes + 1), headers=headers)
    assert answer.status_code == 413
    assert "MiB" in answer.json()["error"]["reason"]


def test_a_body_whose_length_is_not_announced_is_counted(client, monkeypatch):
    small = dataclasses.replace(forms.ONE, n_bytes=4 * MIB)
    monkeypatch.setattr("sk_qdots.page.app.ONE", small)
    pieces = (b"[" * MIB for _ in range(8))
    headers = {"Content-Type": "application/json"}
    assert client.post("/api/size", content=pieces, headers=headers).status_code == 413


def test_who_is_too_slow_is_not_waited_for(client, monkeypatch):
    monkeypatch.setattr(uploads, "_SLOWEST", 0.2)

    def pieces():
        yield b"{"
        import time

        time.sleep(1.0)
        yield b"}"

    headers = {"Content-Type": "application/json"}
    try:
        status = client.post("/api/size", content=pieces(), headers=headers).status_code
    except Exception as error:  # the line was cut while we wrote
        status = type(error).__name__
    assert status in (408, "RemoteProtocolError", "WriteError", "ReadError")


def test_two_patterns_or_too_many_fields_are_refused(client, content):
    two = [("file", ("a.xy", content)), ("file", ("b.xy", content))]
    assert client.post("/api/size", files=two).status_code == 413
    many = {f"f{k}": "1" for k in range(60)}
    assert client.post("/api/size", files={"file": content}, data=many).status_code == 400
    long = {"wavelength": "1" * 20_000}
    assert client.post("/api/size", files={"file": content}, data=long).status_code == 413


def multipart(*parts, end=b"--x--\r\n"):
    return b"".join(b"--x\r\n" + part for part in parts) + end


FILE = b'Content-Disposition: form-data; name="file"; filename="a.xy"\r\n\r\n1 2\r\n'


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data; boundary=x", multipart(FILE, end=b""), 400),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--y\r\n" + FILE, 400),
        ("multipart/form-data", multipart(FILE), 400),
        ("multipart/form-data; boundary=" + "x" * 500, multipart(FILE), 400),
        ("multipart/form-data; boundary=x", multipart(b"A: b\r\n\r\n1\r\n"), 400),
        ("multipart/form-data; boundary=x", multipart(b"A" * 10_000 + b": b\r\n\r\n1\r\n"), 400),
        ("multipart/form-data; boundary=x", multipart(FILE.replace(b'"file"', b'"other"')), 400),
        (
            "multipart/form-data; boundary=x",
            multipart(b'Content-Disposition: form-data; name="x"\r\n\r\n\xff\r\n', FILE),
            400,
        ),
        ("multipart/form-data; boundary=x", multipart(FILE), 422),
        ("text/plain", b"1 2", 415),
        ("", b"1 2", 415),
        ("application/x-www-form-urlencoded", b"file=1", 415),
    ],
)
def test_forms_that_are_damaged_are_refused(client, kind, body, status):
    answer = client.post("/api/size", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["reason"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_refused(client, method):
    answer = client.request(method, "/api/size")
    assert answer.status_code == 405 and "error" in answer.json()
