"""Dictionaries for small values: trained, kept in the database, found by every reader, and not lost."""

from __future__ import annotations

import functools
import itertools
import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb
from sqlite_zblob.column import dictionaries
from sqlite_zblob.connect.dictionaries import finder

from ..compat.decoder import UnsupportedError, decode
from ..conftest import one, open_apsw
from ..samples.rows import events

ROWS = events(3000)


def filled(path: Path | str = ":memory:", *, text: bool = False) -> apsw.Connection:
    connection = open_apsw(path) if path == ":memory:" else apsw.Connection(str(path))
    zb.load(connection)
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    rows = [(row.decode() if text else row,) for row in ROWS]
    with connection:
        connection.executemany("INSERT INTO t(data) VALUES (?)", rows)
    return connection


def dictionary_of(connection: apsw.Connection) -> tuple[int, bytes]:
    ((id, dictionary),) = connection.execute("SELECT id, dictionary FROM zblob_dictionaries").fetchall()
    assert isinstance(id, int) and isinstance(dictionary, bytes)
    return id, dictionary


@functools.cache
def dictionary_of_rows() -> bytes:
    return bytes(one(filled(), "SELECT ztrain(data, 4096) FROM t WHERE id < 1000"))


def trained(path: Path | str = ":memory:") -> tuple[apsw.Connection, int]:
    """As `zb.train` leaves it, in a hundredth of the time; and the dictionary's id."""
    db = filled(path)
    dictionaries.create_table(db, "main")
    row = (zb.codec.dictionary_id(dictionary_of_rows()), dictionary_of_rows())
    db.execute("INSERT INTO zblob_dictionaries VALUES (?, ?, '2026-01-01T00:00:00.000Z', '{}', 't', 'data')", row)
    return db, row[0]


def test_ztrain_makes_less_of_rows_that_it_has_not_seen() -> None:
    db = filled()
    dictionary = one(db, "SELECT ztrain(data, 16384) FROM t")
    assert 256 <= len(dictionary) <= 16384
    assert dictionary == one(db, "SELECT ztrain(data, 16384) FROM t")
    assert one(db, "SELECT zdictionary_id(?)", dictionary) == zb.codec.dictionary_id(dictionary)
    fresh = events(300, seed=2)
    bare = sum(len(zb.compress(row)) for row in fresh)
    frames = [zb.compress(row, dictionary=dictionary) for row in fresh]
    assert sum(map(len, frames)) < 0.6 * bare
    for row, frame in zip(fresh, frames, strict=True):
        assert zb.decompress(frame, dictionary=dictionary) == row
        assert decode(frame, {zb.codec.dictionary_id(dictionary): dictionary}) == row
        assert zb.info(frame).dictionary_id == zb.codec.dictionary_id(dictionary)
        assert zb.info(frame).header_size == 13 + (len(row) >= 240)


def test_ztrain_says_what_it_needs() -> None:
    db = open_apsw()
    assert one(db, "SELECT ztrain(x) FROM (SELECT 1 AS x WHERE 0)") is None
    assert one(db, "SELECT ztrain(NULL)") is None
    with pytest.raises(apsw.SQLError, match="trained from 10 values or more"):
        one(db, "SELECT ztrain('some text')")
    with pytest.raises(apsw.SQLError, match="from 256 to 1048576"):
        one(db, "SELECT ztrain('some text', 1)")


def test_ztrain_is_bounded_in_memory_and_can_be_interrupted() -> None:
    db = open_apsw()
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
    dictionary = one(db, f"{numbers} SELECT ztrain(json_object('id', i, 'text', hex(i * 7919)), 1024) FROM n")
    assert 256 <= len(dictionary) <= 1024
    db.set_progress_handler(lambda: True, 100_000)
    with pytest.raises(apsw.InterruptError):
        one(db, f"{numbers} SELECT ztrain(json_object('id', i, 'text', hex(i * 7919)), 65536) FROM n")


def test_every_level_with_a_dictionary() -> None:
    db = filled()
    dictionary = one(db, "SELECT ztrain(data, 8192) FROM t")
    sizes = []
    for level in range(1, 10):
        frames = [zb.compress(row, level, dictionary=dictionary) for row in ROWS[:200]]
        assert [zb.decompress(frame, dictionary=dictionary) for frame in frames] == ROWS[:200]
        sizes.append(sum(map(len, frames)))
    assert all(later <= 1.01 * earlier for earlier, later in itertools.pairwise(sizes)), sizes


