"""What a worker does, in a thread or in a process anywhere: read values, compress, restore or check them.

It writes nothing. Jobs and results are plain data that can be pickled. A job either contains its values or names the
file to read them from; a worker that cannot reach that very file answers so, and the job is sent again with the values.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import apsw

from ..choices import CompressOptions
from ..codec import (
    DEFAULT_MAX_SIZE,
    VERSION,
    Buffer,
    FrameInfo,
    Hint,
    compress,
    compress_pickle,
    decompress,
    dictionaries_from,
    dictionary_id,
    find_damages,
    find_dictionary,
    fits,
    has_magic,
    info,
    interrupt_by,
    is_frame,
)
from ..connect.database import pragma, run, snapshot, text_of
from ..connect.dictionaries import all_dictionaries, with_dictionaries
from ..connect.loader import load
from ..connect.opening import open_again
from ..errors import DamagedFrameError, UnsupportedFrameError, ZblobError
from ..parts.pieces import is_mapped, pieces_of
from .large import (
    GoneError,
    check_stored,
    comes_back,
    compress_large,
    decompress_large,
    here,
    is_large,
    or_whole,
    read_or_map,
)
from .scan import Scan, scan_span
from .values import SMALL_SIZE, Key, Place, Span, fingerprint, read_piece, read_small_values, read_value

BUSY_SECONDS = 60


@dataclass(frozen=True)
class Source:
    """A column of a database, and what identifies the file, since a worker may run on another host."""

    database: str  # what `open_again` opens
    path: str
    identity: tuple[str, int, int]  # host, device, inode
    place: Place
    encoding: str  # of the database's TEXT, as PRAGMA encoding names it


@dataclass(frozen=True)
class Item:
    """One value."""

    key: Key
    value_type: str  # "blob" or "text"
    size: int  # bytes, as it is stored
    value: Buffer | None = None  # where the job has the values: None if it is gone
    known: int = 0  # fingerprint of a value that was looked at before and is to stay as it is; 0: none was
    hint: Hint | None = None  # what its row says of raw voxels
    span: Span | None = None  # the item stands for the small values of all these rows, which are checked in SQL


@dataclass(frozen=True)
class Job:
    """One value, or several small ones."""

    source: Source
    items: tuple[Item, ...]
    level: int = 5
    envelope: str = "frame"
    min_size: int = 0
    has_values: bool = False  # otherwise the worker reads them
    home: str = ""  # the process whose threads may hand over mapped files in place of large values (large.py)
    dictionary: int = 0  # with which values are compressed; 0: none
    dictionaries: tuple[bytes, ...] = ()  # where the job has the values: those that they may need


@dataclass(frozen=True)
class Outcome:
    """What became of one value."""

    # "replace"; "keep" (nothing to gain, or nothing to do); "verified"; "failed"; "gone" (or changed since); "unread"
    # (there is no such table or column, unless it was renamed since)
    kind: str
    raw_size: int = 0  # before compression
    digest: int = 0  # fingerprint of what was read; with its type and size it names the value to replace
    value: Buffer | None = None  # the new one
    value_type: str = "blob"  # of the new one
    reason: str = ""  # failed or unread: why
    damages: tuple[tuple[int | None, str], ...] = ()  # verify: chunk from 1, and reason
    scan: Scan | None = None  # of a span ("verified"): what it holds


@dataclass(frozen=True)
class Result:
    """What became of a job."""

    codec_version: str
    outcomes: tuple[Outcome, ...]  # one per item
    unreachable: bool = False  # this worker cannot reach the file: send the values, too


def compress_task(job: Job) -> Result:
    """Compress each value, decompress it again and compare: `executor.submit(compress_task, job)`."""
    return _run(job, _compress)


def recompress_task(job: Job) -> Result:
    """Compress each value with these settings, whether it is compressed already or not; checked as above."""
    return _run(job, _recompress)


def gain_task(job: Job) -> Result:
    """Compress each value with these settings if it becomes smaller by that; checked as above."""
    return _run(job, _gain)


def restore_task(job: Job) -> Result:
    """Decompress each value."""
    return _run(job, _restore)


def verify_task(job: Job) -> Result:
    """Decode every chunk of each value."""
    return _run(job, _verify)


# By how many steps of niceness a worker thread lowers its priority.
NICENESS = 10

_thread = threading.local()


class Stop(Exception):  # noqa: N818 - no error, but an order
    """Raised in a worker thread whose work nobody waits for any longer."""


class Stopper:
    """Tells the threads that work for another one to stop at once, in the middle of a value."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.engines: list[apsw.Connection] = []  # of all the threads

    def check(self) -> None:
        if self.stopped.is_set():
            raise Stop

    def stop(self) -> None:
        self.stopped.set()
        for engine in self.engines:
            engine.interrupt()


