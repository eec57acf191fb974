"""Connections of both kinds with the extension in them, and real images that ship in PyPI packages."""

from __future__ import annotations

import importlib.util
import os
import pickle
import re
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import hypothesis
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

ROOT = Path(__file__).resolve().parents[1]

# Servers and clusters that are killed and started again take half a minute each.
slow = pytest.mark.skipif(not os.environ.get("ZBLOB_SLOW"), reason="ZBLOB_SLOW=1 runs it")

CAN_LOAD = hasattr(sqlite3.Connection, "enable_load_extension")


# Each run of the tests tries the same examples, so that a change's own faults are what fails it. ZBLOB_EXAMPLES=20
# looks for new ones: twenty times as many, at random. A busy machine is no failure.
EXAMPLES = os.environ.get("ZBLOB_EXAMPLES")


def examples(count: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=count * int(EXAMPLES or 1),
        derandomize=EXAMPLES is None,
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )


hypothesis.settings.register_profile("zblob", examples(100))
hypothesis.settings.load_profile("zblob")


# Shells start jobs in the background with Ctrl-C ignored, which programs that tests start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def package_file(package: str, *parts: str) -> str:
    spec = importlib.util.find_spec(package)
    assert spec and spec.origin, f"{package} is not installed: pip install '.[test]'"
    return str(Path(spec.origin).parent.joinpath(*parts))


@pytest.fixture(scope="session")
def brain() -> sitk.Image:
    """An 8-bit T1 of a head, 197 x 233 x 189 voxels."""
    return sitk.ReadImage(
        package_file("nilearn", "datasets", "data", "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
    )


@pytest.fixture(scope="session")
def brain_pickle(brain: sitk.Image) -> bytes:
    return pickle.dumps(brain)


@pytest.fixture(scope="session")
def ct_pickle() -> bytes:
    return pickle.dumps(sitk.ReadImage(package_file("pydicom", "data", "test_files", "CT_small.dcm")))


def open_apsw(path: str = ":memory:") -> apsw.Connection:
    connection = apsw.Connection(path)
    zb.load(connection)
    return connection


def open_sqlite3(path: str = ":memory:", **options: Any) -> sqlite3.Connection:
    """As users of either kind of Python do: load() where it can, install() where it cannot."""
    if CAN_LOAD:
        connection: sqlite3.Connection = sqlite3.connect(path, **options)
        zb.load(connection)
        return connection
    zb.install()
    try:
        opened: sqlite3.Connection = sqlite3.connect(path, **options)
        return opened
    finally:
        zb.uninstall()


def open_autocommit(path: str = ":memory:") -> sqlite3.Connection:
    """The standard library's kind, without the transactions that it begins of its own accord."""
    return open_sqlite3(path, isolation_level=None)


@pytest.fixture(params=[open_apsw, open_sqlite3], ids=["apsw", "sqlite3"])
def open_connection(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Opens a connection with the extension in it, of the one kind and of the other."""
    opener: Callable[..., Any] = request.param
    return opener


@pytest.fixture(params=[open_apsw, open_autocommit], ids=["apsw", "sqlite3"])
def opener(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """The same, in autocommit mode both."""
    chosen: Callable[..., Any] = request.param
    return chosen


@pytest.fixture
def db(opener: Callable[..., Any]) -> Iterator[Any]:
    """A database in memory, through either kind of connection, in autocommit mode."""
    connection = opener()
    yield connection
    connection.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a database may be made."""
    return str(tmp_path / "store.db")


def row(connection: Any, sql: str, *bindings: Any) -> Any:
    """The first row of a query. ?1, ?2 ... become names: sqlite3 will not take numbers any more."""
    if "?1" in sql:
        named = {f"p{number}": value for number, value in enumerate(bindings, 1)}
        return connection.execute(re.sub(r"\?(\d)", r":p\1", sql), named).fetchone()
    return connection.execute(sql, bindings).fetchone()


def one(connection: Any, sql: str, *bindings: Any) -> Any:
    """The first value of a query."""
    values = row(connection, sql, *bindings)
    return values[0] if values is not None else None
