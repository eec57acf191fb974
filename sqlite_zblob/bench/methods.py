"""The ways to store images in SQLite, compressed in the application, in the database, or below it.

The table, its pragmas and its statements are those of a research tool that keeps pickled images under SHA-256 ids. For
each way it is recorded which lines of such a program have to change.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apsw

from ..bench import codecs
from ..choices import Envelope
from ..column.storage import enable
from ..connect.loader import load

_COLUMNS = """
    operation_id TEXT PRIMARY KEY, data BLOB NOT NULL {compressed}, data_type TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, size_bytes INTEGER, metadata TEXT"""
PLAIN_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS results({_COLUMNS.format(compressed="")});
CREATE INDEX IF NOT EXISTS results_created ON results(created_at);
"""
VIRTUAL_SCHEMA = f"""
CREATE VIRTUAL TABLE IF NOT EXISTS results USING zblob({_COLUMNS.format(compressed="COMPRESSED")}, level={{level}});
CREATE INDEX IF NOT EXISTS results_created ON results_rows(created_at);
"""
INSERT = "INSERT INTO results(operation_id, data, data_type, size_bytes) VALUES (?, {}, ?, ?)"
SELECT = "SELECT {} FROM results WHERE operation_id = ?"
STATISTICS = "SELECT COUNT(*), SUM(size_bytes), AVG(size_bytes) FROM results"

CACHE_PAGES = 10_000

FILE_SYSTEM = "file-system/btrfs"
_RIVALS = (
    *(f"application/{codec}" for codec in ("uncompressed", "zlib 6", "LZ4", "Brotli 5", "zstd 3")),
    *(f"before/{codec}" for codec in ("zstd 3", "blosc2 bitshuffle", "pcodec 8")),
)
_OURS = (
    "before/sqlite_zblob 5",
    "application/sqlite_zblob 5",
    *(f"functions/{level}" for level in (1, 5, 9)),
    "one-thread/5",
    "hybrid/5",
    "table/1",
    "table/5",
    "in-place-frame/5",
    "in-place-pickle/5",
)


def _same(value: Any) -> Any:
    return value


def _nothing(connection: apsw.Connection) -> None:
    pass


@dataclass(frozen=True)
class Method:
    """How an object gets into the store (shrink it, pickle it, compress the pickle, INSERT) and back out."""

    label: str
    place: str  # "none", "before pickling", "application", "database" or "file"
    package_version: str = ""
    schema: str = PLAIN_SCHEMA
    write_sql: str = "?"  # what stands for the value in INSERT
    read_sql: str = "data"  # what is selected
    compress: Callable[[bytes], bytes] = _same
    decompress: Callable[[bytes], bytes] = _same
    shrink: Callable[[Any], Any] = _same  # the object before it is pickled
    grow: Callable[[Any], Any] = _same
    pragmas: str = ""  # before the first table is made
    prepare: Callable[[apsw.Connection], None] = _nothing  # once the tables are there
    changes: str = ""  # the lines that a store needs that had none of this


def find_method(name: str) -> Method:
    """The method of this name: PLACE/DETAIL, as `method_names` lists them."""
    place, _, detail = name.partition("/")
    return _MAKERS[place](detail)


def method_names() -> list[str]:
    """The names of all methods whose packages are installed, and of the file system's where it can be tried."""
    installed = {codec.name for codec in codecs.available()}
    rivals = [name for name in _RIVALS if name.partition("/")[2] in installed]
    return [*rivals, *_OURS, *(["sqlite-zstd/3"] if sqlite_zstd_path() else []), FILE_SYSTEM]


def _application(detail: str) -> Method:
    codec = codecs.get(detail)
    if detail == "uncompressed":
        return Method("uncompressed", "none")
    changes = f"data = compress(pickle.dumps(image))  # {detail}\nimage = pickle.loads(decompress(row[0]))"
    return Method(
        f"application: {detail}",
        "application",
        codecs.version(codec),
        compress=codec.compress,
        decompress=codec.decompress,
        changes=changes + "\nif is_old(row): ...  # rows that were never compressed",
    )


