"""progress="bar" and callbacks of every long function, and the logger's records."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import sqlite_zblob as zb
from sqlite_zblob import bars
from sqlite_zblob.bars import Show
from sqlite_zblob.exchange import export_rows, import_rows
from sqlite_zblob.integrations.folder import compress_folder, decompress_folder

from .conftest import open_apsw

VALUE = b"a value of the table, " * 400


def small_value(number: int) -> bytes:
    return b"".join(b"user %d at %d degrees, " % (number * each % 997, number % (40 + each)) for each in range(1, 12))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    made = tmp_path / "store-1.db"
    with closing(open_apsw(str(made))) as db:
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
        with db:
            db.executemany("INSERT INTO t(data) VALUES (?)", [(VALUE + bytes([each]),) for each in range(20)])
            db.executemany("INSERT INTO t(data) VALUES (?)", [(small_value(each),) for each in range(300)])
    return made


# Each long function, called on a store whose column is compressed, and what its bar says first.
LONG: dict[str, tuple[Callable[..., Any], str]] = {
    "analyze": (lambda path, **more: zb.analyze(path, seconds=0.1, **more), "read"),
    "stats": (zb.stats, "t.data"),
    "verify": (zb.verify, "verify t.data"),
    "restore": (lambda path, **more: zb.restore(path, "t", "data", **more), "restore t.data"),
    "train": (lambda path, **more: zb.train(path, "t", "data", size=1024, **more), "train t.data"),
    "drop_dictionaries": (
        lambda path, **more: (zb.train(path, "t", "data", size=1024), zb.drop_dictionaries(path, **more)),
        "t",
    ),
    "export_rows": (lambda path, **more: export_rows(path, "t", "data", f"frames:{path.parent}/out", **more), "export"),
    "shards.stats": (lambda path, **more: zb.shards.stats([path], **more), "stats"),
    "shards.analyze": (lambda path, **more: zb.shards.analyze([path], seconds=0.1, **more), "analyze"),
    "shards.verify": (lambda path, **more: zb.shards.verify([path], **more), "verify t.data"),
}


@contextmanager
def recorded(shown: list[tuple[str, float | None, str]]) -> Iterator[Show]:
    yield lambda step, done, more: shown.append((step, done, more))


@pytest.mark.parametrize("name", LONG)
def test_long_functions_take_a_bar(name: str, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zb.migrate(store, "t", "data")
    function, first = LONG[name]
    shown: list[tuple[str, float | None, str]] = []
    monkeypatch.setattr(bars, "bar", lambda: recorded(shown))
    function(store, progress="bar")
    assert shown and (shown[0][0].startswith(first) or name == "analyze"), shown
    assert all(done is None or 0 <= done <= 1 for _, done, _ in shown)
    with pytest.raises(zb.OptionError, match='progress is a function or "bar"'):
        function(store, progress="line")


def test_disable_says_that_it_decompresses(store: Path) -> None:
    zb.enable(store, "t", "data", mode="table", force=True)
    seen: list[str] = []
    zb.disable(store, "t", "data", progress=seen.append)
    assert seen == ["decompress t.data"]


def test_what_is_salvaged_is_counted(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar of a generator is there for as long as it runs, and no longer."""
    zb.migrate(store, "t", "data")
    with closing(open_apsw(str(store))) as db:
        for row in (1, 2):
            with db.blob_open("main", "t", "data", row, True) as blob:
                blob.seek(blob.length() - 4)
                blob.write(b"oops")
    report = zb.verify(store, "t", "data")
    seen: list[tuple[str, int, int]] = []
    assert len(list(zb.salvage_rows(store, report, progress=lambda *step: seen.append(step)))) == 2
    assert seen == [("salvage", 0, 2), ("salvage", 1, 2)]
    events: list[str] = []

    @contextmanager
    def bar() -> Iterator[Show]:
        events.append("begun")
        yield lambda step, done, more: events.append(more)
        events.append("ended")

    monkeypatch.setattr(bars, "bar", bar)
    rows = zb.salvage_rows(store, report, progress="bar")
    assert events == []
    next(rows)
    assert events == ["begun", "0 of 2"]
    assert len(list(rows)) == 1 and events[2:] == ["1 of 2", "ended"]


def test_files_of_a_folder_are_counted(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.bin").write_bytes(VALUE)
    seen: list[tuple[str, int, int]] = []
    compress_folder(tmp_path, progress=lambda *step: seen.append(step))
    decompress_folder(tmp_path, progress=lambda *step: seen.append(step))
    assert seen == [(word, number, 3) for word in ("compress", "decompress") for number in range(3)]


def test_functions_that_read_whole_columns_have_progress() -> None:
    """Others are done in a moment, or with one value."""
    names = ["analyze", "compress_store", "disable", "drop_dictionaries", "maintain", "migrate", "restore"]
    functions = {name: getattr(zb, name) for name in [*names, "salvage_rows", "stats", "train", "verify"]}
    functions |= {name: getattr(zb.shards, name) for name in ("migrate", "restore", "verify", "analyze", "stats")}
    functions |= {"reshard": zb.shards.reshard, "export": export_rows, "import": import_rows}
    for name, function in functions.items():
        text = str(inspect.signature(function))
        assert "progress" in text or "WorkOptions" in text, name


# ---- The logger --------------------------------------------------------------------------------------------


def test_long_operations_write_to_the_packages_logger(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sqlite_zblob")
    zb.migrate(store, "t", "data", vacuum="full")
    zb.maintain(store)
    zb.restore(store, "t", "data")
    assert {each.name for each in caplog.records} == {"sqlite_zblob"}
    assert {each.levelname for each in caplog.records} == {"INFO"}
    text = caplog.text
    for words in ("migrate of t.data", "vacuum of", "maintain of t.data", "restore of t.data"):
        assert words in text, text


def test_values_that_stay_as_they_are_are_warned_of(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(open_apsw(str(store))) as db:
        db.execute("CREATE TRIGGER no BEFORE UPDATE ON t WHEN OLD.id = 7 BEGIN SELECT RAISE(ABORT, 'not this'); END")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zb.ZblobWarning)
        zb.migrate(store, "t", "data")
    with closing(open_apsw(str(store))) as db, db.blob_open("main", "t", "data", 3, True) as blob:
        blob.seek(blob.length() - 4)
        blob.write(b"oops")
    assert zb.restore(store, "t", "data").failures
    (record,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert record.name == "sqlite_zblob" and "restore of t.data leaves row" in record.getMessage()


def test_every_logger_has_the_packages_name() -> None:
    """There is one, in log.py; another file may only quieten those of other libraries."""
    package = Path(zb.__file__).parent
    found = {path.name for path in package.rglob("*.py") if "getLogger(" in path.read_text()}
    assert found == {"log.py", "options.py"}
    assert 'logging.getLogger("sqlite_zblob")' in (package / "log.py").read_text()
