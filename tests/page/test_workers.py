"""Processes that break, tasks that nobody waits for, and too many of them."""

import asyncio
import json
import os
import signal
import time

import httpx
import pytest
from page_requests import BEAM, COLLOID

from sk_qdots.page import workers
from sk_qdots.page.errors import RequestError
from sk_qdots.page.questions import Question
from sk_qdots.page.work import ChoicesTask, RowsTask, SizeTask
from sk_qdots.page.workers import Workers

QUICK = RowsTask(({"file": "a.xy", "verdict": "ok"},))


@pytest.fixture
def pool(tmp_path):
    """Does work with one process."""

    def run(work):
        async def within():
            found = Workers(1, tmp_path, [ChoicesTask()])
            found.start()
            try:
                assert (await found.first).status == 200
                return await work(found)
            finally:
                await asyncio.to_thread(found.close)

        return asyncio.run(within())

    return run


def long_task():
    """Of a crystal that is simulated first."""
    from sk_qdots.sizing.choice import Choice

    question = Question(Choice(crystal="CsPbBr3 orthorhombic"), wavelength=0.5642)
    return SizeTask(question, str(COLLOID), "a.xy", "", "json")


def test_a_process_that_breaks_is_replaced(pool):
    async def work(found):
        begun = asyncio.create_task(found.ask(long_task()))
        await asyncio.sleep(0.5)
        (worker,) = found._all
        os.kill(worker._process.pid, signal.SIGKILL)
        reply = await begun
        assert reply.status == 503 and "broke" in json.loads(reply.body)["error"]["reason"]
        assert (await found.ask(QUICK)).body.startswith(b"file,")

    pool(work)


def test_a_task_that_is_cancelled_ends_its_process(pool):
    async def work(found):
        begun = asyncio.create_task(found.ask(long_task()))
        await asyncio.sleep(0.5)
        (before,) = found._all
        begun.cancel()
        with pytest.raises(asyncio.CancelledError):
            await begun
        assert (await found.ask(QUICK)).status == 200
        assert before not in found._all and before._process.poll() is not None

    pool(work)


def test_a_task_that_is_cancelled_at_its_end_leaves_its_process(pool):
    async def work(found):
        (before,) = found._all
        begun = asyncio.create_task(found.ask(QUICK))
        await asyncio.sleep(0)
        begun.cancel()
        with pytest.raises(asyncio.CancelledError):
            await begun
        assert (await found.ask(QUICK)).status == 200
        assert found._all == {before}

    pool(work)


def test_who_waits_can_leave_and_single_patterns_go_before_series(pool):
    async def work(found):
        order = []

        async def ask(name, can_wait):
            await found.ask(QUICK, can_wait=can_wait)
            order.append(name)

        tasks = [asyncio.create_task(ask(f"frame {k}", True)) for k in range(3)]
        await asyncio.sleep(0)
        left = asyncio.create_task(ask("left", False))
        tasks.append(asyncio.create_task(ask("pattern", False)))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.gather(*tasks)
        assert order == ["frame 0", "pattern", "frame 1", "frame 2"]

    pool(work)


def test_too_many_are_told_to_come_again(pool, monkeypatch):
    monkeypatch.setattr(workers, "_MOST_WAITING", 2)

    async def work(found):
        tasks = [asyncio.create_task(found.ask(QUICK)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(RequestError, match="again later") as refused:
            await found.ask(QUICK)
        assert refused.value.status == 503
        await asyncio.gather(*tasks)

    pool(work)


def test_a_task_that_takes_too_long_is_given_up(pool, monkeypatch):
    async def work(found):
        monkeypatch.setattr(workers, "_LONGEST", 0.3)
        monkeypatch.setattr(workers, "_SOON", 0.1)
        assert (await found.ask(long_task())).status == 504
        monkeypatch.setattr(workers, "_LONGEST", 60.0)
        assert (await found.ask(QUICK)).status == 200

    pool(work)


def test_the_server_forgets_who_has_left(page, client, content):
    url = page.url.replace("/?", "/api/size?")
    for _ in range(4):  # more than there are processes
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                url,
                files={"file": content},
                data={**BEAM, "crystal": "CsPbBr3 orthorhombic", "diameters": "1.5:14"},
                timeout=httpx.Timeout(10.0, read=0.3),
                trust_env=False,
            )
    begun = time.monotonic()
    assert client.post("/api/size", files={"file": content}, data=BEAM).status_code == 200
    assert time.monotonic() - begun < 60.0
    assert not list(page.folder.glob("request-*"))


def test_a_process_that_breaks_at_its_start_is_replaced(tmp_path, monkeypatch):
    usual, calls = workers._Worker.call, []

    def call(self, task):
        calls.append(task)
        if len(calls) < 3:
            self.kill()
        return usual(self, task)

    monkeypatch.setattr(workers, "_PAUSE", 0.01)
    monkeypatch.setattr(workers._Worker, "call", call)

    async def work():
        found = Workers(1, tmp_path, [ChoicesTask()])
        found.start()
        try:
            assert (await found.first).status == 200
            assert (await found.ask(QUICK)).status == 200
        finally:
            await asyncio.to_thread(found.close)

    asyncio.run(work())
    assert len(calls) == 4


def test_processes_that_cannot_begin_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_PAUSE", 0.01)
    monkeypatch.setattr(workers._Worker, "call", lambda self, task: None)

    async def work():
        found = Workers(1, tmp_path, [ChoicesTask()])
        found.start()
        try:
            assert (await found.first).status == 503
        finally:
            await asyncio.to_thread(found.close)

    asyncio.run(work())
