"""Values of virtual tables that are frames themselves, or look like some: whatever rewrites rows keeps both layers."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb
from sqlite_zblob.migration import large

TEXT = "héllo" * 30
LARGE = zb.compress(bytes(range(256)) * 800, codec="store")
FRAMES = [
    zb.compress(b"abc" * 100),
    zb.compress(zb.compress(b"abc" * 60_000)),
    zb.compress(TEXT),
    zb.compress_pickle(pickle.dumps(list(range(3000)))),
    LARGE,
    LARGE[:40] + b"\1" + LARGE[41:],  # damaged ones, and one that only begins so
    LARGE[:100],
    b"\xc1ZBS" + bytes(60),
]


def event(rng: random.Random) -> str:
    about = {"user": f"u{rng.randrange(500)}", "event": "click", "page": f"/shop/{rng.randrange(10**5)}"}
    return json.dumps(about | {"session": f"{rng.getrandbits(64):x}"})


def make(path: Path, *, dictionary: bool) -> apsw.Connection:
    """Rows that a dictionary which comes later would make smaller, and frames among them."""
    connection = apsw.Connection(str(path))
    zb.load(connection)
    setting = ", dictionary=auto" if dictionary else ""
    connection.execute(
        f"CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, v COMPRESSED, min_size=64{setting})"
    )
    rng = random.Random(1)
    with connection:
        connection.executemany("INSERT INTO t VALUES (?, ?)", enumerate(FRAMES))
        connection.executemany("INSERT INTO t(v) VALUES (?)", [(event(rng),) for _ in range(300)])
    if dictionary:
        zb.train(connection, "t", "v", size=4096)
    return connection


def values(connection: apsw.Connection) -> list[Any]:
    return connection.execute("SELECT id, v FROM t ORDER BY id").fetchall()


def recompress(connection: apsw.Connection) -> Any:
    return zb.migrate(connection, "t", "v", recompress=True, level=7)


@pytest.mark.parametrize("dictionary", [False, True])
@pytest.mark.parametrize("rewrite", [recompress, zb.maintain])
def test_both_layers_stay(
    tmp_path: Path, rewrite: Callable[[Any], Any], dictionary: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And restoring gives them back, with the last ones in its final transaction."""
    monkeypatch.setattr(large, "LARGE_SIZE", 1 << 17)
    connection = make(tmp_path / "t.db", dictionary=dictionary)
    before = values(connection)
    report = rewrite(connection)
    changed = report.columns[0].changed_rows if rewrite is zb.maintain else report.changed_rows
    assert (changed > len(FRAMES)) is (dictionary or rewrite is recompress)
    assert rewrite is zb.maintain or report.failures == ()
    assert values(connection) == before and zb.verify(connection).ok
    report = zb.restore(connection, "t", "v")
    assert (report.finished, report.failures) == (True, ()) and values(connection) == before
    assert "VIRTUAL" not in str(connection.execute("SELECT sql FROM sqlite_master WHERE name = 't'").get)


def test_rows_that_others_write_with_a_new_dictionary(tmp_path: Path) -> None:
    """They keep it, until the final transaction, which looks at the last ones itself."""
    path = tmp_path / "t.db"
    connection = apsw.Connection(str(path))
    zb.load(connection)
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    rng = random.Random(1)
    with connection:
        connection.executemany("INSERT INTO t(v) VALUES (?)", [(event(rng),) for _ in range(300)])
    zb.enable(connection, "t", "v", dictionary="auto")
    phases: list[str] = []
    written: list[str] = []
    trained: list[int] = []

    def write(progress: zb.Progress) -> None:
        phases.append(progress.phase)
        if phases.count("rows") == 2 and not trained:
            trained.append(zb.train(connection, "t", "v", size=4096))
        if trained:
            written.append(event(rng))
            connection.execute("INSERT INTO t(v) VALUES (?)", (written[-1],))

    report = zb.migrate(path, "t", "v", recompress=True, progress=write)
    assert (report.finished, report.failures) == (True, ()) and phases[-1] == "finish" and len(written) > 1
    found = connection.execute("SELECT zdecompress(v), zinfo(v) FROM t WHERE id > 300 ORDER BY id").fetchall()
    assert [value for value, _ in found] == written
    assert {json.loads(str(about))["dictionary_id"] for _, about in found} == {*trained}