def stand_back(reading: AbstractContextManager[object], stopper: Stopper) -> None:
    """Lower the priority of this thread, once: the thread that it works for and other processes go first.

    That thread holds the write lock now and then, and others wait for it. Works where threads have priorities of their
    own (Linux).

    :param reading: entered while this thread reads, because a reader keeps a checkpoint from finishing.
    """
    _thread.reading, _thread.stopper = reading, stopper
    interrupt_by(stopper.check)
    if sys.platform == "linux":
        own = threading.get_native_id()
        with suppress(OSError):  # a sandbox may not know it
            os.setpriority(os.PRIO_PROCESS, own, os.getpriority(os.PRIO_PROCESS, own) + NICENESS)


def handshake() -> str:
    """The version of the codec that a worker carries: `executor.submit(handshake)`."""
    return VERSION


# ---- Reading -----------------------------------------------------------------------------------------------


def identity_of(path: str) -> tuple[str, int, int] | None:
    """Host, device and inode of the file; None: it is not on this host."""
    try:
        about = Path(path).stat()
    except OSError:
        return None
    return socket.gethostname(), about.st_dev, about.st_ino


def source_of(connection: apsw.Connection, database: str, place: Place) -> Source:
    """What a worker has to know about a column.

    :param database: what `open_again` opens the connection's database by.
    :raises FileNotFoundError: the file has been deleted.
    """
    identity = identity_of(connection.filename)
    if identity is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), connection.filename)
    return Source(database, connection.filename, identity, place, pragma(connection, "encoding"))


def attach_values(job: Job, connection: apsw.Connection) -> Job:
    """The same job with its values, for workers that cannot reach the file."""
    items = []
    for item in job.items:
        value = read_value(connection, job.source.place, item.key, item.size)
        items.append(replace(item, value=None if value is None else bytes(value)))
    return attach_dictionaries(replace(job, items=tuple(items), has_values=True), connection)


def attach_dictionaries(job: Job, connection: apsw.Connection) -> Job:
    """The same job with the dictionaries that its values, which it has, need or are to be compressed with."""
    is_in_need = job.dictionary or any(map(_needs_dictionary, job.items))
    return replace(job, dictionaries=tuple(all_dictionaries(connection))) if is_in_need else job


def _needs_dictionary(item: Item) -> bool:
    if item.value is None or item.value_type == "text" or not is_frame(item.value):
        return False
    try:
        return info(item.value).dictionary_id != 0
    except (DamagedFrameError, UnsupportedFrameError):  # the worker says why
        return False


def _run(job: Job, task: Callable[[Job, Item, Buffer], Outcome]) -> Result:
    if job.has_values:
        known = {dictionary_id(each): each for each in job.dictionaries}
        with dictionaries_from(known.get):
            return Result(VERSION, tuple(_run_item(job, item, item.value, task) for item in job.items))
    if identity_of(job.source.path) != job.source.identity:
        return Result(VERSION, (), unreachable=True)
    try:
        connection = open_again(job.source.database)
    except apsw.CantOpenError:
        return Result(VERSION, (), unreachable=True)
    with closing(connection):
        connection.set_busy_timeout(BUSY_SECONDS * 1000)
        with with_dictionaries(connection):
            values = _read_small(job, connection)
            outcomes = []
            for item in job.items:
                value = values.get(item.key)
                is_there = value is not None and len(value) == item.size
                outcomes.append(
                    _run_item(job, item, value, task) if is_there else _read_and_run(job, item, connection, task)
                )
            return Result(VERSION, tuple(outcomes))


