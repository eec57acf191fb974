"""Texts that begin with a byte order mark, more dictionaries than are kept, hints that are no texts."""

from __future__ import annotations

import random

import apsw
import pytest

import sqlite_zblob as zb

from ...conftest import one, open_apsw


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
@pytest.mark.parametrize("text", ["\ufeffa text " * 20, "\ufeff\ufeff" + "b" * 99, "\ufffec" * 50])
def test_a_text_keeps_its_mark(encoding: str, text: str) -> None:
    db = open_apsw()
    db.execute(f"PRAGMA encoding = '{encoding}'")
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, d TEXT)")
    db.execute("INSERT INTO t(d) VALUES (char(?) || ?)", (ord(text[0]), text[1:]))
    db.execute("CREATE TABLE f AS SELECT zcompress(d) AS d FROM t")
    assert one(db, "SELECT hex(zdecompress(f.d)) = hex(t.d) AND typeof(zdecompress(f.d)) = 'text' FROM f, t")
    assert one(db, "SELECT hex(zdecompress(d)) = hex(zsubstr(d, 1, 1000)) FROM f")


@pytest.mark.parametrize("mark", ["\ufeff", "\ufffe"])
def test_a_text_with_a_mark_is_compressed_in_place(mark: str) -> None:
    db = open_apsw()
    db.execute("PRAGMA encoding = 'UTF-16le'")
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, d TEXT); CREATE TABLE plain(d TEXT)")
    zb.enable(db, "t", "d", min_size=64)
    db.execute("INSERT INTO plain VALUES (char(?) || ?)", (ord(mark), "a text " * 99))
    db.execute("INSERT INTO t(d) SELECT d FROM plain")
    assert one(db, "SELECT typeof(t.d) || (hex(zdecompress(t.d)) = hex(plain.d)) FROM t, plain") == "blob1"


def dictionary(number: int) -> bytes:
    return random.Random(number).randbytes(300) + b"of dictionary %d" % number * 20


def test_more_dictionaries_than_are_kept() -> None:
    """Sixteen are; each is asked for again when its turn comes."""
    db = open_apsw()
    db.execute(
        "CREATE TABLE zblob_dictionaries(id INTEGER PRIMARY KEY, table_name, column_name, dictionary BLOB, created)"
    )
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, d, f)")
    for number in range(40):
        bytes_ = dictionary(number)
        db.execute("INSERT INTO zblob_dictionaries VALUES (zdictionary_id(?1), 't', 'd', ?1, 1)", (bytes_,))
        db.execute(
            "INSERT INTO t VALUES (?, ?2, zcompress(?2, json_object('dictionary', zdictionary_id(?3))))",
            (number, bytes_[100:400], bytes_),
        )
    for _ in range(2):
        wrong = "zdecompress(f) <> d OR zsubstr(f, 50, 60) <> substr(d, 50, 60) OR zverify(f) <> 'ok' OR length(f) > 99"
        assert one(db, f"SELECT count(*) FROM t WHERE {wrong}") == 0
        at = "zsubstr_at('main', 't', 'f', id, 50, 60)"
        assert one(db, f"SELECT count(*) FROM t WHERE {at} <> substr(d, 50, 60)") == 0


@pytest.mark.parametrize("arguments", ["NULL, 'shape'", "'dtype', NULL", "NULL, NULL"])
def test_hints_that_are_no_texts(arguments: str) -> None:
    with pytest.raises(apsw.SQLError, match="go together"):
        one(open_apsw(), f"SELECT sqlite_zblob_hint({arguments})")
