"""Getting the functions into connections: both libraries in one process, threads, closing, forking, the shell."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb
from sqlite_zblob._codec import LIBRARY

from ..conftest import CAN_LOAD, ROOT, one, open_apsw, open_sqlite3
from ..house.c_files import declared_symbols

EXTENSION = str(LIBRARY)


def run_python(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_two_libraries_differ_here() -> None:
    """What the tests below prove needs two SQLite libraries in the process, as every wheel of APSW brings."""
    assert apsw.sqlite_lib_version() != sqlite3.sqlite_version


def test_load_twice_keeps_the_configuration(db: Any) -> None:
    one(db, "SELECT zblob_config('level', 3)")
    zb.load(db)
    assert one(db, "SELECT zblob_config('level')") == 3


def test_load_leaves_the_permission_as_it_was() -> None:
    switch = apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION
    for allowed in (0, 1):
        connection = apsw.Connection(":memory:")
        connection.config(switch, allowed)
        zb.load(connection)
        assert connection.config(switch, -1) == allowed


def test_load_where_sqlite3_cannot() -> None:
    connection = sqlite3.connect(":memory:")
    if CAN_LOAD:
        zb.load(connection)
        assert one(connection, "SELECT zblob_version()") == zb.__version__
        with pytest.raises(sqlite3.OperationalError, match="not authorized"):
            connection.execute("SELECT load_extension('x')")
    else:
        with pytest.raises(zb.LoadError, match=r"call sqlite_zblob\.install\(\) before"):
            zb.load(connection)
    connection.close()


@pytest.mark.parametrize("given", [None, 5, "store.db", b"store.db", sqlite3.connect, sqlite3.Connection, Path("x")])
@pytest.mark.parametrize("function", [zb.load, zb.decode_rows])
def test_other_things_than_connections(function: Any, given: Any) -> None:
    with pytest.raises(zb.WrongTypeError, match=r"expected a sqlite3\.Connection, an apsw\.Connection or an") as caught:
        function(given)
    assert isinstance(caught.value, TypeError | zb.ZblobError)
    assert ("open the database first" in str(caught.value)) == isinstance(given, str | bytes)


@pytest.mark.parametrize("given", [None, 5, sqlite3.connect])
def test_other_functions_take_connections_and_paths_alone(given: Any) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: zb.enable(given, "t", "c"),
        lambda: zb.disable(given, "t", "c"),
        lambda: zb.recommend(given, "t", "c"),
        lambda: zb.status(given),
    ]
    calls += [lambda: zb.verify(given), lambda: zb.analyze(given), lambda: zb.migrate(given, "t", "c")]
    for call in calls:
        with pytest.raises(zb.WrongTypeError, match="expected a "):
            call()


class Proxy:
    """As wrapt makes them, for OpenTelemetry and others: it claims the class of what it wraps."""

    def __init__(self, wrapped: Any) -> None:
        self.__wrapped__ = wrapped

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self.__wrapped__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def cursor(self) -> Any:
        return Proxy(self.__wrapped__.cursor())


def test_connections_behind_a_proxy(open_connection: Callable[[], Any]) -> None:
    db: Any = Proxy(open_connection())
    zb.load(db)
    db.execute("CREATE TABLE t(data)")
    enabled = zb.enable(db, "t", "data")
    assert zb.status(db) == [enabled]
    zb.decode_rows(db)
    assert db.execute("SELECT zcompress(?)", ("text" * 1000,)).fetchone() == ("text" * 1000,)
    db.close()


@pytest.mark.parametrize("opener", [sqlite3.connect, apsw.Connection])
def test_a_closed_connection(opener: Callable[[str], Any]) -> None:
    connection = opener(":memory:")
    connection.close()
    with pytest.raises(zb.LoadError, match="closed"):
        zb.load(connection)


def test_a_connection_of_another_thread() -> None:
    connection = sqlite3.connect(":memory:")
    with ThreadPoolExecutor(1) as pool, pytest.raises(zb.LoadError, match="thread"):
        pool.submit(zb.load, connection).result()
    connection.close()


def test_install_and_uninstall() -> None:
    zb.install()
    zb.install()
    try:
        for connect in (sqlite3.connect, apsw.Connection):
            connection = connect(":memory:")
            assert one(connection, "SELECT zblob_version()") == zb.__version__
            zb.load(connection)
            connection.close()
    finally:
        zb.uninstall()
    for connect, error in ((sqlite3.connect, sqlite3.OperationalError), (apsw.Connection, apsw.SQLError)):
        connection = connect(":memory:")
        with pytest.raises(error, match="no such function: zblob_version"):
            one(connection, "SELECT zblob_version()")
        connection.close()


def test_both_libraries_in_threads(ct_pickle: bytes) -> None:
    """sqlite3 and APSW, 4 threads each, 10,000 mixed calls: each callback must reach its own library."""
    calls_a_thread = 1250
    barrier = threading.Barrier(8)
    small = [b"", b"x" * 50, "text", None, 7, 2.5, os.urandom(300), b"compressible " * 400]

    def work(opener: Callable[..., Any]) -> int:
        connection = opener()
        barrier.wait()
        for i in range(calls_a_thread):
            if i % 25 == 0:
                connection.close()
                connection = opener()
            value = ct_pickle if i % 50 == 0 else small[i % len(small)]
            back, length, verdict = connection.execute(
                "SELECT zdecompress(z), zlength(z), zverify(z) FROM (SELECT zcompress(?, '{\"level\": 2}') AS z)",
                (value,),
            ).fetchone()
            assert back == value
            assert verdict == "ok"
            assert length is None or length >= 0
        connection.close()
        return calls_a_thread

    zb.install()  # a connection that a thread opens meanwhile gets the functions, whichever kind it is
    try:
        with ThreadPoolExecutor(8) as pool:
            openers = [partial(apsw.Connection, ":memory:"), partial(sqlite3.connect, ":memory:")] * 4
            assert sum(pool.map(work, openers)) == 10_000
    finally:
        zb.uninstall()


PARALLEL_VALUE = "bytes(range(256)) * 40_000"  # ten chunks: pool threads live


def test_closing_the_last_connection_with_live_pool_threads() -> None:
    """SQLite unloads an extension with its last connection; the pool's threads must not lose their code."""
    run_python(f"""
import apsw, sqlite_zblob as zb, time
for _ in range(3):
    connection = apsw.Connection(":memory:")
    zb.load(connection)
    connection.execute("SELECT zblob_config('threads', 4)").fetchall()
    value = {PARALLEL_VALUE}
    assert connection.execute("SELECT zdecompress(zcompress(?1)) IS ?1", (value,)).fetchall() == [(1,)]
    connection.close()
    time.sleep(0.05)
""")


