"""Whom the page lets in."""

import http.client
import re
import socket

import httpx
import pytest

from sk_qdots.page.app import Settings
from sk_qdots.page.security import COOKIE, HEADERS

ADDRESSES = [
    ("GET", "/"),
    ("GET", "/static/main.js"),
    ("GET", "/static/plotly.js"),
    ("GET", "/api/sizers"),
    ("GET", "/api/openapi.json"),
    ("POST", "/api/size"),
    ("POST", "/api/series"),
    ("POST", "/api/watch"),
    ("GET", "/api/jobs"),
    ("GET", "/api/jobs/x"),
    ("DELETE", "/api/jobs/x"),
    ("GET", "/api/jobs/x/file"),
    ("GET", "/nowhere"),
]


@pytest.fixture
def settings(page):
    return page.settings


@pytest.fixture
def asking(page):
    """Who knows no token."""
    with httpx.Client(base_url=page.url.split("/?")[0], timeout=60.0, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
@pytest.mark.parametrize("token", [None, "", "x" * 43, "é", "\udc80"])
def test_nobody_enters_without_the_token(asking, method, path, token):
    query = "" if token is None else "?token=" + token.encode("utf-8", "surrogateescape").hex()
    answer = asking.request(method, path + query)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "closed"


@pytest.mark.parametrize(
    "proof",
    [
        lambda token: {"params": {"token": token}},
        lambda token: {"headers": {"X-Token": token}},
        lambda token: {"headers": {"Authorization": f"Bearer {token}"}},
    ],
)
def test_the_token_opens(asking, settings, proof):
    assert asking.get("/api/openapi.json", **proof(settings.keys.token)).status_code == 200


def test_a_part_of_the_token_does_not(asking, settings):
    token = settings.keys.token
    for wrong in (token[:-1], token + "x", token.swapcase(), token[1:]):
        assert asking.get("/", params={"token": wrong}).status_code == 403
    assert len(token) >= 43 and Settings(port=1, folder=settings.folder).keys.token != token


def test_the_cookie_opens_the_empty_page_alone(asking, settings):
    opened = asking.get("/", params={"token": settings.keys.token})
    assert opened.status_code == 200
    told = opened.headers["set-cookie"]
    assert "HttpOnly" in told and "SameSite=Strict" in told
    assert settings.keys.token not in told and settings.keys.token not in opened.text
    assert asking.get("/").status_code == 200
    assert asking.get("/static/page.css").status_code == 200
    assert asking.get("/api/sizers").status_code == 403
    assert asking.post("/api/size").status_code == 403
    asking.cookies.clear()
    asking.cookies.set(COOKIE, "other")
    assert asking.get("/").status_code == 403


def test_a_person_is_told_where_the_link_is(asking):
    answer = asking.get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 403 and "sk-qdots page" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:9"},
        {"Host": "127.0.0.1.evil.example:{port}"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://127.0.0.1:9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_foreign_names_and_pages_are_kept_out(asking, settings, headers):
    headers = {name: text.replace("{port}", str(settings.port)) for name, text in headers.items()}
    headers["X-Token"] = settings.keys.token
    assert asking.get("/api/openapi.json", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:{port}"},
        {"Origin": "http://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_its_own_page_is_let_in(asking, settings, headers):
    headers = {name: text.replace("{port}", str(settings.port)) for name, text in headers.items()}
    headers["X-Token"] = settings.keys.token
    assert asking.get("/api/openapi.json", headers=headers).status_code == 200


def test_a_link_elsewhere_opens_the_page_but_nothing_else(asking, settings):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    query = {"token": settings.keys.token}
    assert asking.get("/", params=query, headers=headers).status_code == 200
    assert asking.get("/api/sizers", params=query, headers=headers).status_code == 403
    headers["Sec-Fetch-Dest"] = "iframe"
    assert asking.get("/", params=query, headers=headers).status_code == 403


def test_every_answer_has_the_headers_of_security(asking, settings):
    for query in ({}, {"token": settings.keys.token}):
        for path in ("/", "/static/main.js", "/nowhere", "/api/openapi.json"):
            answer = asking.get(path, params=query)
            for name, value in HEADERS.items():
                assert answer.headers[name] == value, path
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy


def test_nothing_of_the_page_comes_from_elsewhere(asking, settings):
    query = {"token": settings.keys.token}
    page = asking.get("/", params=query).text
    assert not re.search(r"(?:src|href)=\"(?!/static/|#|data:,)", page)
    assert "<script>" not in page and "style=" not in page and "onclick" not in page
    for name in re.findall(r"/static/([\w.]+)", page):
        assert asking.get(f"/static/{name}", params=query).status_code == 200
    for name in ("answers", "main", "plots", "samples", "series", "server", "settings"):
        script = asking.get(f"/static/{name}.js", params=query)
        assert script.headers["content-type"].startswith("text/javascript")
        assert "http" not in script.text.replace('code: "http"', "")


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/nothing.js"],
)
def test_only_its_own_files_are_served(asking, settings, path):
    answer = asking.get(path, params={"token": settings.keys.token})
    assert answer.status_code == 404 and "error" in answer.json()


def test_it_listens_at_this_computer_alone(page):
    address = page._socket.getsockname()[0]
    assert address == "127.0.0.1"


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "POST /api/size HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 99999999999\r\n\r\n",
        "GET /\x00 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
    ],
)
def test_raw_requests_are_refused(page, head):
    port = page.settings.port
    with socket.create_connection(("127.0.0.1", port), timeout=20.0) as line:
        line.sendall(head.format(port=port).encode("latin-1"))
        reply = http.client.HTTPResponse(line)
        reply.begin()
        assert reply.status in (400, 403)
        assert b"Traceback" not in reply.read()
