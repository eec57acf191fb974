"""Tables that tools make anew: the triggers go with the old table, everybody says so, and `enable` mends it."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import alembic.migration
import alembic.operations
import apsw
import pandas
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

import sqlite_zblob as zb
from sqlite_zblob.cli import cli
from sqlite_zblob.column import watch

from ..conftest import ROOT, one, open_apsw

VALUE = b"abcdefgh" * 500
CREATE = "CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, name TEXT)"

pytestmark = pytest.mark.usefixtures("new_process")


@pytest.fixture
def store(path: str) -> str:
    """One compressed row."""
    db = open_apsw(path)
    db.execute(CREATE)
    zb.enable(db, "t", "data", level=7, min_size=100)
    db.execute("INSERT INTO t(data, name) VALUES (?, 'a')", (VALUE,))
    db.close()
    return path


def rebuild(path: str) -> None:
    """The twelve steps of SQLite's own ALTER TABLE page."""
    db = apsw.Connection(path)
    db.execute(f"""BEGIN;
        {CREATE.replace("TABLE t", "TABLE t_new").replace("name TEXT", "name TEXT NOT NULL")};
        INSERT INTO t_new SELECT * FROM t; DROP TABLE t; ALTER TABLE t_new RENAME TO t; COMMIT""")
    db.close()


def states(path: str) -> list[tuple[str, str, bool]]:
    db = open_quietly(path)
    found = [(each.table, each.column, each.is_intact) for each in zb.status(db)]
    db.close()
    return found


def open_quietly(path: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zb.ZblobWarning)
        return open_apsw(path)


def check_mended(path: str) -> None:
    """And that what was stored before is as it was."""
    db = open_quietly(path)
    found = zb.enable(db, "t", "data")
    assert (found.level, found.min_size, found.is_intact) == (7, 100, True)
    db.execute("INSERT INTO t(data, name) VALUES (?, 'b')", (VALUE,))
    rows = db.execute("SELECT zis_frame(data), zdecompress(data) FROM t ORDER BY id").fetchall()
    assert rows[0] == rows[-1] == (1, VALUE)
    db.close()


@pytest.mark.parametrize("anew", [False, True])
def test_settings_that_are_not_given_are_kept(path: str, anew: bool) -> None:
    """Above all the envelope: readers that call pickle.loads would get frames otherwise."""
    db = open_apsw(path)
    db.execute(CREATE)
    zb.enable(db, "t", "data", envelope="pickle", level=7, min_size=100)
    if anew:
        rebuild(path)
    found = zb.enable(db, "t", "data")
    assert (found.envelope, found.level, found.min_size, found.is_intact) == ("pickle", 7, 100, True)
    found = zb.enable(db, "T", "Data", level=3)
    assert (found.envelope, found.level, found.min_size) == ("pickle", 3, 100)
    found = zb.enable(db, "t", "data", envelope="frame", min_size=0)
    assert (found.envelope, found.level, found.min_size) == ("frame", 3, 0)
    db.execute("ALTER TABLE t RENAME TO u")
    assert zb.enable(db, "u", "data") == zb.status(db)[0] and zb.status(db)[0].level == 3
    zb.disable(db, "u", "data")
    found = zb.enable(db, "u", "data")
    assert (found.envelope, found.level, found.min_size) == ("frame", 5, 512)
    db.close()


# ---- Tools -------------------------------------------------------------------------------------------------


def run_script(script: str, path: str) -> None:
    """In a process of its own: plugins that these libraries find prepare the whole process, once, when imported."""
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def by_hand(path: str) -> None:
    rebuild(path)


SQLITE_UTILS = """
import sys
import sqlite_utils

db = sqlite_utils.Database(sys.argv[1])
db.table("t").transform(types={"name": str}, not_null={"name"})
db.close()
"""


def by_sqlite_utils(path: str) -> None:
    run_script(SQLITE_UTILS, path)


def by_pandas(path: str) -> None:
    db = sqlite3.connect(path)
    frame = pandas.read_sql("SELECT * FROM t", db)
    frame.to_sql("t", db, if_exists="replace", index=False)
    db.close()


def by_alembic(path: str) -> None:
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        context = alembic.migration.MigrationContext.configure(connection)
        with alembic.operations.Operations(context).batch_alter_table("t") as batch:
            batch.alter_column("name", nullable=False)
    engine.dispose()


DJANGO = """
import sys
import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()
from django.db import connection, models

class T(models.Model):
    data = models.BinaryField(null=True)
    name = models.TextField(null=True)
    class Meta:
        app_label = "tests"
        db_table = "t"

field = models.TextField()
field.set_attributes_from_name("name")
field.model = T
with connection.schema_editor() as editor:
    editor.alter_field(T, T._meta.get_field("name"), field)
"""