def _before(detail: str) -> Method:
    """Compress the array and pickle the result: the application takes the image apart and puts it together again."""
    codec = codecs.get(detail)

    def shrink(image: Any) -> Any:
        import SimpleITK

        sitk: Any = SimpleITK
        array = sitk.GetArrayViewFromImage(image)
        geometry = (image.GetSpacing(), image.GetOrigin(), image.GetDirection(), image.GetNumberOfComponentsPerPixel())
        metadata = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
        return codec.encode(array, 1), array.dtype.str, array.shape, geometry, metadata

    def grow(small: Any) -> Any:
        import numpy
        import SimpleITK

        sitk: Any = SimpleITK
        coded, dtype, shape, (spacing, origin, direction, components), metadata = small
        array = numpy.frombuffer(codecs.bytes_of(codec.decode(coded, 1)), dtype).reshape(shape)
        image = sitk.GetImageFromArray(array, isVector=components > 1)
        image.SetSpacing(spacing)
        image.SetOrigin(origin)
        image.SetDirection(direction)
        for key, text in metadata.items():
            image.SetMetaData(key, text)
        return image

    changes = """
array = sitk.GetArrayViewFromImage(image)
geometry = image.GetSpacing(), image.GetOrigin(), image.GetDirection(), image.GetNumberOfComponentsPerPixel()
metadata = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
data = pickle.dumps((encode(array), array.dtype.str, array.shape, geometry, metadata))
loaded = pickle.loads(row[0])
if is_old(loaded): ...  # rows that were never compressed, and objects that are no images
coded, dtype, shape, geometry, metadata = loaded
image = sitk.GetImageFromArray(np.frombuffer(decode(coded), dtype).reshape(shape), isVector=geometry[3] > 1)
image.SetSpacing(geometry[0])
image.SetOrigin(geometry[1])
image.SetDirection(geometry[2])
for key, text in metadata.items(): image.SetMetaData(key, text)
"""
    return Method(
        f"before pickling: {detail}",
        "before pickling",
        codecs.version(codec),
        shrink=shrink,
        grow=grow,
        changes=changes,
    )


_LOAD = "zb.install()  # when the program starts"


def _zcompress(name: str, argument: str) -> Method:
    """:param argument: the second one of `zcompress`, as SQL."""
    insert = f'connection.execute("INSERT INTO results VALUES (?, zcompress(?, {argument}), ...)", row)'
    select = 'connection.execute("SELECT zdecompress(data) FROM results WHERE operation_id = ?", (key,))'
    return Method(
        f"database: zcompress, {name}",
        "database",
        write_sql=f"zcompress(?, {argument})",
        read_sql="zdecompress(data)",
        changes="\n".join((_LOAD, insert, select)),
    )


def _functions(detail: str) -> Method:
    return _zcompress(f"level {detail}", str(int(detail)))


def _one_thread(detail: str) -> Method:
    def prepare(connection: apsw.Connection) -> None:
        connection.execute("SELECT zblob_config('threads', 1)")

    method = _functions(detail)
    changes = method.changes + "\nconnection.execute(\"SELECT zblob_config('threads', 1)\")"
    return replace(method, label=f"{method.label}, one thread", prepare=prepare, changes=changes)


def _hybrid(detail: str) -> Method:
    options = f'{{"level": {int(detail)}, "min_size": 65536}}'
    return _zcompress(f"level {detail}, from 64 KiB on", f"'{options}'")


def _table(detail: str) -> Method:
    changes = f"{_LOAD}\nCREATE VIRTUAL TABLE results USING zblob(..., data BLOB NOT NULL COMPRESSED, level={detail})"
    return Method(
        f"database: virtual table, level {detail}",
        "database",
        schema=VIRTUAL_SCHEMA.format(level=int(detail)),
        changes=changes + "\nCREATE INDEX IF NOT EXISTS results_created ON results_rows(created_at)",
    )


