"""What runs in a worker, a thread or a process anywhere: read one value, compress, restore or check it. Writes nothing.

Jobs and results are plain data that can be pickled. A job either brings its value or says where to read it; a worker
that cannot read there answers so, and gets the value with the next attempt.
"""

from __future__ import annotations

from dataclasses import dataclass

from .codec import VERSION


@dataclass(frozen=True)
class Source:
    """A column of a database file, and how to tell whether this host has that very file."""

    database: str  # path or file: URI
    identity: tuple[str, int, int]  # host, device, inode
    select: str  # one value by its key: typeof(value), CAST(value AS BLOB)
    encoding: str  # of the database's TEXT: "UTF-8", "UTF-16le" or "UTF-16be"


@dataclass(frozen=True)
class Job:
    """One value and what to do with it."""

    source: Source
    key: tuple[object, ...]  # parameters of source.select
    value_type: str | None = None  # "blob" or "text", where the job brings the value
    value: bytes | None = None
    level: int = 5
    envelope: str = "frame"


@dataclass(frozen=True)
class Result:
    """What became of one job."""

    codec_version: str
    outcome: str  # "replace", "keep", "failed", "gone" (no such row any more), "unreachable" (send the value) ...
    raw_size: int = 0
    digest: int = 0  # XXH64 of the value that was read; with its type and size it names the value to replace
    stored_size: int = 0  # of the value that was read
    stored_type: str = ""
    value: bytes | None = None  # the new one
    value_type: str = "blob"
    reason: str = ""  # failed: why
    damages: tuple[tuple[int | None, str], ...] = ()  # verify: chunk and reason


def compress_task(job: Job) -> Result:
    """Compress one value, decompress it again and compare: `executor.submit(compress_task, job)`."""
    raise NotImplementedError


def restore_task(job: Job) -> Result:
    """Decompress one value."""
    raise NotImplementedError


def verify_task(job: Job) -> Result:
    """Decode every chunk of one value."""
    raise NotImplementedError


def handshake() -> str:
    """The version of the codec that a worker carries: `executor.submit(handshake)`."""
    return VERSION
