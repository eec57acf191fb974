"""SQLAlchemy: the types, which need no extension, and the plugin, with Alembic's rebuilt tables."""

from __future__ import annotations

import asyncio
import pickle
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

sa = pytest.importorskip("sqlalchemy")

from sqlalchemy import orm  # noqa: E402

from sqlite_zblob.integrations.sqlalchemy import (  # noqa: E402
    CompressedBinary,
    CompressedPickle,
    CompressedText,
    include_name,
    render_item,
)


class Base(orm.DeclarativeBase):
    pass


class Scan(Base):
    __tablename__ = "scans"
    id: Any = sa.Column(sa.Integer, primary_key=True)
    voxels: Any = sa.Column(CompressedBinary(level=7))
    note: Any = sa.Column(CompressedText())
    image: Any = sa.Column(CompressedPickle())


class Plain(Base):
    __tablename__ = "plain"
    id: Any = sa.Column(sa.Integer, primary_key=True)
    data: Any = sa.Column(sa.LargeBinary)
    note: Any = sa.Column(sa.Text)


@pytest.fixture(scope="module", autouse=True)
def registered() -> None:
    """As the entry point does where the package is installed."""
    sa.dialects.plugins.register("zblob", "sqlite_zblob.integrations.sqlalchemy", "ZblobPlugin")