def test_a_missing_or_wrong_dictionary_is_an_error_that_names_it() -> None:
    dictionary = one(filled(), "SELECT ztrain(data, 4096) FROM t")
    frame, id = zb.compress(ROWS[0], dictionary=dictionary), zb.codec.dictionary_id(dictionary)
    with pytest.raises(zb.MissingDictionaryError, match=str(id)):
        zb.decompress(frame)
    with pytest.raises(zb.DamagedFrameError, match=str(id)):
        zb.decompress(frame, dictionary=dictionary + b"x")
    with pytest.raises(UnsupportedError, match=str(id)):
        decode(frame)
    db = open_apsw()
    with pytest.raises(apsw.SQLError, match=f"needs dictionary {id}, which is in .* none of the attached"):
        one(db, "SELECT zdecompress(?)", frame)
    assert f"needs dictionary {id}" in one(db, "SELECT zverify(?)", frame)
    assert one(db, "SELECT zlength(?)", frame) == len(ROWS[0])
    assert one(db, "SELECT zis_frame(?)", frame) == 1
    assert one(db, "SELECT zcompress(?)", frame) == frame
    with pytest.raises(apsw.SQLError, match="needs dictionary 7"):
        one(db, "SELECT zcompress('x', '{\"dictionary\": 7}')")


