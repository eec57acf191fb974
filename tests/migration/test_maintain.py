"""maintain: trains and recompresses what gains, ends in time, and may be killed at any moment."""

from __future__ import annotations

import itertools
import json
import math
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import apsw
import pytest
from click.testing import CliRunner

import sqlite_zblob as zb
from sqlite_zblob.cli import cli
from sqlite_zblob.column.dictionaries import train_from
from sqlite_zblob.connect.database import until
from sqlite_zblob.migration.gain import SAMPLE_ROWS, take_sample
from sqlite_zblob.migration.values import find_place

from ..conftest import ROOT, one

ROWS = 1500


def row(number: int, kind: str = "event") -> bytes:
    rng = random.Random(number)
    user, seconds = rng.choice(["ada", "grace", "edsger", "barbara"]), rng.randrange(10**6)
    about = {
        "kind": kind,
        "user": user,
        "session": f"{rng.getrandbits(40):x}",
        "seconds": seconds,
        "path": "/api/items",
    }
    return json.dumps(about | {"status": rng.choice([200, 201, 404, 500]), "agent": "a browser of today"}).encode()


def make(path: Path, rows: int = ROWS, mode: zb.Mode = "in-place") -> apsw.Connection:
    connection = apsw.Connection(str(path))
    zb.load(connection)
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    zb.enable(connection, "t", "data", dictionary="auto", mode=mode, min_size=64, force=True)
    add(connection, rows)
    return connection


def add(connection: apsw.Connection, rows: int, kind: str = "event") -> None:
    with connection:
        values = ((row(n, kind) if n % 10 else row(n, kind).decode(),) for n in range(rows))
        connection.executemany("INSERT INTO t(data) VALUES (?)", values)


def values(connection: apsw.Connection) -> list[Any]:
    return connection.execute("SELECT id, zdecompress(data) FROM t ORDER BY id").fetchall()


def stored(connection: apsw.Connection, table: str = "t") -> int:
    return int(one(connection, f"SELECT sum(octet_length(data)) FROM {table}"))


@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_it_trains_and_recompresses_once(tmp_path: Path, mode: zb.Mode) -> None:
    path = tmp_path / "t.db"
    connection = make(path, mode=mode)
    table = "t" if mode == "in-place" else "t_rows"
    before, size = values(connection), stored(connection, table)
    (column,) = zb.maintain(path, load=1).columns
    assert column.finished and column.trained and column.changed_rows > ROWS * 0.99
    assert size - stored(connection, table) == column.gained_bytes > size * 0.4
    assert values(connection) == before and zb.verify(path).ok
    (again,) = zb.maintain(path, load=1).columns
    assert again.trained is None and again.changed_rows == 0 and again.finished
    zb.restore(path, "t", "data")
    assert connection.execute("SELECT id, data FROM t ORDER BY id").fetchall() == before


