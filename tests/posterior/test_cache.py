"""Arrays on disk: kept, found again, made anew, and never in the way."""

import multiprocessing
import os
import stat
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from cache_processes import Maker, die_while_writing, keep_and_remove, same

import sk_qdots as sq
from sk_qdots.posterior import cache
from sk_qdots.posterior.cache import cache_folder, fingerprint, kept_arrays
from sk_qdots.simulation import Stacking


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SK_QDOTS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_arrays_are_made_once(folder):
    make = Maker()
    assert same(kept_arrays("one", make)) and same(kept_arrays("one", make))
    assert make.n_made == 1
    kept_arrays("two", make)
    assert make.n_made == 2 and len(list(folder.iterdir())) == 2


def test_the_folder_is_that_of_the_user(monkeypatch, folder):
    assert cache_folder() == folder
    for unset in (
        lambda: monkeypatch.setenv("SK_QDOTS_CACHE", ""),
        lambda: monkeypatch.delenv("SK_QDOTS_CACHE"),
    ):
        unset()
        assert cache_folder().is_absolute() and cache_folder().name == "sk_qdots"
    monkeypatch.setenv("SK_QDOTS_CACHE", "~nobody-of-this-name/kept")
    assert cache_folder().is_absolute() and cache_folder().name == "kept"


def test_a_cut_file_is_made_anew(folder):
    make = Maker()
    kept_arrays("one", make)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    for n_bytes in (0, 1, 10, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:n_bytes])
        before = make.n_made
        assert same(kept_arrays("one", make)) and make.n_made == before + 1
        assert file.read_bytes() == whole


def test_no_damage_of_a_byte_passes(folder):
    make = Maker()
    kept_arrays("one", make)
    (file,) = folder.iterdir()
    whole = bytearray(file.read_bytes())
    rng = np.random.default_rng(0)
    for place in [*range(0, 130, 3), *rng.integers(0, len(whole), 300).tolist()]:
        damaged = whole.copy()
        damaged[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(damaged)
        assert same(kept_arrays("one", make))


@pytest.mark.parametrize(
    "content", [b"\x93NUMPY\x01\x00", b"\x80\x04K\x01.", b"PK\x05\x06" + bytes(18)]
)
def test_another_kind_of_file_is_replaced(folder, content):
    folder.mkdir()
    (folder / "one.npz").write_bytes(content)
    assert same(kept_arrays("one", Maker()))


def test_a_place_that_is_no_folder_is_no_matter(folder):
    folder.write_text("in the way")
    make = Maker()
    assert same(kept_arrays("one", make)) and same(kept_arrays("one", make))
    assert make.n_made == 2 and folder.read_text() == "in the way"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_only_be_read_still_serves(folder):
    make = Maker()
    kept_arrays("one", make)
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert same(kept_arrays("one", make)) and make.n_made == 1
        assert same(kept_arrays("two", make)) and make.n_made == 2
    finally:
        folder.chmod(stat.S_IRWXU)


@pytest.mark.parametrize("step", ["write_bytes", "replace", "mkdir"])
def test_a_full_disk_is_no_matter(folder, monkeypatch, step):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, step, full)
    make = Maker()
    assert same(kept_arrays("one", make)) and make.n_made == 1
    monkeypatch.undo()
    monkeypatch.setenv("SK_QDOTS_CACHE", str(folder))
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_file_that_may_not_be_read_is_no_matter(folder, monkeypatch):
    make = Maker()
    kept_arrays("one", make)

    def refused(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(np, "load", refused)
    assert same(kept_arrays("one", make)) and make.n_made == 2


def test_what_was_not_used_for_long_goes_first(folder):
    size = 0
    for k, name in enumerate(["first", "second", "third"]):
        kept_arrays(name, Maker())
        size = (folder / f"{name}.npz").stat().st_size
        os.utime(folder / f"{name}.npz", (1e9 + k, 1e9 + k))
    kept_arrays("first", Maker())  # which makes the second the oldest
    kept_arrays("fourth", Maker(), largest=3 * size)
    assert sorted(file.stem for file in folder.iterdir()) == ["first", "fourth", "third"]
    kept_arrays("fifth", Maker(), largest=size)
    assert [file.stem for file in folder.iterdir()] == ["fifth"]


def test_what_is_larger_than_the_cache_is_not_kept(folder):
    make = Maker()
    assert same(kept_arrays("one", make, largest=1000)) and same(kept_arrays("one", make))
    assert make.n_made == 2


def test_files_that_were_never_finished_go(folder):
    folder.mkdir()
    old, new = folder / "one.12.part", folder / "one.13.part"
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (time.time() - 7200.0,) * 2)
    assert same(kept_arrays("one", Maker()))
    assert not old.exists() and new.exists()


