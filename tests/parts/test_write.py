"""write_stream: a row from a file, whole or not at all, in bounded memory."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import apsw
import numpy as np
import pytest

import sqlite_zblob as zb
from sqlite_zblob.chunks import compress_to
from sqlite_zblob.parts import write

from ..conftest import ROOT, one, open_apsw

RANDOM = np.random.RandomState(4)
SCAN = RANDOM.randint(0, 60, (60, 190, 200)).cumsum(axis=0, dtype="u2")
VALUES = {
    "image": pickle.dumps(SCAN),
    "two images": pickle.dumps([SCAN, SCAN.astype("f4") * 0.5]),
    "noise": RANDOM.bytes(3_000_000),
    "noisy image": pickle.dumps(RANDOM.randint(0, 1 << 16, (40, 200, 200)).astype("u2")),
    "half noise": pickle.dumps([SCAN, RANDOM.bytes(5_000_000)]),
    "text": b"words and more words " * 200000,
    "short": b"abc",
    "empty": b"",
}


@pytest.mark.parametrize("level", [1, 5, 9])
@pytest.mark.parametrize("name", VALUES)
def test_what_is_written_comes_back(db: Any, name: str, level: int) -> None:
    raw = VALUES[name]
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES ('old')")
    size = zb.write_stream(db, "t", "data", 1, io.BytesIO(raw), level=level)
    frame = one(db, "SELECT data FROM t")
    assert len(frame) == size
    assert zb.decompress(frame) == raw
    whole = zb.compress(raw, level=level)
    assert size <= len(whole) * 1.01 + 64
    assert zb.info(frame).images == zb.info(whole).images
    assert not zb.info(frame).for_column


TABLES = {
    "ordinary": "CREATE TABLE t(id INTEGER PRIMARY KEY, data)",
    "generated": "CREATE TABLE t(id INTEGER PRIMARY KEY, data, size AS (length(data)))",
    "indexed": "CREATE TABLE t(id INTEGER PRIMARY KEY, data UNIQUE)",
    "checked": "CREATE TABLE t(id INTEGER PRIMARY KEY, data CHECK (substr(data, 1, 1) <> x'00'))",
    "partial index": "CREATE TABLE t(id INTEGER PRIMARY KEY, data); CREATE INDEX i ON t(id)WHERE(data<x'01')",
    "without rowid": "CREATE TABLE t(id INTEGER PRIMARY KEY, data) WITHOUT ROWID",
}


@pytest.mark.parametrize("table", TABLES)
def test_any_table(db: Any, table: str) -> None:
    for statement in TABLES[table].split("; "):
        db.execute(statement)
    db.execute(
        "INSERT INTO t(data) VALUES ('one')" if "WITHOUT" not in TABLES[table] else "INSERT INTO t VALUES (1, 2)"
    )
    zb.write_stream(db, "t", "data", 1, io.BytesIO(VALUES["image"]))
    assert one(db, "SELECT zdecompress(data) FROM t") == VALUES["image"]
    assert one(db, "PRAGMA integrity_check") == "ok"
    # an index that is left wrong is not found by the check
    assert one(db, "SELECT count(*) FROM t WHERE data < x'01'") == 0


def test_triggers_see_the_value_and_no_zeros(db: Any) -> None:
    db.execute("CREATE TABLE t(data)")
    db.execute("CREATE TABLE seen(valid)")
    db.execute("INSERT INTO t VALUES (1)")
    db.execute("CREATE TRIGGER watch AFTER UPDATE ON t BEGIN INSERT INTO seen SELECT zverify(new.data); END")
    zb.write_stream(db, "t", "data", 1, io.BytesIO(VALUES["image"]))
    assert db.execute("SELECT valid, (SELECT zis_frame(data) FROM t) FROM seen").fetchall() == [("ok", 1)]


def test_compressed_columns(db: Any) -> None:
    db.execute("CREATE TABLE t(data BLOB, other BLOB)")
    db.execute("INSERT INTO t VALUES (x'00', x'00')")
    zb.enable(db, "t", "data")
    zb.enable(db, "t", "other", envelope="pickle")
    db.execute("CREATE VIRTUAL TABLE v USING zblob(data BLOB COMPRESSED, plain BLOB)")
    db.execute("INSERT INTO v VALUES (x'00', x'00')")
    for table in ("t", "v"):
        zb.write_stream(db, table, "data", 1, io.BytesIO(VALUES["image"]))
    assert one(db, "SELECT zdecompress(data) FROM t") == one(db, "SELECT data FROM v") == VALUES["image"]
    for stored in (one(db, "SELECT data FROM t"), one(db, "SELECT data FROM v_rows")):
        assert zb.info(stored).for_column
        assert zb.info(stored).codec == "voxel"
    for table, column, text in (("t", "other", "envelope 'pickle'"), ("v", "plain", "not compressed")):
        with pytest.raises(zb.OptionError, match=text):
            zb.write_stream(db, table, column, 1, io.BytesIO(VALUES["image"]))


class Broken(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 2_000_000:
            raise OSError("the disk is gone")
        return super().read(size)


def test_what_fails_changes_nothing(db: Any) -> None:
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES ('old')")
    with pytest.raises(OSError, match="gone"):
        zb.write_stream(db, "t", "data", 1, Broken(VALUES["image"]))
    with pytest.raises(zb.WrongTypeError):
        zb.write_stream(db, "t", "data", 1, io.StringIO("text"))  # type: ignore[arg-type]
    with pytest.raises(zb.OptionError, match="level"):
        zb.write_stream(db, "t", "data", 1, io.BytesIO(b"x"), level=10)
    for place, text in (
        (("t", "data", 2), "no row 2"),
        (("u", "data", 1), "no table u"),
        (("t", "x", 1), "no column x"),
    ):
        with pytest.raises(zb.OptionError, match=text):
            zb.write_stream(db, *place, io.BytesIO(b"x"))
    assert db.execute("SELECT data FROM t").fetchall() == [("old",)]


def test_an_interrupt_counts_whenever_it_falls(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES ('old')")

    class Interrupting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            db.interrupt()
            return super().read(size)

    def interrupting(*given: Any, **options: Any) -> bytes:
        db.interrupt()
        return compress_to(*given, **options)

    def refuse(file: io.BytesIO) -> None:
        with pytest.raises(zb.DatabaseError, match="cannot write data of row 1 of t: interrupted"):
            zb.write_stream(db, "t", "data", 1, file)
        assert (one(db, "SELECT data FROM t"), db.in_transaction) == ("old", False)

    refuse(Interrupting(VALUES["noise"]))
    monkeypatch.setattr(write, "compress_to", interrupting)
    refuse(io.BytesIO(VALUES["noise"]))


def test_tables_that_are_not_written_to(db: Any) -> None:
    db.execute("CREATE VIRTUAL TABLE words USING fts5(data)")
    db.execute("CREATE TABLE t(data)")
    db.execute("CREATE VIEW seen AS SELECT 1 AS key, data FROM t")
    for table, text in (
        ("words", "words is a virtual table of another module: {} an ordinary table"),
        ("seen", "seen is a view: {} the table behind it"),
        ("sqlite_schema", "sqlite_schema is an internal table"),
    ):
        with pytest.raises(zb.OptionError, match=text.format("write to")):
            zb.write_stream(db, table, "data", 1, io.BytesIO(b"x"))
        with pytest.raises(zb.OptionError, match=text.format("take")):
            zb.images.write_image(db, table, 1, SCAN)
        with pytest.raises(zb.OptionError, match=text.format("take")):
            zb.images.read_image(db, table, 1)


def test_what_the_database_refuses_is_an_error_of_ours(db: Any) -> None:
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    db.execute("INSERT INTO t VALUES (1, 'old')")
    with pytest.raises(zb.DatabaseError, match="cannot write id of row 1 of t: datatype mismatch"):
        zb.write_stream(db, "t", "id", 1, io.BytesIO(b"x"))
    pages = one(db, "PRAGMA page_count")
    db.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    with pytest.raises(zb.DiskSpaceError, match="no space is left to write data of row 1 of t, which is as it was"):
        zb.write_stream(db, "t", "data", 1, io.BytesIO(VALUES["noise"]))
    assert (one(db, "SELECT data FROM t"), db.in_transaction) == ("old", False)


def test_readers_see_the_old_row_or_the_new(opener: Callable[..., Any], path: str) -> None:
    writer, reader = opener(path), opener(path)
    one(writer, "PRAGMA journal_mode=WAL")
    writer.execute("CREATE TABLE t(data)")
    writer.execute("INSERT INTO t VALUES (?)", (b"old",))
    writer.execute("BEGIN")
    zb.write_stream(writer, "t", "data", 1, io.BytesIO(VALUES["image"]))
    assert one(reader, "SELECT data FROM t") == b"old"
    writer.execute("ROLLBACK")
    assert one(writer, "SELECT data FROM t") == b"old"
    zb.write_stream(writer, "t", "data", 1, io.BytesIO(VALUES["image"]))
    assert one(reader, "SELECT zdecompress(data) FROM t") == VALUES["image"]
    writer.close()
    reader.close()


def test_only_in_a_transaction_are_bytes_overwritten() -> None:
    db = open_apsw()
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES (zeroblob(4)), (5), (NULL), ('text')")
    sql = "SELECT zblob_overwrite('main', 't', 'data', ?, ?, x'0102')"
    with pytest.raises(Exception, match="transaction"):
        one(db, sql, 1, 0)
    db.execute("BEGIN")
    assert one(db, sql, 1, 2) == 2
    for rowid, offset, text in (
        (1, 3, "within"),
        (1, -1, "within"),
        (2, 0, "a number"),
        (3, 0, "no such row"),
        (4, 0, "TEXT"),
    ):
        with pytest.raises(Exception, match=text):
            one(db, sql, rowid, offset)
    db.execute("COMMIT")
    assert one(db, "SELECT data FROM t") == b"\0\0\1\2"


def test_memory_is_bounded(path: str) -> None:
    """Without the value's 160 MB, and without the frame's 110 MB: beside a base and what is mapped, a few batches."""
    script = textwrap.dedent("""
        import io, re, sys
        import apsw, numpy as np
        import sqlite_zblob as zb

        class Source:
            left = 160
            def read(self, size):
                if self.left == 0:
                    return b""
                self.left -= 1
                return np.random.RandomState(self.left).randint(0, 1 << 20, 1 << 18, dtype="u4").tobytes()

        def most():
            status = open("/proc/self/status").read()
            return int(re.search(r"RssAnon:\\s+(\\d+)", status)[1])

        db = apsw.Connection(sys.argv[1])
        zb.load(db)
        db.execute("CREATE TABLE t(data); INSERT INTO t VALUES (1)")
        zb.write_stream(db, "t", "data", 1, io.BytesIO(b"x" * 5000000))
        before, peak = most(), 0
        import threading, time
        def watch():
            global peak
            while True:
                peak = max(peak, most())
                time.sleep(0.005)
        threading.Thread(target=watch, daemon=True).start()
        size = zb.write_stream(db, "t", "data", 1, Source())
        print(size, (peak - before) * 1024)
    """)
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    size, grown = map(int, done.stdout.split())
    assert size > 100_000_000
    assert grown < 96 << 20


def test_a_value_beyond_the_limit_of_sqlite_is_read_in_parts() -> None:
    """Only what is stored has to be within the limit."""
    db = open_apsw()
    db.execute("CREATE TABLE t(data); INSERT INTO t VALUES (1)")
    raw = VALUES["text"]
    zb.write_stream(db, "t", "data", 1, io.BytesIO(raw))
    db.limit(apsw.SQLITE_LIMIT_LENGTH, 1 << 20)
    assert len(raw) > 1 << 20
    assert one(db, "SELECT zsubstr_at('main', 't', 'data', 1, -9)") == raw[-9:]
    with zb.open_blob(db, "t", "data", 1) as stream:
        assert stream.read() == raw
    with pytest.raises(apsw.TooBigError):
        one(db, "SELECT zdecompress(data) FROM t")


def test_no_page_is_read_once_per_piece(path: str) -> None:
    """To reach a place in a large value, SQLite goes through all pages before it."""
    db = open_apsw(path)
    db.execute("PRAGMA page_size = 1024; PRAGMA cache_size = 10; CREATE TABLE t(data); INSERT INTO t VALUES (1)")
    raw = RANDOM.bytes(12 << 20)
    zb.write_stream(db, "t", "data", 1, io.BytesIO(raw), level=1)
    assert db.status(apsw.SQLITE_DBSTATUS_CACHE_MISS)[0] < 3 * (len(raw) >> 10)
