"""What the commands print on terminals of 60, 80 and 120 columns, and where there is no terminal."""

from __future__ import annotations

import json
import pickle
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from click.testing import CliRunner
from rich.cells import cell_len

import sqlite_zblob as zb
from sqlite_zblob.analysis.strata import Estimate
from sqlite_zblob.bench import demo as bench_demo
from sqlite_zblob.cli import cli, look, render

from ..conftest import ROOT, open_apsw

NAME = "measurements_of_the_second_series.reconstructed_volume"
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A column with a long name and values of several kinds, another that is compressed, and one that is damaged."""
    path = tmp_path_factory.mktemp("terminal") / "store.db"
    db = open_apsw(str(path))
    table, column = NAME.split(".")
    db.execute(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, {column} BLOB); CREATE TABLE t(v BLOB)")
    rng = np.random.default_rng(1)
    walk = rng.integers(-9, 10, (12, 64, 64)).cumsum(axis=2)
    made: list[Any] = [pickle.dumps(walk.astype("i2")), pickle.dumps((walk > 0).astype("u1")), rng.bytes(90_000)]
    made += [json.dumps(list(range(9000))).encode()]
    with db:
        db.executemany(f"INSERT INTO {table}({column}) VALUES (?)", [(made[n % 4],) for n in range(12)])
        db.executemany("INSERT INTO t VALUES (?)", [(each,) for each in made])
    zb.migrate(db, "t", "v")
    blob = db.blob_open("main", "t", "v", 1, True)
    blob.seek(blob.length() - 5)
    blob.write(b"damaged"[:5])
    blob.close()
    db.close()
    return path


def a_demo() -> bench_demo.Result:
    """The committed results."""
    kept = json.loads((ROOT / "benchmarks" / "results" / "demo.json").read_text())
    fields = {name: kept[name] for name in ("machine", "images", "row_count", "raw_size", "rounds")}
    return bench_demo.Result(**fields, rows=[bench_demo.Row(**each) for each in kept["rows"]])


def printed(width: int, *arguments: str, is_terminal: bool = True, **variables: str) -> str:
    environment: dict[str, str | None] = {"COLUMNS": str(width), "TERM": "xterm-256color", "FORCE_COLOR": None}
    environment |= {"NO_COLOR": None, "TTY_COMPATIBLE": "1" if is_terminal else "0"} | variables
    done = CliRunner(env=environment).invoke(cli, arguments)
    assert done.exit_code in (0, 1) and not isinstance(done.exception, (AssertionError, TypeError)), done.output
    return done.stdout


def the_demo(width: int, monkeypatch: pytest.MonkeyPatch, is_terminal: bool = True) -> str:
    monkeypatch.setattr(bench_demo, "run", lambda *rest: a_demo())
    return printed(width, "demo", is_terminal=is_terminal)


def commands(database: Path) -> Iterator[tuple[str, ...]]:
    yield "analyze", str(database), "--seconds=0.5"
    yield "stats", str(database)
    yield "status", str(database)
    yield "info", str(database)
    yield "verify", str(database)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_longer_and_no_figure_is_broken(database: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken figures would not be found in the output of a wide terminal, where everything fits."""
    path = str(database)
    for command in commands(database):
        text = plain(printed(width, *command))
        assert not any(
            cell_len(line.rstrip()) > width for line in text.splitlines() if path not in line and NAME not in line
        ), text
        assert not re.search(r"\d\.\n|\n *[.,]\d", text), text
    assert NAME in plain(printed(width, "analyze", path, "--seconds=0.5"))
    text = plain(the_demo(width, monkeypatch))
    assert all(cell_len(line.rstrip()) <= width for line in text.splitlines()), text
    for row in a_demo().rows:
        assert row.label in text
        assert re.search(rf"(?<![\d.]){row.file_size / 1e6:.1f}(?![\d.])", text)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_plain_lines_where_there_is_no_terminal(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in commands(database):
        text = printed(60, *command, is_terminal=False)
        assert "\x1b" not in text and not re.search("[\u2500-\u257f]", text)
    text = the_demo(60, monkeypatch, is_terminal=False)
    assert "\x1b" not in text and not re.search("[\u2500-\u257f]", text)
    lines = text.splitlines()
    assert all(any(line.startswith(row.label) for line in lines) for row in a_demo().rows)  # one line per row


def test_no_colour_where_none_is_wanted(database: Path) -> None:
    for command in commands(database):
        assert not COLOUR.search(printed(80, *command, NO_COLOR="1"))


@pytest.mark.parametrize("cells", range(8, 40))
def test_a_table_that_just_fits_or_just_does_not(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies between columns counts as well: nothing is cut off at any width."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    out = render.console()
    with out.capture() as capture:
        render.print_table(out, ["column", "values", "ratio"], [("n" * cells, "1,234", "97.9 MB")])
    text = re.sub(r"\x1b\[[0-9;]*m", "", capture.get())
    assert "n" * cells in text and "1,234" in text and "97.9 MB" in text and "values" in text and "ratio" in text
    assert "\u2026" not in text and max(map(cell_len, text.splitlines())) <= 40


@pytest.mark.parametrize("width", [60, 80, 120])
def test_texts_stay_whole_where_lines_end(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes of images, figures with their units, and words; a command is one for a shell, whatever the width."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    out, sizes = render.console(), [f"{n} x 512 x 61" for n in range(100, 130)]
    command = "sqlite-zblob migrate 'a store.db' results data --mode=in-place --envelope=pickle --level=5 --vacuum"
    with out.capture() as capture:
        render.print_text(out, f"  100% SimpleITK pickle: int16, {'; '.join(sizes)}; {'1,234.5 MB, ' * 20}", hang=4)
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= width and all(line.startswith("    ") for line in lines[1:])
    assert all(any(size in line for line in lines) for size in sizes) and not any(
        line.endswith("1,234.5") for line in lines
    )
    with out.capture() as capture:
        render.print_command(out, command)
    assert max(map(len, capture.get().splitlines())) <= width
    assert shlex.split(capture.get().replace("\\\n", "")) == shlex.split(command)


def test_help_fits_narrow_terminals() -> None:
    for name in (None, *cli.commands):
        text = CliRunner().invoke(cli, [*([name] if name else []), "--help"], terminal_width=60).stdout
        assert all(cell_len(line) <= 60 for line in text.splitlines()), text


def test_what_cannot_be_judged_has_no_figure() -> None:
    """One value of many was looked at: no range is known."""
    assert look._range(Estimate(4.0, None, None), 1, "") == "?" and Estimate(4.0, None, None).is_vague
    assert look._size_then(Estimate(4e6, None, None)) == "?"
    assert look._size_then(Estimate(4e6, 1e6, 5e6)) == "1.0 MB to 5.0 MB"
    assert look._range(Estimate(4.0, 3.0, 5.0), 1, "") == "4.00 (3.00-5.00)"


def test_a_level_that_was_not_judged_hides_no_other() -> None:
    def setting(level: int, low: float) -> Any:
        ratio = Estimate(3.0, low, 3.1)
        return SimpleNamespace(codec="auto", level=level, ratio=ratio, seconds=ratio, is_like=lambda other: True)

    settings = [setting(3, 0.1), setting(4, 2.9), setting(5, 2.9), setting(6, 0.1)]
    column = SimpleNamespace(settings=settings, setting=lambda codec, level: settings[level - 3])
    groups: Any = look._distinct(cast(Any, column))
    assert [[each.level for each in group] for group in groups] == [[3], [4, 5], [6]]


def test_levels_that_change_nothing_are_one_row(tmp_path: Path) -> None:
    path = tmp_path / "short.db"
    db = open_apsw(str(path))
    db.execute("CREATE TABLE events(body TEXT)")
    rows = [
        (json.dumps({"number": n, "user": f"user-{n % 7}", "kind": "login", "from": "north"}),) for n in range(2000)
    ]
    with db:
        db.executemany("INSERT INTO events VALUES (?)", rows)
    db.close()
    text = printed(80, "analyze", str(path), "--seconds=1", is_terminal=False)
    assert re.search(r"^auto +\* +1-9 \(5\) +1\.00 ", text, re.MULTILINE), text
