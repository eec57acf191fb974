"""What migrate, restore and info say to people: the file, rows with other settings, what is left, whose record."""

from __future__ import annotations

import json
import random
import re
import shlex
from pathlib import Path
from typing import Any

import apsw
import pytest
from click.testing import CliRunner, Result

import sqlite_zblob as zb
from sqlite_zblob.cli import cli
from sqlite_zblob.cli.options import ByteSize
from sqlite_zblob.units import key_text, size_text

from ..conftest import one, open_apsw

ROWS = 40


def value_of(number: int) -> bytes:
    return b"%d, a value that compresses well; " % number * 700


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a store.db"
    db = open_apsw(str(path))
    db.execute("CREATE TABLE t(id TEXT PRIMARY KEY, data BLOB)")
    with db:
        db.executemany("INSERT INTO t VALUES (?, ?)", [(f"k{n}", value_of(n)) for n in range(ROWS)])
    db.close()
    return path


def run(*arguments: object, exit_code: int = 0) -> Result:
    done = CliRunner().invoke(cli, [str(each) for each in arguments], prog_name="sqlite-zblob")
    assert done.exit_code == exit_code, done.output
    return done


def interrupt(operation: str, path: Path) -> None:
    def stop(progress: zb.Progress) -> None:
        if progress.rows_done > 10:
            raise KeyboardInterrupt

    function: Any = {"migrate": zb.migrate, "restore": zb.restore}[operation]
    with pytest.raises(KeyboardInterrupt):
        function(path, "t", "data", batch_size=50_000, progress=stop)


# ---- Sizes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB")],
)
def test_sizes_are_in_powers_of_1000(count: int, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("text", "size"), [("512", 512), ("64K", 64_000), ("1.5 GB", 1_500_000_000), ("64MiB", 64 << 20), ("1 kib", 1024)]
)
def test_sizes_that_are_given(text: str, size: int) -> None:
    assert ByteSize().convert(text, None, None) == size


def test_the_last_line_tells_the_file(database: Path) -> None:
    last = run("migrate", database, "t", "data").stdout.splitlines()[-1]
    size = size_text(database.stat().st_size)
    assert re.fullmatch(rf"file: {size}, \d+\.\d kB of it free: --vacuum gives it back", last)
    last = run("migrate", database, "t", "data", "--vacuum").stdout.splitlines()[-1]
    assert last == f"file: {size_text(database.stat().st_size)}"


# ---- Settings ----------------------------------------------------------------------------------------------


def test_rows_that_keep_a_level(database: Path) -> None:
    run("migrate", database, "t", "data", "--level=5")
    out = run("migrate", database, "t", "data", "--level=8").stdout
    assert f"\n{ROWS} rows keep level 5; --recompress changes them\n" in out
    assert f"{ROWS} of {ROWS} rows compressed" in run("migrate", database, "t", "data", "--recompress").stdout
    out = run("migrate", database, "t", "data", "--envelope=pickle", "--dry-run").stdout
    assert f"\n{ROWS} rows keep envelope frame; --recompress changes them\n" in out
    assert "keep" not in run("migrate", database, "t", "data").stdout


def test_the_command_of_analyze_does_what_its_figures_say(database: Path) -> None:
    db = open_apsw(str(database))
    rng = random.Random(2)
    db.executemany(
        "UPDATE t SET data = ? WHERE id = ?", [(rng.randbytes(30_000).hex().encode(), f"k{n}") for n in range(ROWS)]
    )
    db.close()
    column = zb.analyze(database, "t", "data", seconds=1).columns[0]
    assert column.command and column.recommended
    words = shlex.split(column.command)[1:]
    assert "--vacuum" in words and f"--envelope={column.envelope}" in words and f"--level={column.level}" in words
    run(*words)
    assert database.stat().st_size == pytest.approx(column.recommended.file_size.value, rel=0.1)
    (enabled,) = zb.describe(database).enabled
    assert (enabled.mode, enabled.envelope) == (column.mode, column.envelope)
    assert (enabled.level, enabled.min_size) == (column.level, column.min_size)


