"""The SQL functions: types, options, limits, flags, and a table of bad input with the error for each."""

from __future__ import annotations

import json
import random
import sqlite3
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb

from ...conftest import one, open_apsw

PLAIN = [None, 0, -5, 1 << 60, 1.5, b"", b"bytes", "", "text", b"a longer value " * 500, "longer text " * 500]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_types_and_idempotence(db: Any, value: Any) -> None:
    frame = one(db, "SELECT zcompress(?)", value)
    if value is None or isinstance(value, int | float):
        assert frame == value
    else:
        assert zb.is_frame(frame)
    assert one(db, "SELECT zdecompress(?)", frame) == value
    assert one(db, "SELECT typeof(zdecompress(?1)) = typeof(?2)", frame, value)
    assert one(db, "SELECT zcompress(?1) IS ?1", frame)
    assert one(db, "SELECT zdecompress(?1) IS ?1", value)
    assert one(db, "SELECT zverify(?)", frame) == "ok"
    assert one(db, "SELECT zis_frame(?)", frame) == isinstance(value, bytes | str)
    raw = value.encode() if isinstance(value, str) else value
    expected = None if value is None else len(raw) if isinstance(raw, bytes) else len(str(value))
    assert one(db, "SELECT zlength(?)", frame) == expected
    assert one(db, "SELECT zlength(?)", value) == expected


def test_an_update_may_run_twice(db: Any, brain_pickle: bytes) -> None:
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    for value in (brain_pickle, "text " * 1000, None, 3):
        db.execute("INSERT INTO t(data) VALUES (?)", (value,))
    before = db.execute("SELECT data FROM t").fetchall()
    for _ in range(2):
        db.execute("UPDATE t SET data = zcompress(data)")
        assert one(db, "SELECT sum(length(data)) FROM t") < len(brain_pickle) / 3
    assert db.execute("SELECT zdecompress(data) FROM t").fetchall() == before
    db.execute("UPDATE t SET data = zdecompress(data)")
    assert db.execute("SELECT data FROM t").fetchall() == before


def test_a_frame_that_is_cut_off_is_left_alone_by_compress_and_refused_by_readers(db: Any) -> None:
    cut = zb.compress(b"some value " * 99, codec="zstd")[:-1]
    assert one(db, "SELECT zcompress(?1) IS ?1", cut)
    assert one(db, "SELECT zis_frame(?)", cut) == 1
    assert "it should be" in one(db, "SELECT zverify(?)", cut)


