"""Which files of a folder are complete, and the CSV that remembers them."""

import errno
import os

import pytest

from sk_qdots.sizing import journal as journals
from sk_qdots.sizing.journal import Journal, Stamp, WatchError
from sk_qdots.sizing.watching import FolderWatch

COLUMNS = ("file", "verdict", "reasons")


class Clock:
    """Goes on where it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def folder(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    return run


@pytest.fixture
def watch(folder, clock):
    done = {}
    made = FolderWatch(folder, done, settle=1.0, patience=30.0, clock=clock)
    made.done = done
    return made


def put(folder, name, content="1 2\n" * 10, *, age=0.0):
    file = folder / name
    file.write_text(content)
    when = file.stat().st_mtime - age
    os.utime(file, (when, when))
    return str(file)


def do(watch, *, is_read=True):
    """Whatever is complete, done; the names of these files."""
    files = watch.complete()
    for file in files:
        stamp = watch.accept(file, is_read=is_read)
        if stamp is not None:
            watch.done[file] = stamp
    return [os.path.basename(file) for file in files if file in watch.done]  # noqa: PTH119


def test_files_that_lay_there_are_complete_at_once_and_in_order(folder, watch):
    for name in ("f10.xy", "f2.xy", "notes.md", ".f3.xy"):
        put(folder, name, age=300.0)
    assert do(watch) == ["f2.xy", "f10.xy"] and watch.n_waiting == 0
    assert do(watch) == []


def test_the_first_file_and_short_ones_stand_still_for_longer(folder, watch, clock):
    for begun, name, content, pause in (
        (100.0, "a.xy", "1 2\n" * 10, 4.0),
        (200.0, "b.xy", "1 2\n" * 10, 1.0),
        (300.0, "c.xy", "1 2\n" * 6, 4.0),
    ):
        put(folder, name, content)
        for passed in (0.0, pause - 0.1):
            clock.now = begun + passed
            assert do(watch) == [] and watch.n_waiting == 1
        clock.now = begun + pause
        assert do(watch) == [name] and watch.n_waiting == 0


def test_a_file_that_grows_is_waited_for(folder, watch, clock):
    put(folder, "a.xy", age=300.0)
    do(watch)
    for k in range(20):
        put(folder, "b.xy", "1 2\n" * (k + 10))
        clock.now += 0.9
        assert do(watch) == []
    clock.now += 1.0
    assert do(watch) == ["b.xy"]


def test_a_file_that_changes_while_it_is_sized_comes_again(folder, watch, clock):
    file = put(folder, "a.xy", age=300.0)
    assert watch.complete() == [file]
    put(folder, "a.xy", "1 2\n" * 20)
    assert watch.accept(file, is_read=True) is None
    assert do(watch) == []  # it stands still from now on
    clock.now += 4.0
    assert do(watch) == ["a.xy"] and watch.done[file].size == 80


def test_a_file_that_changes_after_it_was_sized_comes_again(folder, watch, clock):
    put(folder, "a.xy", age=300.0)
    assert do(watch) == ["a.xy"]
    put(folder, "a.xy", "1 2\n" * 20)
    assert do(watch) == []
    clock.now += 1.0
    assert do(watch) == ["a.xy"]


def test_what_cannot_be_read_is_given_up_late(folder, watch, clock):
    put(folder, "a.xy", "1 2\n")
    clock.now += 0.1
    assert do(watch, is_read=False) == []
    clock.now += 4.0
    assert watch.complete() and do(watch, is_read=False) == []
    clock.now += 20.0
    assert watch.complete() == [] and watch.n_waiting == 1  # not read over and over
    put(folder, "a.xy", "1 2\n1")
    assert do(watch, is_read=False) == []
    clock.now += 30.0
    assert do(watch, is_read=False) == ["a.xy"] and watch.n_waiting == 0


def test_files_that_go_are_forgotten(folder, watch):
    for name in ("a.xy", "b.xy"):
        put(folder, name, age=300.0)
    a, b = watch.complete()
    for file in (a, b):
        os.remove(file)  # noqa: PTH107
    assert watch.accept(a, is_read=False) is None
    assert watch.accept(b, is_read=True).size == 40  # it was read before
    assert watch.n_waiting == 0
    os.rmdir(folder)  # noqa: PTH106
    with pytest.raises(WatchError, match="not there any more"):
        watch.complete()


def test_names_that_count(tmp_path, clock):
    folder = tmp_path / "run[1]"
    (folder / "below").mkdir(parents=True)
    for name in ("a.chi", "b.xy", "series.csv", "below/c.chi"):
        put(folder, name, age=300.0)
    own = [folder / "series.csv"]
    names = {
        pattern: [
            os.path.relpath(file, folder)
            for file in FolderWatch(
                folder, {}, pattern=pattern, left_out=own, clock=clock
            ).complete()
        ]
        for pattern in (None, "*.chi", "**/*.chi", "*")
    }
    assert names[None] == ["b.xy", "a.chi"][::-1]
    assert names["*.chi"] == ["a.chi"]
    assert sorted(names["**/*.chi"]) == ["a.chi", os.path.join("below", "c.chi")]  # noqa: PTH118
    assert names["*"] == ["a.chi", "b.xy"]


def written(path):
    return path.read_bytes().decode("utf-8", "surrogateescape")


def test_a_journal_goes_on_where_it_was(tmp_path):
    path, stamp = tmp_path / "a.csv", Stamp(1_800_000_000_123_456_789, 40)
    names = ["a.xy", 'strange "name",\n.xy', "b\udcff.xy"]
    for name in names:
        with Journal(path, COLUMNS) as journal:
            journal.append({"file": name, "verdict": "ok", "reasons": ""}, stamp)
    with Journal(path, COLUMNS) as journal:
        assert journal.done == dict.fromkeys(names, stamp)
    assert written(path).splitlines()[:2] == [
        "file,verdict,reasons,modified,bytes",
        "a.xy,ok,,2027-01-15T08:00:00.123456789,40",
    ]


@pytest.mark.parametrize("cut", range(1, 60, 4))
def test_a_torn_line_is_repaired_wherever_it_is_torn(tmp_path, cut):
    path, stamp = tmp_path / "a.csv", Stamp(10**18, 40)
    names = ["a.xy", '"b\n".xy']
    with Journal(path, COLUMNS) as journal:
        for name in names:
            journal.append({"file": name, "verdict": "ok"}, stamp)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with Journal(path, COLUMNS) as journal:
        assert list(journal.done) in (names[:1], [])
        for name in names:
            if name not in journal.done:
                journal.append({"file": name, "verdict": "ok"}, stamp)
    assert path.read_bytes() == whole


def test_a_torn_first_line_is_written_again(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("file,ver")
    with Journal(path, COLUMNS):
        pass
    assert written(path) == "file,verdict,reasons,modified,bytes\n"


@pytest.mark.parametrize("content", ["1 2\n3 4\n", "1 2", "file,diameter_nm\na.xy,3\n"])
def test_other_files_are_not_written_to(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(WatchError, match="no file that sk-qdots watch wrote"):
        Journal(path, COLUMNS)
    assert path.read_text() == content


def test_refused_ones_may_be_forgotten(tmp_path):
    path, stamp = tmp_path / "a.csv", Stamp(10**18, 40)
    with Journal(path, COLUMNS) as journal:
        journal.append({"file": "a.xy", "verdict": "refused"}, stamp)
        journal.append({"file": "b.xy", "verdict": "ok"}, stamp)
    with Journal(path, COLUMNS, forgets_refused=True) as journal:
        assert list(journal.done) == ["b.xy"]


def test_a_journal_has_one_writer(tmp_path):
    with (
        Journal(tmp_path / "a.csv", COLUMNS),
        pytest.raises(WatchError, match="another sk-qdots watch writes it"),
    ):
        Journal(tmp_path / "a.csv", COLUMNS)
    with Journal(tmp_path / "a.csv", COLUMNS):
        pass
    with pytest.raises(WatchError, match="its folder does not exist"):
        Journal(tmp_path / "nowhere" / "a.csv", COLUMNS)


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path, monkeypatch):
    path, stamp = tmp_path / "a.csv", Stamp(10**18, 40)
    with Journal(path, COLUMNS) as journal:
        journal.append({"file": "a.xy", "verdict": "ok"}, stamp)
        before = path.read_bytes()
        write = os.write

        def full(file, line):
            if len(line) < 10:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(file, line[:7])

        monkeypatch.setattr(journals.os, "write", full)
        with pytest.raises(WatchError, match=r"a\.csv: cannot be written: No space left"):
            journal.append({"file": "b.xy", "verdict": "ok"}, stamp)
        monkeypatch.undo()
        assert path.read_bytes() == before and list(journal.done) == ["a.xy"]


def test_a_journal_that_was_taken_away_is_not_written_to(tmp_path):
    path, stamp = tmp_path / "a.csv", Stamp(10**18, 40)
    with Journal(path, COLUMNS) as journal:
        path.rename(tmp_path / "b.csv")
        with pytest.raises(WatchError, match="deleted or replaced"):
            journal.append({"file": "a.xy", "verdict": "ok"}, stamp)