def _read_small(job: Job, connection: apsw.Connection) -> dict[Key, bytes]:
    """Small values by one statement, if there are no others. What it cannot read is read by itself."""
    items, place = job.items, job.source.place
    if len(items) < 2 or any(item.size > SMALL_SIZE for item in items):
        return {}
    with getattr(_thread, "reading", nullcontext()), suppress(apsw.CorruptError, apsw.SQLError):
        return read_small_values(connection, place, items[0].key, items[-1].key)
    return {}


def _run_span(job: Job, span: Span, connection: apsw.Connection) -> Outcome:
    """Check the small values of a span in SQL, and then each of those that are damaged by itself."""
    place = job.source.place
    load(connection)
    with getattr(_thread, "reading", nullcontext()), snapshot(connection):
        scan, suspects = scan_span(connection, place, span)
    for key, value_type, size in suspects:
        outcome = _read_and_run(job, Item(key, value_type, size), connection, _verify)
        if outcome.kind in ("failed", "unread"):
            damages = outcome.damages or ((None, outcome.reason),)
            scan.damages.extend((key, chunk, reason) for chunk, reason in damages)
    return Outcome("verified", raw_size=scan.raw_bytes, scan=scan)


def _read_and_run(
    job: Job, item: Item, connection: apsw.Connection, task: Callable[[Job, Item, Buffer], Outcome]
) -> Outcome:
    if item.span is not None:
        return _run_span(job, item.span, connection)
    try:
        if task is _verify and is_large(item.size) and job.source.place.has_blobs:
            return _verify_stored(item, connection, job.source.place)
        with getattr(_thread, "reading", nullcontext()):
            value = _read(job, item, connection)
    except apsw.CorruptError as error:  # any other error may pass, and is no damage
        reason = f"SQLite cannot read it: {error}"
        return Outcome("failed", reason=reason, damages=((None, reason),))
    except apsw.SQLError as error:
        reason = f"SQLite cannot read it: {error}"
        return Outcome("unread", reason=reason, damages=((None, reason),))
    return _run_item(job, item, value, task)


def _read(job: Job, item: Item, connection: apsw.Connection) -> Buffer | None:
    read = read_or_map if job.home == here() and item.value_type == "blob" else read_value
    return read(connection, job.source.place, item.key, item.size)


def _run_item(job: Job, item: Item, value: Buffer | None, task: Callable[[Job, Item, Buffer], Outcome]) -> Outcome:
    if value is None:
        return Outcome("gone")
    if stopper := getattr(_thread, "stopper", None):
        stopper.check()
    try:
        return task(job, item, value)
    except (ZblobError, MemoryError, apsw.Error) as error:
        return Outcome("failed", digest=fingerprint(value), reason=str(error) or type(error).__name__)


# ---- Tasks -------------------------------------------------------------------------------------------------


def _compressed(job: Job, item: Item, value: Buffer) -> Buffer:
    if is_mapped(value):
        by_file = partial(compress_large, value, job.level, job.envelope, item.hint)
        return or_whole(by_file, lambda: _compressed_whole(job, item, value))
    return _compressed_whole(job, item, value)


def _compressed_whole(job: Job, item: Item, value: Buffer) -> bytes:
    if job.envelope == "pickle":
        return compress_pickle(value, job.level, threads=1, for_column=True)
    options: CompressOptions = {"threads": 1, "for_column": True}
    if job.dictionary:
        options["dictionary"] = job.dictionary
    return compress(value, job.level, hint=item.hint, **options)


