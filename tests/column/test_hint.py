"""Raw voxels whose dtype and shape stand beside them: what the row says is used where it can be true."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

import sqlite_zblob as zb
from sqlite_zblob.codec import fits

from ..conftest import one, open_apsw
from .hints import AS_SAID, BYTES, CREATE, DTYPE, HINT, NONSENSE, SAID, SHAPE, SHAPE_SQL, images, insert


@pytest.fixture
def table(db: Any) -> Any:
    db.execute(CREATE)
    zb.enable(db, "t", "data", **HINT)
    return db


# ---- What rows say -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["uint8", "u1", "|u1", "<u1", " uint8\n", "numpy.uint8", "torch.uint8"], ids=lambda text: text.strip()
)
def test_names_of_types(table: Any, dtype: str) -> None:
    insert(table, 1, json.dumps({"dtype": dtype, "shape": SHAPE}))
    assert images(table, 1) == AS_SAID


@pytest.mark.parametrize(
    "shape",
    [
        "[12,20,30]",
        "[ 12 , 20 , 30 ]",
        "(12, 20, 30)",
        "12,20,30",
        "12x20x30",
        "12 X 20 X 30",
        "12 20 30",
        "(12, 20, 30,)",
    ],
)
def test_texts_of_shapes(table: Any, shape: str) -> None:
    insert(table, 1, json.dumps({"dtype": "uint8", "shape": shape}))
    assert images(table, 1) == AS_SAID


@pytest.mark.parametrize(
    ("dtype", "shape", "expected"),
    [
        ("<i2", [12, 10, 30], ("options", "int16", (30, 10, 12))),
        (">u2", [12, 10, 30], ("options", "uint16", (30, 10, 12))),
        ("float32", [3, 20, 30], ("options", "float32", (30, 20, 3))),
        ("complex64", [3, 10, 30], ("options", "complex64", (30, 10, 3))),
        ("bool", [12, 20, 30], ("options", "bool", (30, 20, 12))),
        ("uint8", 7200, ("options", "uint8", (7200,))),
        ("uint8", [1, 1, 1, 1, 1, 12, 20, 30], ("options", "uint8", (30, 20, 12, 1, 1, 1, 1, 1))),
    ],
)
def test_what_fits_the_bytes(table: Any, dtype: str, shape: Any, expected: Any) -> None:
    insert(table, 1, json.dumps({"dtype": dtype, "shape": shape}))
    assert images(table, 1) in ([expected], [])  # none: zstd has made less of it
    assert (
        zb.info(zb.compress(BYTES, hint=(dtype, str(shape)))).images
        == zb.info(one(table, "SELECT data FROM t WHERE id = 1")).images
    )


@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_nonsense_is_as_if_nothing_was_said(db: Any, mode: zb.Mode) -> None:
    db.execute(CREATE)
    zb.enable(db, "t", "data", mode=mode, force=True, **HINT)
    stored = "t" if mode == "in-place" else "t_rows"
    guessed = zb.info(zb.compress(BYTES)).frame_size
    for id, said in enumerate(NONSENSE):
        insert(db, id, said)
        assert images(db, id, table=stored) == [], said
        assert one(db, f"SELECT length(data) FROM {stored} WHERE id = ?", id) == guessed
    assert one(db, "SELECT count(*) FROM t WHERE zdecompress(data) = ?", BYTES) == len(NONSENSE)


@given(st.text(max_size=60), st.text(alphabet="0123456789 ,xX[]()-.", max_size=40), st.integers(0, 4096))
def test_any_text_is_taken_or_left(dtype: str, shape: str, size: int) -> None:
    """And what is compressed with it is the value."""
    data = bytes(size)
    assert zb.decompress(zb.compress(data, hint=(dtype, shape))) == data
    assert zb.decompress(zb.compress(data, hint=("uint8", shape))) == data


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=8), st.sampled_from(["u1", "<i2", ">f4", "float64", "c8", "bool"])
)
def test_shapes_as_programs_write_them(shape: list[int], dtype: str) -> None:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size > 1 << 16:
        return
    for text in (json.dumps(shape), str(tuple(shape)), "x".join(map(str, shape)), str(np.zeros(shape).shape)):
        assert fits((dtype, text), size)
        assert not fits((dtype, text), size + 1)


def test_rows_that_are_seen_count_for_more(brain: sitk.Image) -> None:
    """Axes in the opposite order, or another type of as many bytes, are no worse than if nothing was said."""
    array = sitk.GetArrayFromImage(brain)[60:100, 30:180]
    guess = zb.compress(array.tobytes())
    assert zb.info(guess).images[0].size == array.shape[::-1]
    for dtype, shape in (("u1", array.shape[::-1]), ("<u2", (array.size // 2,)), ("u1", (array.size // 250, 250))):
        frame = zb.compress(array.tobytes(), hint=(dtype, str(shape)))
        assert len(frame) <= len(guess) and zb.decompress(frame) == array.tobytes()
        assert zb.info(frame).images == zb.info(guess).images
    said = zb.compress(array.tobytes(), hint=("u1", str(array.shape)))
    assert said == zb.compress(array.tobytes(), dtype="u1", shape=array.shape)


@pytest.mark.parametrize("dtype", ["uint8", ">i2", "float32"])
def test_voxels_in_fortran_order_beside_the_array_s_shape(brain: sitk.Image, dtype: str) -> None:
    """As the axes in the opposite order, both where rows can be seen in the voxels and where they cannot."""
    whole = sitk.GetArrayFromImage(brain).astype(dtype)
    for array in (whole[80:110, 60:150, 30:180], whole[100:108, 60:140, 60:130], whole[100, 30:180, 40:140]):
        said = np.dtype(dtype).str
        for voxels, shape in ((array.T, array.shape), (array, array.shape[::-1])):
            known = zb.compress(voxels.tobytes(), dtype=said, shape=voxels.shape)
            frame = zb.compress(voxels.tobytes(), hint=(said, str(list(shape))))
            assert len(frame) <= 1.005 * len(known)
        assert zb.compress(array.tobytes(), hint=(said, str(array.shape))) == zb.compress(
            array.tobytes(), dtype=said, shape=array.shape
        )


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "int64", "complex128"])
def test_a_false_hint_costs_little(brain: sitk.Image, dtype: str) -> None:
    """Not more than a percent over zstd, whatever it says."""
    voxels = sitk.GetArrayFromImage(brain)[80:84].astype(dtype).tobytes()
    most = 1.01 * len(zb.compress(voxels, codec="zstd"))
    for other in ("u1", ">u2", "<i4", "f8", "c8", "f2"):
        count = len(voxels) // np.dtype(other).itemsize
        for shape in ((count,), (1, count), (count, 1), (4, count // 4), (count // 233, 233)):
            if np.prod(shape) == count:
                frame = zb.compress(voxels, hint=(other, str(shape)))
                assert zb.decompress(frame) == voxels and len(frame) <= most


# ---- In place ----------------------------------------------------------------------------------------------


def test_every_way_to_write(table: Any) -> None:
    table.execute("INSERT OR REPLACE INTO t VALUES (1, ?, ?)", (BYTES, SAID))
    upsert = "INSERT INTO t VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data, meta = excluded.meta"
    table.execute(upsert, (1, BYTES, SAID))
    table.execute(upsert, (2, b"small", "{}"))
    table.execute(upsert, (2, BYTES, SAID))
    insert(table, 3, SAID, None)
    table.execute("UPDATE t SET data = ? WHERE id = 3", (BYTES,))
    insert(table, 4, None)
    table.execute("UPDATE t SET meta = ? WHERE id = 4", (SAID,))  # this alone compresses nothing anew
    assert [images(table, id) for id in (1, 2, 3, 4)] == [AS_SAID, AS_SAID, AS_SAID, []]
    table.execute("INSERT INTO t SELECT id + 10, zdecompress(data), meta FROM t")
    assert [images(table, id) for id in (11, 12, 13, 14)] == [AS_SAID] * 4


@pytest.mark.parametrize("create", ["t(k TEXT PRIMARY KEY, data, d, s) WITHOUT ROWID", "t(k TEXT, data, d, s, rowid)"])
def test_columns_of_their_own(db: Any, create: str) -> None:
    """By names alone, or with NEW, or quoted."""
    db.execute(f"CREATE TABLE {create}")
    zb.enable(db, "t", "data", dtype_from="d", shape_from='NEW."s"')
    db.execute("INSERT INTO t(k, data, d, s) VALUES ('a', ?, 'uint8', '12x20x30')", (BYTES,))
    stored = one(db, "SELECT data FROM t")
    assert [image.source for image in zb.info(stored).images] == ["options"] and zb.decompress(stored) == BYTES


def test_expressions(db: Any) -> None:
    """Whatever SQLite itself can compute from a row."""
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, meta TEXT, z INT, y INT, x INT, bits INT)")
    dtype = "CASE NEW.bits WHEN 8 THEN 'uint' || bits ELSE NULL END"
    zb.enable(db, "t", "data", dtype_from=dtype, shape_from="json_array(z, NEW.y, zlength(NEW.data) / (y * z))")
    db.execute("INSERT INTO t VALUES (1, ?, NULL, 12, 20, NULL, 8), (2, ?, NULL, 0, 20, 30, 8)", (BYTES, BYTES))
    assert [images(db, 1), images(db, 2)] == [AS_SAID, []]  # the second one divides by zero


def test_other_columns_and_schemas(db: Any, tmp_path: Path) -> None:
    db.execute(f"ATTACH '{tmp_path / 'other.db'}' AS o")
    for schema in ("main", "temp", "o"):
        db.execute(CREATE.replace(" t(", f" {schema}.t("))
        zb.enable(db, "t", "data", schema=schema, **HINT)
        insert(db, 1, SAID, table=f"{schema}.t")
        insert(db, 2, "nonsense", table=f"{schema}.t")
        assert [images(db, 1, table=f"{schema}.t"), images(db, 2, table=f"{schema}.t")] == [AS_SAID, []]
    assert [each.dtype_from for each in zb.status(db)] == [DTYPE] * 3


def test_triggers_of_the_owner(table: Any) -> None:
    """What the row says after they have fired, or before; the value comes back either way."""
    table.execute(f"CREATE TRIGGER late AFTER INSERT ON t BEGIN UPDATE t SET meta = '{SAID}' WHERE id = NEW.id; END")
    insert(table, 1, None)
    assert images(table, 1) in (AS_SAID, [])
    table.execute("CREATE TRIGGER log AFTER UPDATE OF data ON t BEGIN UPDATE t SET meta = 'x' WHERE id = NEW.id; END")
    insert(table, 2, SAID)
    assert images(table, 2) in (AS_SAID, [])


def test_a_renamed_column_leads_to_a_guess(table: Any) -> None:
    insert(table, 1, SAID)
    table.execute("ALTER TABLE t RENAME COLUMN meta TO about")
    table.execute("INSERT INTO t VALUES (2, ?, ?)", (BYTES, SAID))
    assert [images(table, 1), images(table, 2)] == [AS_SAID, []]
    (column,) = zb.status(table)
    assert column.is_intact and len(column.problems) == 1
    assert "shapes are guessed" in column.problems[0] and "no such column: NEW.meta" in column.problems[0]
    assert zb.enable(table, "t", "data").problems == column.problems  # nothing else was asked for
    with pytest.raises(zb.OptionError, match=r"no such column: NEW\.meta"):
        zb.enable(table, "t", "data", **HINT)
    renamed = {name: text.replace("meta", "about") for name, text in HINT.items()}
    assert zb.enable(table, "t", "data", **renamed).problems == ()
    table.execute("INSERT INTO t VALUES (3, ?, ?)", (BYTES, SAID))
    assert images(table, 3) == AS_SAID
    table.execute("ALTER TABLE t RENAME TO u")
    table.execute("INSERT INTO u VALUES (4, ?, ?)", (BYTES, SAID))
    assert images(table, 4, table="u") == AS_SAID
    table.execute("ALTER TABLE u DROP COLUMN about")
    table.execute("INSERT INTO u VALUES (5, ?)", (BYTES,))
    assert images(table, 5, table="u") == []


def test_a_table_made_anew_keeps_what_was_said(table: Any) -> None:
    table.execute("DROP TABLE t")
    table.execute(CREATE)
    zb.enable(table, "t", "data")
    insert(table, 1, SAID)
    assert images(table, 1) == AS_SAID
    table.execute("DROP TABLE t")
    table.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    (problem,) = zb.enable(table, "t", "data").problems or zb.status(table)[0].problems
    assert "shapes are guessed" in problem
    table.execute("INSERT INTO t VALUES (1, ?)", (BYTES,))
    assert images(table, 1) == []


def test_settings_are_kept_until_they_are_taken_away(table: Any) -> None:
    assert zb.enable(table, "t", "data", level=7).dtype_from == DTYPE
    assert zb.enable(table, "t", "data", shape_from="NEW.meta").dtype_from == DTYPE
    with pytest.raises(zb.OptionError, match="go together"):
        zb.enable(table, "t", "data", dtype_from="")
    assert zb.enable(table, "t", "data", dtype_from="", shape_from="").hint == (None, None)
    insert(table, 1, SAID)
    assert images(table, 1) == []


def test_a_record_of_an_older_version(db: Any) -> None:
    db.execute(CREATE)
    zb.enable(db, "t", "data")
    for name in ("dtype_from", "shape_from"):
        db.execute(f"ALTER TABLE zblob_columns DROP COLUMN {name}")
    insert(db, 1, SAID)
    assert images(db, 1) == [] and zb.status(db)[0].hint == (None, None)
    zb.enable(db, "t", "data", **HINT)
    insert(db, 2, SAID)
    assert images(db, 2) == AS_SAID


@pytest.mark.parametrize("text", ["x'00'", "7", "'load_extension(1)'", "'NEW.missing'", "'('", "NULL"])
def test_a_record_that_was_tampered_with(table: Any, text: str) -> None:
    """It is as if nothing was said; and `status` goes on."""
    table.execute(f"UPDATE zblob_columns SET dtype_from = {text}")
    table.execute("CREATE TABLE other(a)")  # connections look at the schema anew
    insert(table, 1, SAID)
    assert images(table, 1) == []
    assert zb.status(table)[0].is_intact


def test_an_authorizer_that_denies(table: Any) -> None:
    if not isinstance(table, apsw.Connection):
        pytest.skip("sqlite3's authorizer cannot be taken away before Python 3.11")
    table.authorizer = lambda code, one, two, *_: (
        apsw.SQLITE_DENY if (code, two) == (apsw.SQLITE_FUNCTION, "json_extract") else apsw.SQLITE_OK
    )
    insert(table, 1, SAID)
    table.authorizer = None
    assert images(table, 1) == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # if another test shows tracebacks
def test_functions_that_fail(table: Any) -> None:
    """Even one that the connection's owner has put in the place of SQLite's own."""
    if isinstance(table, apsw.Connection):
        pytest.skip("APSW raises what was raised in a function, whatever SQLite makes of it")
    table.create_function("json_extract", 2, lambda *_: 1 // 0)
    insert(table, 1, SAID)
    assert images(table, 1) == []


# ---- What is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        "printf('%999999999d', 1)", "format('%d', 1)", "replace(meta, 'a', meta)",
        "load_extension('x')", '"load_extension"(\'x\')', "zcompress(meta)", "zblob_config('level', 1)", "random()",
        "(SELECT 1)", "(select meta from t)", "1 IN (SELECT 1)", "1 IN t", "EXISTS (SELECT 1)", "(VALUES (1))",
        "(WITH a AS (SELECT 1) SELECT 1)", "meta REGEXP 'a'", "meta MATCH 'a'", "RAISE(ROLLBACK, 'x')", "sum(id)",
        "lower(meta) OVER ()", "?", "?1", ":a", "@a", "$a", "1; DROP TABLE t", "1)", "(1", "(1)) FROM t --", "1 /*",
        "'a", '"meta"', "[meta]", "x'0", "", " ", "-- nothing", "NEW.missing", "OLD.meta", "t.meta", "missing", "1 +",
        "1, 2", "(1, 2)", "a b c d", "meta" + " " * 3000, "(" * 1200 + "1" + ")" * 1200,
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_expressions_that_are_refused(db: Any, expression: str, mode: zb.Mode) -> None:
    """When they are given, with a reason; for nothing but a row's columns can be asked for each row."""
    db.execute(CREATE)
    for dtype, shape in ((expression, "meta"), ("meta", expression)):
        with pytest.raises(zb.OptionError, match=r"(dtype|shape)_from|go together"):
            zb.enable(db, "t", "data", mode=mode, dtype_from=dtype, shape_from=shape)
    assert zb.status(db) == []


