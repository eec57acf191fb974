"""Run this checkout with old and new Pythons, SQLites and NumPys: `python tools/versions.py`, after `python build.py`.

    python tools/versions.py             every row below whose Python is on this machine
    python tools/versions.py 3.44.0.0    those with this version of APSW

Each row gets a virtual environment in build/versions and runs tests/platforms/check.py there. Then each writes a
database; SQLites that are older than any APSW that the package takes read and rewrite them all with the extension alone
(tests/platforms/alone.py); and every row reads them all: files must not depend on what wrote them. One library serves
all rows: it is compiled once.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "build" / "versions"


class Row(NamedTuple):
    python: str
    apsw: str
    numpy: str


# APSW's numbers begin with those of the SQLite that it carries.
ROWS = [
    Row("3.10", "3.44.0.0", "1.24.4"),  # the oldest that the package takes
    Row("3.11", "3.46.1.0", "1.26.4"),
    Row("3.12", "3.50.4.0", "2.0.2"),
    Row("3.12", "3.51.2.0", "2.2.6"),  # the last one with the WAL-reset bug
    Row("3.13", "3.51.3.0", "2.2.6"),
    Row("3.13", "3.54.1.0", "2.3.5"),
]


class Alone(NamedTuple):
    """The extension in a program that has no package of ours."""

    python: str
    pysqlite3: str
    sqlite: str


ALONE = [
    Alone("3.8", "0.4.2", "3.31.1"),  # the oldest that the extension takes
    Alone("3.8", "0.4.4", "3.33.0"),
    Alone("3.8", "0.4.6", "3.36.0"),
]

WRITE = """
import sys, apsw, sqlite_zblob as zb
db = apsw.Connection(sys.argv[1])
zb.load(db)
db.execute("CREATE TABLE a(id INTEGER PRIMARY KEY, data); CREATE TABLE b(id INTEGER PRIMARY KEY, data)")
values = [(bytes(range(256)) * 40,), ("text and more " * 300,), (None,), (2.5,), (b"small",)]
db.executemany("INSERT INTO a(data) VALUES (?)", values)
db.close()
zb.migrate(sys.argv[1], "a", "data")
db = apsw.Connection(sys.argv[1])
zb.load(db)
db.execute("CREATE VIRTUAL TABLE v USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED)")
db.execute("INSERT INTO v SELECT id, zdecompress(data) FROM a")
"""

READ = """
import sys, apsw, sqlite_zblob as zb
values = [bytes(range(256)) * 40, "text and more " * 300, None, 2.5, b"small"]
for path in sys.argv[1:]:
    db = apsw.Connection(path)
    zb.load(db)
    for sql in ("SELECT zdecompress(data) FROM a ORDER BY id", "SELECT data FROM v ORDER BY id"):
        assert [value for value, in db.execute(sql)] == values, (path, sql)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], path
    db.close()
    assert not zb.verify(path, "a", "data").damages
"""


def interpreter(version: str) -> Path | None:
    found = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    other = shutil.which(f"python{version}")
    return found[-1] if found else Path(other) if other else None


def environment(row: Row | Alone, *packages: str) -> Path | str:
    """Its Python, with these packages, or why there is none."""
    folder, base = KEPT / "-".join(row), interpreter(row.python)
    python = folder / "bin" / "python"
    if base is None:
        return f"no Python {row.python} on this machine"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([str(base), "-m", "venv", str(folder)], check=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *packages]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return "pip: " + done.stderr.strip().splitlines()[-1]
        (folder / "done").touch()
    return python


def run(python: Path, *arguments: str) -> str:
    """The end of what it prints if it fails."""
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    command = [str(python), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return "ok" if done.returncode == 0 else (lines or ["no output"])[-1]


def try_alone(row: Alone, files: list[str]) -> str:
    python = environment(row, f"pysqlite3-binary=={row.pysqlite3}")
    if isinstance(python, str):
        return python
    return run(python, "tests/platforms/alone.py", row.sqlite, str(ROOT / "sqlite_zblob" / "zblob"), *files)


def main() -> None:
    wanted = sys.argv[1:]
    rows = [row for row in ROWS if not wanted or row.apsw in wanted]
    results: dict[Row, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        pythons: dict[Row, Path] = {}
        for row in rows:
            python = environment(row, f"apsw=={row.apsw}", f"numpy=={row.numpy}", "cffi", "click", "rich")
            if isinstance(python, str):
                results[row] = [python]
                continue
            pythons[row] = python
            check = run(python, "tests/platforms/check.py", f"{folder}/work {'-'.join(row)}")
            written = run(python, "-c", WRITE, f"{folder}/{'-'.join(row)}.db")
            results[row] = [check, written]
        files = [str(path) for path in sorted(Path(folder).glob("*.db"))]
        alone = {each: try_alone(each, files) for each in ALONE}
        for row, python in pythons.items():
            results[row].append(run(python, "-c", READ, *files))
    print("| Python | APSW | NumPy | check.py | writes | reads all files |\n|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row.python} | {row.apsw} | {row.numpy} | {' | '.join(results[row])} |")
    print("\n| Python | SQLite | functions, reads and rewrites all files |\n|---|---|---|")
    for old, result in alone.items():
        print(f"| {old.python} | {old.sqlite} | {result} |")
    sys.exit(any(result != "ok" for each in [*results.values(), alone.values()] for result in each))


if __name__ == "__main__":
    main()