def _compress(job: Job, item: Item, value: Buffer) -> Outcome:
    digest = fingerprint(value)  # now, while the CPU's cache still has some of it
    kept = Outcome("keep", raw_size=item.size, digest=digest)
    if item.known == digest:
        return kept
    if item.value_type == "text":
        return kept if job.envelope == "pickle" else _compress_text(job, item, value, kept)
    if is_frame(value):
        return replace(kept, raw_size=info(value).raw_size)
    if has_magic(value):  # a damaged frame, which must not be wrapped
        decompress(value, threads=1)
    new = _compressed(job, item, value)
    if len(new) >= item.size:
        return kept
    return replace(_checked(new, item, value), digest=digest)


def _checked(new: Buffer, item: Item, value: Buffer) -> Outcome:
    """The new value, if it gives the old one back."""
    if not (comes_back(new, value) if is_large(item.size) else _is_same(_decompressed(new, item.size), value)):
        return Outcome("failed", reason="what was compressed does not decompress to the same bytes")
    return Outcome("replace", raw_size=item.size, value=new)


def _recompress(job: Job, item: Item, value: Buffer) -> Outcome:
    """As if the value had been written now: where that leaves it plain, it becomes plain."""
    if item.value_type == "text" or not is_frame(value):
        return _compress(job, item, value)
    about, digest = info(value), fingerprint(value)
    is_as_said = not fits(item.hint, about.raw_size) or any(image.source == "options" for image in about.images)
    may_have_one = about.compact and about.codec not in ("planes", "voxel")  # frames of images have no dictionary
    is_as_said = is_as_said and (about.dictionary_id == job.dictionary or not may_have_one)
    if (about.envelope or "frame", about.level) == (job.envelope, job.level) and is_as_said:
        return Outcome("keep", raw_size=about.raw_size, digest=digest)
    value_type, raw = _decompress(job, value, about)
    plain = Outcome("replace", raw_size=about.raw_size, digest=digest, value=raw, value_type=value_type)
    inner = Item(item.key, value_type, len(raw), hint=item.hint)
    if value_type == "blob" and has_magic(raw):  # plain, it would be taken for the column's own frame
        new = _wrap(job, inner, raw)
        plain = Outcome("keep", raw_size=about.raw_size, digest=digest)
    elif len(raw) < job.min_size:
        return plain
    else:
        new = _compress(job, inner, raw)
    if new.kind == "replace" and _is_same(new.value, value):
        return Outcome("keep", raw_size=about.raw_size, digest=digest)
    return plain if new.kind == "keep" else replace(new, raw_size=about.raw_size, digest=digest)


def _wrap(job: Job, item: Item, value: Buffer) -> Outcome:
    """What looks like a frame, compressed whatever its size, as a virtual table does it."""
    new = _compressed(job, item, value)
    if _is_same(new, value):  # envelope "pickle" is put around no frame
        return Outcome("keep", raw_size=item.size)
    return _checked(new, item, value)


def _gain(job: Job, item: Item, value: Buffer) -> Outcome:
    outcome = _recompress(job, item, value)
    if outcome.kind == "replace" and len(outcome.value or b"") >= item.size:
        return Outcome("keep", raw_size=outcome.raw_size, digest=outcome.digest)
    return outcome


def _decompressed(frame: Buffer, size: int) -> bytes:
    return cast(bytes, decompress(frame, threads=1, max_size=size))


def _is_same(one: Any, other: Any) -> bool:
    """Compares by memcmp, as == with a memoryview does not."""
    if len(one) != len(other):
        return False
    if isinstance(one, bytes):
        return one.startswith(other)
    return all(bytes(a).startswith(b) for a, b in zip(pieces_of(one), pieces_of(other), strict=True))


def _restore(job: Job, item: Item, value: Buffer) -> Outcome:
    if item.value_type == "text" or not has_magic(value):
        return Outcome("keep", raw_size=item.size)
    about = info(value)
    value_type, raw = _decompress(job, value, about)
    return Outcome("replace", raw_size=about.raw_size, digest=fingerprint(value), value=raw, value_type=value_type)