def test_one_without_the_other(db: Any) -> None:
    db.execute(CREATE)
    with pytest.raises(zb.OptionError, match="go together"):
        zb.enable(db, "t", "data", dtype_from="meta")
    with pytest.raises(zb.OptionError, match='envelope "pickle"'):
        zb.enable(db, "t", "data", envelope="pickle", **HINT)


# ---- The virtual table -------------------------------------------------------------------------------------


@pytest.fixture
def virtual(db: Any) -> Any:
    hint = ", ".join(f"{name}='{text.replace(chr(39), 2 * chr(39))}'" for name, text in HINT.items())
    db.execute(f"CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED, meta TEXT, {hint})")
    return db


def test_a_virtual_table(virtual: Any) -> None:
    insert(virtual, 1, SAID)
    insert(virtual, 2, "{bad")
    insert(virtual, 3, SAID, None)
    virtual.execute("UPDATE t SET data = ? WHERE id = 3", (BYTES,))  # what is said is in the row already
    virtual.execute("UPDATE t SET data = ?, meta = NULL, id = 5 WHERE id = 2", (BYTES,))
    virtual.execute("UPDATE t SET data = ?, meta = ? WHERE id = 5", (BYTES, SAID))
    virtual.execute("INSERT OR REPLACE INTO t VALUES (1, ?, ?)", (BYTES, SAID))
    assert [images(virtual, id, table="t_rows") for id in (1, 3, 5)] == [AS_SAID] * 3
    assert one(virtual, "SELECT count(*) FROM t WHERE data = ?", BYTES) == 3
    (column,) = zb.status(virtual)
    assert (column.mode, column.hint, column.problems) == ("table", (DTYPE, SHAPE_SQL), ())