def test_levels_and_options(db: Any, brain_pickle: bytes) -> None:
    def size(options: Any) -> int:
        frame = one(db, "SELECT zcompress(?, ?)", brain_pickle, options)
        assert zb.decompress(frame) == brain_pickle
        return len(frame)

    assert size(1) * 1.001 > size(5) > size(9)
    assert size('{"codec": "store"}') == len(brain_pickle) + 64 + 20 * (len(brain_pickle) // (1 << 20))
    assert zb.info(one(db, 'SELECT zcompress(?, \'{"codec": "zstd"}\')', brain_pickle)).codec == "zstd"
    info = zb.info(one(db, "SELECT zcompress(?, '{\"level\": 7}')", brain_pickle))
    assert info.level == 7
    assert one(db, "SELECT zcompress(?1, '{\"min_size\": 100}') IS ?1", b"x" * 99)
    assert one(db, "SELECT zis_frame(zcompress(?1, '{\"min_size\": 100}'))", b"x" * 100)
    raw = bytes(range(200)) * 100
    options = json.dumps({"dtype": "uint8", "shape": [100, 200], "level": 3})
    frame = one(db, "SELECT zcompress(?, ?)", raw, options)
    assert zb.info(frame).images[0].size == (200, 100)
    assert one(db, "SELECT zdecompress(?)", frame) == raw
    assert one(db, "SELECT zis_frame(zcompress(?, NULL))", b"x") == 1


def test_zinfo(db: Any, brain_pickle: bytes) -> None:
    text = one(db, "SELECT zinfo(zcompress(?))", brain_pickle)
    info = json.loads(text)
    assert info["raw_size"] == len(brain_pickle)
    assert info["images"][0]["size"] == [197, 233, 189]
    assert one(db, "SELECT json_extract(zinfo(?), '$.images[0].spacing[2]')", brain_pickle) == 1.0
    assert one(db, "SELECT json_extract(zinfo('plain'), '$.frame')") == 0
    assert one(db, "SELECT zinfo(NULL) IS NULL AND zinfo(5) IS NULL") == 1
    nested = one(db, "SELECT json_object('a', zinfo(x'00'))")
    if sqlite_version(db) >= (3, 45):
        assert isinstance(json.loads(nested)["a"], dict)


def sqlite_version(db: Any) -> tuple[int, ...]:
    return tuple(map(int, one(db, "SELECT sqlite_version()").split(".")))


# ---- Bad input --------------------------------------------------------------------------------------------------


BAD_OPTIONS = [
    ('{"levle": 3}', 'unknown option "levle"'),
    ('{"level": 0}', 'option "level" must be from 1 to 9, not 0'),
    ('{"level": 10}', 'option "level" must be from 1 to 9, not 10'),
    ('{"level": "5"}', 'option "level" does not take text'),
    ('{"level": 2.5}', 'option "level" does not take real'),
    ('{"level": null}', 'option "level" does not take null'),
    ('{"level": true}', 'option "level" does not take true'),
    ('{"codec": "lz4"}', 'option "codec" must be auto, voxel, planes, zstd or store, not "lz4"'),
    ('{"codec": 1}', 'option "codec" does not take an integer'),
    ('{"min_size": -1}', 'option "min_size" must be from 0'),
    ('{"threads": 65}', 'option "threads" must be from 0 to 64, not 65'),
    ('{"dtype": "uint7", "shape": [9]}', 'option "dtype" must be a NumPy integer, float, complex or bool type'),
    ('{"dtype": "uint8"}', 'options "dtype" and "shape" go together'),
    ('{"shape": [9]}', 'options "dtype" and "shape" go together'),
    ('{"dtype": "uint8", "shape": [5]}', "describe 5 bytes, the value has 9"),
    ('{"dtype": "uint8", "shape": [0]}', 'option "shape" must hold positive integers, not 0'),
    ('{"dtype": "uint8", "shape": [-9]}', 'option "shape" must hold positive integers, not -9'),
    ('{"dtype": "uint8", "shape": []}', 'option "shape" must have 1 to 8 axes, not 0'),
    ('{"dtype": "uint8", "shape": [1,1,1,1,1,1,1,1,9]}', 'option "shape" must have 1 to 8 axes, not 9'),
    ('{"dtype": "uint8", "shape": ["9"]}', 'option "shape" must hold integers, not text'),
    ('{"dtype": "uint8", "shape": [[9]]}', 'option "shape" must hold integers, not array'),
    ('{"dtype": "uint8", "shape": [4611686018427387904, 4]}', "describe"),
    ('{"shape": 9}', 'option "shape" does not take an integer'),
    ('{"level": {"a": 1}}', 'option "level" does not take object'),
    ("[5]", "the options must be a JSON object, not array"),
    ("7", "the options must be a JSON object, not integer"),
    ('{"level": 5', "cannot read the options: malformed JSON"),
    ("", "cannot read the options"),
    (0, 'option "level" must be from 1 to 9, not 0'),
    (1 << 40, 'option "level" must be from 1 to 9'),
    (1.0, "the second argument must be a level"),
    (b"{}", "the second argument must be a level"),
]


@pytest.mark.parametrize(("options", "text"), BAD_OPTIONS, ids=[repr(row[0]) for row in BAD_OPTIONS])
def test_bad_options(options: Any, text: str) -> None:
    with pytest.raises(apsw.SQLError) as caught:  # which is what apsw makes of SQLITE_ERROR
        one(open_apsw(), "SELECT zcompress(?, ?)", b"123456789", options)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT zcompress()", "wrong number of arguments"),
        ("SELECT zcompress(1, 2, 3)", "wrong number of arguments"),
        ("SELECT zdecompress(1, 2)", "wrong number of arguments"),
        ("SELECT zsubstr(1)", "wrong number of arguments"),
        ("SELECT zblob_config('colour')", "zblob_config knows level, threads, min_size and max_size"),
        ("SELECT zblob_config(NULL)", "zblob_config knows"),
        ("SELECT zblob_config('level', 11)", 'option "level" must be from 1 to 9, not 11'),
        ("SELECT zblob_config('level', '5')", "zblob_config takes integers"),
        ("SELECT zblob_config('max_size', -1)", "max_size must not be negative"),
    ],
)
def test_bad_calls(sql: str, text: str) -> None:
    with pytest.raises(apsw.SQLError) as caught:
        one(open_apsw(), sql)
    assert text in str(caught.value)


# ---- Configuration, limits, flags ---------------------------------------------------------------------------------