def _decompress(job: Job, value: Buffer, about: FrameInfo) -> tuple[str, Buffer]:
    """Type and bytes, of a text in the database's encoding."""
    if about.value_type == "text":
        return _decompress_text(job, value)
    if job.home == here() and is_large(about.raw_size) and about.raw_size <= DEFAULT_MAX_SIZE:
        return "blob", or_whole(lambda: decompress_large(value), lambda: decompress(value, threads=1))
    return "blob", cast(bytes, decompress(value, threads=1))


def _verify(job: Job, item: Item, value: Buffer) -> Outcome:
    if item.value_type == "text" or not has_magic(value):
        return Outcome("keep", raw_size=item.size)
    damages = tuple(find_damages(value))
    if damages:
        return Outcome("failed", raw_size=item.size, reason=damages[0][1], damages=damages)
    return Outcome("verified", raw_size=info(value).raw_size)


def _verify_stored(item: Item, connection: apsw.Connection, place: Place) -> Outcome:
    """`_verify` of a value that is read piece by piece."""

    def read(offset: int, count: int) -> bytes | None:
        with getattr(_thread, "reading", nullcontext()):
            found = read_piece(connection, place, item.key, item.size, offset, count)
        if stopper := getattr(_thread, "stopper", None):
            stopper.check()
        return found

    try:
        found = None if item.value_type == "text" else check_stored(read, item.size)
    except GoneError:
        return Outcome("gone")
    if found is None:
        return Outcome("keep", raw_size=item.size)
    raw_size, damages = found
    if damages:
        return Outcome("failed", raw_size=item.size, reason=damages[0][1], damages=tuple(damages))
    return Outcome("verified", raw_size=raw_size)


# ---- TEXT --------------------------------------------------------------------------------------------------

_engines = threading.local()


def _text_engine(encoding: str, id: int = 0) -> apsw.Connection:
    """An empty database of that encoding, so that SQLite decides what a text becomes, even one that is not valid.

    Each thread keeps its own, since opening one takes a hundred times as long as compressing a short text.

    :param id: of the dictionary that the database is to have; 0: none.
    """
    dictionary = find_dictionary(id) if id else None
    name = f"engine_{encoding}_{os.getpid()}"  # a forked process makes its own
    if dictionary is not None:
        name += f"_{id}_{fingerprint(dictionary)}"
    engine: apsw.Connection | None = getattr(_engines, name, None)
    if engine is None:
        engine = apsw.Connection(":memory:")
        run(engine, f"PRAGMA encoding = '{encoding}'")
        load(engine)
        run(engine, "SELECT zblob_config('threads', 1)")
        if dictionary is not None:
            run(engine, "CREATE TABLE zblob_dictionaries(id INTEGER PRIMARY KEY, dictionary BLOB)")
            run(engine, "INSERT INTO zblob_dictionaries VALUES (?, ?)", (id, dictionary))
        setattr(_engines, name, engine)
        if stopper := getattr(_thread, "stopper", None):
            stopper.engines.append(engine)
    return engine


def _compress_text(job: Job, item: Item, value: Buffer, kept: Outcome) -> Outcome:
    if not item.size:  # which an SQLite binding may take for NULL, and which no frame makes smaller
        return kept
    engine = _text_engine(job.source.encoding, job.dictionary)
    options = json.dumps({"level": job.level, "for_column": 1, "dictionary": job.dictionary})
    ((new,),) = run(engine, f"SELECT zcompress({text_of('?')}, ?)", (value, options))
    if len(new) >= item.size:
        return kept
    value_type, raw = _decompress_text(job, new)
    if value_type != "text" or not _is_same(raw, value):
        return Outcome("failed", reason="what was compressed does not decompress to the same text")
    return Outcome("replace", raw_size=item.size, digest=kept.digest, value=new)


def _decompress_text(job: Job, frame: Buffer) -> tuple[str, bytes]:
    """The type, and the bytes in the database's encoding, that a reader of the database gets."""
    sql = "SELECT typeof(value), CAST(value AS BLOB) FROM (SELECT zdecompress(?) AS value)"
    ((value_type, value),) = run(_text_engine(job.source.encoding, info(frame).dictionary_id), sql, (frame,))
    return value_type, value