def by_django(path: str) -> None:
    run_script(DJANGO, path)


TOOLS = [by_hand, by_sqlite_utils, by_pandas, by_alembic, by_django]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_makes_the_table_anew(store: str, tool: Callable[[str], None]) -> None:
    tool(store)
    with pytest.warns(
        zb.ZblobWarning, match="column data of table t is not compressed any more: its triggers are gone"
    ):
        open_apsw(store).close()
    assert states(store) == [("t", "data", False)]
    done = CliRunner().invoke(cli, ["status", store])
    assert done.exit_code == 1
    assert "t.data: its triggers are gone: the table was made anew" in done.stdout
    check_mended(store)
    assert CliRunner().invoke(cli, ["status", store]).exit_code == 0


def test_the_mending_command_of_status_mends(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rebuild(store)
    db = apsw.Connection(store)
    db.execute("INSERT INTO t(data, name) VALUES (?, 'plain')", (VALUE,))
    db.close()
    (line,) = (line for line in CliRunner().invoke(cli, ["status", store]).stdout.splitlines() if "to mend it" in line)
    words = line.split("sqlite-zblob ")[1].split()
    assert CliRunner().invoke(cli, words).exit_code == 0
    (entry,) = zb.status(open_quietly(store))
    assert (entry.level, entry.min_size, entry.is_intact) == (7, 100, True)
    assert one(open_quietly(store), "SELECT count(*) FROM t WHERE zis_frame(data)") == 2


def test_status_of_the_command_line(store: str) -> None:
    done = CliRunner().invoke(cli, ["status", store, "--json"])
    (item,) = json.loads(done.stdout)["items"]
    assert done.exit_code == 0
    assert (item["table"], item["column"], item["level"], item["is_intact"], item["problems"]) == (
        "t",
        "data",
        7,
        True,
        [],
    )
    db = open_apsw(store)
    db.execute("CREATE INDEX i ON t(length(data))")
    db.close()
    done = CliRunner().invoke(cli, ["status", store, "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["items"][0]["problems"] == ["index i looks at it"]


def test_status_where_nothing_is_compressed(path: str) -> None:
    apsw.Connection(path).execute(CREATE)
    done = CliRunner().invoke(cli, ["status", path])
    assert (done.exit_code, done.stdout.startswith("No column is compressed")) == (0, True)


def test_one_trigger_that_is_gone(store: str) -> None:
    db = open_apsw(store)
    name = one(db, "SELECT name FROM sqlite_master WHERE name LIKE 'zblob%update%'")
    db.execute(f"DROP TRIGGER {name}")
    assert zb.status(db)[0].problems == ("its update trigger is gone",)
    db.close()
    check_mended(store)


def test_a_trigger_that_was_changed(store: str) -> None:
    db = open_apsw(store)
    ((name, sql),) = db.execute("SELECT name, sql FROM sqlite_master WHERE name LIKE 'zblob%update%'").fetchall()
    db.execute(f"DROP TRIGGER {name}")
    db.execute(str(sql).replace("'frame', 7", "'frame', 1"))
    assert zb.status(db)[0].problems == ("its triggers are not as they were made",)
    db.close()
    check_mended(store)


def test_triggers_of_an_older_version(path: str) -> None:
    db = open_apsw(path)
    db.execute(CREATE)
    db.execute("""CREATE TABLE zblob_columns (/* zblob 1 */ id INTEGER PRIMARY KEY, table_name TEXT NOT NULL,
        column_name TEXT NOT NULL, mode TEXT NOT NULL, envelope TEXT NOT NULL, level INTEGER NOT NULL,
        min_size INTEGER NOT NULL)""")
    db.execute("INSERT INTO zblob_columns VALUES (1, 't', 'data', 'in-place', 'frame', 7, 100)")
    for event in ("INSERT", "UPDATE"):
        db.execute(
            f"CREATE TRIGGER zblob_1_{event.lower()} AFTER {event} ON t WHEN NOT zis_frame(NEW.data) BEGIN "
            "UPDATE t SET data = zcompress(NEW.data) WHERE rowid = NEW.rowid; END"
        )
    assert zb.status(db)[0].problems == ("its triggers are those of an older version",)
    db.close()
    check_mended(path)
    db = open_apsw(path)
    assert one(db, "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'") == 2
    db.close()


def test_a_table_that_was_copied_with_its_triggers(store: str, tmp_path: Path) -> None:
    """`.dump t` writes the table's triggers, and no zblob_columns."""
    source, copy = open_apsw(store), open_apsw(str(tmp_path / "copy.db"))
    for (sql,) in source.execute("SELECT sql FROM sqlite_master WHERE tbl_name = 't'").fetchall():
        copy.execute(str(sql))
    copy.execute("INSERT INTO t(data) VALUES (?)", (VALUE,))
    assert one(copy, "SELECT zis_frame(data) FROM t") == 1
    (entry,) = zb.status(copy)
    assert (entry.table, entry.column, entry.level, entry.min_size) == ("t", "data", 7, 100)
    assert (entry.is_intact, entry.problems) == (False, ("it is not recorded in zblob_columns",))
    found = zb.enable(copy, "t", "data")
    assert (found.level, found.min_size, found.is_intact) == (7, 100, True)
    assert [each.problems for each in zb.status(copy)] == [()]
    zb.disable(copy, "t", "data")
    assert one(copy, "SELECT count(*) FROM sqlite_master") == 1


# ---- At load -----------------------------------------------------------------------------------------------


def test_it_is_said_once(store: str, open_connection: Callable[..., Any]) -> None:
    rebuild(store)
    with pytest.warns(zb.ZblobWarning, match=r"zb.enable\(connection, 't', 'data'\) mends it"):
        first = open_connection(store)
        zb.load(first)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zb.load(first)
        open_connection(store).close()
    first.close()


@pytest.mark.parametrize("connect", [sqlite3.connect, sqlite3.Connection, apsw.Connection])
def test_install_says_it_for_every_connection(store: str, connect: Callable[..., Any]) -> None:
    rebuild(store)
    zb.install()
    with pytest.warns(zb.ZblobWarning, match="column data of table t is not compressed any more"):
        connect(store).close()
    watch._said.clear()
    zb.uninstall()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        connect(store).close()


@pytest.mark.parametrize("connect", [sqlite3.connect, apsw.Connection])
@pytest.mark.parametrize("keep", [True, False])
def test_keep_enables_again(store: str, connect: Callable[..., Any], keep: bool) -> None:
    rebuild(store)
    zb.install(keep=keep)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        db = connect(store)
    assert bool(said) is not keep
    assert not db.in_transaction
    db.execute("INSERT INTO t(data, name) VALUES (?, 'b')", (VALUE,))
    assert one(db, "SELECT zis_frame(data) FROM t WHERE name = 'b'") == int(keep)
    if db.in_transaction:
        db.commit()
    db.close()
    assert states(store) == [("t", "data", keep)]


def test_keep_says_what_it_cannot_mend(store: str) -> None:
    rebuild(store)
    db = apsw.Connection(store, flags=apsw.SQLITE_OPEN_READONLY)
    with pytest.warns(zb.ZblobWarning, match="could not be enabled again: .*read.?only"):
        zb.load(db, keep=True)
    db.close()
    watch._said.clear()
    db = open_quietly(store)
    db.execute("CREATE UNIQUE INDEX i ON t(data)")
    watch._said.clear()
    with pytest.warns(zb.ZblobWarning, match="could not be enabled again: .*index i looks at it"):
        zb.load(db, keep=True)
    db.close()


def test_where_warnings_are_errors_it_is_logged(store: str, caplog: pytest.LogCaptureFixture) -> None:
    """A connection must not fail to open because of it."""
    rebuild(store)
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING, "sqlite_zblob"):
        warnings.simplefilter("error")
        db = open_apsw(store)
    assert one(db, "SELECT count(*) FROM t") == 1
    assert "column data of table t is not compressed any more" in caplog.text
    db.close()


HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


def test_a_locked_database_is_not_waited_for(store: str, open_connection: Callable[..., Any]) -> None:
    rebuild(store)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, store], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    start = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        db = open_connection(store)
        zb.load(db)
    assert time.monotonic() - start < 3  # sqlite3 waits for 5 seconds
    holder.communicate("go\n")
    with pytest.warns(zb.ZblobWarning):
        zb.load(db)
    db.close()


def test_a_file_that_is_open_in_the_other_library_is_left_alone(store: str) -> None:
    """Opening and closing it would take the other one's locks away."""
    rebuild(store)
    zb.install()
    with pytest.warns(zb.ZblobWarning):
        holder = apsw.Connection(store)
    watch._said.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        db = sqlite3.connect(store)
    assert (watch._said, watch._seen) == (set(), {})
    holder.close()
    db.close()


@pytest.mark.parametrize("milliseconds", [0, 1234])
def test_the_busy_timeout_stays(store: str, open_connection: Callable[..., Any], milliseconds: int) -> None:
    db = open_connection(store)
    db.execute(f"PRAGMA busy_timeout = {milliseconds}")
    zb.load(db)
    assert one(db, "PRAGMA busy_timeout") == milliseconds
    db.close()


def test_a_busy_handler_stays(store: str) -> None:
    db = apsw.Connection(store)
    asked: list[int] = []

    def refuse(count: int) -> bool:
        asked.append(count)
        return False

    db.set_busy_handler(refuse)
    zb.load(db)
    holder = apsw.Connection(store)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(apsw.BusyError):
        db.execute("SELECT * FROM t").fetchall()
    assert asked == [0]
    db.close()
    holder.close()


def test_an_open_transaction_does_not_begin_to_read(store: str) -> None:
    """Its snapshot is taken by its owner's first statement."""
    apsw.Connection(store).execute("PRAGMA journal_mode = WAL").fetchall()
    db = apsw.Connection(store)
    db.execute("BEGIN")
    zb.load(db)
    writer = open_apsw(store)
    writer.execute("INSERT INTO t(name) VALUES ('later')")
    assert one(db, "SELECT count(*) FROM t") == 2
    db.execute("INSERT INTO t(name) VALUES ('mine')")
    db.execute("COMMIT")
    writer.close()
    db.close()


def test_a_new_database_takes_its_settings_after_the_load(tmp_path: Path, open_connection: Callable[..., Any]) -> None:
    path = tmp_path / "new.db"
    path.touch()
    db = open_connection(str(path))
    db.execute("PRAGMA encoding = 'UTF-16le'")
    db.execute("PRAGMA page_size = 8192")
    db.execute("CREATE TABLE t(d)")
    if db.in_transaction:
        db.commit()
    assert (one(db, "PRAGMA encoding"), one(db, "PRAGMA page_size")) == ("UTF-16le", 8192)
    db.close()


def test_what_is_no_database_is_its_owners_business(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database " * 200)
    db = apsw.Connection(str(path))
    zb.load(db)
    with pytest.raises(apsw.NotADBError):
        db.execute("SELECT * FROM sqlite_master").fetchall()
    db.close()


def test_a_read_only_file_is_read(store: str, open_connection: Callable[..., Any]) -> None:
    rebuild(store)
    Path(store).chmod(0o400)
    with pytest.warns(zb.ZblobWarning):
        open_connection(store).close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("ALTER TABLE zblob_columns DROP COLUMN level", "not the one that sqlite_zblob makes .*drop it"),
        ("DROP TABLE zblob_columns; CREATE TABLE zblob_columns(a)", "not the one that sqlite_zblob makes .*drop it"),
        ("UPDATE zblob_columns SET level = 'x'", "makes no sense.*DELETE FROM zblob_columns WHERE id = "),
        ("UPDATE zblob_columns SET table_name = x'ff'", "makes no sense.*DELETE FROM zblob_columns WHERE id = "),
        ("ALTER TABLE zblob_columns ADD COLUMN more", None),
    ],
)
def test_a_record_that_somebody_has_changed(store: str, change: str, message: str | None) -> None:
    """The program's connection opens and writes all the same; who asks about the column is told what to do."""
    db = apsw.Connection(store)
    db.execute(change)
    zb.load(db)
    db.execute("INSERT INTO t(data, name) VALUES (?, 'b')", (VALUE,))
    assert one(db, "SELECT sum(zis_frame(data)) FROM t") == 2
    if message is None:
        assert zb.status(db)[0].is_intact
    else:
        with pytest.raises(zb.MetadataError, match=message):
            zb.status(db)
    db.close()