def test_every_flipped_bit_with_a_dictionary() -> None:
    dictionary = one(filled(), "SELECT ztrain(data, 4096) FROM t")
    frame = zb.compress(ROWS[0], dictionary=dictionary)
    for position in range(8 * len(frame)):
        damaged = bytearray(frame)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises((zb.DamagedFrameError, zb.UnsupportedFrameError, zb.MissingDictionaryError)):
            zb.decompress(bytes(damaged), dictionary=dictionary)


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_enable_migrate_restore(mode: zb.Mode, text: bool, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db = filled(path, text=text)
    before = db.execute("SELECT id, data FROM t ORDER BY id").fetchall()
    id = zb.train(db, "t", "data", size=8192)
    status = zb.enable(db, "t", "data", mode=mode, dictionary="auto", min_size=64, force=True)
    assert (status.dictionary, status.min_size) == ("auto", 64)
    assert zb.status(db)[0].dictionary == "auto"
    assert zb.enable(db, "t", "data").dictionary == "auto"
    db.execute("INSERT INTO t SELECT id + 10000, data FROM t LIMIT 50" if mode == "in-place" else "SELECT 1")
    db.execute("INSERT INTO t VALUES (99999, ?)", (before[5][1],))
    rows = "t" if mode == "in-place" else "t_rows"
    info = json.loads(one(db, f"SELECT zinfo(data) FROM {rows} WHERE id = 99999"))
    assert (info["dictionary_id"], info["for_column"]) == (id, True)
    db.execute("DELETE FROM t WHERE id > 9999")
    db.close()
    zb.migrate(path, "t", "data")
    db = apsw.Connection(str(path))
    zb.load(db)
    sql = f"SELECT count(*) FROM {rows} WHERE json_extract(zinfo(data), '$.dictionary_id') = {id}"
    assert one(db, sql) == len(before)
    assert db.execute(f"SELECT id, zdecompress(data) FROM {rows} ORDER BY id").fetchall() == before
    db.close()
    assert not zb.verify(path, "t", "data").damages
    zb.restore(path, "t", "data")
    db = apsw.Connection(str(path))
    assert db.execute("SELECT id, data FROM t ORDER BY id").fetchall() == before


def test_verify_names_a_missing_dictionary(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db = filled(path)
    id = zb.train(db, "t", "data", size=4096)
    db.execute("UPDATE t SET data = zcompress(data, json_object('dictionary', ?)) WHERE id < 5", (id,))
    db.execute("DROP TABLE zblob_dictionaries")
    db.close()
    damages = zb.verify(path, "t", "data").damages
    assert len(damages) == 4
    assert all(str(id) in damage.reason for damage in damages)


def test_enable_trains_where_it_can() -> None:
    db = filled()
    zb.enable(db, "t", "data", dictionary="auto")
    assert zb.status(db)[0].min_size == 64
    id, _ = dictionary_of(db)
    db.execute("INSERT INTO t VALUES (99999, ?)", (ROWS[3],))
    assert json.loads(one(db, "SELECT zinfo(data) FROM t WHERE id = 99999"))["dictionary_id"] == id
    zb.enable(db, "t", "data", dictionary=0)
    assert zb.status(db)[0].dictionary is None
    empty = open_apsw()
    zb.load(empty)
    empty.execute("CREATE TABLE t(data)")
    assert zb.enable(empty, "t", "data", dictionary="auto").dictionary == "auto"
    empty.execute("INSERT INTO t VALUES (?)", (ROWS[0] * 2,))
    assert one(empty, "SELECT zdecompress(data) FROM t") == ROWS[0] * 2
    with pytest.raises(zb.OptionError, match="no dictionary 5"):
        zb.enable(empty, "t", "data", dictionary=5)
    with pytest.raises(zb.OptionError, match="envelope"):
        zb.enable(empty, "t", "data", envelope="pickle", dictionary="auto")


def test_a_virtual_table_with_a_dictionary_of_its_own() -> None:
    db = filled()
    id = zb.train(db, "t", "data")
    db.execute(f"CREATE VIRTUAL TABLE v USING zblob(data BLOB COMPRESSED, min_size=64, dictionary={id})")
    db.execute("INSERT INTO v SELECT data FROM t")
    assert one(db, "SELECT sum(length(data)) FROM v_rows") < 0.6 * sum(map(len, ROWS))
    assert one(db, "SELECT count(*) FROM v, t ON v.rowid = t.id AND v.data IS t.data") == len(ROWS)
    assert one(db, "PRAGMA integrity_check") == "ok"
    with pytest.raises(apsw.SQLError, match='"dictionary" must be auto or the id'):
        db.execute("CREATE VIRTUAL TABLE w USING zblob(data BLOB COMPRESSED, dictionary=huge)")


def test_dictionaries_cannot_be_deleted_while_values_need_them() -> None:
    db = filled()
    id = zb.train(db, "t", "data", size=4096)
    other = zb.train(db, "t", "data", size=2048)
    db.execute("UPDATE t SET data = zcompress(data, json_object('dictionary', ?)) WHERE id = 1", (id,))
    for sql in ("DELETE FROM zblob_dictionaries", "UPDATE zblob_dictionaries SET dictionary = x'00'"):
        with pytest.raises(apsw.ConstraintError, match="cannot be read without their dictionary"):
            db.execute(sql)
    assert zb.drop_dictionaries(db) == [other]
    with pytest.raises(apsw.ConstraintError):
        db.execute("DELETE FROM zblob_dictionaries")
    assert one(db, "SELECT zdecompress(data) FROM t WHERE id = 1") == ROWS[0]
    assert zb.drop_dictionaries(db) == []


def test_a_damaged_dictionary_is_told() -> None:
    db = filled()
    id = zb.train(db, "t", "data", size=4096)
    frame = one(db, "SELECT zcompress(data, json_object('dictionary', ?)) FROM t", id)
    damaged = open_apsw()
    damaged.execute("CREATE TABLE zblob_dictionaries(id INTEGER PRIMARY KEY, dictionary BLOB)")
    damaged.execute("INSERT INTO zblob_dictionaries VALUES (?, ?)", (id, dictionary_of(db)[1] + b"\0"))
    with pytest.raises(apsw.CorruptError, match=f"dictionary {id} of database .main. is damaged"):
        one(damaged, "SELECT zdecompress(?)", frame)
    with pytest.raises(zb.DamagedFrameError, match=str(id)):
        finder(damaged)(id)
    view = open_apsw()
    view.execute("CREATE VIEW zblob_dictionaries AS SELECT 1 AS id, zdecompress(x'00') AS dictionary")
    with pytest.raises(apsw.SQLError, match="none of the attached"):
        one(view, "SELECT zdecompress(?)", frame)


def test_dump_vacuum_into_backup_and_attach(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db = filled(path)
    id = zb.train(db, "t", "data", size=4096)
    db.execute("UPDATE t SET data = zcompress(data, json_object('dictionary', ?))", (id,))
    copies: dict[str, Any] = {"vacuum": tmp_path / "vacuum.db", "backup": tmp_path / "backup.db"}
    db.execute("VACUUM INTO ?", (str(copies["vacuum"]),))
    with apsw.Connection(str(copies["backup"])) as target, target.backup("main", db, "main") as backup:
        backup.step()
    plain = sqlite3.connect(path)
    dump = "\n".join(plain.iterdump())
    copies["dump"] = tmp_path / "dump.db"
    with sqlite3.connect(copies["dump"]) as restored:
        restored.executescript(dump)
    for copy in copies.values():
        other = apsw.Connection(str(copy))
        zb.load(other)
        assert [row for (row,) in other.execute("SELECT zdecompress(data) FROM t ORDER BY id")] == ROWS
        with pytest.raises(apsw.ConstraintError):
            other.execute("DELETE FROM zblob_dictionaries")
    main = open_apsw()
    main.execute("ATTACH ? AS store", (str(path),))
    assert [row for (row,) in main.execute("SELECT zdecompress(data) FROM store.t ORDER BY id")] == ROWS


@pytest.mark.parametrize("module", ["apsw", "sqlite3"])
def test_row_hooks_find_dictionaries(module: str, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db = filled(path)
    id = zb.train(db, "t", "data", size=4096)
    db.execute("UPDATE t SET data = zcompress(data, json_object('dictionary', ?))", (id,))
    reader: Any = apsw.Connection(str(path)) if module == "apsw" else sqlite3.connect(path)
    zb.decode_rows(reader)
    assert [row for (row,) in reader.execute("SELECT data FROM t ORDER BY id")] == ROWS


def test_a_killed_training_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    filled(path).close()
    script = (
        "import os, sys, threading, apsw, sqlite_zblob as zb\n"
        "db = apsw.Connection(sys.argv[1]); zb.load(db)\n"
        "threading.Timer(0.05, os._exit, (9,)).start()\n"
        "while True: zb.train(db, 't', 'data', size=65536)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == 9
    db = apsw.Connection(str(path))
    zb.load(db)
    assert one(db, "PRAGMA integrity_check") == "ok"
    assert [row for (row,) in db.execute("SELECT zdecompress(data) FROM t ORDER BY id")] == ROWS
    zb.train(db, "t", "data", size=4096)


def test_dropping_leaves_what_attached_databases_and_frames_within_frames_need(tmp_path: Path) -> None:
    db = filled(tmp_path / "store.db")
    id = zb.train(db, "t", "data")
    frame = f"""zcompress(data, '{{"dictionary": {id}}}')"""
    db.execute("ATTACH ? AS other", (str(tmp_path / "other.db"),))
    db.execute(f"CREATE TABLE other.kept AS SELECT {frame} AS data FROM t LIMIT 5")
    assert zb.drop_dictionaries(db) == []
    db.execute("DROP TABLE other.kept")
    db.execute("CREATE VIRTUAL TABLE v USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED, min_size=1)")
    db.execute(f"INSERT INTO v SELECT id, {frame} FROM t LIMIT 5")
    assert zb.drop_dictionaries(db) == []
    db.execute("DELETE FROM v")
    assert zb.drop_dictionaries(db) == [id]


def test_a_dictionary_takes_no_id_of_another(tmp_path: Path) -> None:
    """The database, or one that is attached, has other bytes under the id that training gave."""
    db = filled(tmp_path / "store.db")
    first = zb.train(db, "t", "data", size=2048)
    _, bytes_of_first = dictionary_of(db)
    for schema in ("main", "other"):
        with apsw.Connection(str(tmp_path / f"{schema}.db")) as fresh:
            zb.load(fresh)
            fresh.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
            fresh.executemany("INSERT INTO t(data) VALUES (?)", [(row,) for row in ROWS])
            fresh.execute("ATTACH ':memory:' AS other")
            fresh.execute(f"CREATE TABLE {schema}.zblob_dictionaries AS SELECT {first} AS id, x'00' AS dictionary")
            if schema == "main":
                fresh.execute("DROP TABLE main.zblob_dictionaries")
                fresh.execute("ATTACH ? AS store", (str(tmp_path / "store.db"),))
            second = zb.train(fresh, "t", "data", size=2048)
            _, bytes_of_second = dictionary_of(fresh)
            assert (second == first) == (schema == "main")
            assert (bytes_of_second == bytes_of_first) == (schema == "main")
            assert second == zb.codec.dictionary_id(bytes_of_second)
        fresh.close()


def test_a_dictionary_cannot_be_replaced_by_other_bytes() -> None:
    db = filled()
    zb.train(db, "t", "data")
    before = dictionary_of(db)
    columns = "created, trained, table_name, column_name FROM zblob_dictionaries"
    with pytest.raises(apsw.ConstraintError, match="cannot be read without their dictionary"):
        db.execute(f"INSERT OR REPLACE INTO zblob_dictionaries SELECT id, zeroblob(500), {columns}")
    db.execute(f"INSERT OR REPLACE INTO zblob_dictionaries SELECT id, dictionary, {columns}")
    assert dictionary_of(db) == before


def test_training_again_renews_the_names() -> None:
    db = filled()
    zb.enable(db, "t", "data", dictionary="auto", min_size=16)
    (id,) = (id for (id,) in db.execute("SELECT id FROM zblob_dictionaries"))
    db.execute("ALTER TABLE t RENAME TO u")
    assert zb.train(db, "u", "data") == id
    db.execute("INSERT INTO u(id, data) VALUES (90001, ?)", (ROWS[0],))
    assert zb.info(one(db, "SELECT data FROM u WHERE id = 90001")).dictionary_id == id


def test_a_database_that_is_attached_later_is_asked_too() -> None:
    db = filled()
    id = zb.train(db, "t", "data", size=2048)
    frame = one(db, "SELECT zcompress(data, ?) FROM t WHERE id = 1", json.dumps({"dictionary": id}))
    assert one(db, "SELECT zdecompress(?)", frame) == ROWS[0]  # the dictionary is kept from here on
    db.execute("ATTACH ':memory:' AS other")
    db.execute(f"CREATE TABLE other.zblob_dictionaries AS SELECT {id} AS id, x'00' AS dictionary")
    with pytest.raises(apsw.CorruptError, match='of database "other"'):
        one(db, "SELECT zdecompress(?)", frame)
    db.execute("DETACH other")
    assert one(db, "SELECT zdecompress(?)", frame) == ROWS[0]


@pytest.mark.parametrize("name", ["id", "rowid", "_rowid_", "oid"])
def test_the_id_cannot_be_changed_by_any_of_its_names(name: str) -> None:
    db = filled()
    id = zb.train(db, "t", "data", size=4096)
    for conflict in ("", "OR REPLACE", "OR IGNORE"):
        with pytest.raises(apsw.ConstraintError, match="cannot be read without their dictionary"):
            db.execute(f"UPDATE {conflict} zblob_dictionaries SET {name} = 9")
    db.execute("UPDATE zblob_dictionaries SET created = created, trained = trained, id = id")
    assert dictionary_of(db)[0] == id


def test_a_dictionary_that_was_moved_is_not_dropped_and_comes_back() -> None:
    """As an earlier guard, which knew the id by one name only, has let it happen."""
    db = filled()
    id = zb.train(db, "t", "data", size=4096)
    db.execute("UPDATE t SET data = zcompress(data, json_object('dictionary', ?))", (id,))
    db.execute("DROP TRIGGER zblob_dictionaries_no_change")
    db.execute(
        "CREATE TRIGGER zblob_dictionaries_no_change BEFORE UPDATE OF id, dictionary ON zblob_dictionaries "
        "BEGIN SELECT RAISE(ABORT, 'cannot be read without their dictionary'); END"
    )
    db.execute("UPDATE zblob_dictionaries SET rowid = 9")
    assert zb.drop_dictionaries(db) == []
    assert dictionary_of(db)[0] == id
    assert [row for (row,) in db.execute("SELECT zdecompress(data) FROM t ORDER BY id")] == ROWS
    with pytest.raises(apsw.ConstraintError):
        db.execute("UPDATE zblob_dictionaries SET rowid = 9")


@pytest.mark.parametrize("way", ["another connection", "ROLLBACK", "ROLLBACK TO"])
@pytest.mark.parametrize("writer", ["zcompress", "in place", "virtual table"])
def test_nobody_writes_with_a_dictionary_that_is_gone(writer: str, way: str, tmp_path: Path) -> None:
    """The connection has used it, and keeps what it has found."""
    path = tmp_path / "store.db"
    db = filled(path)
    db.execute("PRAGMA journal_mode = wal")
    if way != "another connection":
        db.execute("BEGIN")
        db.execute("SAVEPOINT here")
    id = zb.train(db, "t", "data", size=4096)
    write = f"""INSERT INTO kept SELECT id, zcompress(data, '{{"dictionary": {id}}}') FROM t LIMIT 9"""
    if writer == "zcompress":
        db.execute("CREATE TABLE kept(id INTEGER PRIMARY KEY, data)")
    else:
        write = "INSERT INTO kept SELECT id, data FROM t LIMIT 9"
        settings = f"dictionary={id}, min_size=64"
        if writer == "in place":
            db.execute("CREATE TABLE kept(id INTEGER PRIMARY KEY, data)")
            zb.enable(db, "kept", "data", dictionary=id)
        else:
            columns = "id INTEGER PRIMARY KEY, data BLOB COMPRESSED"
            db.execute(f"CREATE VIRTUAL TABLE kept USING zblob({columns}, {settings})")
    rows = "kept_rows" if writer == "virtual table" else "kept"
    db.execute(write)
    assert one(db, f"SELECT sum(zinfo(data) ->> 'dictionary_id' = {id}) FROM {rows}") == 9
    if way == "another connection":
        other = apsw.Connection(str(path))
        zb.load(other)
        other.execute(f"DELETE FROM {rows}")
        other.execute("DROP TABLE zblob_dictionaries")
        other.close()
    else:
        db.execute(f"DELETE FROM {rows}")
        schema = db.execute("SELECT sql FROM sqlite_master WHERE name IN ('kept') OR tbl_name = 'kept'").fetchall()
        db.execute("ROLLBACK TO here" if way == "ROLLBACK TO" else "ROLLBACK")
        if way == "ROLLBACK TO":
            db.execute("COMMIT")
        for (sql,) in schema:
            db.execute(str(sql))
    if writer == "zcompress":
        with pytest.raises(apsw.SQLError, match=f"needs dictionary {id}, which is in table zblob_dictionaries of none"):
            db.execute(write)
        return
    db.execute(write)
    fresh = apsw.Connection(str(path))
    zb.load(fresh)
    assert fresh.execute(f"SELECT zdecompress(data) FROM {rows} ORDER BY id").fetchall() == [(row,) for row in ROWS[:9]]


def test_equal_columns_have_dictionaries_of_their_own() -> None:
    db = filled()
    db.execute("CREATE TABLE u AS SELECT * FROM t")
    first, second = zb.train(db, "t", "data", size=4096), zb.train(db, "u", "data", size=4096)
    assert first != second
    names = "SELECT table_name FROM zblob_dictionaries WHERE id = ?"
    assert (one(db, names, first), one(db, names, second)) == ("t", "u")
    assert zb.train(db, "t", "data", size=4096) == first


def test_tables_of_every_name_and_frames_of_every_depth_keep_their_dictionary() -> None:
    """sqlite_ is SQLite's, sqliterows is not; a stored generated column is no column of table_info."""
    db, id = trained()
    frame = zb.compress(ROWS[0], dictionary=dictionary_of(db)[1])
    nested = zb.compress(zb.compress(zb.compress(frame)))
    for definition, value in (
        ("sqliterows(data)", frame),
        ("u(data)", nested),
        ("v(data, kept GENERATED ALWAYS AS (substr(data, 2)) STORED)", b"x" + frame),
    ):
        db.execute(f"CREATE TABLE {definition}")
        name = definition.partition("(")[0]
        db.execute(f"INSERT INTO {name} VALUES (?)", (value,))
        assert zb.drop_dictionaries(db) == [], definition
        db.execute(f"DROP TABLE {name}")
    assert zb.drop_dictionaries(db) == [id]


def test_values_of_a_moved_dictionary_can_be_read_and_verify_names_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db, id = trained(path)
    frame = zb.compress(ROWS[0], dictionary=dictionary_of(db)[1])
    zb.enable(db, "t", "data", dictionary="auto")
    db.execute("UPDATE t SET data = zdecompress(data)")
    db.execute("DROP TRIGGER zblob_dictionaries_no_change")
    db.execute("UPDATE zblob_dictionaries SET rowid = 9")
    db.execute("INSERT INTO zblob_dictionaries VALUES (10, CAST('a text' AS BLOB), '', '', 't', 'o')")
    db.execute("INSERT INTO zblob_dictionaries VALUES (11, CAST(x'ff' AS TEXT), '', '', 't', 'o')")
    fresh = apsw.Connection(str(path))
    zb.load(fresh)
    assert one(fresh, "SELECT zdecompress(?)", frame) == ROWS[0]
    assert zb.codec.dictionary_id(finder(fresh)(id) or b"") == id
    damages = [each for each in zb.verify(path).damages if each.table == "zblob_dictionaries"]
    assert [each.key for each in damages] == [{"id": 9}, {"id": 10}] and f"dictionary {id}" in damages[0].reason
    with pytest.raises(apsw.SQLError, match=f"needs dictionary {id}, which is in .* none"):
        one(fresh, f"""SELECT zcompress('x', '{{"dictionary": {id}}}')""")
    zb.maintain(path, seconds=60)
    assert one(db, "SELECT count(*) FROM zblob_dictionaries WHERE id = zdictionary_id(dictionary)") == 2
    with pytest.raises(apsw.ConstraintError):
        db.execute("UPDATE zblob_dictionaries SET rowid = 9")


def test_a_view_in_main_is_not_asked_whether_a_dictionary_is_there(tmp_path: Path) -> None:
    """The question to the main database is kept as a statement, and SQLite prepares it anew when the schema changes."""
    db, id = trained(tmp_path / "store.db")
    write = f"""SELECT zcompress(?, '{{"dictionary": {id}}}')"""
    for _ in range(3):
        assert zb.info(one(db, write, ROWS[0])).dictionary_id == id
    db.execute("DROP TABLE zblob_dictionaries")
    db.execute(f"CREATE VIEW zblob_dictionaries AS SELECT {id} AS id, x'00' AS dictionary")
    for _ in range(3):
        with pytest.raises(apsw.SQLError, match=f"needs dictionary {id}, which is in .* none"):
            one(db, write, ROWS[0])


def test_what_another_connection_has_locked_is_not_called_missing(tmp_path: Path) -> None:
    db, id = trained(tmp_path / "store.db")
    write = f"""SELECT zcompress('x', '{{"dictionary": {id}}}')"""
    one(db, write)
    other = apsw.Connection(str(tmp_path / "store.db"))
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(apsw.SQLError, match="looking for it has failed: database is locked"):
        one(db, write)


def test_enabling_again_waits_for_no_other_writer(tmp_path: Path) -> None:
    """Programs do so at each start."""
    db, _ = trained(tmp_path / "store.db")
    db.execute("PRAGMA journal_mode = wal")
    zb.enable(db, "t", "data", dictionary="auto")
    other = apsw.Connection(str(tmp_path / "store.db"))
    other.execute("BEGIN IMMEDIATE")
    assert zb.enable(db, "t", "data", dictionary="auto").dictionary == "auto"


def test_training_passes_over_what_it_cannot_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    db = filled(tmp_path / "store.db")
    foreign = zb.compress(ROWS[0], dictionary=dictionary_of_rows())
    bad = [(bytes.fromhex("C15A425300000000000000"),), (foreign,), (foreign,)]
    db.executemany("INSERT INTO t(data) VALUES (?)", bad)
    id = zb.train(db, "t", "data", size=1024)
    assert json.loads(one(db, "SELECT trained FROM zblob_dictionaries WHERE id = ?", id))["unreadable"] == 3
    assert [record.getMessage() for record in caplog.records] == [
        "train passes over 1 values of t.data, such as that of row 3001: it is a damaged frame",
        "train passes over 2 values of t.data, such as that of row 3002: the value needs dictionary "
        f"{zb.codec.dictionary_id(dictionary_of_rows())}, which no database has",
    ]


@pytest.mark.parametrize(
    "made, what",
    [
        ("VIEW zblob_dictionaries AS SELECT 1 AS id", "a view"),
        ("VIRTUAL TABLE zblob_dictionaries USING fts5(dictionary)", "a virtual table"),
        (
            "TABLE zblob_dictionaries(id, dictionary)",
            "a table without column column_name, created, table_name, trained",
        ),
        (
            "TABLE Zblob_Dictionaries(id INTEGER PRIMARY KEY, dictionary AS (x'00'), created, trained, table_name, "
            "column_name)",
            "a table with generated columns",
        ),
    ],
)
def test_what_else_may_have_the_name_of_the_table(made: str, what: str) -> None:
    db = filled()
    db.execute(f"CREATE {made}")
    for act in (lambda: zb.train(db, "t", "data"), lambda: zb.enable(db, "t", "data", dictionary="auto")):
        with pytest.raises(zb.OptionError, match=f"zblob_dictionaries of database main is {what}: .* Rename or drop"):
            act()


def test_a_column_more_in_the_table_does_no_harm(tmp_path: Path) -> None:
    db, id = trained(tmp_path / "store.db")
    db.execute("ALTER TABLE zblob_dictionaries ADD COLUMN remark TEXT DEFAULT 'none'")
    second = zb.train(db, "t", "data", size=512)
    assert second != id and sorted(zb.drop_dictionaries(db)) == sorted([id, second])


def test_training_waits_for_another_writer_before_it_is_lost(tmp_path: Path) -> None:
    """A connection of the program's own may have no busy timeout."""
    db = filled(tmp_path / "store.db")
    other = apsw.Connection(str(tmp_path / "store.db"))
    db.set_busy_timeout(0)

    def hold(step: str) -> None:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(1.5, lambda: other.execute("ROLLBACK")).start()

    assert zb.train(db, "t", "data", size=512, progress=hold) == one(db, "SELECT id FROM zblob_dictionaries")


def test_many_rows_that_stay_are_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    db, id = trained(tmp_path / "store.db")
    zb.enable(db, "t", "data", dictionary=id)
    db.execute("UPDATE t SET data = zdecompress(data) WHERE id <= 20")
    db.execute("DROP TABLE zblob_dictionaries")
    db.close()
    assert len(zb.restore(tmp_path / "store.db", "t", "data").failures) == 20
    (record,) = caplog.records
    assert "restore of t.data leaves 20 rows as they are, for instance" in record.getMessage()


@pytest.mark.parametrize("attached", [False, True])
def test_dictionaries_are_copied_with_their_guards(attached: bool, tmp_path: Path) -> None:
    db, id = trained(tmp_path / "store.db")
    db.execute("UPDATE t SET data = zcompress(data, json_object('dictionary', ?))", (id,))
    other = apsw.Connection(str(tmp_path / "other.db"))
    zb.load(other)
    target: Any = other if attached else tmp_path / "other.db"
    assert zb.copy_dictionaries(db if attached else tmp_path / "store.db", target) == [id]
    assert zb.copy_dictionaries(db, target) == []
    db.execute("ATTACH ? AS other", (str(tmp_path / "other.db"),))
    db.execute("CREATE TABLE other.t AS SELECT * FROM main.t")
    assert [row for (row,) in other.execute("SELECT zdecompress(data) FROM t")] == ROWS
    assert zb.drop_dictionaries(other) == []
    with pytest.raises(apsw.ConstraintError):
        other.execute("DELETE FROM zblob_dictionaries")
    assert zb.enable(other, "t", "data", dictionary="auto").min_size == 64
    other.execute("INSERT INTO t VALUES (9999, ?)", (ROWS[0],))
    assert one(other, "SELECT zinfo(data) ->> 'dictionary_id' FROM t WHERE id = 9999") == id


def test_a_dictionary_is_not_copied_over_another() -> None:
    """What lies under its id moves to where its bytes hash to."""
    db, id = trained()
    other = apsw.Connection(":memory:")
    zb.load(other)
    dictionaries.create_table(other, "main")
    other.execute("INSERT INTO zblob_dictionaries VALUES (?, x'00', '', '', '', '')", (id,))
    assert zb.copy_dictionaries(db, other) == [id]
    rows = other.execute("SELECT id, dictionary FROM zblob_dictionaries").fetchall()
    assert sorted(rows) == sorted([(id, dictionary_of_rows()), (zb.codec.dictionary_id(b"\0"), b"\0")])


@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_the_first_dictionary_of_a_column_makes_small_values_count(mode: zb.Mode, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db, id = trained(path)
    assert zb.enable(db, "t", "data", mode=mode, force=True).min_size == 512
    assert zb.migrate(path, "t", "data", dictionary="auto").changed_rows > 2900
    assert [(each.min_size, each.dictionary) for each in zb.status(db)] == [(64, "auto")]
    assert zb.enable(db, "t", "data", dictionary=id, min_size=512).min_size == 512
    assert zb.enable(db, "t", "data", dictionary="auto").min_size == 512
    db.execute("CREATE VIRTUAL TABLE v USING zblob(data BLOB COMPRESSED, dictionary=auto)")
    assert [each.min_size for each in zb.status(db) if each.table == "v"] == [64]
    db.execute(f"CREATE VIRTUAL TABLE w USING zblob(data BLOB COMPRESSED, dictionary={id})")
    db.execute("INSERT INTO w VALUES (?)", (ROWS[0],))
    assert one(db, "SELECT zinfo(data) ->> 'dictionary_id' FROM w_rows") == id
    db.execute("CREATE TABLE u(data)")
    zb.enable(db, "u", "data", min_size=300)
    assert zb.enable(db, "u", "data", dictionary="auto").min_size == 300


def test_a_table_of_dictionaries_that_create_table_as_has_made_gets_key_and_guards(tmp_path: Path) -> None:
    db, id = trained(tmp_path / "store.db")
    db.execute("ATTACH ? AS other", (str(tmp_path / "other.db"),))
    for name in ("zblob_dictionaries", "t"):
        db.execute(f"CREATE TABLE other.{name} AS SELECT * FROM main.{name}")
    db.execute("UPDATE other.t SET data = zcompress(data, json_object('dictionary', ?)) WHERE id < 9", (id,))
    assert zb.enable(db, "t", "data", dictionary="auto", schema="other").dictionary == "auto"
    assert zb.train(db, "t", "data", size=512, schema="other") != id
    with pytest.raises(apsw.ConstraintError):
        db.execute("DELETE FROM other.zblob_dictionaries")
    assert id not in zb.drop_dictionaries(db, schema="other")
    assert one(db, "SELECT count(*) FROM other.sqlite_master WHERE name LIKE 'zblob_dictionaries%'") == 5