def test_configuration_is_per_connection(open_connection: Any) -> None:
    first, second = open_connection(), open_connection()
    assert one(first, "SELECT zblob_config('level')") == 5
    assert one(first, "SELECT zblob_config('level', 2)") == 2
    assert one(second, "SELECT zblob_config('level')") == 5
    assert zb.info(one(first, "SELECT zcompress(?)", b"x" * 1000)).level == 2
    assert one(first, "SELECT zblob_config('min_size', 10)") == 10
    assert one(first, "SELECT zcompress(?)", b"x" * 9) == b"x" * 9
    assert one(first, "SELECT zblob_config('threads', 1)") == 1
    assert one(first, "SELECT zblob_config('max_size')") == 0
    first.close()
    second.close()


def test_limits() -> None:
    db = open_apsw()
    frame = zb.compress(bytes(3_000_000))
    one(db, "SELECT zblob_config('max_size', 1000000)")
    with pytest.raises(apsw.TooBigError, match=r"3000000 bytes .*zblob_config\('max_size'\) allows \(1000000\)"):
        one(db, "SELECT zdecompress(?)", frame)
    assert one(db, "SELECT zsubstr(?, 2000000, 5)", frame) == bytes(5)
    one(db, "SELECT zblob_config('max_size', 0)")
    db.limit(apsw.SQLITE_LIMIT_LENGTH, 2_000_000)
    with pytest.raises(apsw.TooBigError, match="SQLITE_LIMIT_LENGTH"):
        one(db, "SELECT zdecompress(?)", frame)
    almost = b"????" + zb.compress(random.Random(1).randbytes(1_999_880))[4:]  # a damaged frame, which stays
    assert one(db, "SELECT zcompress(?1) IS ?1", almost)
    assert one(db, "SELECT zlength(?)", frame) == 3_000_000
    with pytest.raises(zb.SizeLimitError, match="max_size=10"):
        zb.decompress(frame, max_size=10)