def test_forking_with_live_pool_threads() -> None:
    """The child has none of the parent's threads and must not wait for them."""
    run_python(f"""
import os, threading, warnings
import apsw, sqlite_zblob as zb
warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, about fork with threads
value = {PARALLEL_VALUE}

def check():
    connection = apsw.Connection(":memory:")
    zb.load(connection)
    assert connection.execute("SELECT zdecompress(zcompress(?1)) IS ?1", (value,)).fetchall() == [(1,)]
    assert zb.decompress(zb.compress(value)) == value

def keep_the_pool_busy():  # SQLite itself must not be in use by another thread when a process forks
    while not stop.is_set():
        assert zb.decompress(zb.compress(value)) == value

check()
stop = threading.Event()
busy = threading.Thread(target=keep_the_pool_busy)
busy.start()
for _ in range(10):
    child = os.fork()
    if child == 0:
        check()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
busy.join()
check()
""")


def test_the_shell() -> None:
    script = f".load {zb.loadable_path()}\nSELECT zblob_version(), zdecompress(zcompress('hello'));\n"
    done = subprocess.run(["sqlite3"], input=script, capture_output=True, text=True)
    assert done.stdout == f"{zb.__version__}|hello\n", done.stderr


def test_second_entry_point_serves_later_connections() -> None:
    run_python(f"""
import apsw
first = apsw.Connection(":memory:")
first.enable_load_extension(True)
first.load_extension({zb.loadable_path()!r}, "sqlite3_zblob_auto_init")
assert first.execute("SELECT zblob_version()").fetchall() == [({zb.__version__!r},)]
first.close()
second = apsw.Connection(":memory:")
assert second.execute("SELECT zdecompress(zcompress('x'))").fetchall() == [("x",)]
""")


@pytest.mark.skipif(platform.system() != "Linux", reason="reads ELF files")
def test_what_the_extension_exports_and_needs() -> None:
    exported = subprocess.run(["nm", "-D", "--defined-only", EXTENSION], capture_output=True, text=True, check=True)
    names = {line.split()[-1] for line in exported.stdout.splitlines()}
    assert names == {"sqlite3_zblob_init", "sqlite3_zblob_auto_init"} | declared_symbols(ROOT / "csrc" / "zblob.h")
    undefined = subprocess.run(["nm", "-D", "--undefined-only", EXTENSION], capture_output=True, text=True, check=True)
    strong = [line.split()[-1] for line in undefined.stdout.splitlines() if line.split()[0] == "U"]
    assert not [name for name in strong if name.startswith(("Py", "_Py", "ZSTD", "XXH", "sqlite3"))]
    needed = subprocess.run(["ldd", EXTENSION], capture_output=True, text=True, check=True).stdout
    libraries = {line.split()[0].split("/")[-1] for line in needed.splitlines()}
    assert all(name.startswith(("linux-vdso", "libc.", "ld-linux", "ld-musl")) for name in libraries), needed


def test_any_working_directory_and_a_path_with_spaces(tmp_path: Path) -> None:
    odd = tmp_path / "a b'c" / "zblob"
    odd.parent.mkdir()
    shutil.copy(EXTENSION, f"{odd}{Path(EXTENSION).suffix}")
    connection = apsw.Connection(":memory:")
    connection.enable_load_extension(True)
    connection.load_extension(str(odd))
    assert one(connection, "SELECT zblob_version()") == zb.__version__


def test_openers_of_the_tests_work() -> None:
    for opener in (open_apsw, open_sqlite3):
        connection = opener()
        assert one(connection, "SELECT zlength(zcompress('abc'))") == 3
        connection.close()
