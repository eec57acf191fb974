"""Rules for the tests themselves: data is shared through tests/samples, the independent decoder is independent."""

from __future__ import annotations

from pathlib import Path

from ..conftest import ROOT
from .python_files import absolute_imports_of, imports_of

TESTS = ROOT / "tests"
FILES = sorted(TESTS.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Files of tests/ that a file imports, in either way."""
    names = [name.split(".")[1:] for name in absolute_imports_of(path) if name.split(".")[0] == "tests"]
    return imports_of(path, TESTS) | {Path(*name).with_suffix(".py").as_posix() for name in names if name}


def test_no_test_file_is_imported() -> None:
    for path in [*FILES, *(ROOT / "tools").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]:
        names = imported(path) if path.is_relative_to(TESTS) else absolute_imports_of(path)
        assert [name for name in names if Path(name).name.startswith("test_") or ".test_" in name] == [], path


def test_samples_know_no_other_room() -> None:
    for path in (TESTS / "samples").glob("*.py"):
        assert [name for name in imported(path) if not name.startswith("samples/")] == [], path.name


def test_the_independent_decoder_shares_no_code() -> None:
    decoders = sorted((TESTS / "compat").glob("*decoder.py"))
    assert len(decoders) > 3
    for path in decoders:
        if not path.name.startswith("test_"):
            assert [name for name in absolute_imports_of(path) if name.startswith("sqlite_zblob")] == [], path.name
            assert [name for name in imported(path) if not name.startswith("compat/")] == [], path.name


def test_every_room_of_the_code_has_tests() -> None:
    rooms = [path for path in (ROOT / "sqlite_zblob").iterdir() if (path / "__init__.py").is_file()]
    rooms += [ROOT / "csrc" / "codec" / name for name in ("base", "sniff", "chunk", "voxel", "frame")]
    rooms += [ROOT / "csrc" / "sqlite" / name for name in ("functions", "table")]
    for room in rooms:
        place = TESTS / room.relative_to(ROOT).relative_to(room.relative_to(ROOT).parts[0])
        assert list(place.glob("test_*.py")), f"no tests in {place.relative_to(ROOT)}"
