"""What files of csrc/ need of one another, as their object files say it: no circle, nothing missing, nothing unused."""

from __future__ import annotations

import platform
import re

import pytest

from ..conftest import ROOT
from . import exceptions
from .c_files import CSRC, FILES, declared_symbols, name_of, object_symbols
from .circles import circles, reachable

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="x86's kernels are not built here"
)

HEADERS = [path for path in FILES if path.suffix == ".h"]
Symbols = dict[str, tuple[set[str], set[str]]]
ENTRY_POINTS = {"sqlite3_zblob_init", "sqlite3_zblob_auto_init"}  # called by SQLite


@pytest.fixture(scope="module")
def symbols(tmp_path_factory: pytest.TempPathFactory) -> Symbols:
    return object_symbols(tmp_path_factory.mktemp("objects"))


def calls(symbols: Symbols) -> dict[str, set[str]]:
    """Every file with the files whose functions or tables it uses."""
    owners = {symbol: file for file, (own, _) in symbols.items() for symbol in own - {"sqlite3_api"}}
    return {
        file: {owners[symbol] for symbol in needed if symbol in owners} - {file}
        for file, (_, needed) in symbols.items()
    }


def test_what_is_declared_is_defined(symbols: Symbols) -> None:
    defined = set().union(*(own for own, _ in symbols.values()))
    undefined = {
        f"{name_of(header)} declares {symbol}"
        for header in HEADERS
        for symbol in declared_symbols(header)
        if symbol not in defined
    }
    exceptions.expect(undefined, exceptions.C_UNDEFINED)


def test_what_is_visible_is_declared_and_used(symbols: Symbols) -> None:
    """The interface's functions are used by the SQL functions or from Python; all others by another file."""
    declared = set().union(*(declared_symbols(header) for header in HEADERS))
    importers = [(ROOT / "sqlite_zblob" / name).read_text() for name in ("codec.py", "chunks.py")]
    by_python = set(re.findall(r"\blib\.(\w+)", "".join(importers)))
    exported = set()
    for file, (own, _) in symbols.items():
        used = by_python.union(*(needed for other, (_, needed) in symbols.items() if other != file))
        exported |= {f"{file} exports {symbol}" for symbol in own - ENTRY_POINTS - (declared & used)}
    exceptions.expect(exported, exceptions.C_EXPORTED)


def test_no_circle_of_calls(symbols: Symbols) -> None:
    exceptions.expect(circles(calls(symbols)), exceptions.C_CALL_CIRCLES)


def test_a_decoder_needs_nothing_of_choose(symbols: Symbols) -> None:
    choose = {file for file in symbols if file.startswith("codec/voxel/choose/")}
    assert choose & reachable(calls(symbols), "codec/frame/compress.c")
    reached = reachable(calls(symbols), "codec/frame/decompress.c")
    assert {"codec/voxel/intensity.c", "codec/voxel/label/codec.c", "codec/voxel/wide/codec.c"} <= reached
    assert choose & reached == set()


def test_these_tests_see_what_there_is(symbols: Symbols) -> None:
    assert {"zblob_compress", "zblob_decompress", "zblob_describe"} <= declared_symbols(CSRC / "zblob.h")
    assert {"zblob_compress"} <= symbols["codec/frame/compress.c"][0]
    assert {"zblob_compress"} <= symbols["sqlite/functions/scalar.c"][1]
    assert {"table_register"} <= symbols["sqlite/table/module.c"][0]
