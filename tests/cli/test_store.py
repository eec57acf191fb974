"""analyze, migrate, verify, stats, info and restore, as a user runs them: piped, as JSON, on a terminal."""

from __future__ import annotations

import json
import os
import pickle
import pty
import re
import select
import shlex
import signal
import struct
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path
from typing import Any

import apsw
import jsonschema
import pytest
import SimpleITK as sitk
from click.testing import CliRunner, Result

import sqlite_zblob as zb
from sqlite_zblob.cli import cli
from tools import cli_docs

from ..conftest import ROOT, open_apsw

ROWS = 6


@pytest.fixture
def database(tmp_path: Path, brain: sitk.Image) -> Path:
    path = tmp_path / "results.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE results(id TEXT PRIMARY KEY, data BLOB, note TEXT UNIQUE)")
    for number in range(ROWS):
        value = pickle.dumps(brain[:, :, 60 + number : 90])
        connection.execute("INSERT INTO results VALUES (?, ?, ?)", (f"a{number}", value, f"[bold]{number}[/bold]"))
    connection.close()
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments], prog_name="sqlite-zblob")


def run_json(*arguments: object, exit_code: int = 0) -> Any:
    """What is printed, checked against the documented schema."""
    done = run(*arguments, "--json")
    assert done.exit_code == exit_code, done.output
    result = json.loads(done.stdout)
    jsonschema.validate(result, {"$ref": f"#/$defs/output of {arguments[0]}", **cli_docs.schema()})
    assert (result["command"], result["sqlite_zblob"]) == (arguments[0], zb.__version__)
    return result


def values(database: Path) -> list[tuple[Any, ...]]:
    connection = open_apsw(str(database))
    try:
        return connection.execute("SELECT id, zdecompress(data), note FROM results").fetchall()
    finally:
        connection.close()


def test_the_whole_way_in_lines(database: Path, tmp_path: Path) -> None:
    before = values(database)
    picture = tmp_path / "picture.svg"
    done = run("analyze", database, "--seconds", 1, "--plot", picture)
    assert done.exit_code == 0, done.output
    assert "SimpleITK pickle" in done.stdout and "in-place" in done.stdout
    assert picture.read_text().startswith("<?xml") and picture.stat().st_size > 10_000
    assert not re.search("[\u2500-\u257f\x1b]", done.stdout)  # no lines, no colours
    (command,) = (line.strip() for line in done.stdout.splitlines() if line.strip().startswith("sqlite-zblob migrate"))
    level = (re.findall(r"--level=(\d)", command) or ["5"])[0]  # what is recommended depends on the machine's speed
    done = run(*shlex.split(command)[1:])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"results.data: {ROWS} of {ROWS} rows compressed")
    assert values(database) == before
    assert run("verify", database).stdout.endswith("No damage found.\n")
    assert re.search(r"^results\.data +voxel +6 ", run("stats", database).stdout, flags=re.MULTILINE)
    assert re.search(rf"^results\.data +in-place +pickle +{level} +512$", run("info", database).stdout, flags=re.M)
    assert "nothing is left to do" in run("analyze", database, "--seconds", 1).stdout
    done = run("restore", database, "results", "data", "--vacuum")
    assert done.exit_code == 0, done.output
    assert f"{ROWS} of {ROWS} rows restored" in done.stdout
    assert run("stats", database).exit_code == 1
    assert "No column is compressed" in run("info", database).stdout
    assert values(database) == before


def test_the_whole_way_in_json(database: Path) -> None:
    analysis = run_json("analyze", database, "results", "data", "--seconds", 1, "--seed", 1)
    assert analysis["columns"][0]["rows"] == ROWS
    report = run_json("migrate", database, "results", "data", "--dry-run")
    assert (report["rows"], report["changed_rows"], report["dry_run"]) == (ROWS, 0, True)
    report = run_json("migrate", database, "results", "data", "--level", 1, "--min-size", "1K", "--workers", 1)
    assert (report["changed_rows"], report["failures"], report["finished"]) == (ROWS, [], True)
    assert report["ratio"] > 3
    verified = run_json("verify", database)
    assert (verified["ok"], verified["compressed_rows"]) == (True, ROWS)
    (table,) = run_json("stats", database)["items"]
    (column,) = table["columns"]
    assert (table["table"], table["ratio"], table["codecs"]) == ("results", column["ratio"], column["codecs"])
    assert (column["enabled"]["level"], column["enabled"]["min_size"], column["compressed_rows"]) == (1, 1000, ROWS)
    assert run_json("stats", database, "results", "note")["items"][0]["columns"][0]["codecs"][0]["codec"] == "none"
    assert run_json("info", database)["enabled"][0]["table"] == "results"
    table = run_json("info", database, "results")
    assert ["it is part of a UNIQUE constraint"] in [each["obstacles"] for each in table["columns"]]
    value = run_json("info", database, "results", "data", "a1")
    assert (value["codec"], value["images"][0]["size"]) == ("voxel", [197, 233, 29])
    assert run_json("restore", database, "results", "data")["changed_rows"] == ROWS