def _in_place(envelope: Envelope, detail: str) -> Method:
    def prepare(connection: apsw.Connection) -> None:
        enable(connection, "results", "data", envelope=envelope, level=int(detail))

    is_frame = envelope == "frame"
    once = f'zb.enable(connection, "results", "data", envelope="{envelope}", level={detail})  # once'
    reader = "\nzb.decode_rows(connection)" if is_frame else ""
    return Method(
        f"database: in place, {envelope}, level {detail}",
        "database",
        read_sql="zdecompress(data)" if is_frame else "data",
        pragmas="PRAGMA auto_vacuum = FULL",
        prepare=prepare,
        changes=f"{_LOAD}\n{once}{reader}",
    )


def sqlite_zstd_path() -> str | None:
    """The extension of the package sqlite-zstd-build, which has SQL functions of the same kind, for zstd alone."""
    spec = importlib.util.find_spec("sqlite_zstd")  # importing it would print
    found = list(Path(spec.origin).parent.glob("libsqlite_zstd*")) if spec and spec.origin else []
    return str(found[0]) if found else None


def _sqlite_zstd(detail: str) -> Method:
    path = sqlite_zstd_path()
    assert path is not None

    def prepare(connection: apsw.Connection) -> None:
        connection.enable_load_extension(True)
        connection.load_extension(path)

    return Method(
        f"database: sqlite-zstd, level {detail}",
        "database",
        importlib.metadata.version("sqlite-zstd-build"),
        write_sql=f"zstd_compress(?, {int(detail)})",
        read_sql="zstd_decompress(data, 0)",
        prepare=prepare,
        changes="""sqlite_zstd.load(connection)  # for each connection
connection.execute("INSERT INTO results VALUES (?, zstd_compress(?, 3), ...)", row)
connection.execute("SELECT zstd_decompress(data, 0) FROM results WHERE operation_id = ?", (key,))""",
    )


def _file_system(detail: str) -> Method:
    return Method(f"file: {detail}, zstd 3", "file", changes="mount -o compress-force=zstd:3 ...  # for the machine")


_MAKERS: dict[str, Callable[[str], Method]] = {
    "application": _application,
    "before": _before,
    "functions": _functions,
    "one-thread": _one_thread,
    "hybrid": _hybrid,
    "table": _table,
    "in-place-frame": lambda detail: _in_place("frame", detail),
    "in-place-pickle": lambda detail: _in_place("pickle", detail),
    "sqlite-zstd": _sqlite_zstd,
    "file-system": _file_system,
}


def open_store(method: Method, path: str, cache_pages: int = CACHE_PAGES, vfs: str | None = None) -> apsw.Connection:
    connection = apsw.Connection(path, vfs=vfs)
    load(connection)
    if method.pragmas:
        connection.execute(method.pragmas)
    connection.execute(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size={cache_pages}")
    connection.execute(method.schema)
    method.prepare(connection)
    return connection


def query(connection: apsw.Connection, statement: str, *bindings: Any) -> list[tuple[Any, ...]]:
    """Fetch all rows, so that the time of a statement includes its end."""
    return connection.execute(statement, bindings).fetchall()


class CompressedVolume:
    """A btrfs file system in a file, mounted with compression for the processes that `prefix` starts alone."""

    def __init__(self, folder: Path, size: int) -> None:
        self.image, self.mount_point = folder / "btrfs.img", folder / "mounted"
        self.mount_point.mkdir()
        with self.image.open("wb") as file:
            file.truncate(size)
        subprocess.run(["mkfs.btrfs", "-q", str(self.image)], check=True, capture_output=True)

    @property
    def prefix(self) -> list[str]:
        """What a command must begin with to see the volume. The mount ends with the process."""
        mount = 'mount -o loop,compress-force=zstd:3 "$0" "$1" && shift && exec "$@"'
        return ["unshare", "-m", "sh", "-c", mount, str(self.image), str(self.mount_point)]


def why_no_compressed_volume() -> str:
    """Why no compressed file system can be made and mounted here; empty if it can."""
    for tool in ("mkfs.btrfs", "unshare"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    with tempfile.TemporaryDirectory(prefix="sqlite_zblob-") as folder:
        try:
            volume = CompressedVolume(Path(folder), 200_000_000)
            subprocess.run([*volume.prefix, "true"], check=True, capture_output=True)
        except subprocess.CalledProcessError as error:
            return bytes(error.stderr).decode(errors="replace").strip()[-200:] or "mounting it failed"
    return ""