def test_a_new_dictionary_needs_twice_the_rows_and_a_gain(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    connection = make(path)
    first = zb.maintain(path, load=1).columns[0].trained
    add(connection, ROWS // 2, "other words altogether, which no row had before, are what this one says")
    assert zb.maintain(path, load=1).columns[0].trained is None
    add(connection, 2 * ROWS, "other words altogether, which no row had before, are what this one says")
    (column,) = zb.maintain(path, load=1).columns
    assert column.trained not in (None, first) and column.gained_bytes > 0
    assert zb.verify(path).ok


def test_it_ends_in_time_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    connection = make(path)
    connection.execute("PRAGMA journal_mode = WAL")
    before = values(connection)
    zb.train(connection, "t", "data")
    reports = [zb.maintain(path, seconds=0.01)]
    while not reports[-1].finished:
        assert values(connection)[::100] == before[::100]
        reports.append(zb.maintain(path, seconds=0.2 * len(reports), load=0.5))
        assert len(reports) < 60
    changed = sum(report.columns[0].changed_rows for report in reports)
    assert len(reports) > 1 and ROWS * 0.99 < changed <= ROWS
    assert values(connection) == before


def test_other_settings_of_rows_and_frames_of_the_program_stay(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    connection = make(path)
    own, deep = zb.compress(row(1) * 9), zb.compress(row(2) * 9, 9, for_column=True)
    connection.executemany("INSERT INTO t(id, data) VALUES (?, ?)", [(90_001, own), (90_002, deep)])
    zb.maintain(path, load=1)
    assert connection.execute("SELECT data FROM t WHERE id > 90000 ORDER BY id").fetchall() == [(own,), (deep,)]


def test_values_that_cannot_be_read_are_named_and_stay(tmp_path: Path) -> None:
    """A text that is not UTF-8 is compressed as any other."""
    path = tmp_path / "t.db"
    connection = make(path)
    foreign = zb.compress(row(1), dictionary=trained_elsewhere(), for_column=True)
    bad = {90_001: bytes.fromhex("C15A425300000000000000"), 90_002: foreign}
    connection.executemany("INSERT INTO t VALUES (?, ?)", bad.items())
    connection.execute(
        "INSERT INTO t SELECT 90003, CAST(CAST(x'ff80' AS TEXT) || zdecompress(data) AS TEXT) FROM t WHERE id = 2"
    )
    text = b"\xff\x80" + row(1)
    (report,) = zb.maintain(path, load=1).columns
    assert report.finished and report.trained and report.changed_rows > ROWS * 0.99
    assert (report.unreadable_rows, [each.key for each in report.unreadable]) == (2, [{"id": 90_001}, {"id": 90_002}])
    assert "checksum" in report.unreadable[0].reason and "needs dictionary" in report.unreadable[1].reason
    assert connection.execute("SELECT id, data FROM t WHERE id IN (90001, 90002)").fetchall() == [*bad.items()]
    assert one(connection, "SELECT typeof(data) FROM t WHERE id = 90003") == "blob"
    assert one(connection, "SELECT CAST(zdecompress(data) AS BLOB) FROM t WHERE id = 90003") == text


def test_a_column_that_cannot_be_done_holds_up_no_other(tmp_path: Path) -> None:
    """Such as one that an index of somebody looks at, or whose keys have an order that SQLite does not know here."""
    path = tmp_path / "t.db"
    connection = make(path, 600)
    connection.create_collation("own", lambda one, other: (one > other) - (one < other))
    for table, order in (("a", "BINARY"), ("z", "own")):
        connection.execute(f"CREATE TABLE {table}(id TEXT COLLATE {order} PRIMARY KEY, data) WITHOUT ROWID")
        zb.enable(connection, table, "data")
        connection.execute(f"INSERT INTO {table} VALUES ('x', ?)", (row(1) * 9,))
    connection.execute("CREATE INDEX by_data ON a(data)")
    connection.close()
    shown: list[str] = []
    report = zb.maintain(path, load=1, progress=lambda progress: shown.append(progress.operation))
    found = {each.table: each for each in report.columns}
    assert {*found} == {"a", "t", "z"} and {*shown} == {"maintain"}
    assert "index by_data looks at it" in str(found["a"].skipped) and found["a"].finished
    assert "no such collation sequence: own" in str(found["z"].skipped)
    assert found["t"].skipped is None and found["t"].changed_rows > 500


@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_a_renamed_table_keeps_its_dictionary(tmp_path: Path, mode: zb.Mode) -> None:
    path = tmp_path / "t.db"
    connection = make(path, 600, mode)
    id = zb.train(connection, "t", "data", size=4096)
    zb.maintain(path, load=1)
    connection.execute("ALTER TABLE t RENAME TO u")
    if mode == "in-place":
        connection.execute("ALTER TABLE u RENAME COLUMN data TO event")
    (report,) = zb.maintain(path, load=1).columns
    assert (report.trained, report.changed_rows, report.skipped) == (None, 0, None)
    connection.execute("INSERT INTO u VALUES (7777, ?)", (row(7777),))
    stored = "SELECT json_extract(zinfo(event), '$.dictionary_id') FROM u WHERE id = 7777"
    assert (
        one(connection, stored if mode == "in-place" else stored.replace("event", "data").replace("u W", "u_rows W"))
        == id
    )


def test_the_command_names_values_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    connection = make(path, 20)
    connection.execute("UPDATE t SET data = ? WHERE id = 7", (bytes.fromhex("C15A425300000000000000"),))
    result = CliRunner().invoke(cli, ["maintain", str(path)])
    assert result.exit_code == 1, result.output
    assert "id=7 cannot be read: damaged frame" in result.output and "1 row of a sample" in result.output
    connection.execute("DELETE FROM t WHERE id = 7")
    assert CliRunner().invoke(cli, ["maintain", str(path)]).exit_code == 0


def trained_elsewhere() -> bytes:
    dictionary = train_from([row(number, "elsewhere") for number in range(200)], rows=200)
    assert dictionary is not None
    return dictionary


def test_a_sample_of_a_large_table_reads_few_rows(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "t.db"))
    zb.load(connection)
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
    connection.execute(f"{numbers} INSERT INTO t SELECT 3 * i, CAST(hex(i * i) AS BLOB) FROM n")
    steps = itertools.count()
    connection.set_progress_handler(lambda: next(steps) < 0, 1000)
    sample = take_sample(connection, find_place(connection, "t", "data")[0])
    assert (sample.rows, sample.all_rows) == (40_000, 40_000) and 1800 < len(sample.values) <= SAMPLE_ROWS
    assert next(steps) < 400, "40,000 rows would be 800 and more"
    assert len({value.data[:4] for value in sample.values}) > 30


def test_the_time_ends_any_statement_also_within_a_function(tmp_path: Path) -> None:
    connection = apsw.Connection(":memory:")
    zb.load(connection)
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
    for sql in (
        f"{numbers.format(10**12)} SELECT count(*) FROM n",
        f"{numbers.format(10**5)} SELECT ztrain({WIDE}) FROM n",
    ):
        with pytest.raises(apsw.InterruptError), until(connection, time.monotonic() + 0.15):
            connection.execute(sql).fetchall()
    with until(connection, time.monotonic() + 60):
        assert one(connection, "SELECT 1") == 1


WIDE = "json_object('id', i, 'text', hex(i * 7919), 'other', hex(i * 104729), 'more', hex(i * i)), 1048576"


def test_what_it_refuses(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    with pytest.raises(zb.OptionError, match="is enabled: migrate"):
        zb.maintain(path)
    for options in ({"seconds": 0}, {"seconds": math.nan}, {"seconds": math.inf}, {"load": 0}, {"load": 1.5}):
        with pytest.raises(zb.OptionError, match="must be"):
            zb.maintain(path, **options)
    zb.load(connection)
    zb.enable(connection, "t", "data", envelope="pickle")
    assert zb.maintain(path).columns[0].skipped == "envelope pickle uses no dictionaries"


def test_killed_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    connection = make(path)
    connection.execute("PRAGMA journal_mode = WAL")
    before = values(connection)
    zb.train(connection, "t", "data")
    script = "import sys, sqlite_zblob as zb; print(1, flush=True); zb.maintain(sys.argv[1])"
    rng = random.Random(1)
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", script, str(path)], cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout and process.stdout.readline()
            time.sleep(rng.uniform(0.1, 0.8))
            process.send_signal(signal.SIGKILL)
        assert values(connection) == before
    while not zb.maintain(path, load=1).finished:
        pass
    assert values(connection) == before and zb.verify(path).ok
    assert one(connection, "SELECT count(*) FROM t WHERE zinfo(data) ->> 'dictionary_id' = 0") < ROWS * 0.01
