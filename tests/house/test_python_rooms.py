"""Which room of the package may import which; no circle of files; no extra imported with the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ..conftest import ROOT
from . import exceptions
from .circles import circles
from .python_files import FILES, PACKAGE, absolute_imports_of, imports_of

# From the ground up: a file imports from its own room and from those before it.
ROOMS = [
    "errors",
    "units",
    "choices",
    "log",
    "bars",
    "descriptions",
    "readings",
    "_interface",
    "arguments",
    "_codec",
    "codec",
    "chunks",
    "holes",
    "unpickle",
    "connect",
    "column",
    "image_rows",
    "parts",
    "images",
    "migration",
    "analysis",
    "shards",
    "integrations",
    "exchange",
    "bench",
    "cli",
]


def room_of(file: str) -> str:
    return Path(file).with_suffix("").parts[0]


def may_import(room: str) -> set[str]:
    if room == "__main__":
        return {"cli"}
    if room == "__init__":  # what the package offers
        return set(ROOMS) - {"bench", "cli"}
    return set(ROOMS[: ROOMS.index(room) + 1])


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_rooms_import_what_they_may() -> None:
    assert {room_of(name_of(path)) for path in FILES} == {*ROOMS, "__init__", "__main__"}
    against = {
        f"{name_of(path)} imports {target}"
        for path in FILES
        for target in imports_of(path)
        if room_of(target) not in may_import(room_of(name_of(path)))
    }
    exceptions.expect(against, exceptions.PYTHON_ARROWS)


def test_no_circle_of_files() -> None:
    exceptions.expect(circles({name_of(path): imports_of(path) for path in FILES}), exceptions.PYTHON_CIRCLES)


def test_lazy_imports_are_seen() -> None:
    assert "integrations/dask/__init__.py" in imports_of(PACKAGE / "cli" / "options.py")
    assert circles({"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": ["d"], "e": ["a"]}) == {
        frozenset("abc"),
        frozenset("d"),
    }


def test_the_package_imports_itself_relatively() -> None:
    for path in FILES:
        assert not [name for name in absolute_imports_of(path) if name.split(".")[0] == "sqlite_zblob"], name_of(path)


def test_importing_the_package_imports_no_extra() -> None:
    extras = ["numpy", "SimpleITK", "zstandard", "lz4", "brotli", "nilearn", "pydicom", "rich", "click"]
    extras += [
        "dask",
        "distributed",
        "matplotlib",
        "zarr",
        "numcodecs",
        "sqlalchemy",
        "django",
        "datasette",
        "joblib",
        "obstore",
    ]
    script = f"import sys, sqlite_zblob; print([name for name in {extras} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
