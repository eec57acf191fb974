"""Dictionaries are not lost, nor written with after they are gone; what cannot be read holds nothing up."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb
from sqlite_zblob.column import dictionaries
from sqlite_zblob.connect.dictionaries import finder

from ..conftest import one, open_apsw
from .dictionary_stores import ROWS, dictionary_of, dictionary_of_rows, filled, give_dictionary, trained


@pytest.mark.parametrize("name", ["id", "rowid", "_rowid_", "oid"])
def test_the_id_cannot_be_changed_by_any_of_its_names(name: str) -> None:
    db, id = trained()
    for conflict in ("", "OR REPLACE", "OR IGNORE"):
        with pytest.raises(apsw.ConstraintError, match="cannot be read without their dictionary"):
            db.execute(f"UPDATE {conflict} zblob_dictionaries SET {name} = 9")
    db.execute("UPDATE zblob_dictionaries SET created = created, trained = trained, id = id")
    assert dictionary_of(db)[0] == id


REPLACING = (
    "INSERT OR REPLACE INTO zblob_dictionaries VALUES (9, x'02', '', '', 't', 'data')",
    "REPLACE INTO other VALUES (1)",
    "UPDATE OR REPLACE zblob_dictionaries SET table_name = 't' WHERE id = 7",
    "INSERT INTO zblob_dictionaries VALUES (7, x'01', '', '', 't', 'data') "
    "ON CONFLICT (id) DO UPDATE SET table_name = excluded.table_name",
)


def test_replace_deletes_no_dictionary_by_an_index_of_the_users_own() -> None:
    """It deletes every row that conflicts by any UNIQUE index, which no trigger for DELETE is told."""
    db, id = trained()
    db.execute("INSERT INTO zblob_dictionaries VALUES (7, x'01', '', '', 'u', 'data')")
    db.execute("CREATE TABLE other(id INTEGER PRIMARY KEY)")
    db.execute("DELETE FROM t WHERE id > 200")  # fewer are trained from sooner
    row = "VALUES (9, x'02', '', '', 't', 'data')"
    db.execute(f"CREATE TRIGGER others AFTER INSERT ON other BEGIN INSERT INTO zblob_dictionaries {row}; END")
    for unique in ("(table_name)", "(lower(table_name)) WHERE column_name > ''"):
        db.execute(f"CREATE UNIQUE INDEX names ON zblob_dictionaries{unique}")
        for statement in REPLACING:
            with pytest.raises(apsw.ConstraintError, match="by a UNIQUE index of table zblob_dictionaries"):
                db.execute(statement)
            assert [row for (row,) in db.execute("SELECT id FROM zblob_dictionaries ORDER BY id")] == sorted([7, id])
        with pytest.raises(zb.OptionError, match="UNIQUE index of table zblob_dictionaries"):
            zb.train(db, "t", "data", size=512)
        db.execute("DROP INDEX names")
    assert zb.train(db, "t", "data", size=512) != id


def test_no_key_of_the_table_itself_lets_replace_delete_a_dictionary(tmp_path: Path) -> None:
    """The id of a PRIMARY KEY that is INT, not INTEGER, is not the rowid, by which REPLACE deletes rows, too."""
    db, id = trained(tmp_path / "store.db")
    columns = "dictionary, created, trained, table_name, column_name"
    db.execute("ATTACH ? AS made", (str(tmp_path / "made.db"),))
    db.execute(f"CREATE TABLE made.zblob_dictionaries(id INT PRIMARY KEY, {columns})")
    db.execute("INSERT INTO made.zblob_dictionaries SELECT * FROM main.zblob_dictionaries")
    db.execute("CREATE TABLE made.t AS SELECT * FROM main.t LIMIT 9")
    zb.enable(db, "t", "data", dictionary=id, schema="made")
    db.execute(f"REPLACE INTO made.zblob_dictionaries(rowid, id, {columns}) VALUES (1, 9, x'02', '', '', '', '')")
    assert one(db, "SELECT count(*) FROM made.zblob_dictionaries") == 2


@pytest.mark.parametrize("legacy", [0, 1])
def test_no_column_of_the_table_can_be_dropped_and_no_bytes_changed_as_a_stream(legacy: int) -> None:
    db, id = trained()
    before = dictionary_of(db)
    db.execute(f"PRAGMA legacy_alter_table = {legacy}")
    with pytest.raises(apsw.SQLError):
        db.execute("ALTER TABLE zblob_dictionaries DROP COLUMN dictionary")
    with pytest.raises(apsw.SQLError, match="cannot open indexed column for writing"):
        db.blob_open("main", "zblob_dictionaries", "dictionary", id, True)
    assert dictionary_of(db) == before


def test_no_foreign_key_deletes_a_dictionary() -> None:
    db, _ = trained()
    db.execute("PRAGMA foreign_keys = 1")
    db.execute("CREATE TABLE owners(id INTEGER PRIMARY KEY)")
    db.execute("INSERT INTO owners VALUES (1)")
    db.execute("ALTER TABLE zblob_dictionaries ADD COLUMN owner REFERENCES owners ON DELETE CASCADE")
    db.execute("UPDATE zblob_dictionaries SET owner = 1")
    for statement in ("DELETE FROM owners", "REPLACE INTO owners VALUES (1)"):
        with pytest.raises(apsw.ConstraintError, match="cannot be read without their dictionary"):
            db.execute(statement)


@pytest.mark.parametrize("change", ["RENAME TO {}", "RENAME COLUMN dictionary TO {}"])
def test_a_table_that_was_renamed_keeps_its_guards_and_is_asked_back(change: str, tmp_path: Path) -> None:
    db, id = trained(tmp_path / "store.db")
    frame = zb.compress(ROWS[0], dictionary=dictionary_of(db)[1])
    db.execute("ALTER TABLE zblob_dictionaries " + change.format("renamed"))
    with pytest.raises(zb.OptionError, match="which values need: rename it back"):
        zb.train(db, "t", "data", size=512)
    for function in (zb.drop_dictionaries, lambda db: zb.copy_dictionaries(db, open_apsw())):
        with pytest.raises(zb.OptionError, match="which values need: rename it back"):
            function(db)
    assert "which values need: rename it back" in zb.verify(db, "t", "data").damages[0].reason
    table = "renamed" if "COLUMN" not in change else "zblob_dictionaries"
    with pytest.raises(apsw.ConstraintError, match="cannot be read without their dictionary"):
        db.execute(f"DELETE FROM {table}")
    back = change.replace("dictionary", "renamed").format(
        "zblob_dictionaries" if "COLUMN" not in change else "dictionary"
    )
    db.execute(f"ALTER TABLE {table} {back}")
    assert one(db, "SELECT zdecompress(?)", frame) == ROWS[0]
    assert zb.train(db, "t", "data", size=512) != id


def test_a_dictionary_that_was_moved_is_not_dropped_and_comes_back() -> None:
    """As an earlier guard, which knew the id by one name only, has let it happen."""
    db, id = trained()
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
    id = give_dictionary(db)
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
    chunked = bytearray(zb.compress(ROWS[0], codec="zstd"))
    chunked[-3] ^= 1  # of its only chunk: the header tells nothing
    bad = [(bytes.fromhex("C15A425300000000000000"),), (foreign,), (foreign,), (bytes(chunked),)]
    db.executemany("INSERT INTO t(data) VALUES (?)", bad)
    id = zb.train(db, "t", "data", size=1024)
    assert json.loads(one(db, "SELECT trained FROM zblob_dictionaries WHERE id = ?", id))["unreadable"] == 4
    assert [record.getMessage() for record in caplog.records] == [
        "train passes over 2 values of t.data, such as that of row 3001: it is a damaged frame",
        "train passes over 2 values of t.data, such as that of row 3002: the value needs dictionary "
        f"{zb.codec.dictionary_id(dictionary_of_rows())}, which no database has",
    ]


def test_training_where_the_dictionary_of_all_rows_is_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One warning, whether values differ in kind and size or not; it is in the error, too, where no other rows are."""
    db, id = trained(tmp_path / "store.db")
    db.execute("DELETE FROM t WHERE id > 500")
    zb.enable(db, "t", "data", dictionary="auto")
    db.execute("UPDATE t SET data = data")
    sizes = "SELECT count(DISTINCT substr(data, 9, 2)) FROM t WHERE json_extract(zinfo(data), '$.dictionary_id') = ?"
    assert one(db, sizes, id) > 3
    db.execute("DELETE FROM t WHERE json_extract(zinfo(data), '$.dictionary_id') IS NOT ?", (id,))
    rows = f"{one(db, 'SELECT count(*) FROM t'):,} values of t.data"
    db.execute("DROP TABLE zblob_dictionaries")
    zb.train(db, "t", "data", size=512)
    db.execute("DROP TABLE zblob_dictionaries")
    why = f"{rows} need dictionary {id}, which no database has any more: only this connection still knows it"
    assert [record.getMessage() for record in caplog.records] == [why]
    caplog.clear()
    with pytest.raises(zb.OptionError, match=f"not from 0; train passes over {rows}.*needs dictionary {id}"):
        zb.train(tmp_path / "store.db", "t", "data")
    assert len(caplog.records) == 1


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
    assert one(db, "SELECT count(*) FROM other.sqlite_master WHERE name LIKE 'zblob_dictionaries%'") == 7


def test_nothing_is_left_after_the_last_column_with_a_dictionary(tmp_path: Path) -> None:
    db, id = trained(tmp_path / "store.db")
    db.execute("DELETE FROM t WHERE id > 300")
    before = db.execute("SELECT * FROM sqlite_master WHERE name NOT LIKE 'zblob%'").fetchall()
    zb.migrate(db, "t", "data", dictionary="auto")
    assert zb.drop_dictionaries(db) == [] and one(db, "SELECT id FROM zblob_dictionaries") == id
    zb.restore(db, "t", "data")
    zb.enable(db, "t", "data", dictionary="auto")
    assert zb.drop_dictionaries(db) == []  # the next value would use it
    zb.disable(db, "t", "data")
    assert zb.drop_dictionaries(db) == [id] and zb.drop_dictionaries(db) == []
    assert db.execute("SELECT * FROM sqlite_master").fetchall() == before