def test_a_record_that_was_dropped(store: str) -> None:
    """Each column is recorded again by itself, beside others that are not."""
    db = open_apsw(store)
    db.execute("CREATE TABLE u(id INTEGER PRIMARY KEY, data BLOB)")
    zb.enable(db, "u", "data")
    db.execute("DROP TABLE zblob_columns")
    assert [each.is_intact for each in zb.status(db)] == [False, False]
    zb.enable(db, "t", "data")
    assert {each.table: each.is_intact for each in zb.status(db)} == {"t": True, "u": False}
    zb.enable(db, "u", "data")
    assert [each.is_intact for each in zb.status(db)] == [True, True]
    db.close()


def test_another_table_under_the_old_name_is_not_taken_for_the_old_one(store: str) -> None:
    """The table was renamed and then made anew, so that nothing but its values says where it is."""
    db = apsw.Connection(store)
    db.execute(f"""ALTER TABLE t RENAME TO u; CREATE TABLE u_new AS SELECT * FROM u; DROP TABLE u;
        ALTER TABLE u_new RENAME TO u; {CREATE}""")
    with pytest.warns(zb.ZblobWarning, match="the one that was compressed is now u"):
        zb.load(db, keep=True)
    db.execute("INSERT INTO t(data) VALUES (?)", (VALUE,))
    assert one(db, "SELECT typeof(data) || zis_frame(data) FROM t") == "blob0"
    (entry,) = zb.status(db)
    assert not entry.is_intact and "or it is another table" in entry.problems[0]
    zb.enable(db, "u", "data")
    assert [(each.table, each.is_intact) for each in zb.status(db)] == [("u", True)]
    db.close()
