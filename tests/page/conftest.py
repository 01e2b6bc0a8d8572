"""A page that runs, and whoever asks it."""

import tempfile

import pytest
from page_requests import COLLOID

pytest.importorskip("starlette", reason="pip install 'sk_qdots[page]'")
httpx = pytest.importorskip("httpx")

from sk_qdots.page import RunningPage  # noqa: E402


@pytest.fixture(scope="session")
def content():
    """A measured pattern."""
    return COLLOID.read_bytes()


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    """A server with two processes, whose temporary folders lie in one of ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SK_QDOTS_CACHE", str(tmp_path_factory.mktemp("page_cache")))
        patch.setenv("SK_QDOTS_SIZERS", str(tmp_path_factory.mktemp("page_sizers")))
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("page_temp")))
        running = RunningPage(n_workers=2)
        patch.undo()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SK_QDOTS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        with running:
            yield running
    assert not running.folder.exists()


@pytest.fixture(scope="session")
def client(page):
    """Who knows the token."""
    with httpx.Client(
        base_url=page.url.split("/?")[0],
        headers={"X-Token": page.settings.keys.token},
        timeout=300.0,
        trust_env=False,
    ) as asking:
        yield asking


@pytest.fixture(scope="session")
def size(client):
    """Sizes a file, as a form sends it."""

    def ask(content, name="sample.xy", files=None, **fields):
        files = {"file": (name, content), **(files or {})}
        return client.post("/api/size", files=files, data=fields)

    return ask