@pytest.mark.parametrize("room", [0, 10, 50, 200])
def test_what_does_not_fit_into_a_frame_is_stored_as_given(room: int) -> None:
    """As a plain table does, up to the last byte that SQLite allows."""
    db = open_apsw()
    most = 300_000
    for sql in (
        "CREATE TABLE plain(id INTEGER PRIMARY KEY, data)",
        "CREATE TABLE inplace(id INTEGER PRIMARY KEY, data)",
        "CREATE VIRTUAL TABLE virtual USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED)",
    ):
        db.execute(sql)
    zb.enable(db, "inplace", "data")
    overhead = 10  # of a row with one value
    value = random.Random(1).randbytes(most - overhead - room)
    text = "".join(random.Random(1).choices("0123456789abcdef\u00e9\u20ac", k=most // 3))
    db.limit(apsw.SQLITE_LIMIT_LENGTH, most)
    for table in ("plain", "inplace", "virtual"):
        db.execute(f"INSERT INTO {table}(data) VALUES(?), (?), (?)", (value, b"small " * 500, text))
        db.execute(f"UPDATE {table} SET data = ? WHERE id = 1", (value[::-1],))
        found = [each for (each,) in db.execute(f"SELECT zdecompress(data) FROM {table} ORDER BY id")]
        assert found == [value[::-1], b"small " * 500, text]
        with pytest.raises(apsw.TooBigError):
            db.execute(f"INSERT INTO {table}(data) VALUES(zeroblob(?) || zeroblob(?))", (most, most))
    db.limit(apsw.SQLITE_LIMIT_LENGTH, 1 << 30)
    assert one(db, "SELECT zis_frame(zcompress(?))", value) == 1


LONG = "\u65e5\u672c\u8a9e" * 40


@pytest.mark.parametrize(
    "options",
    [{LONG: 1}, {"a" + LONG: "x"}, {"ab" + LONG: [1]}, {"codec": LONG}, {"codec": "a" + LONG}, {"dtype": "ab" + LONG}],
    ids=str,
)
def test_errors_are_never_cut_within_a_character(db: Any, options: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="option") as caught:
        one(db, "SELECT zcompress(x'00', ?)", json.dumps(options, ensure_ascii=False))
    message = str(caught.value)
    assert "\u65e5\u672c" in message and "\ufffd" not in message and "?" not in message
    assert len(message.encode()) < 256
    with pytest.raises(zb.OptionError, match="\u65e5\u672c") as python:
        zb.compress(b"", **options)
    assert "\ufffd" not in str(python.value)


def test_errors_are_utf8_whatever_was_given(db: Any) -> None:
    """A text of SQL need not be valid, but its error is read by programs that rely on that."""
    with pytest.raises(Exception, match=r'must be auto, voxel, planes, zstd or store, not "z\?std\?"'):
        one(db, "SELECT zcompress(x'00', CAST(x'7b22636f646563223a227a80737464ff227d' AS TEXT))")
    codec: Any
    for codec in ("\udc80", "zstd\0"):
        with pytest.raises(zb.OptionError, match="must be auto"):
            zb.compress(b"", codec=codec)
    name = LONG * 3
    db.execute(f'CREATE VIRTUAL TABLE t USING zblob("{name}" BLOB COMPRESSED)')
    db.execute("INSERT INTO t VALUES(?)", (b"x" * 999,))
    db.execute(f'UPDATE t_rows SET "{name}" = CAST(substr("{name}", 1, 15) AS BLOB)')
    with pytest.raises(Exception, match="damaged frame") as caught:
        db.execute("SELECT * FROM t").fetchall()
    assert name in str(caught.value)


def test_readers_work_where_the_schema_is_not_trusted() -> None:
    db = open_apsw()
    db.execute("""
        PRAGMA trusted_schema = 0;
        CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, size INTEGER AS (zlength(data)),
            CHECK (zverify(data) = 'ok'));
        CREATE INDEX by_size ON t(zlength(data));
        CREATE INDEX frames ON t(id) WHERE zis_frame(data);
        CREATE VIEW plain AS SELECT id, zdecompress(data) AS data, zsubstr(data, 1, 4) AS head FROM t;
        CREATE TRIGGER compress AFTER INSERT ON t WHEN NOT zis_frame(NEW.data)
            BEGIN UPDATE t SET data = zcompress(NEW.data) WHERE id = NEW.id; END;
    """)
    db.execute("INSERT INTO t(data) VALUES (?)", (b"some data " * 100,))
    assert db.execute("SELECT size, zis_frame(data), length(data) < 200 FROM t").fetchall() == [(1000, 1, 1)]
    assert db.execute("SELECT data, head FROM plain").fetchall() == [(b"some data " * 100, b"some")]
    assert "by_size" in str(db.execute("EXPLAIN QUERY PLAN SELECT id FROM t WHERE zlength(data) = 1000").fetchall())
    assert one(db, "PRAGMA integrity_check") == "ok"


def test_what_must_not_stand_in_a_schema() -> None:
    db = open_apsw()
    db.execute("CREATE TABLE t(data); INSERT INTO t VALUES (x'00')")
    with pytest.raises(apsw.SQLError, match="non-deterministic functions prohibited"):
        db.execute("CREATE INDEX i ON t(zcompress(data))")
    db.execute("CREATE VIEW v AS SELECT zblob_config('max_size', 5)")
    with pytest.raises(apsw.SQLError, match="unsafe use of zblob_config"):
        one(db, "SELECT * FROM v")


def test_python_sqlite3_error_classes(open_connection: Any) -> None:
    db = open_connection()
    if isinstance(db, sqlite3.Connection):
        with pytest.raises(sqlite3.DatabaseError, match="damaged frame"):
            one(db, "SELECT zdecompress(?)", zb.compress(b"an original value " * 60)[:-1])
    db.close()


def test_the_last_options_text_is_taken_with_the_settings_of_now() -> None:
    """It is parsed once for many statements, and means what it says on top of what the connection says meanwhile."""
    db = open_apsw()
    value, level = b"some words, " * 40, "SELECT zinfo(zcompress(?, ?)) ->> 'level'"
    for _ in range(2):
        one(db, "SELECT zblob_config('level', 3)")
        assert one(db, level, value, '{"codec": "auto"}') == 3
        assert one(db, level, value, '{"codec": "auto"}') == 3
        one(db, "SELECT zblob_config('level', 7)")
        assert one(db, level, value, '{"codec": "auto"}') == 7
        assert one(db, level, value, '{"level": 2}') == 2
        assert one(db, level, value, '{"level": 4}') == 4
    with pytest.raises(apsw.SQLError, match="level"):
        one(db, level, value, '{"level": 40}')
    assert one(db, level, value, '{"level": 4}') == 4


def test_what_triggers_call_is_also_the_name_of_a_table_without_rows(db: Any) -> None:
    """It keeps their statements, and is to be seen by everybody."""
    assert db.execute("SELECT rowid, * FROM sqlite_zblob_store").fetchall() == []
    assert one(db, "SELECT count(*) FROM sqlite_zblob_store") == 0
    with pytest.raises((apsw.Error, sqlite3.Error), match="is for the triggers that sqlite_zblob makes"):
        one(db, "SELECT sqlite_zblob_store(1, 2, 3)")
