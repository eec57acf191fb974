"""joblib.Memory whose results lie in one SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sqlite_zblob as zb

joblib = pytest.importorskip("joblib")

from sqlite_zblob.integrations.joblib import register  # noqa: E402


@pytest.fixture(autouse=True)
def registered() -> None:
    register()


def volume_of(calls: Path, seed: int) -> Any:
    """A smooth volume; notes each call in a file, which worker processes share."""
    with calls.open("a") as file:
        file.write(f"{seed}\n")
    return ((np.arange(20 * 40 * 50) + seed) // 30).astype("int16").reshape(20, 40, 50)


def open_memory(path: Path, **options: Any) -> Any:
    memory = joblib.Memory(path / "cache.db", backend="zblob", backend_options=options, verbose=0)
    return memory, memory.cache(volume_of, ignore=["calls"])


def test_a_location_that_is_a_text(tmp_path: Path) -> None:
    """joblib itself appends a folder to it."""
    memory = joblib.Memory(str(tmp_path / "cache.db"), backend="zblob", verbose=0)
    assert memory.cache(abs)(-3) == 3
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".db"] == ["cache.db"]
    assert list(rows(tmp_path))


def count(calls: Path) -> int:
    return len(calls.read_text().splitlines())


def rows(path: Path) -> dict[str, bytes]:
    db = sqlite3.connect(path / "cache.db")
    found = dict(db.execute("SELECT name, data FROM items"))
    db.close()
    return found


def test_results_are_kept_as_frames(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    for _ in range(2):
        _, cached = open_memory(tmp_path, level=7)
        for seed in (1, 2, 1):
            assert np.array_equal(cached(calls, seed), volume_of(tmp_path / "others", seed))
    assert count(calls) == 2
    assert cached.check_call_in_cache(calls, 1) and not cached.check_call_in_cache(calls, 3)
    outputs = [zb.info(data) for name, data in rows(tmp_path).items() if name.endswith("output.pkl")]
    assert [(about.level, about.images[0].size) for about in outputs] == [(7, (50, 40, 20))] * 2
    assert all(map(zb.is_frame, rows(tmp_path).values()))


def test_workers_share_it(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    _, cached = open_memory(tmp_path)
    for backend in ("loky", "threading"):
        found = joblib.Parallel(2, backend=backend)(joblib.delayed(cached)(calls, seed) for seed in range(4))
        assert [int(volume[0, 0, 29]) for volume in found] == [(29 + seed) // 30 for seed in range(4)]
    assert count(calls) == 4


def test_clearing_and_limits(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    memory, cached = open_memory(tmp_path)
    for seed in range(4):
        cached(calls, seed)
    assert len(memory.store_backend.get_items()) == 4
    memory.reduce_size(items_limit=1)
    (left,) = memory.store_backend.get_items()
    assert left.size == sum(len(data) for name, data in rows(tmp_path).items() if Path(left.path).name in name)
    cached.call_and_shelve(calls, 7).clear()
    assert not cached.check_call_in_cache(calls, 7)
    cached.clear(warn=False)
    assert memory.store_backend.get_items() == []
    cached(calls, 0)
    memory.clear(warn=False)
    assert rows(tmp_path) == {}


@pytest.mark.filterwarnings("ignore:.*Exception while loading results:UserWarning")
def test_damaged_results_are_computed_again(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    _, cached = open_memory(tmp_path)
    expected = cached(calls, 1)
    db = sqlite3.connect(tmp_path / "cache.db")
    db.execute("UPDATE items SET data = substr(data, 1, length(data) - 1) WHERE name LIKE '%output.pkl'")
    db.commit()
    db.close()
    assert np.array_equal(cached(calls, 1), expected)
    assert count(calls) == 2


def test_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(zb.OptionError, match="level"):
        open_memory(tmp_path, level=0)
    with pytest.raises(zb.OptionError, match="not speed"):
        open_memory(tmp_path, speed=1)
    with pytest.raises(zb.OptionError, match=r"leave out compress .* always compressed"):
        joblib.Memory(tmp_path / "cache.db", backend="zblob", compress=True)
    open_memory(tmp_path, level=np.int64(4))


def test_files_that_cannot_be_a_store(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database " * 100)
    wrong = {
        tmp_path: "it is a folder",
        tmp_path / "no" / "a.db": "there is no folder .*no",
        tmp_path / "text": "not a",
    }
    for path, why in wrong.items():
        with pytest.raises(zb.DatabaseError, match=f"{path} cannot be a store: .*{why}"):
            joblib.Memory(path, backend="zblob")
