"""sqlite-utils with the plugin: its library and its command."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sqlite_zblob as zb

from ..conftest import CAN_LOAD, ROOT

sqlite_utils = pytest.importorskip("sqlite_utils")

from click.testing import CliRunner  # noqa: E402
from sqlite_utils.cli import cli  # noqa: E402
from sqlite_utils.plugins import pm  # noqa: E402

from sqlite_zblob.integrations import sqlite_utils as plugin  # noqa: E402


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """As the entry point does where the package is installed."""
    zb.install()
    is_installed = pm.is_registered(plugin)
    if not is_installed:
        pm.register(plugin, "sqlite-zblob")
        plugin.register_commands(cli)
    yield
    if not is_installed:
        pm.unregister(plugin)
        del cli.commands["zblob"]
    zb.uninstall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    db = sqlite_utils.Database(tmp_path / "a.db")
    db["notes"].insert_all([{"id": i, "note": f"note {i} " * 500, "other": i} for i in range(3)], pk="id")
    db.close()
    return tmp_path / "a.db"


def call(*arguments: Any, code: int = 0) -> str:
    outcome = CliRunner().invoke(cli, [str(each) for each in arguments])
    assert outcome.exit_code == code, outcome.output
    return outcome.output


def levels(path: Path) -> list[int | None]:
    db = sqlite3.connect(path)
    rows = db.execute("SELECT note FROM notes ORDER BY id").fetchall()
    db.close()
    return [zb.info(row[0]).level if isinstance(row[0], bytes) else None for row in rows]


def insert(path: Path, id: int) -> None:
    call("query", path, f"INSERT INTO notes(id, note) VALUES ({id}, '{'new ' * 500}')")


def test_commands(path: Path) -> None:
    call("zblob", "enable", path, "notes", "note", "--level", 3, "--min-size", 64)
    assert [(each.level, each.min_size) for each in zb.status(path)] == [(3, 64)]
    insert(path, 3)
    assert levels(path) == [None, None, None, 3]
    assert "note: 12,500 bytes are now" in call("zblob", "migrate", path, "notes", "note")
    assert levels(path) == [3, 3, 3, 3]
    rows = json.loads(call("rows", path, "notes"))
    assert [row["note"] for row in rows] == [*(f"note {i} " * 500 for i in range(3)), "new " * 500]


def test_errors_are_one_line(path: Path) -> None:
    assert call("zblob", "enable", path, "notes", "no", code=1).startswith("Error: ")
    assert call("zblob", "migrate", path, "no", "note", code=1).startswith("Error: ")


@pytest.mark.parametrize("command", ["transform", "python"])
def test_transform_keeps_compression(path: Path, command: str) -> None:
    call("zblob", "migrate", path, "notes", "note", "--level", 3)
    if command == "transform":
        call("transform", path, "notes", "--drop", "other", "--rename", "id", "key")
    else:
        db = sqlite_utils.Database(path)
        db["notes"].transform(drop={"other"}, rename={"id": "key"})
        db.close()
        sqlite_utils.Database(path).close()  # the next one mends
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone() == (2,)
    db.close()
    call("query", path, f"INSERT INTO notes VALUES (3, '{'new ' * 500}')")
    db = sqlite3.connect(path)
    values = [row[0] for row in db.execute("SELECT note FROM notes")]
    db.close()
    assert [zb.info(value).level for value in values] == [3] * 4


def test_convert_gets_decoded_values(path: Path) -> None:
    """Commands and methods that call a function of the user's in SQL; its result is compressed again."""
    call("zblob", "migrate", path, "notes", "note", "--level", 3)
    call("convert", path, "notes", "note", "value.upper()")
    assert levels(path) == [3, 3, 3]
    assert [row["note"] for row in json.loads(call("rows", path, "notes"))] == [f"NOTE {i} " * 500 for i in range(3)]
    found = call("query", path, "SELECT head(note) AS it FROM notes", "--functions", "def head(text): return text[:6]")
    assert json.loads(found)[0] == {"it": "NOTE 0"}