def test_a_virtual_table_is_enabled_and_changed(db: Any) -> None:
    db.execute(CREATE)
    insert(db, 1, SAID)
    zb.enable(db, "t", "data", mode="table", force=True, **HINT)
    insert(db, 2, SAID)
    zb.enable(db, "t", "data", level=7)
    insert(db, 3, SAID)
    assert zb.status(db)[0].hint == (DTYPE, SHAPE_SQL)
    zb.enable(db, "t", "data", dtype_from="", shape_from="")
    insert(db, 4, SAID)
    assert zb.status(db)[0].hint == (None, None)
    assert [images(db, id, table="t_rows") for id in (2, 3, 4)] == [AS_SAID, AS_SAID, []]
    assert one(db, "SELECT data FROM t_rows WHERE id = 1") == BYTES
    zb.disable(db, "t", "data")
    assert one(db, "SELECT count(*) FROM t WHERE data = ?", BYTES) == 4


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        ("dtype_from='meta'", "go together"),
        ("dtype_from='random()', shape_from='meta'", "is not allowed"),
        ("dtype_from='NEW.missing', shape_from='meta'", "no such column: NEW.missing"),
        ("dtype_from=, shape_from='meta'", "has no value"),
    ],
)
def test_definitions_that_are_refused(db: Any, hint: str, message: str) -> None:
    with pytest.raises((sqlite3.OperationalError, apsw.SQLError), match=message):
        db.execute(f"CREATE VIRTUAL TABLE t USING zblob(id, data BLOB COMPRESSED, meta, {hint})")


