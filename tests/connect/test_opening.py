"""One contract for all functions that take a database: what they take, and how they fail."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb
from sqlite_zblob.connect.opening import locate

from ..conftest import open_apsw, open_sqlite3

VALUE = b"some words that are repeated " * 500
ROWS = 20

READERS: dict[str, Callable[[Any], Any]] = {
    "analyze": lambda database: zb.analyze(database, seconds=0.1),
    "analyze a column": lambda database: zb.analyze(database, "t", "v", seconds=0.1),
    "stats": zb.stats,
    "stats of a column": lambda database: zb.stats(database, "t", "v"),
    "describe": zb.describe,
    "describe a table": lambda database: zb.describe(database, "t"),
    "describe a value": lambda database: zb.describe(database, "t", "v", 1),
}
CHECKERS: dict[str, Callable[[Any], Any]] = {
    "verify": zb.verify,
    "verify a column": lambda database: zb.verify(database, "t", "v"),
    "migrate, dry": lambda database: zb.migrate(database, "t", "v", dry_run=True),
    "restore, dry": lambda database: zb.restore(database, "t", "v", dry_run=True),
    "compress_store, dry": lambda database: zb.compress_store(database, dry_run=True),
}
WRITERS: dict[str, Callable[[Any], Any]] = {
    "migrate": lambda database: zb.migrate(database, "t", "v"),
    "compress_store": zb.compress_store,
    "restore": lambda database: zb.restore(database, "t", "v"),
}
ALL = READERS | CHECKERS | WRITERS


def each(functions: dict[str, Callable[[Any], Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("function", functions.values(), ids=functions.keys())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store whose column `t.v` is enabled and has some frames, and some rows that were there before."""
    made = tmp_path / "a store?.db"
    connection = open_apsw(str(made))
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)")
    connection.executemany("INSERT INTO t(v) VALUES (?)", [(VALUE,)] * (ROWS // 2))
    zb.enable(connection, "t", "v")
    connection.executemany("INSERT INTO t(v) VALUES (?)", [(VALUE,)] * (ROWS // 2))
    connection.close()
    return made


def uri(path: Path, options: str = "") -> str:
    return path.as_uri() + options


# ---- Bad paths ---------------------------------------------------------------------------------------------


def spell(path: Path) -> list[Any]:
    """One path in every form that a caller may write it in."""
    return [path, str(path), os.fsencode(path), uri(path), uri(path, "?mode=rw").encode()]


def refuse(function: Callable[[Any], Any], path: Path, kind: type[Exception], message: str) -> None:
    for form in spell(path):
        with pytest.raises(kind, match=message) as caught:
            function(form)
        assert path.name in str(caught.value) or uri(path) in str(caught.value)
        if isinstance(caught.value, OSError):
            assert caught.value.filename == str(path)


@each(ALL)
def test_no_such_file(function: Callable[[Any], Any], tmp_path: Path) -> None:
    refuse(function, tmp_path / "missing.db", FileNotFoundError, "No such file")
    refuse(function, tmp_path / "missing" / "a.db", FileNotFoundError, "No such file")
    (tmp_path / "dangling.db").symlink_to(tmp_path / "nowhere")
    refuse(function, tmp_path / "dangling.db", FileNotFoundError, "No such file")
    assert not (tmp_path / "missing.db").exists()


@each(ALL)
def test_no_file_at_all(function: Callable[[Any], Any], tmp_path: Path) -> None:
    refuse(function, tmp_path, IsADirectoryError, "it is a directory, not a database")
    (tmp_path / "plain").write_bytes(b"")
    refuse(function, tmp_path / "plain" / "a.db", NotADirectoryError, "Not a directory")
    os.mkfifo(tmp_path / "fifo")  # which an open() would wait at
    refuse(function, tmp_path / "fifo", zb.DatabaseError, "not a regular file")


@each(ALL)
def test_no_database(function: Callable[[Any], Any], tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.db"
    garbage.write_text("no database at all, but long enough " * 100)
    refuse(function, garbage, zb.DatabaseError, "is not an SQLite database")


@each(ALL)
def test_an_empty_file_is_an_empty_database(function: Callable[[Any], Any], tmp_path: Path) -> None:
    """That is how SQLite sees it. Nothing is written into it."""
    empty = tmp_path / "empty.db"
    empty.touch()
    try:
        found = function(empty)
    except zb.OptionError as error:
        assert "no table t" in str(error) or "no column" in str(error)
    else:
        assert found == [] or isinstance(found, zb.DatabaseInfo) or found.columns == ()
    assert empty.stat().st_size == 0


@each(ALL)
def test_a_damaged_database(function: Callable[[Any], Any], path: Path) -> None:
    pages = bytearray(path.read_bytes())
    pages[100:4096] = b"\xff" * (4096 - 100)  # the schema
    path.write_bytes(pages)
    for form in spell(path):
        with pytest.raises(zb.DatabaseError, match=r"a%20store%3F\.db|a store\?\.db"):
            function(form)


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that another user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def is_root() -> Iterator[bool]:
    """Root may read and write everything: be somebody else."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield before == 0
    os.seteuid(before)


@each(ALL)
def test_without_permission(function: Callable[[Any], Any], folder: Path, is_root: bool) -> None:
    if is_root:
        os.seteuid(0)
    secret, kept = folder / "secret.db", folder / "kept.db"
    for made in (secret, kept):
        connection = open_apsw(str(made))
        connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)")
        connection.execute("INSERT INTO t(v) VALUES (?)", (VALUE,))
        zb.enable(connection, "t", "v")
        connection.close()
    secret.chmod(0)
    kept.chmod(0o444)
    if is_root:
        os.seteuid(65534)
    refuse(function, secret, PermissionError, "no permission to read")
    if function in WRITERS.values():
        refuse(function, kept, PermissionError, "no permission to write")
    else:
        function(kept)
    if is_root:
        os.seteuid(0)


@each(ALL)
def test_what_is_no_path(function: Callable[[Any], Any], tmp_path: Path) -> None:
    for nonsense in (None, 7, object()):
        with pytest.raises(TypeError, match="expected a path, a file: URI or an open connection"):
            function(nonsense)
    for name, message in (
        (f"{tmp_path}/a\0b", "NUL character"),
        (os.fsencode(tmp_path) + b"/\xff.db", "not UTF-8"),
        (f"file:{tmp_path}/%ff.db", "not UTF-8"),
        ("file://elsewhere/a.db", "host elsewhere"),
    ):
        with pytest.raises(zb.OptionError, match=message):
            function(name)
    for name in ("", ":memory:"):  # SQLite would make an empty database of it
        with pytest.raises(OSError):
            function(name)


# ---- Good ones ---------------------------------------------------------------------------------------------


@each(ALL)
def test_every_form_of_a_path(
    function: Callable[[Any], Any], path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    forms = [*spell(path), path.name, Path(path.name), os.fsencode(path.name)]
    forms += [f"file:{path.name.replace(' ', '%20').replace('?', '%3f')}", uri(path, "?cache=private#fragment")]
    (tmp_path / "link.db").symlink_to(path.name)
    forms.append("link.db")
    for form in forms:
        function(form)
        if function is WRITERS["restore"]:
            zb.migrate(path, "t", "v")


def test_a_path_is_no_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path object names a file, whatever its name looks like; a text that begins with "file:" is a URI."""
    monkeypatch.chdir(tmp_path)
    apsw.Connection("./file:x?mode=memory", flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE).execute(
        "CREATE TABLE t(v)"
    )
    assert zb.describe(Path("file:x?mode=memory")).tables == ("t",)
    assert zb.describe(b"./file:x?mode=memory").tables == ("t",)
    assert zb.describe("file:x?mode=memory").tables == ()
    apsw.Connection("./:memory:").execute("CREATE TABLE u(v)")
    assert zb.describe(":memory:").tables == ("u",)


def test_locate() -> None:
    for name, path, mode in (
        ("file:a.db", "a.db", None),
        ("file:/b/a.db?mode=ro", "/b/a.db", "ro"),
        ("file:///b/a.db?immutable=1&mode=rw#mode=ro", "/b/a.db", "rw"),
        ("file://localhost/b/%61%20.db", "/b/a .db", None),
        ("file:a%00b", "a", None),
    ):
        location = locate(name)
        assert (location.path, location.mode, location.target) == (Path(path), mode, name)
    for name in ("file::memory:", "file:a?mode=memory", "file:"):
        assert locate(name).path is None


@pytest.mark.parametrize("option", ["mode=ro", "immutable=1"])
@each(ALL)
def test_a_uri_that_forbids_writing(function: Callable[[Any], Any], path: Path, option: str) -> None:
    before = path.read_bytes()
    if function in WRITERS.values():
        with pytest.raises(PermissionError, match="opened read-only"):
            function(uri(path, f"?{option}"))
    else:
        function(uri(path, f"?{option}"))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("option", ["mode=ro", "immutable=1"])
def test_small_writes_name_a_uri_that_forbids_them(path: Path, option: str) -> None:
    read_only = uri(path, f"?{option}")
    for write in (
        lambda: zb.train(read_only, "t", "data"),
        lambda: zb.drop_dictionaries(read_only),
        lambda: zb.copy_dictionaries(path, read_only),
        lambda: zb.enable(read_only, "t", "data"),
    ):
        with pytest.raises(PermissionError, match="opened read-only"):
            write()


@pytest.mark.parametrize("mode", ["rw", "rwc"])
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_uri_that_allows_writing(path: Path, mode: str, kind: str) -> None:
    """Workers open the same URI, and only read."""

    def make() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))

    executor = None if kind == "threads" else make
    address = uri(path, f"?mode={mode}")
    for function in READERS.values():
        function(address)
    report = zb.migrate(address, "t", "v", executor=executor)
    assert (report.changed_rows, report.failures) == (ROWS // 2, ())
    assert zb.verify(address, executor=executor).compressed_rows == ROWS
    assert zb.restore(address, "t", "v", executor=executor).changed_rows == ROWS


def test_a_database_in_memory_that_a_uri_names() -> None:
    address = "file:/zblob-test?vfs=memdb"
    flags = apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(address, flags=flags)
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)")
    connection.execute("INSERT INTO t(v) VALUES (?)", (VALUE,))
    for function in READERS.values():
        function(address)
    for function in (CHECKERS | WRITERS).values():
        with pytest.raises(zb.OptionError, match="in memory has no file"):
            function(address)
    connection.close()


# ---- Open connections --------------------------------------------------------------------------------------


@pytest.mark.parametrize("open_one", [open_apsw, open_sqlite3], ids=["apsw", "sqlite3"])
@each(READERS)
def test_readers_use_the_connection_itself(function: Callable[[Any], Any], open_one: Callable[..., Any]) -> None:
    """In memory, within a transaction, whatever factories it has. It stays open, and in its transaction."""
    connection = open_one()
    if isinstance(connection, sqlite3.Connection):
        connection.row_factory, connection.text_factory = sqlite3.Row, bytes
        connection.isolation_level = None
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)")
    connection.execute("BEGIN")
    for _ in range(ROWS):
        connection.execute("INSERT INTO t(v) VALUES (?)", (VALUE,))
    zb.enable(connection, "t", "v")
    connection.execute("INSERT INTO t(v) VALUES (?)", (VALUE,))
    found = function(connection)
    assert connection.in_transaction
    connection.execute("ROLLBACK")
    if isinstance(found, zb.Analysis):
        assert found.database == ":memory:" and found.columns[0].rows == ROWS + 1
    elif isinstance(found, list):
        assert [(table.rows, table.compressed_rows) for table in found] == [(ROWS + 1, 1)]
    elif isinstance(found, zb.DatabaseInfo):
        assert found.path == ":memory:" and found.enabled[0].column == "v"
    else:
        assert isinstance(found, zb.TableInfo | zb.FrameInfo)
    connection.close()


@pytest.mark.parametrize("open_one", [open_apsw, open_sqlite3], ids=["apsw", "sqlite3"])
def test_a_connection_and_its_path_say_the_same(path: Path, open_one: Callable[..., Any]) -> None:
    by_path = [function(path) for name, function in READERS.items() if not name.startswith("analyze")]
    connection = open_one(str(path))
    by_connection = [function(connection) for name, function in READERS.items() if not name.startswith("analyze")]
    connection.close()
    assert by_connection == by_path


@each(CHECKERS | WRITERS)
def test_the_others_open_its_file_once_more(function: Callable[[Any], Any], path: Path) -> None:
    connection = open_apsw(str(path))
    function(connection)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (ROWS,)
    connection.execute("BEGIN")
    with pytest.raises(zb.OptionError, match="is in a transaction"):
        function(connection)
    connection.close()
    with pytest.raises(zb.OptionError, match="in memory has no file"):
        function(apsw.Connection(":memory:"))
    standard = open_sqlite3(str(path))
    with pytest.raises(zb.OptionError, match="close the sqlite3 connection and give the path"):
        function(standard)
    standard.close()


@each(WRITERS)
def test_a_connection_that_only_reads(function: Callable[[Any], Any], path: Path) -> None:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    with pytest.raises(PermissionError, match="opened read-only"):
        function(connection)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not show which files are open")
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_locks_of_the_other_library_stay(path: Path, journal: str) -> None:
    """APSW's SQLite library would drop the locks that the sqlite3 module's holds on the same file, as it closes it."""
    connection = open_sqlite3(str(path), isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.execute("BEGIN IMMEDIATE")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
        for function in ALL.values():
            with pytest.raises(zb.OptionError, match="another SQLite library"):
                function(path)
            assert other.submit(is_locked, str(path)).result()
    connection.execute("ROLLBACK")
    connection.close()


def is_locked(path: str) -> bool:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    return False


# ---- Locked ------------------------------------------------------------------------------------------------


def test_a_lock_that_is_held_for_long(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite_zblob.connect.opening.READING_SECONDS", 0.01)
    monkeypatch.setattr("sqlite_zblob.connect.opening.REWRITING_SECONDS", 0.01)
    connection = apsw.Connection(str(path))
    connection.execute("BEGIN EXCLUSIVE")
    for function in ALL.values():
        with pytest.raises(zb.DatabaseError, match="is locked"):
            function(path)
    connection.close()


def test_the_log_tells_of_a_wait_that_is_not_short(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else a migration seems to hang."""
    monkeypatch.setattr("sqlite_zblob.connect.opening.QUIET_SECONDS", 0.05)
    connection = apsw.Connection(str(path))
    connection.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.5, connection.execute, ["COMMIT"])
    release.start()
    zb.migrate(path, "t", "v")
    release.join()
    told = [each.getMessage() for each in caplog.records if "locked" in each.getMessage()]
    assert told == ["another connection has locked the database: waiting for it, for up to 300 seconds"]
    connection.close()


READ_BY_PATH: dict[str, Callable[[Any], Any]] = {
    "open_blob": lambda database: zb.open_blob(database, "t", "v", 1),
    "open_image": lambda database: zb.images.open_image(database, "t", "v", 1),
    "read_image": lambda database: zb.images.read_image(database, "t", 1, column="v"),
    "status": zb.status,
    "recommend": lambda database: zb.recommend(database, "t", "v"),
}


@each(READ_BY_PATH)
def test_who_only_reads_waits_for_seconds(
    path: Path, function: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlite_zblob.connect.opening.READING_SECONDS", 0.01)
    monkeypatch.setattr("sqlite_zblob.connect.opening.REWRITING_SECONDS", 2)
    connection = apsw.Connection(str(path))
    connection.execute("BEGIN EXCLUSIVE")
    begin = time.monotonic()
    with pytest.raises(zb.DatabaseError, match="is locked"):
        function(path)
    assert time.monotonic() - begin < 1.5
    connection.close()