def test_stats_by_table(tmp_path: Path) -> None:
    """The sum of several columns, for each codec and for all; tables apart."""
    path = tmp_path / "two.db"
    connection = open_apsw(str(path))
    connection.execute("CREATE TABLE two(a, b, c); CREATE TABLE one(a)")
    text, noise = b"the same again " * 1000, os.urandom(300)
    for table, column in (("two", "a"), ("two", "b"), ("one", "a")):
        zb.enable(connection, table, column)
    connection.execute("INSERT INTO two VALUES (?1, ?1, 0), (?1, ?2, 0), (NULL, ?2, 0)", (text, noise))
    connection.execute("INSERT INTO one VALUES (?)", (text,))
    ((size,),) = connection.execute("SELECT length(a) FROM one")
    connection.close()
    tables = {each["table"]: each for each in run_json("stats", path)["items"]}
    assert {name: len(each["columns"]) for name, each in tables.items()} == {"two": 2, "one": 1}
    two = tables["two"]
    found = {each["codec"]: (each["rows"], each["raw_bytes"], each["stored_bytes"]) for each in two["codecs"]}
    assert found == {"zstd": (3, 3 * len(text), 3 * size), "none": (2, 600, 600)}
    assert (two["rows"], two["compressed_rows"], two["damaged_rows"]) == (5, 3, 0)
    assert two["ratio"] == (3 * len(text) + 600) / (3 * size + 600)
    lines = run("stats", path).stdout.splitlines()
    assert [line.split()[:3] for line in lines if line.startswith("two ")] == [
        ["two", "zstd", "3"],
        ["two", "none", "2"],
        ["two", "all", "5"],
    ]
    assert not [line for line in lines if line.startswith("one ")]  # its only column says it all


def test_damage_is_reported(database: Path) -> None:
    run("migrate", database, "results", "data")
    connection = open_apsw(str(database))
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    ((frame,),) = connection.execute("SELECT data FROM results WHERE id = 'a3'")
    broken = frame[:-50] + bytes(byte ^ 255 for byte in frame[-50:])
    connection.execute("UPDATE results SET data = ? WHERE id = 'a3'", (broken,))
    connection.execute("UPDATE results SET data = ? WHERE id = 'a4'", (frame[:40] + b"xxxx" + frame[44:],))
    connection.close()
    report = run_json("verify", database, exit_code=1)
    assert [each["key"] for each in report["damages"]] == [{"id": "a3"}, {"id": "a4"}]
    done = run("verify", database)
    assert done.exit_code == 1
    assert re.search(r"^  results\.data, id='a3', chunk \d+: ", done.stdout, flags=re.MULTILINE)
    assert "1 value with a damaged header" in run("stats", database).stdout
    (table,) = run_json("stats", database)["items"]
    assert (table["rows"], table["compressed_rows"], table["damaged_rows"]) == (ROWS, ROWS - 1, 1)
    done = run("restore", database, "results", "data")
    assert done.exit_code == 1 and "id='a3'" in done.stdout


def test_files(tmp_path: Path, ct_pickle: bytes) -> None:
    file = tmp_path / "value"
    for value, codec in (
        (zb.compress(ct_pickle), "voxel"),
        (zb.compress_pickle(ct_pickle), "voxel"),
        (ct_pickle, None),
    ):
        file.write_bytes(value)
        about = run_json("info", file)
        assert (about["codec"], about["images"][0]["pixel_type"]) == (codec, "int32")
        assert "int32" in run("info", file).stdout