def test_the_command_of_analyze_knows_the_vacuum(tmp_path: Path) -> None:
    for kind, word in ((1, None), (2, "--incremental-vacuum")):
        path = tmp_path / f"{kind}.db"
        db = open_apsw(str(path))
        db.execute(f"PRAGMA auto_vacuum = {kind}")
        db.execute("CREATE TABLE t(data)")
        db.executemany("INSERT INTO t VALUES (?)", [(value_of(n),) for n in range(ROWS)])
        db.close()
        command = zb.analyze(path, "t", "data", seconds=0.5, workers=7).columns[0].command
        assert command and "--workers=7" in command
        assert [each for each in command.split() if "vacuum" in each] == ([word] if word else [])


# ---- What is left ------------------------------------------------------------------------------------------


def test_frames_of_others(database: Path) -> None:
    db = open_apsw(str(database))
    db.execute("UPDATE t SET data = zcompress(data) WHERE id = 'k3'")
    db.close()
    out = run("migrate", database, "t", "data").stdout
    assert "1 value is a frame of the program's own, and restore will leave it so, unless --all-frames" in out
    out = run("restore", database, "t", "data").stdout
    said = "1 value is a frame of the program's own and stays so; --all-frames decompresses it, too:\n  id='k3'\n"
    assert said in out
    assert "--all-frames" in run("restore", database, "t", "data", exit_code=1).stderr
    assert "1 of 40 rows restored" in run("restore", database, "t", "data", "--all-frames").stdout


def test_info_of_an_interrupted_restore(database: Path) -> None:
    zb.migrate(database, "t", "data", level=7)
    interrupt("restore", database)
    out = run("info", database).stdout
    assert re.search(r"^t\.data +in-place +frame +7 +512$", out, flags=re.M)
    again = re.search(
        r"^t\.data: restore is running or was interrupted, \d+ of 40 rows done; sqlite-zblob (.*) goes on$", out, re.M
    )
    assert again
    assert re.search(r"^data +BLOB +restore is running or was interrupted *$", run("info", database, "t").stdout, re.M)
    about = json.loads(run("info", database, "--json").stdout)["migrations"][0]
    assert (about["is_running"], about["level"], about["rows_total"]) == (True, 7, ROWS)
    assert "40 of 40 rows restored" in run(*shlex.split(again[1])).stdout


def test_info_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    db = open_apsw(str(path))
    db.execute("CREATE TABLE two(a TEXT, b, v, PRIMARY KEY (a, b)) WITHOUT ROWID")
    db.execute("INSERT INTO two VALUES ('x', 7, ?)", (value_of(1),))
    db.execute("CREATE TABLE blobs(a BLOB PRIMARY KEY, v)")
    db.execute("INSERT INTO blobs VALUES (x'00ff', ?)", (value_of(1),))
    db.close()
    size = f"{len(value_of(1)):,} bytes"
    assert size in run("info", path, "two", "v", "x", "7").stdout
    assert size in run("info", path, "blobs", "v", "x'00ff'").stdout
    assert "has no row with \"a\" = x'00fe'" in run("info", path, "blobs", "v", "x'00fe'", exit_code=1).stderr
    assert 'named by "a", "b", and the key has 1 part' in run("info", path, "two", "v", "x", exit_code=1).stderr


def test_keys_are_printed_whole() -> None:
    """A digest that is cut cannot be given to `info`, and paths begin alike."""
    assert key_text("ab" * 32) == repr("ab" * 32) and key_text(bytes(32)) == f"x'{'00' * 32}'"
    assert key_text("y" * 1998).endswith("... (1,998 characters)")


# ---- A record that makes no sense --------------------------------------------------------------------------