def test_processes_at_once_do_not_disturb_each_other(folder):
    spawn = multiprocessing.get_context("spawn")
    start, results = spawn.Barrier(2), spawn.Queue()
    workers = [
        spawn.Process(target=keep_and_remove, args=(folder, "k", start, results)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    assert [results.get(timeout=120) for _ in workers] == [20, 20]
    for worker in workers:
        worker.join(timeout=60)
    assert not [file for file in folder.iterdir() if file.suffix == ".part"]


def test_a_kill_in_the_middle_leaves_nothing_that_is_read(folder):
    spawn = multiprocessing.get_context("spawn")
    worker = spawn.Process(target=die_while_writing, args=(folder,))
    worker.start()
    worker.join(timeout=120)
    assert worker.exitcode == 9 and [f.suffix for f in folder.iterdir()] == [".part"]
    make = Maker()
    assert same(kept_arrays("one", make)) and make.n_made == 1


def test_every_number_counts():
    pbs = sq.Crystal.builtin("PbS")
    site = pbs.sublattices[0]
    moved = replace(pbs, sublattices=(replace(site, b_iso=site.b_iso + 1e-12), pbs.sublattices[1]))
    axis = xr.DataArray([1.0, 2.0], dims="q", coords={"q": [1.0, 2.0]})
    different = [
        (pbs,),
        (moved,),
        (pbs.strained(1e-9),),
        (pbs, 0.56),
        (pbs, 0.5600000001),
        (pbs, "0.56"),
        (pbs, [0.56]),
        (pbs, np.float64(0.56), None),
        (np.arange(3),),
        (np.arange(3.0),),
        (np.arange(3.0)[:, None],),
        (axis,),
        (axis.assign_coords(q=[1.0, 2.1]),),
        (Stacking(0.1, 0.0),),
        (Stacking(0.0, 0.1),),
        ({"a": 1.0},),
        ({"b": 1.0},),
        (sq.load_instrument("lab-cu"),),
        (sq.load_instrument("lab-mo"),),
        (True,),
        (None,),
        (Path("a"),),
    ]
    assert len({fingerprint(*facts) for facts in different}) == len(different)
    assert fingerprint(pbs, np.float64(0.56)) == fingerprint(sq.Crystal.builtin("PbS"), 0.56)
    with pytest.raises(TypeError, match="a set has no fingerprint"):
        fingerprint({1.0})
    with pytest.raises(TypeError, match="array of objects"):
        fingerprint(np.array([None]))


def test_a_change_of_the_physics_changes_the_stamp(monkeypatch, tmp_path):
    before = cache.physics_stamp()
    for change in (None, 0, 1):
        package = tmp_path / str(change) / "sk_qdots"
        (package / "posterior").mkdir(parents=True)
        (package / "simulation").mkdir()
        (package / "simulation" / "debye.py").write_text("a = 1\n" if change else "a = 10\n")
        if change is not None:
            os.utime(package / "simulation" / "debye.py", (1e9 + change, 1e9 + change))
        cache.physics_stamp.cache_clear()
        monkeypatch.setattr(cache, "__file__", str(package / "posterior" / "cache.py"))
        assert cache.physics_stamp() != before
        before = cache.physics_stamp()
    cache.physics_stamp.cache_clear()


def test_another_version_makes_its_own(monkeypatch):
    before = fingerprint("PbS")
    monkeypatch.setattr(cache, "_versions", lambda: ("99.0",))
    other = fingerprint("PbS")
    monkeypatch.setattr(cache, "_FORMAT", 99)
    assert len({before, other, fingerprint("PbS")}) == 3