@pytest.mark.parametrize("command", ["analyze", "migrate", "restore", "verify", "stats", "info"])
def test_errors_are_one_line(command: str, tmp_path: Path) -> None:
    column = ["t", "v"] if command in ("migrate", "restore", "verify", "stats") else []
    text = tmp_path / "text"
    text.write_text("no database at all " * 100)
    directory = tmp_path / "directory"
    directory.mkdir()
    empty = tmp_path / "empty"
    apsw.Connection(str(empty)).execute("VACUUM")
    cases = [("nothing", "there is no file|No such file"), (directory, "is a directory|Is a directory")]
    cases += [(text, "is not an SQLite database")] if command != "info" else []
    cases += [(empty, "there is no table t")] if column else []
    for path, message in cases:
        done = run(command, path, *column)
        assert done.exit_code == 1, done.output
        assert re.fullmatch(rf"sqlite-zblob: .*({message}).*\n", done.stderr), done.stderr
        assert done.stdout == ""
        error = json.loads(run(command, path, *column, "--json").stdout)
        jsonschema.validate(error, {"$ref": "#/$defs/error", **cli_docs.schema()})
        assert re.search(message, error["error"]["message"])


def test_uris(database: Path) -> None:
    """A URI is taken wherever a database is, and its options are obeyed."""
    read_only, writable = (f"{database.as_uri()}?mode={mode}" for mode in ("ro", "rw"))
    assert run_json("info", read_only)["tables"] == ["results"]
    assert run_json("analyze", read_only, "--seconds", "0.1")["database"] == read_only
    refused = run("migrate", read_only, "results", "data")
    assert refused.exit_code == 1 and "opened read-only" in refused.stderr
    assert run_json("migrate", writable, "results", "data")["changed_rows"] == ROWS
    assert run_json("verify", read_only)["compressed_rows"] == ROWS
    assert [each["rows"] for each in run_json("stats", read_only)["items"]] == [ROWS]
    assert run_json("info", read_only, "results", "data", "a1")["frame"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_without_permission(database: Path) -> None:
    database.chmod(0o400)
    assert "no permission to write" in run("migrate", database, "results", "data").stderr
    database.chmod(0)
    assert "no permission to read" in run("analyze", database).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["analyze"],
        ["nonsense"],
        ["migrate", "x.db", "t"],
        ["migrate", "x.db", "t", "c", "--level", "10"],
        ["migrate", "x.db", "t", "c", "--pace", "0"],
        ["migrate", "x.db", "t", "c", "--min-size", "-1"],
        ["migrate", "x.db", "t", "c", "--batch-size", "12 parsecs"],
        ["migrate", "x.db", "t", "c", "--batch-size", "0"],
        ["migrate", "x.db", "t", "c", "--mode", "sideways"],
        ["analyze", "x.db", "--plot", "picture.docx"],
        ["info", "x.db", "t", "c"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("Usage: sqlite-zblob")


def test_vacuums_exclude_each_other(database: Path) -> None:
    done = run("migrate", database, "results", "data", "--vacuum", "--incremental-vacuum")
    assert done.exit_code == 2 and "exclude each other" in done.stderr


def test_reasons_reach_the_user(database: Path) -> None:
    done = run("migrate", database, "results", "note")
    assert done.exit_code == 1 and "UNIQUE" in done.stderr


def test_completion(database: Path) -> None:
    def complete(*words: str) -> list[str]:
        line = {"COMP_WORDS": " ".join(["sqlite-zblob", *words]), "COMP_CWORD": str(len(words))}
        done = CliRunner(env={"_SQLITE_ZBLOB_COMPLETE": "bash_complete", **line}).invoke(cli, prog_name="sqlite-zblob")
        return [each.partition(",")[2] for each in done.output.split()]

    assert complete("mig") == ["migrate"]
    assert complete("migrate", str(database), "re") == ["results"]
    assert complete("migrate", str(database), "results", "") == ["id", "data", "note"]
    assert complete("migrate", "nothing.db", "") == []
    assert "--envelope" in complete("migrate", str(database), "results", "data", "--")


# ---- On a terminal -----------------------------------------------------------------------------------------


class Terminal:
    """The command in a terminal of 80 columns."""

    def __init__(self, *arguments: object) -> None:
        self.output = ""
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.environ["TERM"] = "xterm"
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where the tests run in a shell's background
            for name in ("COLUMNS", "LINES", "NO_COLOR"):
                os.environ.pop(name, None)
            os.execv(sys.executable, [sys.executable, "-m", "sqlite_zblob", *map(str, arguments)])
        ioctl(self.file, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def read(self, until: str | None = None, seconds: float = 60) -> str:
        """What it shows, up to its end or to a text."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and (until is None or until not in self.output):
            if select.select([self.file], [], [], 0.05)[0]:
                try:
                    data = os.read(self.file, 65536)
                except OSError:  # its end
                    break
                self.output += data.decode(errors="replace")
        return self.output

    def type(self, text: bytes) -> None:
        os.write(self.file, text)

    def end(self) -> int:
        self.read()
        _, status = os.waitpid(self.pid, 0)
        os.close(self.file)
        return os.waitstatus_to_exitcode(status)


def test_a_bar_on_a_terminal(database: Path) -> None:
    terminal = Terminal("migrate", database, "results", "data", "--batch-size=1M", "--pace=0.2", "--envelope=frame")
    assert terminal.end() == 0
    assert re.search(r"migrate results\.data.*[━╸╺].*\d+%.*/s, ratio \d\.\d\d, .* left", terminal.output)
    assert f"results.data: {ROWS} of {ROWS} rows compressed" in terminal.output
    terminal = Terminal("analyze", database, "--seconds", "0.5")
    assert terminal.end() == 0
    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line) for line in terminal.output.splitlines()]
    table = [line for line in lines if "─" in line]
    assert table and max(map(len, table)) <= 80


def test_pickles_are_asked_about(database: Path) -> None:
    """On a terminal, before anything happens; elsewhere a note says it."""
    terminal = Terminal("migrate", database, "results", "data")
    assert "results.data holds pickles" in " ".join(terminal.read(until="[Y/n]").split())
    terminal.type(b"\n")
    assert terminal.end() == 0
    assert run_json("info", database)["enabled"][0]["envelope"] == "pickle"
    run("restore", database, "results", "data")
    done = run("migrate", database, "results", "data", "--dry-run")
    assert "--envelope=pickle" in done.stderr and done.exit_code == 0


def test_control_c(database: Path) -> None:
    before = values(database)
    terminal = Terminal("migrate", database, "results", "data", "--batch-size=1M", "--pace=0.01", "--envelope=frame")
    terminal.read(until="ratio")
    terminal.type(b"\x03")
    assert terminal.end() == 128 + signal.SIGINT
    assert "Run the same command again to go on" in terminal.output.replace("\r\n", " ")
    assert "Traceback" not in terminal.output
    assert values(database) == before
    assert "was interrupted" in run("info", database).stdout
    report = run_json("migrate", database, "results", "data")
    assert (report["resumed"], report["changed_rows"]) == (True, ROWS)
    assert values(database) == before


def test_voxels_beside_their_shape(tmp_path: Path, brain: sitk.Image) -> None:
    """analyze, migrate and status with --dtype-from and --shape-from."""
    path, voxels = tmp_path / "store.db", sitk.GetArrayFromImage(brain)[80:84]
    said = json.dumps({"dtype": str(voxels.dtype), "shape": voxels.shape})
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE scans(id INTEGER PRIMARY KEY, voxels BLOB, about TEXT)")
    db.execute("INSERT INTO scans VALUES (1, ?, ?)", (voxels.tobytes(), said))
    db.close()
    place = (path, "scans", "voxels")
    hint = ("--dtype-from", "about ->> '$.dtype'", "--shape-from", "json_extract(NEW.about, '$.shape')")
    done = run("analyze", *place, "--seconds", 1, *hint)
    assert "raw voxels: uint8, 197 x 233 x 4" in done.stdout
    command = next(line for line in done.stdout.splitlines() if line.strip().startswith("sqlite-zblob migrate"))
    assert run(*shlex.split(command)[1:]).exit_code == 0
    assert run_json("info", *place, 1)["images"][0]["source"] == "options"
    line = "scans.voxels: dtype from about ->> '$.dtype', shape from json_extract(NEW.about, '$.shape')"
    assert line in run("status", path).stdout
    done = run("migrate", *place, "--dtype-from", "random()")
    assert done.exit_code == 1 and "dtype_from must be an expression over the row's columns" in done.stderr
    assert run("migrate", *place, "--dtype-from", "", "--shape-from", "").exit_code == 0
    assert run_json("status", path)["items"][0]["dtype_from"] is None
