"""Dictionaries for small values: trained, kept in the database, found by every reader, and not lost."""

from __future__ import annotations

import itertools
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb
from sqlite_zblob.connect.dictionaries import finder

from ..compat.decoder import UnsupportedError, decode
from ..conftest import one, open_apsw
from ..samples.rows import events
from .dictionary_stores import ROWS, dictionary_of, filled


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


def test_a_dictionary_is_as_large_as_pays_for_the_rows_that_it_is_for() -> None:
    db = filled()
    few, given, many = (
        one(db, f"SELECT ztrain({values}) FROM t WHERE id <= 250")
        for values in ("data", "data, 16384", "data, 16384, 9e6")
    )
    assert len(few) < len(given) / 2 and len(many) > len(few)


def test_the_last_rows_of_a_table_are_trained_from_too() -> None:
    """The trainer holds back the last quarter of what it is given, and tries dictionaries on it."""
    rows = [f"{n} is the number of the first kind {n * 7}".encode() for n in range(300)]
    rows += [f"another kind, with words of its own: {n * n}".encode() for n in range(100)]
    db = open_apsw()
    db.execute("CREATE TABLE t(data)")
    db.executemany("INSERT INTO t VALUES (?)", [(row,) for row in rows])
    for size in ("", ", 2048"):
        assert b"words of its own" in one(db, f"SELECT ztrain(data{size}) FROM t")


def test_ztrain_says_what_it_needs() -> None:
    db = open_apsw()
    assert one(db, "SELECT ztrain(x) FROM (SELECT 1 AS x WHERE 0)") is None
    assert one(db, "SELECT ztrain(NULL)") is None
    with pytest.raises(apsw.SQLError, match="trained from 10 values or more"):
        one(db, "SELECT ztrain('some text')")
    with pytest.raises(apsw.SQLError, match="from 256 to 1048576"):
        one(db, "SELECT ztrain('some text', 1)")


def test_a_dictionary_that_nobody_could_open_is_not_made() -> None:
    """zstd's trainer makes 136 bytes of these; from 256 on they are a dictionary."""
    db = open_apsw()
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, d)")
    db.executemany("INSERT INTO t(d) VALUES (?)", [(f"same text{number}",) for number in range(20)])
    zb.enable(db, "t", "d", dictionary="auto", min_size=4)
    with pytest.raises(zb.OptionError, match=r"no dictionary can be trained from these 20 values.* 136 bytes"):
        zb.train(db, "t", "d")
    assert one(db, "SELECT count(*) FROM zblob_dictionaries") == 0


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
    with pytest.raises(apsw.SQLError, match='"dictionary" must be auto, 0 for none, or the id'):
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