def test_unquoted_definitions(db: Any) -> None:
    db.execute("CREATE VIRTUAL TABLE t USING zblob(id, data BLOB COMPRESSED, meta, d, dtype_from=NEW.d, "
               "shape_from=json_extract(NEW.meta, '$.shape'))")  # fmt: skip
    db.execute("INSERT INTO t VALUES (1, ?, ?, 'uint8')", (BYTES, SAID))
    assert images(db, 1, table="t_rows") == AS_SAID
    assert [(each.column, *each.hint) for each in zb.status(db)] == [("data", "NEW.d", SHAPE_SQL)]


# ---- Beside a plain table ----------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.one_of(st.just(BYTES), st.binary(max_size=2000), st.none(), st.text(max_size=10)),
            st.one_of(st.just(SAID), st.sampled_from(NONSENSE), st.text(max_size=20), st.binary(max_size=20)),
            st.sampled_from(["upsert", "replace", "update", "said", "delete"]),
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_beside_a_plain_table(steps: list[tuple[int, Any, Any, str]], is_virtual: bool) -> None:
    """Random statements leave both with the same rows."""
    db = open_apsw()
    db.execute(CREATE)
    db.execute(CREATE.replace(" t(", " plain("))
    zb.enable(db, "t", "data", mode="table" if is_virtual else "in-place", min_size=0, force=True, **HINT)
    for id, value, said, kind in steps:
        sql = {
            "upsert": "INSERT INTO {} VALUES (?1, ?2, ?3) ON CONFLICT(id) DO UPDATE SET data = ?2, meta = ?3",
            "replace": "REPLACE INTO {} VALUES (?1, ?2, ?3)",
            "update": "UPDATE {} SET data = ?2 WHERE id = ?1 AND ?3 IS ?3",
            "said": "UPDATE {} SET meta = ?3 WHERE id = ?1 AND ?2 IS ?2",
            "delete": "DELETE FROM {} WHERE id = ?1 AND ?2 IS ?2 AND ?3 IS ?3",
        }["replace" if is_virtual and kind == "upsert" else kind]
        for table in ("t", "plain"):
            db.execute(sql.format(table), (id, value, said))
    columns = "id, {} AS data, typeof({}), meta, typeof(meta)"
    data = "data" if is_virtual else "zdecompress(data)"
    assert list(db.execute(f"SELECT {columns.format(data, data)} FROM t ORDER BY id")) == list(
        db.execute(f"SELECT {columns.format('data', 'data')} FROM plain ORDER BY id")
    )
    db.close()
