"""migrate, verify, stats, analyze and restore of several databases at once, from Python and from the command line."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import apsw
import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

import sqlite_zblob as zb
from sqlite_zblob.cli import cli
from tools import cli_docs

from ..conftest import one, open_apsw

COUNT, ROWS = 3, 12


@pytest.fixture
def databases(tmp_path: Path) -> str:
    for number in range(COUNT):
        connection = apsw.Connection(str(tmp_path / f"study-{number}.db"))
        connection.execute("CREATE TABLE results(id INTEGER PRIMARY KEY, data BLOB)")
        values = np.random.default_rng(number).integers(0, 30, (ROWS, 4000), dtype=np.uint8)
        connection.executemany("INSERT INTO results(data) VALUES (?)", [(row.tobytes(),) for row in values])
        connection.close()
    return str(tmp_path / "study-*.db")


def run(*arguments: object, exit_code: int = 0) -> str:
    done = CliRunner().invoke(cli, [str(each) for each in arguments], prog_name="sqlite-zblob")
    assert done.exit_code == exit_code, done.output
    return done.stdout


def run_json(*arguments: object, exit_code: int = 0) -> Any:
    result = json.loads(run(*arguments, "--json", exit_code=exit_code))
    jsonschema.validate(result, {"$ref": f"#/$defs/output of {arguments[0]}", **cli_docs.schema()})
    return result


def frames(path: Path) -> int:
    connection = open_apsw(str(path))
    try:
        return int(one(connection, "SELECT sum(zis_frame(data)) FROM results"))
    finally:
        connection.close()


def test_the_whole_way(databases: str, tmp_path: Path) -> None:
    files = sorted(tmp_path.glob("study-*.db"))
    found = run_json("analyze", databases, "--seconds", 0.5)
    assert len(found["databases"]) == COUNT and found["stored_bytes"] < found["raw_bytes"]
    report = run_json("migrate", databases, "results", "data", "--side-by-side", 3)
    assert (report["rows"], report["changed_rows"], report["problems"]) == (COUNT * ROWS, COUNT * ROWS, 0)
    assert [frames(path) for path in files] == [ROWS] * COUNT
    assert run_json("verify", databases)["changed_rows"] == COUNT * ROWS
    stored = run_json("stats", databases)
    assert stored["rows"] == COUNT * ROWS and stored["ratio"] > 1.3
    lines = run("verify", databases).splitlines()
    assert len(lines) == COUNT + 3 and lines[-2].split()[0] == "all" and "3 databases, no problem" in lines[-1]
    assert run_json("restore", databases, "results", "data")["ok"]
    assert [frames(path) for path in files] == [0] * COUNT


def test_one_bad_database_does_not_stop_the_others(databases: str, tmp_path: Path) -> None:
    run("migrate", databases, "results", "data")
    connection = open_apsw(str(tmp_path / "study-1.db"))
    connection.execute("DROP TABLE IF EXISTS results; DELETE FROM zblob_columns").fetchall()
    connection.close()
    connection = open_apsw(str(tmp_path / "study-2.db"))
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)  # which would put the damaged bytes into a frame
    frame = one(connection, "SELECT data FROM results WHERE id = 3")
    connection.execute("UPDATE results SET data = ? WHERE id = 3", (frame[:-30] + bytes(30),)).fetchall()
    connection.close()
    report = run_json("verify", databases, "results", "data", exit_code=1)
    bad = {Path(each["database"]).name: each for each in report["databases"] if each["problems"]}
    assert set(bad) == {"study-1.db", "study-2.db"}
    assert bad["study-1.db"]["error_kind"] == "OptionError" and bad["study-1.db"]["report"] is None
    assert [each["key"] for each in bad["study-2.db"]["report"]["damages"]] == [{"id": 3}]
    assert report["rows"] == (COUNT - 1) * ROWS
    assert "study-2.db: results.data, id=3" in run("verify", databases, "results", "data", exit_code=1)


def test_a_file_that_is_no_database_is_one_line(databases: str, tmp_path: Path) -> None:
    bad = tmp_path / "study-9.db"
    bad.write_bytes(b"no database" * 99)
    for command in ("analyze", "migrate", "verify", "stats", "restore"):
        place = () if command == "analyze" else ("results", "data")
        options = ("--seconds", 0.3) if command == "analyze" else ()
        report = run_json(command, databases, *place, *options, exit_code=1)
        assert [each["error_kind"] for each in report["databases"]] == [None] * COUNT + ["DatabaseError"]
        assert report["rows"] == COUNT * ROWS and report["problems"] == 1
        if command == "migrate":
            found = run_json("status", databases, exit_code=1)
            assert [len(each["columns"]) for each in found["databases"]] == [1] * COUNT + [0]
    lines = run("verify", databases, exit_code=1).splitlines()
    assert lines[-2] == f"{bad} is not an SQLite database"
    bad.unlink()
    assert run("status", databases).count("no column is compressed") == COUNT
    run("migrate", databases, "results", "data")
    connection = open_apsw(str(tmp_path / "study-1.db"))
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f'DROP TRIGGER "{name}"').fetchall()
    connection.close()
    text = run("status", databases, exit_code=1)
    assert text.count(" ok") == COUNT - 1 and "study-1.db:   to mend it: sqlite-zblob migrate" in text


def test_the_smallest_frames_are_seen(tmp_path: Path) -> None:
    """Of an empty value and of one of one byte."""
    values: list[bytes | str] = [b"", "", b"x", "y", b"zz"]
    with zb.shards.create(tmp_path / "s-*.db", 1) as store:
        store.put_many(enumerate(values))
    place = (tmp_path / "s-*.db", "results", "data")
    assert (run_json("stats", *place)["changed_rows"], run_json("stats", *place)["raw_bytes"]) == (5, 4)
    assert run_json("verify", *place)["changed_rows"] == 5
    assert run_json("restore", *place)["changed_rows"] == 5
    connection = open_apsw(str(tmp_path / "s-0000.db"))
    assert [row[0] for row in connection.execute("SELECT data FROM results ORDER BY key")] == values
    connection.close()
    assert run_json("migrate", *place, "--min-size", 0)["problems"] == 0  # an empty text is no failure


def test_shared_processes_and_one_progress(databases: str) -> None:
    seen: list[zb.Progress] = []
    with ProcessPoolExecutor(2, get_context("spawn")) as executor:
        report = zb.shards.migrate(databases, "results", "data", executor=executor, progress=seen.append)
    assert report.ok and report.changed_rows == COUNT * ROWS
    assert seen and max(each.rows_done for each in seen) <= COUNT * ROWS
    assert zb.shards.restore(databases, "results", "data").ok


def test_an_interrupt_ends_all(databases: str) -> None:
    def stop(_: zb.Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        zb.shards.migrate(databases, "results", "data", progress=stop)
    assert zb.shards.migrate(databases, "results", "data").ok
    assert zb.shards.verify(databases).rows == COUNT * ROWS


def test_wrong_usage(databases: str, tmp_path: Path) -> None:
    run("analyze", databases, "--plot", "x.svg", exit_code=2)
    run("verify", str(tmp_path / "none-*.db"), exit_code=1)
    with pytest.raises(zb.OptionError, match="each of them once"):
        zb.shards.verify([str(tmp_path / "study-0.db")] * 2)
    (tmp_path / "odd[1].db").write_bytes(Path(tmp_path / "study-0.db").read_bytes())
    assert run_json("stats", tmp_path / "odd[1].db", "results", "data")["items"]


def test_reshard(tmp_path: Path) -> None:
    with zb.shards.create(tmp_path / "a-*.db", 2) as store:
        store.put_many((number, b"%d" % number * 500) for number in range(20))
    report = run_json("reshard", tmp_path / "a-*.db", tmp_path / "b-*.db", "--shards", 3)
    assert (report["sources"], report["targets"], report["rows"]) == (2, 3, 20)
    assert "20 rows, 0 copied now" in run("reshard", tmp_path / "a-*.db", tmp_path / "b-*.db", "--shards", 3)


def test_what_is_said_of_several_databases_is_said_once(databases: str, tmp_path: Path) -> None:
    """In a process of its own, which shows warnings as notes."""
    for path in tmp_path.glob("study-*.db"):
        with apsw.Connection(str(path)) as connection:
            connection.executemany("UPDATE results SET data = ?", [(pickle.dumps(list(range(999))),)])
        connection.close()
    command = [sys.executable, "-m", "sqlite_zblob", "migrate", databases, "results", "data"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.count("complete pickles") == 1