def test_functions_of_a_database_get_decoded_values(path: Path) -> None:
    zb.migrate(path, "notes", "note")
    db = sqlite_utils.Database(path)
    db["notes"].convert("note", lambda value: value[:3000], where="id = 1")
    db["notes"].convert("note", len, output="size", output_type=int)

    head = db.register_function(deterministic=True, name="head")(lambda value, more: value[:4] + more)
    assert [row["size"] for row in db["notes"].rows] == [3500, 3000, 3500]
    assert db.execute("SELECT head(note, ' x') FROM notes LIMIT 1").fetchone() == ("note x",)
    assert head("abcdef", "g") == "abcdg"
    zb.decode_rows(db.conn, on=False)
    db.register_function(lambda value: type(value).__name__, name="kind")
    assert db.execute("SELECT kind(note) FROM notes LIMIT 1").fetchone() == ("bytes",)
    db.close()


def test_functions_get_values_that_need_a_dictionary(path: Path) -> None:
    notes = [f"scan {i} of patient {i * 7919 % 1000}, no finding" for i in range(600)]
    db = sqlite_utils.Database(path)
    db["small"].insert_all([{"id": i, "note": note} for i, note in enumerate(notes)], pk="id")
    db.close()
    zb.migrate(path, "small", "note", dictionary="auto", min_size=8)
    db = sqlite_utils.Database(path)
    assert db.execute("SELECT count(*) FROM small WHERE typeof(note) = 'blob'").fetchone() > (100,)
    db["small"].convert("note", str.upper)
    assert [row["note"] for row in db["small"].rows] == [note.upper() for note in notes]
    db.close()


def test_a_strict_table_is_refused_by_name(path: Path) -> None:
    call("zblob", "migrate", path, "notes", "note", "--level", 3)
    message = call("transform", path, "notes", "--strict", code=1)
    assert "column note of table notes is compressed" in message and f"restore {path} notes note" in message
    zb.restore(str(path), "notes", "note")
    call("transform", path, "notes", "--strict")


def test_transform_with_a_new_name(path: Path) -> None:
    """Also where another column takes the old one."""
    call("zblob", "migrate", path, "notes", "note", "--level", 3)
    call("transform", path, "notes", "--rename", "note", "memo", "--rename", "other", "note")
    call("query", path, f"INSERT INTO notes(id, memo, note) VALUES (3, '{'new ' * 500}', '{'plain ' * 500}')")
    db = sqlite3.connect(path)
    assert [(each.column, each.level, each.is_intact) for each in zb.status(db)] == [("memo", 3, True)]
    assert {zb.info(row[0]).level for row in db.execute("SELECT memo FROM notes")} == {3}
    assert db.execute("SELECT typeof(note) FROM notes WHERE id = 3").fetchone() == ("text",)
    db.close()


def test_a_new_name_in_python_is_told(path: Path) -> None:
    call("zblob", "migrate", path, "notes", "note", "--level", 3)
    db = sqlite_utils.Database(path)
    db["notes"].transform(rename={"note": "memo"})
    db.close()
    with pytest.warns(zb.ZblobWarning, match=r"zb.enable\(connection, 'notes', 'memo', level=3"):
        sqlite_utils.Database(path).close()


@pytest.mark.skipif(CAN_LOAD, reason="this Python loads extensions into any connection")
def test_databases_open_after_uninstall(path: Path) -> None:
    """The plugin is found by itself: it must not break sqlite-utils where the extension cannot be had any more."""
    zb.uninstall()
    with pytest.warns(zb.ZblobWarning, match="compressed columns cannot be used here: this Python's sqlite3 module"):
        db = sqlite_utils.Database(path)
    assert db["notes"].count == 3
    db.close()


FIRST = """
import sys, warnings
import sqlite_utils
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for number in range(2):
        db = sqlite_utils.Database(sys.argv[1])
        print([len(row["note"]) for row in db["notes"].rows], "zblob_version" in str(db.execute(
            "SELECT group_concat(name) FROM pragma_function_list").fetchall()))
        db.close()
print([str(each.message) for each in said])
"""


@pytest.mark.skipif(CAN_LOAD, reason="this Python loads extensions into any connection")
def test_the_first_database_of_a_process(path: Path) -> None:
    """It is opened before the plugin is imported: its rows are decoded, and a warning says what to do."""
    call("zblob", "migrate", path, "notes", "note")
    done = subprocess.run([sys.executable, "-c", FIRST, path], capture_output=True, text=True, check=True, cwd=ROOT)
    first, second, said = done.stdout.splitlines()
    assert (first, second) == ("[3500, 3500, 3500] False", "[3500, 3500, 3500] True")
    assert said.count("compressed columns cannot be used here") == 1
    assert "the first database of a process" in said and "sqlite_zblob.install()" in said
