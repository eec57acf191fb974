"""The table-valued function zblob_chunks: what the header says of each chunk, checked against the value itself."""

from __future__ import annotations

import sqlite3
from typing import Any

import apsw
import pytest
import xxhash
import zstandard

import sqlite_zblob as zb

from ...conftest import one

TEXT = b"".join(b"line %d of a text\n" % number for number in range(400_000))
ERRORS = (apsw.Error, sqlite3.Error)
COLUMNS = "chunk, raw_offset, raw_size, stored_offset, stored_size, codec, checksum"


def chunks(db: Any, value: object) -> list[tuple[Any, ...]]:
    return list(db.execute(f"SELECT {COLUMNS} FROM zblob_chunks(?)", (value,)).fetchall())


def test_chunks_are_where_they_are_said_to_be(db: Any) -> None:
    frame = zb.compress(TEXT)
    found = chunks(db, frame)
    assert len(found) > 1 and [row[0] for row in found] == list(range(len(found)))
    raw_end, stored_end = 0, zb.info(frame).header_size
    for _, raw_offset, raw_size, stored_offset, stored_size, codec, checksum in found:
        assert (raw_offset, stored_offset, codec) == (raw_end, stored_end, "zstd")
        raw = TEXT[raw_offset : raw_offset + raw_size]
        assert checksum == f"{xxhash.xxh3_64_intdigest(raw):016x}"
        stored = frame[stored_offset : stored_offset + stored_size]
        assert zstandard.ZstdDecompressor().decompressobj().decompress(stored) == raw
        raw_end, stored_end = raw_offset + raw_size, stored_offset + stored_size
    assert (raw_end, stored_end) == (len(TEXT), len(frame))


def test_an_image_has_chunks_of_several_codecs(db: Any, brain_pickle: bytes) -> None:
    found = chunks(db, zb.compress(brain_pickle))
    assert {row[5] for row in found} > {"voxel"}
    assert sum(row[2] for row in found) == len(brain_pickle)
    assert chunks(db, zb.compress_pickle(brain_pickle)) == found


@pytest.mark.parametrize("value", [None, 5, 1.5, "text", b"", b"bytes", zb.compress("")[:4]], ids=repr)
def test_what_is_no_frame_has_no_rows(db: Any, value: object) -> None:
    assert chunks(db, value) == []


def test_an_empty_value_has_no_chunks(db: Any) -> None:
    for value in (b"", ""):
        frame = one(db, "SELECT zcompress(?)", value)
        assert len(chunks(db, frame)) == zb.info(frame).chunk_count == 0


def test_rows_have_numbers(db: Any) -> None:
    frame = zb.compress(TEXT)
    numbers = [row[0] for row in db.execute("SELECT rowid FROM zblob_chunks(?)", (frame,)).fetchall()]
    assert numbers == [row[0] for row in chunks(db, frame)] and len(numbers) > 1


def test_with_a_table_of_values(db: Any) -> None:
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    for value in (TEXT, b"small " * 100, None):
        db.execute("INSERT INTO t(data) VALUES (zcompress(?))", (value,))
    sql = "SELECT id, count(*), sum(raw_size) = zlength(data) FROM t, zblob_chunks(t.data) GROUP BY id"
    first, second = db.execute(sql).fetchall()
    assert (first[0], first[2]) == (1, 1) and first[1] > 1 and second == (2, 1, 1)
    assert one(db, "SELECT max(chunk) + 1 FROM zblob_chunks((SELECT data FROM t WHERE id = 1))") == first[1]
    order = "SELECT group_concat(chunk) FROM (SELECT chunk FROM t, zblob_chunks(data) WHERE id = 1 ORDER BY chunk DESC)"
    assert one(db, order) == ",".join(str(number) for number in reversed(range(first[1])))
    db.execute("CREATE VIEW cuts AS SELECT id, chunk, codec FROM t, zblob_chunks(t.data)")
    db.execute("PRAGMA trusted_schema = 0")
    assert one(db, "SELECT count(*) FROM cuts") == first[1] + 1


def test_errors(db: Any) -> None:
    frame = bytearray(zb.compress(TEXT))
    frame[40] ^= 1
    with pytest.raises(ERRORS, match="checksum"):
        chunks(db, bytes(frame))
    with pytest.raises(ERRORS, match="needs a value"):
        db.execute("SELECT * FROM zblob_chunks")
    with pytest.raises(ERRORS, match="no such module"):
        db.execute("CREATE VIRTUAL TABLE x USING zblob_chunks")
