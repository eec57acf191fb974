"""Question 7: stores that exist already: old rows, old readers, the way back, what that costs, and what was tested."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from ...bench import methods
from ...column.storage import disable, enable
from ...errors import ZblobWarning
from ..harness import timed
from ..inputs import Subject
from ..markdown import answer, number, size, table
from ..results import Row
from .store import choose

NAME = "migration"
TITLE = "Can an existing store be converted, and converted back?"

MOST_BYTES = 60_000_000
SMALL_ROWS = 1000
MODES = ("functions", "in place, frame", "in place, pickle", "virtual table")


def measure(bench: Any) -> tuple[list[Row], Row]:
    subjects = choose(bench.subjects, MOST_BYTES)
    rows: list[Row] = []
    for mode in MODES:
        rows += bench.take(mode, len(MODES), _measure_one, mode, subjects, bench.work)
    return rows, {"images": len(subjects), "small_rows": SMALL_ROWS, "raw_size": sum(one.size for one in subjects)}


def _measure_one(mode: str, subjects: list[Subject], work: Path) -> list[Row]:
    path = work / "legacy.db"
    path.unlink(missing_ok=True)
    values = _legacy(path, subjects)
    before = _content(path)
    raw = sum(len(value) for value in values.values())
    connection = _open(path)
    rows: list[Row] = []

    def step(name: str, action: Callable[[], Any], check: Callable[[], bool]) -> None:
        done, seconds = timed(action)
        row: Row = {"mode": mode, "step": name, "seconds": seconds, "speed": raw / 1e6 / seconds}
        rows.append(row | {"is_right": int(done is not False and check()), "file_size": path.stat().st_size})

    step("switch on", lambda: _switch_on(mode, connection), lambda: _reads(mode, connection, values))
    step("compress old rows", lambda: _compress(mode, connection), lambda: _reads(mode, connection, values))
    step("VACUUM", lambda: _vacuum(connection), lambda: _reads(mode, connection, values))
    step("verify", lambda: _verify(mode, connection), lambda: _is_compressed(mode, connection))
    step("back to plain", lambda: _back(mode, connection), lambda: True)
    connection.close()
    rows[-1]["is_right"] = int(_content(path) == before)
    return rows


def _legacy(path: Path, subjects: list[Subject]) -> dict[str, bytes]:
    """A store as it was made with the standard sqlite3 module before this library was used."""
    values = {subject.name: subject.value() for subject in subjects}
    values |= {f"small {i}": json.dumps({"seed": i}).encode() * (i % 40 + 1) for i in range(SMALL_ROWS)}
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(methods.PLAIN_SCHEMA)
    statement = methods.INSERT.format("?")
    connection.execute("BEGIN")
    for key, value in values.items():
        connection.execute(statement, (key, value, "image", len(value)))
    connection.execute("COMMIT")
    connection.close()
    return values


def _content(path: Path) -> str:
    """A hash of every row and of the schema (quoting aside), as a reader without this library sees them."""
    connection = sqlite3.connect(path)
    digest = hashlib.sha256()
    for row in connection.execute("SELECT rowid, * FROM results ORDER BY operation_id"):
        digest.update(repr(row).encode())
    names = connection.execute(
        "SELECT type, name, replace(sql, '\"', '') FROM sqlite_schema WHERE name LIKE 'results%' ORDER BY 2"
    )
    digest.update(repr(names.fetchall()).encode())
    connection.close()
    return digest.hexdigest()


def _open(path: Path) -> apsw.Connection:
    plain = methods.find_method("functions/5")
    return methods.open_store(plain, str(path))


def _switch_on(mode: str, connection: apsw.Connection) -> None:
    if mode == "virtual table":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZblobWarning)  # about CREATE INDEX, which the store here does not run again
            enable(connection, "results", "data", mode="table")
    elif mode != "functions":
        enable(connection, "results", "data", envelope="pickle" if mode.endswith(" pickle") else "frame")


def _compress(mode: str, connection: apsw.Connection) -> None:
    with connection:
        if mode == "functions":
            connection.execute("UPDATE results SET data = zcompress(data, '{\"min_size\": 512}')")
        else:
            connection.execute("UPDATE results SET data = data")  # the triggers, or the virtual table, do the rest


def _vacuum(connection: apsw.Connection) -> None:
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _reads(mode: str, connection: apsw.Connection, values: dict[str, bytes]) -> bool:
    expression = "data" if mode == "virtual table" else "zdecompress(data)"
    found = connection.execute(f"SELECT operation_id, {expression} FROM results")
    return dict(found) == values


def _rows(mode: str) -> str:
    return "results_rows" if mode == "virtual table" else "results"


def _verify(mode: str, connection: apsw.Connection) -> bool:
    return methods.query(connection, f"SELECT DISTINCT zverify(data) FROM {_rows(mode)}") == [("ok",)]


def _is_compressed(mode: str, connection: apsw.Connection) -> bool:
    """Is every image stored as a frame, or as a pickle around one?"""
    expression = "zlength(data) > length(data)" if mode == "in place, pickle" else "zis_frame(data)"
    images = f"FROM {_rows(mode)} WHERE operation_id NOT LIKE 'small %'"
    return methods.query(connection, f"SELECT DISTINCT {expression} {images}") == [(1,)]


def _back(mode: str, connection: apsw.Connection) -> None:
    if mode != "functions":
        disable(connection, "results", "data")
    if mode != "virtual table":
        with connection:
            connection.execute("UPDATE results SET data = zdecompress(data)")
    connection.execute("DROP TABLE IF EXISTS zblob_columns")


def render(report: Any) -> list[str]:
    rows, facts = report.rows(NAME), report.facts(NAME)
    by = {(row["mode"], row["step"]): row for row in rows}
    modes = list(dict.fromkeys(row["mode"] for row in rows))
    steps = list(dict.fromkeys(row["step"] for row in rows))
    lines = [
        (
            mode,
            *(_seconds(by[mode, step]["seconds"]) for step in steps),
            number(by[mode, "VACUUM"]["file_size"] / 1e6),
            "yes" if all(by[mode, step]["is_right"] for step in steps) else "NO",
        )
        for mode in modes
    ]
    _plot(report, by, modes)
    tested = [
        "**What was tested, in every mode**: existing rows stay readable when compression is switched on, beside "
        "compressed ones; when they are compressed, every value is still read byte for byte; `zverify` finds "
        "every frame intact; after the way back, Python's own `sqlite3`, without this library, finds the rows and the "
        "schema of before.",
        "",
    ]
    return [
        *answer(_answer(rows, by, modes)),
        *report.image(NAME, "Conversion of an existing store: seconds for each step"),
        f"A store made by `sqlite3`: {facts['images']} images ({number(facts['raw_size'] / 1e6)} MB) and "
        f"{facts['small_rows']:,} small rows. Seconds.",
        "",
        *table(("way", *steps, "file after VACUUM, MB", "all checks passed"), lines),
        *tested,
        *_engine(report),
    ]


def _seconds(seconds: float) -> str:
    return number(seconds) if seconds >= 0.001 else "0"


def _engine(report: Any) -> list[str]:
    """The figures that the benchmark of `migrate` has measured, with a reader and a writer at the same time."""
    lines: list[str] = []
    for path in sorted(report.results.parent.glob("migrate*.json")):
        found = json.loads(path.read_text()).get("migration", {})
        if {"raw_bytes", "stored_bytes", "seconds", "rows", "missed_rows", "peak MB"} <= set(found):
            lines.append(
                f"- `sqlite-zblob migrate`, mode {found['mode']}, under readers and writers: {found['rows']:,} rows,"
                f" {size(found['raw_bytes'])} to {size(found['stored_bytes'])} in {number(found['seconds'])} s "
                f"({number(found['raw_bytes'] / 1e6 / found['seconds'])} MB/s), {len(found['failures'])} failed, "
                f"{found['missed_rows']} were changed by others meanwhile, peak memory {number(found['peak MB'])} MB "
                f"([{path.name}]({report.link(path)}))."
            )
    return [*lines, ""] if lines else []


def _answer(rows: list[Row], by: dict[tuple[str, str], Row], modes: list[str]) -> str:
    if not all(row["is_right"] for row in rows):
        return "Not everywhere: the table says which check failed."
    forth = [by[mode, "compress old rows"]["speed"] for mode in modes]
    back = [by[mode, "back to plain"]["speed"] for mode in modes]
    return (
        f"Yes: old rows stay readable from the first moment, they are compressed at {number(min(forth))} to "
        f"{number(max(forth))} MB/s and brought back at {number(min(back))} to {number(max(back))} MB/s, after which "
        "rows and schema are those of before."
    )


def _plot(report: Any, by: dict[tuple[str, str], Row], modes: list[str]) -> None:
    steps = ("compress old rows", "VACUUM", "back to plain")
    with report.figure(NAME, height=2.6) as (figure, (axes,)):
        for i, step in enumerate(steps):
            places = [j + (1 - i) * 0.26 for j in range(len(modes))][::-1]
            seconds = [by[mode, step]["seconds"] for mode in modes]
            bars = axes.barh(places, seconds, 0.24, color=report.color(step), label=step)
            axes.bar_label(bars, [number(one) for one in seconds], padding=3, fontsize=8)
        axes.set_yticks(range(len(modes)), modes[::-1])
        axes.set_xlabel("seconds")
        axes.margins(x=0.1)
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=3, frameon=False)
