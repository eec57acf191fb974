"""analyze: what it finds, recognises, estimates and recommends, on databases whose truth is known."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import random
import re
import shlex
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import apsw
import numpy as np
import pytest
from click.testing import CliRunner

import sqlite_zblob as zb
from sqlite_zblob.analysis import analyze, sampling
from sqlite_zblob.analysis.strata import Estimate
from sqlite_zblob.analysis.trials import CENSUS_BYTES, Pace
from sqlite_zblob.cli import cli
from sqlite_zblob.column.schema import look_at_table

from ..conftest import open_apsw
from .words import text


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def fill(path: Path, schema: str, rows: Any, table: str = "t") -> None:
    """One table, filled."""
    connection = apsw.Connection(str(path))
    connection.execute(schema).fetchall()
    with connection:
        count = len(connection.execute("SELECT * FROM pragma_table_info(?)", (table,)).fetchall())
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * count)})", rows)
    connection.close()


def npy(array: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


KINDS: dict[str, Callable[[random.Random, int], bytes | str]] = {
    "NumPy pickle": lambda rng, n: pickle.dumps(np.arange(20_000 + n, dtype="i4")),
    ".npy array": lambda rng, n: npy(np.arange(20_000 + n, dtype="f4")),
    "pickle": lambda rng, n: pickle.dumps({"words": text(rng, 2000)}),
    "JSON": lambda rng, n: json.dumps({"n": n, "text": text(rng, 2000)}),
    "text": lambda rng, n: text(rng, 2000),
    "gzip": lambda rng, n: gzip.compress(rng.randbytes(5000)),
    "zlib": lambda rng, n: zlib.compress(rng.randbytes(5000)),
    "other": lambda rng, n: rng.randbytes(5000),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_values_hold(database: Path, kind: str) -> None:
    rng = random.Random(1)
    fill(database, "CREATE TABLE t(v)", [(KINDS[kind](rng, n),) for n in range(10)])
    (column,) = zb.analyze(database, seconds=1).columns
    (share,) = column.kinds
    assert (share.kind, share.share, share.sampled_count) == (kind, 1.0, 10)
    assert share.is_compressed == (kind in ("gzip", "zlib"))
    assert any(f"100% of the bytes are {kind}" in reason for reason in column.why) == share.is_compressed
    assert (column.command is None) == (kind in ("gzip", "zlib", "other"))


def test_images(database: Path, brain_pickle: bytes, ct_pickle: bytes) -> None:
    schema = "CREATE TABLE t(id TEXT PRIMARY KEY, data BLOB NOT NULL); CREATE INDEX i ON t(id)"
    fill(database, schema, [(str(n), [brain_pickle, ct_pickle][n % 2]) for n in range(8)])
    analysis = zb.analyze(database, seconds=20, seed=1)  # so long only where the machine is busy
    (column,) = analysis.columns
    assert (column.kinds[0].kind, column.kinds[0].details[0]) == ("SimpleITK pickle", "uint8, 197 x 233 x 189")
    assert (column.rows, column.bytes) == (8, 4 * (len(brain_pickle) + len(ct_pickle)))
    assert (column.mode, column.envelope) == ("in-place", "pickle")
    best, plain = column.setting("auto", 5), column.setting("zstd", 5)
    assert best and plain
    assert best.ratio.value > 1.3 * plain.ratio.value
    assert best.compress_rate > 0 and best.seconds.value > 0
    assert shlex.split(column.command or "")[:5] == ["sqlite-zblob", "migrate", str(database), "t", "data"]


def test_a_small_column_is_compressed_as_a_whole(database: Path) -> None:
    rng = random.Random(2)
    values = [text(rng, rng.randrange(10, 3000)).encode() for _ in range(50)]
    fill(database, "CREATE TABLE t(v)", [(value,) for value in values])
    (column,) = zb.analyze(database).columns
    for level in (1, 5, 9):
        setting = column.setting("auto", level)
        assert setting
        truth = sum(len(zb.compress(value, level, threads=1, min_size=column.min_size)) for value in values)
        assert setting.size.value == setting.size.low == setting.size.high == pytest.approx(truth)


def test_a_small_column_has_time_beside_a_large_one(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    def no_time(seconds: float) -> Pace:
        given.append(seconds)
        return Pace(0)

    monkeypatch.setattr(analyze, "Pace", no_time)
    fill(database, "CREATE TABLE t(v BLOB, w BLOB)", [(zb.compress(b"x"), b"12" * 50_000)])
    connection = open_apsw(str(database))
    connection.execute("UPDATE t SET v = zeroblob(50000000)")
    connection.close()
    zb.analyze(database, seconds=100)
    assert given[0] > 14 and given[1] > 80  # of w, and of v


def test_a_level_about_which_less_is_known_is_not_advised() -> None:
    class Fewer:
        def __init__(self, range_of_two: tuple[float, float]) -> None:
            self.range_of_two = range_of_two

        def trial_count(self, setting: tuple[str, int]) -> int:
            return setting[1] in (2, 5)

        def compare(self, *_: object) -> tuple[float, float]:
            return 1.001, 0.1

        def fraction(self, setting: tuple[str, int]) -> Estimate:
            return Estimate(0.5, *(self.range_of_two if setting[1] == 2 else (0.4, 0.6)))

    assert analyze._best_level(cast(Any, Fewer((0.4, 0.6)))) == 2
    assert analyze._best_level(cast(Any, Fewer((0.1, 0.9)))) == 5


def test_a_column_of_values_that_are_too_large(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database, "CREATE TABLE t(v BLOB)", [(b"words " * 400_000,)])
    monkeypatch.setattr(analyze, "LARGEST", 1 << 20)
    (column,) = zb.analyze(database, seconds=1).columns
    assert column.command and column.why[-1] == "no value was looked at, as those above 1 MiB are not read"


def test_frames_of_the_program(database: Path) -> None:
    fill(database, "CREATE TABLE t(v BLOB)", [(zb.compress(random.Random(3).randbytes(30_000)),)])
    (column,) = zb.analyze(database, seconds=1).columns
    assert column.mode is None and column.why == (
        "its values are frames already, though no setting of this database compresses them",
    )


def test_values_of_no_bytes(database: Path) -> None:
    """They are values, too, where everything is compressed."""
    fill(database, "CREATE TABLE t(v BLOB)", [(b"",), ("",), (b"words " * 9000,), (b"",)])
    connection = open_apsw(str(database))
    zb.enable(connection, "t", "v", min_size=0)
    connection.close()
    (column,) = zb.analyze(database, seconds=1).columns
    assert column.rows == 4 and column.recommended and column.recommended.ratio.value > 100


def test_few_values_of_one_kind_leave_room(database: Path) -> None:
    """What was not seen is not ruled out."""
    rng = random.Random(8)
    fill(database, "CREATE TABLE t(v)", [(text(rng, 40_000).encode(),) for _ in range(60)])
    (column,) = zb.analyze(database, seconds=0.2).columns
    setting = column.setting("auto", 5)  # which most of the time goes to
    assert setting and 1 < setting.sampled_count < 60
    assert setting.ratio.low is not None and setting.ratio.low < 0.9 * setting.ratio.value


@pytest.mark.parametrize("step", [1, 1 << 40])
def test_rows_are_estimated_from_windows(database: Path, step: int) -> None:
    """Of a table that is too large to be seen as a whole, rowids may be dense or far apart."""
    rng = random.Random(4)
    rows = [(1 + n * step + rng.randrange(step), rng.randbytes(rng.randrange(200))) for n in range(20_000)]
    fill(database, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)", rows)
    connection = open_apsw(str(database))
    table = look_at_table(connection, "t")
    sizes = sampling._empty(table, [table.column("v")], 50, seed=1)
    sampling._add_windows(
        connection, sizes, [sampling._size_of(connection, "v")], time.monotonic() + 0.3, random.Random(1)
    )
    (column,) = sizes.columns
    assert not sizes.is_exact
    assert sizes.rows == pytest.approx(20_000, rel=0.25)
    truth = sum(len(value) for _, value in rows)
    assert abs(column.bytes / truth - 1) < max(0.1, 5 * sizes.bytes_error)
    assert len(set(column.draws())) > 20


def test_draws_are_proportional_to_size(database: Path) -> None:
    rows = [(n, b"x" * (10_000 if n % 100 == 0 else 100)) for n in range(5000)]
    fill(database, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)", rows)
    connection = open_apsw(str(database))
    table = look_at_table(connection, "t")
    sizes = sampling.measure_sizes(connection, table, table.columns[1:], seconds=60, draw_count=2000, seed=7)
    large = sum(key[0] % 100 == 0 for key in sizes.columns[0].draws())
    assert 940 < large < 1080  # 50 x 10,000 bytes of 995,000: 1,005 expected, standard deviation 22


def test_what_is_enabled_already(database: Path) -> None:
    rng = random.Random(5)
    fill(
        database, "CREATE TABLE t(id TEXT PRIMARY KEY, v BLOB)", [(str(n), text(rng, 3000).encode()) for n in range(9)]
    )
    connection = open_apsw(str(database))
    zb.enable(connection, "t", "v", mode="table", level=3)
    connection.execute("INSERT INTO t VALUES ('new', ?)", (text(rng, 30_000).encode(),))
    (column,) = zb.analyze(database, seconds=1).columns
    assert (column.table, column.column, column.mode, column.level) == ("t", "v", "table", 3)
    assert {kind.kind for kind in column.kinds} == {"frame", "text"}
    assert column.enabled and column.command and "--level=3" in column.command
    connection.execute("UPDATE t SET v = v")
    assert zb.analyze(database, "t", "v", seconds=1).columns[0].command is None


def test_a_damaged_frame_is_no_obstacle(database: Path) -> None:
    frame = bytearray(zb.compress(b"some words " * 9000))
    frame[20] ^= 1
    fill(database, "CREATE TABLE t(v)", [(bytes(frame) + bytes(1 << 14),), (b"other words " * 9000,)])
    (column,) = zb.analyze(database).columns
    assert {each.kind for each in column.kinds} == {"damaged frame", "text"}


def test_tables_of_all_sorts(database: Path) -> None:
    rng = random.Random(6)
    connection = apsw.Connection(str(database))
    long = text(rng, 4000)
    for statement in (
        "CREATE TABLE without(a TEXT, b INT, v BLOB, PRIMARY KEY (a, b)) WITHOUT ROWID",
        "CREATE TABLE hidden(rowid TEXT, oid TEXT, v JSON)",
        "CREATE TABLE numbers(a INTEGER, b REAL)",
        'CREATE TABLE "odd ""name"(v TEXT, w TEXT GENERATED ALWAYS AS (v || v))',
        "CREATE TABLE uni(v TEXT UNIQUE)",
        "CREATE VIRTUAL TABLE f USING fts5(x)",
        "CREATE VIEW w AS SELECT * FROM uni",
        "CREATE TABLE latin(k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID",
        "INSERT INTO latin VALUES (CAST(x'ff41' AS TEXT), zeroblob(100000))",
    ):
        connection.execute(statement)
    with connection:
        for n in range(1200):
            connection.execute("INSERT INTO without VALUES (?, ?, ?)", (str(n // 2), n, long[n:][:300].encode()))
            connection.execute("INSERT INTO numbers VALUES (?, ?)", (n, n / 3))
        for n in range(3):
            connection.execute("INSERT INTO hidden VALUES (NULL, 'x', ?)", (long + str(n),))
            connection.execute('INSERT INTO "odd ""name" VALUES (?)', (long + str(n),))
            connection.execute("INSERT INTO uni VALUES (?)", (long + str(n),))
    analysis = zb.analyze(database, seconds=2)
    found = {(each.table, each.column): each for each in analysis.columns}
    assert set(found) == {("without", "v"), ("hidden", "v"), ('odd "name', "v"), ("uni", "v")}
    assert found["without", "v"].rows == 1200
    assert found["uni", "v"].mode is None and "UNIQUE" in found["uni", "v"].why[0]
    assert found['odd "name', "v"].mode is None  # the generated column looks at it
    assert {"f", "latin"} <= {each.table for each in analysis.skipped}
    with pytest.raises(zb.OptionError, match="valid UTF-8"):
        zb.analyze(database, "latin")


def test_empty_databases(database: Path) -> None:
    apsw.Connection(str(database)).execute("CREATE TABLE t(v BLOB)")
    assert zb.analyze(database).columns == ()
    database.unlink()
    database.touch()
    assert zb.analyze(database).columns == ()


def test_errors_are_sentences(database: Path) -> None:
    fill(database, "CREATE TABLE t(v)", [(b"x",)])
    with pytest.raises(zb.OptionError, match="no table u"):
        zb.analyze(database, "u")
    with pytest.raises(zb.OptionError, match="no column w"):
        zb.analyze(database, "t", "w")
    with pytest.raises(zb.OptionError, match="a column needs its table"):
        zb.analyze(database, column="v")


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_writer_goes_on(database: Path, journal: str) -> None:
    """Rows come, change and go under the analysis, and no write waits for longer than a statement takes."""
    rng = random.Random(7)
    fill(database, f"PRAGMA journal_mode={journal}; CREATE TABLE t(id INTEGER PRIMARY KEY, v)", numbered(rng, 3000))
    waits, is_done, problems = [], threading.Event(), []

    def write() -> None:
        connection = apsw.Connection(str(database))
        connection.set_busy_timeout(5000)
        connection.execute("PRAGMA synchronous=OFF")  # locks are the question, not the disk
        try:
            while not is_done.is_set():
                start = time.monotonic()
                connection.execute("INSERT OR REPLACE INTO t VALUES (?, ?)", (rng.randrange(6000), rng.randbytes(900)))
                connection.execute("DELETE FROM t WHERE id = ?", (rng.randrange(6000),))
                waits.append(time.monotonic() - start)
        except apsw.Error as problem:
            problems.append(problem)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        analysis = zb.analyze(database, seconds=2)
    finally:
        is_done.set()
        writer.join()
    assert not problems
    assert len(waits) > 20
    assert max(waits) < 2
    assert analysis.columns[0].rows > 2000


def test_many_values_take_no_more_than_the_time_given(database: Path) -> None:
    """What is made of them in the end must not grow with the square of their number."""
    fill(database, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)", numbered(random.Random(7), 4000))
    begun = time.process_time()
    zb.analyze(database, seconds=2)
    assert time.process_time() - begun < 12


def numbered(rng: random.Random, count: int) -> Iterator[tuple[int, bytes]]:
    return ((n, text(rng, rng.randrange(10, 200)).encode()) for n in range(count))


def test_a_store_of_many_kinds(database: Path) -> None:
    """Ratios from 1.2 to 1,000 beside each other: once each value was tried, chance has no part in the estimate."""
    rng = np.random.RandomState(0)
    z, y, x = np.indices((24, 96, 96))
    scan = (900 * np.exp(-((x - 48) ** 2 + (y - 48) ** 2) / 900) + rng.normal(0, 9, x.shape)).astype("<i2")
    arrays = [scan + n for n in range(4)] + [(scan > 200 + n).astype("u1") for n in range(8)]
    arrays += [(scan * 0.37 + n * rng.normal(0, 1, x.shape)).astype("<f4") for n in range(6)]
    arrays += [np.sqrt((x - n) ** 2 + y**2 + z**2) for n in range(4)]
    values = [pickle.dumps(array) for array in arrays]
    fill(database, "CREATE TABLE t(v BLOB)", [(value,) for value in values])
    (column,) = zb.analyze(database, seconds=60, seed=1).columns
    whole = sum(map(len, values))
    assert whole > CENSUS_BYTES
    for level, error in ((5, 1e-9), (1, 0.03), (9, 0.03)):
        setting = column.setting("auto", level)
        truth = whole / sum(len(zb.compress(value, level)) for value in values)
        assert setting and setting.ratio.value == pytest.approx(truth, rel=error)
        assert setting.ratio.low is not None and setting.ratio.high is not None
        assert setting.ratio.low * 0.98 < truth < setting.ratio.high * 1.02


def rows_of_json(count: int, seed: int) -> list[tuple[bytes]]:
    rng = random.Random(seed)
    names = ["created", "renamed", "moved", "deleted", "restored"]
    return [
        (
            json.dumps(
                {
                    "event": rng.choice(names),
                    "id": rng.randrange(1 << 40),
                    "path": f"/store/volume/{rng.randrange(4000)}/{rng.choice(names)}.bin",
                    "user": f"user{rng.randrange(90)}",
                }
            ).encode(),
        )
        for _ in range(count)
    ]


def test_a_dictionary_is_recommended_where_it_pays_for_values_held_out(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    with apsw.Connection(str(path)) as db:
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, noise BLOB)")
        sql = "INSERT INTO t(data, noise) VALUES (?, randomblob(120))"
        db.executemany(sql, rows_of_json(3000, seed=1))
    db.close()
    columns = {each.column: each for each in zb.analyze(path, seconds=5, seed=3).columns}
    data, noise = columns["data"], columns["noise"]
    assert data.mode is not None
    assert data.min_size == 64
    (reason,) = [each for each in data.why if "dictionary" in each]
    assert "values that it was not trained from" in reason
    assert data.command is not None
    assert "--dictionary=auto" in data.command
    assert not any("dictionary" in each for each in noise.why)
    assert "--dictionary" not in str(noise.command)
    promised = float(re.findall(r"makes ratio ([\d.]+)", reason)[0])
    before = path.stat().st_size
    words = shlex.split(data.command)
    assert CliRunner().invoke(cli, words[1:]).exit_code == 0
    with apsw.Connection(str(path)) as db:
        zb.load(db)
        rows = db.execute(
            "SELECT sum(length(zdecompress(data))), sum(length(data)) FROM "
            + ("t_rows" if data.mode == "table" else "t")
        ).fetchall()
    db.close()
    raw, stored = cast(tuple[int, int], rows[0])
    assert raw / stored > 0.9 * promised
    assert path.stat().st_size < before


def test_a_dictionary_is_recommended_for_a_column_that_is_compressed_already(tmp_path: Path) -> None:
    """Beside a value that cannot be read; and what is promised comes true."""
    path = tmp_path / "events.db"
    with apsw.Connection(str(path)) as db:
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
        db.executemany("INSERT INTO t(data) VALUES (?)", rows_of_json(3000, seed=1))
    zb.migrate(path, "t", "data", min_size=64, mode="table", force=True)
    with apsw.Connection(str(path)) as db:
        db.execute("INSERT INTO t_rows VALUES (9999, x'C15A425300000000000000')")
    db.close()
    (column,) = zb.analyze(path, seconds=1, seed=3).columns
    assert column.command is not None and "--dictionary=auto --recompress" in column.command
    assert "a dictionary takes" in column.why[-1] and column.size_with_dictionary is not None
    assert column.saving == column.bytes - column.size_with_dictionary > 0.1 * column.bytes
    zb.migrate(path, "t", "data", dictionary="auto", recompress=True)
    with apsw.Connection(str(path)) as db:
        ((stored,),) = db.execute("SELECT sum(octet_length(data)) FROM t_rows")
        ((dictionary,),) = db.execute("SELECT octet_length(dictionary) FROM zblob_dictionaries")
    db.close()
    assert abs(stored + dictionary - column.size_with_dictionary) < 0.1 * column.size_with_dictionary
    (again,) = zb.analyze(path, seconds=1, seed=3).columns
    assert again.command is None and again.size_with_dictionary is None
    assert zb.recommend(path, "t", "data").ratio is not None