TAMPERED: dict[str, list[Any]] = {
    "counts": ["{}}", "[1]", '{"rows": "many"}', '{"rows": -1}', '{"others": {"odd 5": 1}}', '{"what": 1}', "null"],
    "settings": ["{}", '{"mode": 1, "envelope": 2, "level": 3, "min_size": 4}', "7", "x", "[]"],
    "position": ["[", "7", '[{"x": 1}]', '{"a": 1}'],
    "state": ["asleep"],
    "operation": ["nonsense", b"\0"],
}


@pytest.mark.parametrize(("field", "value"), [(name, each) for name, all_ in TAMPERED.items() for each in all_])
def test_a_tampered_record(database: Path, field: str, value: object) -> None:
    """It is named, with what to do; other columns go on."""
    db = open_apsw(str(database))
    db.execute("CREATE TABLE u(id INTEGER PRIMARY KEY, data BLOB)")
    db.execute("INSERT INTO u(data) SELECT data FROM t")
    for table in ("t", "u"):
        zb.migrate(database, table, "data")
    id = one(db, "SELECT id FROM zblob_migrations WHERE table_name = 't'")
    db.execute(f"UPDATE zblob_migrations SET {field} = ? WHERE id = ?", (value, id))
    named = f"table zblob_migrations, record {id} of t.data, makes no sense"
    for call in (zb.migrate, zb.restore):
        with pytest.raises(zb.MetadataError, match=named):
            call(database, "t", "data")
    out = run("info", database).stdout
    assert named in out and re.search(r"^u\.data +in-place", out, re.M)
    assert zb.verify(database).compressed_rows == 2 * ROWS
    assert zb.restore(database, "u", "data").changed_rows == ROWS
    db.execute("DELETE FROM zblob_migrations WHERE id = ?", (id,))
    assert zb.restore(database, "t", "data").changed_rows == ROWS
    assert values_of(db) == {value_of(n) for n in range(ROWS)}


def values_of(db: apsw.Connection) -> set[bytes]:
    return {row[0] for row in db.execute("SELECT data FROM t")}


def test_tampered_exceptions(database: Path) -> None:
    zb.migrate(database, "t", "data")
    db = open_apsw(str(database))
    db.execute("INSERT INTO zblob_exceptions SELECT id, 'no key', 'failed', 'why' FROM zblob_migrations")
    with pytest.raises(zb.MetadataError, match="table zblob_exceptions makes no sense: 'no key' is no key of a row"):
        zb.restore(database, "t", "data")
    db.execute("DELETE FROM zblob_exceptions WHERE row_key = 'no key'")
    assert zb.restore(database, "t", "data").finished


def test_tables_of_the_same_name(database: Path) -> None:
    db = open_apsw(str(database))
    db.execute("CREATE TABLE zblob_migrations(a); CREATE TABLE zblob_exceptions(a)")
    with pytest.raises(zb.MetadataError, match="table zblob_migrations is not the one that sqlite_zblob makes"):
        zb.migrate(database, "t", "data")


@pytest.mark.parametrize("operation", ["migrate", "restore"])
def test_status_tells_of_an_interrupted_run(database: Path, operation: str) -> None:
    """Also of a restoration, which begins with switching the column off."""
    run("migrate", database, "t", "data")
    db = open_apsw(str(database))
    db.execute("UPDATE zblob_migrations SET state = 'running', operation = ?", (operation,))
    if operation == "restore":
        zb.disable(db, "t", "data")
    db.close()
    done = run("status", database, exit_code=1)
    assert "unfinished" in done.stdout
    command = shlex.join(["sqlite-zblob", operation, str(database), "t", "data"])
    assert f"{operation} is running or was interrupted: {command} goes on" in done.stdout
    assert "to mend it" not in done.stdout
    (item,) = json.loads(run("status", database, "--json", exit_code=1).stdout)["items"]
    assert item["problems"][0].startswith(operation)
    run(operation, database, "t", "data")
    assert "unfinished" not in run("status", database).stdout
