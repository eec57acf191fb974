"""Every file says what it is for and stays short; versions and names are the same wherever they stand."""

from __future__ import annotations

import re
from pathlib import Path

import sqlite_zblob as zb

from ..conftest import ROOT
from . import exceptions
from .c_files import FILES as C_FILES

LONGEST = 600  # lines
SQLITE = ROOT / "csrc" / "sqlite"

PYTHON_FILES = [ROOT / "build.py"]
for folder in ("benchmarks", "building", "sqlite_zblob", "tests", "tools"):
    PYTHON_FILES += sorted((ROOT / folder).rglob("*.py"))
FILES = [*C_FILES, *sorted((ROOT / "tests").rglob("*.c")), *PYTHON_FILES]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_file_is_too_long() -> None:
    assert {name_of(path) for path in FILES if len(path.read_text().splitlines()) > LONGEST} == set()


def test_every_file_says_what_it_is_for() -> None:
    """An empty __init__.py needs no words."""
    silent = {name_of(path) for path in FILES if not path.read_text().startswith(("/*", '"""', "#!"))}
    assert {name for name in silent if (ROOT / name).read_text() or not name.endswith("__init__.py")} == set()


def test_names_of_files_do_not_repeat_the_folder() -> None:
    repeated = {
        name_of(path)
        for path in FILES
        if path.parent.name in path.stem.split("_") and path.is_relative_to(ROOT / "csrc") and path.parent != SQLITE
    }
    exceptions.expect(repeated, exceptions.C_NAMES)


def test_one_version() -> None:
    header = re.search(r'ZBLOB_VERSION "([^"]+)"', (ROOT / "csrc" / "zblob.h").read_text())
    assert header
    assert zb.__version__ == header[1]
    assert f"## {zb.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_names_are_the_same_in_document_struct_and_python() -> None:
    document, header = (ROOT / "docs" / "format.md").read_text(), (ROOT / "csrc" / "zblob.h").read_text()
    for name in ("version", "value_type", "codec", "level", "raw_size", "dictionary_id", "chunk_count"):
        assert f"`{name}`" in document
        assert re.search(rf"\b{name};", header)
        assert name in zb.FrameInfo.__dataclass_fields__
    for name in ("source", "dimension", "size", "spacing", "origin", "direction", "value_offset"):
        assert f"`{name}`" in document
        assert name in zb.ImageInfo.__dataclass_fields__