@pytest.fixture(params=[False, True], ids=["types alone", "with the plugin"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = sa.create_engine(f"sqlite:///{tmp_path}/a.db", plugins=["zblob"] if request.param else [])
    Base.metadata.create_all(made)
    yield made
    made.dispose()


def stored(engine: Any, sql: str) -> list[Any]:
    """As it lies in the file."""
    with sqlite3.connect(engine.url.database) as db:
        rows = db.execute(sql).fetchall()
    db.close()
    return rows


def test_types(engine: Any) -> None:
    image = sitk.GaussianSource(sitk.sitkUInt8, [40, 30, 20])
    voxels, note = bytes(range(200)) * 60, "note ä \ud7ff \0 " * 300
    with orm.Session(engine) as session:
        session.add(Scan(voxels=voxels, note=note, image=image))
        session.add(Scan(voxels=bytearray(b"ab"), note="ab", image=[1]))
        session.add(Scan())
        session.commit()
        session.expire_all()
        large, small, none = session.scalars(sa.select(Scan).order_by(Scan.id))
        assert (large.voxels, large.note, small.voxels, small.note, small.image) == (voxels, note, b"ab", "ab", [1])
        assert sitk.Hash(large.image) == sitk.Hash(image)
        assert (none.voxels, none.note, none.image) == (None, None, None)
        assert session.scalars(sa.select(Scan.id).where(Scan.voxels.is_(None))).all() == [3]
        assert session.scalars(sa.select(Scan.id).where(Scan.note != None)).all() == [1, 2]  # noqa: E711
    rows = stored(engine, "SELECT voxels, note, image FROM scans ORDER BY id")
    assert all(map(zb.is_frame, rows[0])) and zb.info(rows[0][0]).level == 7
    assert zb.info(rows[0][2]).codec == "voxel"
    assert rows[1:] == [(b"ab", "ab", pickle.dumps([1], pickle.HIGHEST_PROTOCOL)), (None, None, None)]


def test_values_from_before_the_types(engine: Any) -> None:
    with engine.begin() as connection:
        values = {"voxels": b"x" * 5000, "note": "y" * 5000, "image": pickle.dumps("z" * 5000)}
        connection.execute(sa.text("INSERT INTO scans VALUES (1, :voxels, :note, :image)"), values)
    with orm.Session(engine) as session:
        scan = session.get_one(Scan, 1)
        assert (scan.voxels, scan.note, scan.image) == (b"x" * 5000, "y" * 5000, "z" * 5000)


def test_comparisons_and_frames_are_refused(engine: Any) -> None:
    for operator, operand in (("__eq__", "x"), ("in_", [b"x"]), ("like", "%x"), ("contains", "x"), ("between", "x")):
        with pytest.raises(zb.OptionError, match="zdecompress"):
            getattr(Scan.note, operator)(operand, *([operand] if operator == "between" else []))
    for compare in (
        Scan.note.notin_,
        Scan.note.not_like,
        Scan.note.icontains,
        Scan.note.regexp_match,
        Scan.image.__eq__,
    ):
        with pytest.raises(zb.OptionError, match="zdecompress"):
            compare("x")
    with engine.begin() as connection, pytest.raises(sa.exc.StatementError, match="a frame already"):
        connection.execute(sa.insert(Scan).values(voxels=zb.compress(b"x" * 5000)))
    with pytest.raises(zb.OptionError, match="level"):
        CompressedPickle(level=10)


def test_what_sql_would_compute_is_refused(engine: Any) -> None:
    """It would be computed from frames, and an UPDATE would store that."""
    for make in (
        lambda: Scan.note + "x",
        lambda: "x" + Scan.note,
        lambda: Scan.note.concat("x"),
        lambda: Scan.note.op("GLOB")("x*"),
        lambda: Scan.note[0:3],
        lambda: Scan.note.is_("x"),
        lambda: Scan.note.collate("NOCASE") == "x",
        lambda: Scan.voxels + b"x",
        lambda: Scan.__table__.c.voxels.bitwise_and(1),
        lambda: -Scan.image,
    ):
        with pytest.raises(zb.OptionError, match=r"^scans\.(note|voxels|image)( COLLATE .*)? holds .*zdecompress"):
            make()
    with orm.Session(engine) as session:
        for query in (sa.select(Scan.id).where(Scan.voxels == Scan.note), sa.select(~(Scan.voxels != Scan.image))):
            with pytest.raises(zb.OptionError, match=r"scans.voxels holds .*zdecompress"):
                session.execute(query)
        session.add_all([Scan(id=1, note="b" * 900), Scan(id=2)])
        session.commit()
        found = sa.select(Scan.id).where(Scan.note.is_not(sa.null())).order_by(Scan.note.desc().nulls_last())
        assert session.scalars(found).all() == [1]
        if _has_functions(session):
            longer = sa.func.zdecompress(Scan.note) + " addendum"
            session.execute(sa.update(Scan).where(Scan.id == 1).values(note=longer))
            session.commit()
            assert session.get_one(Scan, 1).note == "b" * 900 + " addendum"


def _has_functions(session: Any) -> bool:
    found = session.execute(sa.text("SELECT count(*) FROM pragma_function_list WHERE name = 'zdecompress'"))
    return bool(found.scalar())


def test_columns_are_found_in_collections(engine: Any) -> None:
    """SQLAlchemy compares columns with others as Python does, in a list at a RETURNING of the ORM's."""
    columns = [Scan.__table__.c.voxels, Scan.__table__.c.note]
    assert (
        Scan.__table__.c.note in columns
        and Scan.__table__.c.image not in columns
        and Scan.__table__.c.id not in columns
    )
    with orm.Session(engine) as session:
        rows = [{"voxels": b"ab" * 900, "note": f"{i} " * 900} for i in range(3)]
        scans = session.scalars(sa.insert(Scan).returning(Scan), rows).all()
        assert [(scan.voxels, scan.note) for scan in scans] == [tuple(row.values()) for row in rows]


@pytest.mark.parametrize("value", [b"ab", b"ab" * 900, 5, "\ud800", "\ud800" * 900], ids=repr)
def test_text_takes_what_it_can_give_back(engine: Any, value: Any) -> None:
    with engine.begin() as connection, pytest.raises(sa.exc.StatementError, match=r"expected str|has no UTF-8"):
        connection.execute(sa.insert(Scan).values(note=value))


def test_types_are_written_as_they_are_made() -> None:
    for kind, text in (
        (CompressedBinary(), "CompressedBinary()"),
        (CompressedBinary(level=7), "CompressedBinary(level=7)"),
        (CompressedText(min_size=64), "CompressedText(min_size=64)"),
        (CompressedPickle(protocol=4, level=1, min_size=9), "CompressedPickle(protocol=4, level=1, min_size=9)"),
    ):
        assert repr(kind) == text and repr(eval(text)) == text


def test_autogenerate_writes_migrations_that_run() -> None:
    pytest.importorskip("alembic")
    from alembic.autogenerate import produce_migrations, render_python_code
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        found: Any = produce_migrations(context, Base.metadata).upgrade_ops
        written = render_python_code(found, render_item=render_item)
        assert "CompressedBinary(level=7)" in written
        autogen = SimpleNamespace(imports=set())  # what a migration's template writes at its beginning
        assert render_item("type", CompressedText(), autogen) and not render_item("type", sa.Text(), autogen)
        names: dict[str, Any] = {"sa": sa, "op": Operations(context)}
        exec("\n".join([*autogen.imports, f"def upgrade():\n    {written}"]), names)
        names["upgrade"]()
        assert {"scans", "plain"} <= set(sa.inspect(connection).get_table_names())
    engine.dispose()


def test_updates_of_the_orm(engine: Any) -> None:
    with orm.Session(engine) as session:
        session.add(scan := Scan(id=1, note="old " * 300, voxels=b"old", image=[]))
        session.flush()
        new = {"note": "new " * 300, "voxels": b"ab" * 900, "image": [1]}
        session.execute(sa.update(Scan).where(Scan.id == 1).values(**new))
        assert {name: getattr(scan, name) for name in new} == new
        session.execute(sa.update(Scan), [{"id": 1, "note": "last " * 300}])
        session.commit()
        assert scan.note == "last " * 300


@pytest.mark.parametrize("decodes", [True, False])
def test_settings_in_the_url(tmp_path: Path, decodes: bool) -> None:
    frame = zb.compress(b"ab" * 900)
    engine = sa.create_engine(f"sqlite:///{tmp_path}/a.db?plugin=zblob&zblob_decode_rows={decodes}&zblob_keep=no")
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT ?", (frame,)).scalar()
        assert found == (b"ab" * 900 if decodes else frame)
    engine.dispose()


def test_pickles_that_change_in_place(tmp_path: Path) -> None:
    """`comparator` and copies of the type work as those of PickleType."""
    kind: Any = CompressedPickle(comparator=lambda a, b: a == b, level=3)
    copied = pickle.loads(pickle.dumps(CompressedPickle(level=3)))
    assert isinstance(copied, CompressedPickle) and copied.level == 3
    assert kind.compare_values([1], [1]) and not kind.compare_values([1], [2])


# ---- The plugin --------------------------------------------------------------------------------------------


def make_plain(path: Path, **settings: Any) -> Any:
    engine = sa.create_engine(f"sqlite:///{path}", plugins=["zblob"], **settings)
    Base.metadata.create_all(engine)
    with engine.connect() as connection:
        for column in ("data", "note"):
            zb.enable(connection.connection.driver_connection, "plain", column, level=3)
    return engine


def add(engine: Any, id: int) -> None:
    with orm.Session(engine) as session:
        session.add(Plain(id=id, data=b"abcd" * 3000, note="note" * 2000))
        session.commit()
    with orm.Session(engine) as session:
        found = session.get_one(Plain, id)
        assert (found.data, found.note) == (b"abcd" * 3000, "note" * 2000)


def levels(engine: Any, table: str = "plain") -> list[tuple[int | None, ...]]:
    return [tuple(zb.info(value).level for value in row) for row in stored(engine, f"SELECT data, note FROM {table}")]


def test_plugin(tmp_path: Path) -> None:
    engine = make_plain(tmp_path / "a.db")
    add(engine, 1)
    assert levels(engine) == [(3, 3)]
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT zinfo(data) IS NULL FROM plain")).scalar() == 0
    engine.dispose()
    raw = sa.create_engine(f"sqlite:///{tmp_path}/a.db?plugin=zblob", zblob_decode_rows=False)
    with raw.connect() as connection:
        assert zb.is_frame(connection.execute(sa.text("SELECT data FROM plain")).scalar())
        assert connection.execute(sa.text("SELECT zdecompress(data) FROM plain")).scalar() == b"abcd" * 3000
    raw.dispose()


def test_plugin_with_asyncio(tmp_path: Path) -> None:
    pytest.importorskip("aiosqlite")
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    make_plain(tmp_path / "a.db").dispose()

    async def main() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/a.db", plugins=["zblob"])
        async with AsyncSession(engine) as session:
            session.add(Plain(id=1, data=b"abcd" * 3000, note="note" * 2000))
            await session.commit()
            await session.execute(sa.text("CREATE TABLE new AS SELECT * FROM plain"))
            await session.execute(sa.text("DROP TABLE plain"))
            await session.execute(sa.text("ALTER TABLE new RENAME TO plain"))
            await session.commit()
            session.add(Plain(id=2, data=b"abcd" * 3000, note="note" * 2000))
            await session.commit()
            assert [row.data for row in await session.execute(sa.select(Plain.data))] == [b"abcd" * 3000] * 2
        await engine.dispose()

    asyncio.run(main())
    assert levels(sa.create_engine(f"sqlite:///{tmp_path}/a.db")) == [(3, 3)] * 2


def test_plugin_for_another_database() -> None:
    with pytest.raises(zb.OptionError, match="for SQLite, not for mysql"):
        sa.create_engine("mysql+pymysql://", plugins=["zblob"], module=sqlite3)


def rebuild(operations: Any) -> None:
    with operations.batch_alter_table("plain", recreate="always") as batch:
        batch.add_column(sa.Column("made", sa.Integer))
        batch.alter_column("note", nullable=False)


@pytest.mark.parametrize("isolation", [None, "AUTOCOMMIT"])
@pytest.mark.parametrize("way", ["begin", "connect", "alembic"])
def test_alembic_batch(tmp_path: Path, way: str, isolation: str | None) -> None:
    pytest.importorskip("alembic")
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    engine = make_plain(tmp_path / "a.db", **({"isolation_level": isolation} if isolation else {}))
    add(engine, 1)
    with engine.begin() if way == "begin" else engine.connect() as connection:
        context = MigrationContext.configure(connection)
        if way == "alembic":
            with context.begin_transaction():
                rebuild(Operations(context))
        else:
            rebuild(Operations(context))
        if way == "connect":
            connection.commit()
    add(engine, 2)
    assert levels(engine) == [(3, 3), (3, 3)]
    assert [column["name"] for column in sa.inspect(engine).get_columns("plain")] == ["id", "data", "note", "made"]
    with engine.connect() as connection:
        assert all(each.is_intact for each in zb.status(connection.connection.driver_connection))
    engine.dispose()


def change_type(connection: Any, table: str, column: str, kind: Any) -> None:
    pytest.importorskip("alembic")
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    with Operations(MigrationContext.configure(connection)).batch_alter_table(table) as batch:
        batch.alter_column(column, type_=kind)


@pytest.mark.parametrize(("name", "kind"), [("note", CompressedText(level=7)), ("voxels", CompressedBinary())])
def test_alembic_takes_our_types_for_those_before(engine: Any, name: str, kind: Any) -> None:
    """It copies frames as they are."""
    with orm.Session(engine) as session:
        session.add(Scan(id=1, note="note " * 900, voxels=b"voxels" * 900))
        session.commit()
    with engine.begin() as connection:
        change_type(connection, "scans", name, kind)
    assert all(map(zb.is_frame, stored(engine, "SELECT note, voxels FROM scans")[0]))


@pytest.mark.parametrize(("name", "kind"), [("data", sa.Text()), ("data", sa.String(50)), ("note", sa.LargeBinary())])
def test_another_type(tmp_path: Path, name: str, kind: Any) -> None:
    """Alembic casts the values: not the frames, which would become texts that nobody can read."""
    engine = make_plain(tmp_path / "a.db")
    add(engine, 1)
    with pytest.warns(zb.ZblobWarning, match=f"column {name} of table plain has another type"), engine.begin() as db:
        change_type(db, "plain", name, kind)
    expected: Any = b"note" * 2000 if name == "note" else "abcd" * 3000
    with engine.begin() as db:
        assert db.exec_driver_sql(f"SELECT {name} FROM plain").scalar() == expected
        db.exec_driver_sql(f"UPDATE plain SET {name} = ?", (expected,))
        assert db.exec_driver_sql(f"SELECT {name} FROM plain").scalar() == expected
    assert levels(engine) == [(3, 3)]
    engine.dispose()


def test_reading_says_what_a_text_may_be(tmp_path: Path) -> None:
    engine = make_plain(tmp_path / "a.db")
    add(engine, 1)
    with engine.connect() as connection:
        connection.exec_driver_sql("UPDATE plain SET data = CAST(data AS TEXT)")
        found = sa.func.zdecompress(sa.cast(Plain.data, sa.LargeBinary))
        assert connection.execute(sa.select(found)).scalar() == b"abcd" * 3000
        with pytest.raises(sa.exc.OperationalError), pytest.warns(zb.ZblobWarning, match="a CAST has made a text"):
            connection.execute(sa.select(Plain.data)).all()
    engine.dispose()


@pytest.mark.parametrize("then", ["table", "column", "in the batch"])
def test_alembic_batch_and_a_new_name(tmp_path: Path, then: str) -> None:
    pytest.importorskip("alembic")
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    engine = make_plain(tmp_path / "a.db")
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("plain", recreate="always") as batch:
            batch.add_column(sa.Column("made", sa.Integer))
            if then == "in the batch":
                batch.alter_column("data", new_column_name="payload")
        if then == "table":
            operations.rename_table("plain", "fancy")
        elif then == "column":
            operations.alter_column("plain", "data", new_column_name="payload")
    with engine.connect() as connection:
        found = zb.status(connection.connection.driver_connection)
    engine.dispose()
    table, column = ("fancy", "data") if then == "table" else ("plain", "payload")
    assert {(each.table, each.column, each.level, each.is_intact) for each in found} == {
        (table, column, 3, True),
        (table, "note", 3, True),
    }


def test_what_a_new_table_has_become_is_told(tmp_path: Path) -> None:
    engine = make_plain(tmp_path / "a.db")
    add(engine, 1)
    call = r"zb.enable\(connection, 'plain', 'payload', level=3, min_size=512\)"
    with pytest.warns(zb.ZblobWarning, match=rf"was plain\.data .*{call}"), engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE new AS SELECT id, data AS payload, note FROM plain")
        connection.exec_driver_sql("DROP TABLE plain")
        connection.exec_driver_sql("ALTER TABLE new RENAME TO plain")
    engine.dispose()


@pytest.mark.parametrize("at_once", [True, False])
def test_renames_before_a_table_is_made_anew(tmp_path: Path, at_once: bool) -> None:
    engine = make_plain(tmp_path / "a.db")
    renames = ["ALTER TABLE plain RENAME COLUMN data TO payload", "ALTER TABLE plain RENAME TO fancy"]
    anew = [
        "CREATE TABLE new(id INTEGER PRIMARY KEY, payload BLOB, note TEXT, more)",
        "INSERT INTO new SELECT *, 1 FROM fancy",
        "DROP TABLE fancy",
        "ALTER TABLE new RENAME TO fancy",
    ]
    for statements in [renames + anew] if at_once else [renames, anew]:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    with engine.connect() as connection:
        found = zb.status(connection.connection.driver_connection)
    assert {(each.table, each.column, each.is_intact) for each in found} == {
        ("fancy", "payload", True),
        ("fancy", "note", True),
    }
    engine.dispose()


def test_a_rebuilt_table_that_cannot_be_compressed(tmp_path: Path) -> None:
    engine = make_plain(tmp_path / "a.db")
    with pytest.warns(zb.ZblobWarning, match="not compressed any more"), engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE plain"))
        connection.execute(sa.text("CREATE TABLE plain(id INTEGER PRIMARY KEY, data INTEGER, note TEXT)"))
        connection.execute(sa.text("INSERT INTO plain VALUES (1, 5, 'x')"))
    with engine.connect() as connection:  # the other column is compressed
        found = {each.column: each.is_intact for each in zb.status(connection.connection.driver_connection)}
    assert found == {"data": False, "note": True}
    engine.dispose()


def test_autogenerate_leaves_our_tables_alone(tmp_path: Path) -> None:
    pytest.importorskip("alembic")
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = make_plain(tmp_path / "a.db")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": include_name})
        assert compare_metadata(context, Base.metadata) == []
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) != []
    engine.dispose()
