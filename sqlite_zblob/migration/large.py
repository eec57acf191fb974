"""Values that are too large for memory: compressed, decompressed and checked chunk by chunk.

What they become lies in temporary files, which are mapped. Only threads of the process that writes can hand those over;
other workers hold such values in memory, as all do where there is no room for the files.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeVar

import apsw

from ..chunks import FrameDecoder, compress_to, envelope_ends
from ..codec import (
    DEFAULT_MAX_SIZE,
    HEAD_PREFIX_SIZE,
    Buffer,
    Hint,
    check_size,
    first_damages,
    has_magic,
    head_size,
    is_plain_pickle,
)
from ..errors import DamagedFrameError, MissingDictionaryError, SizeLimitError, UnsupportedFrameError
from ..log import log
from ..parts.pieces import LARGE_SIZE, LET_GO_CHUNKS, PIECE_SIZE, ChunkFile, let_go, map_written
from .values import Key, Place, map_value, read_value

# Stored bytes that one read of a value that is checked takes, since SQLite goes through all pages before them.
READ_SIZE = 16 << 20

_TOKEN = os.urandom(8).hex()

Result = TypeVar("Result")
Damages = list[tuple[int | None, str]]


class GoneError(Exception):
    """The row has been changed or deleted meanwhile."""


def here() -> str:
    """The same in all threads of this process, and in no other process."""
    return f"{_TOKEN} {os.getpid()}"


def or_whole(by_file: Callable[[], Result], whole: Callable[[], Result]) -> Result:
    """By way of a temporary file or, where there is no room for one, in memory."""
    try:
        return by_file()
    except OSError as error:
        log.warning("no temporary file in %s (%s): a large value is held in memory", tempfile.gettempdir(), error)
        return whole()


def is_large(size: int) -> bool:
    return size >= LARGE_SIZE


def read_or_map(connection: apsw.Connection, place: Place, key: Key, size: int) -> Buffer | None:
    """`read_value`, of a large value by way of a temporary file."""
    if not is_large(size) or not place.has_blobs:
        return read_value(connection, place, key, size)
    return or_whole(lambda: map_value(connection, place, key, size), lambda: read_value(connection, place, key, size))


# ---- Compress ----------------------------------------------------------------------------------------------


def compress_large(value: Buffer, level: int, envelope: str, hint: Hint | None) -> Buffer:
    """The frame or the envelope that a compressed column stores; the value itself where that takes pickles alone."""
    if envelope == "pickle" and not is_plain_pickle(value):
        return value
    with tempfile.TemporaryFile() as chunks:
        header = compress_to(ChunkFile(chunks, value), value, hint=hint, level=level, threads=1, for_column=True)
        let_go(value)
        ends = envelope_ends(len(header) + chunks.tell()) if envelope == "pickle" else (b"", b"")
        chunks.seek(0)

        def write(file: BinaryIO) -> None:
            file.write(ends[0] + header)
            shutil.copyfileobj(chunks, file, PIECE_SIZE)
            file.write(ends[1])

        return map_written(write)


# ---- Decompress --------------------------------------------------------------------------------------------


def _decoded(frame: Buffer) -> Iterator[bytearray]:
    """The chunks of the original value, in order."""
    view = memoryview(frame)
    decoder = FrameDecoder(bytes(view[: head_size(view[:HEAD_PREFIX_SIZE])]), len(view))
    for index, chunk in enumerate(decoder.chunks):
        stored = view[chunk.stored_offset : chunk.stored_offset + chunk.stored_size]
        yield from decoder.decode([index], [stored], threads=1)
        if index % LET_GO_CHUNKS == 0:
            let_go(frame)


def decompress_large(frame: Buffer) -> Buffer:
    """The original bytes. Whether they are a text's is not looked at.

    :raises DamagedFrameError: as `decompress`.
    """

    def write(file: BinaryIO) -> None:
        for chunk in _decoded(frame):
            file.write(chunk)

    return map_written(write)


def comes_back(frame: Buffer, value: Buffer) -> bool:
    """Are these the original bytes of the frame?"""
    view, at = memoryview(value), 0
    for number, chunk in enumerate(_decoded(frame)):
        if not chunk.startswith(view[at : at + len(chunk)]) or at + len(chunk) > len(view):
            return False
        at += len(chunk)
        if number % LET_GO_CHUNKS == 0:
            let_go(value)
    return at == len(view)


# ---- Check -------------------------------------------------------------------------------------------------


def check_stored(read: Callable[[int, int], bytes | None], size: int) -> tuple[int, Damages] | None:
    """`find_damages` of a value that is read piece by piece, with its original size; None: it is a plain value.

    :param read: the stored bytes at an offset, that many; None: the value is gone.
    :param size: of what is stored.
    :raises GoneError: the value is gone, or is another one now.
    """

    def get(offset: int, count: int) -> bytes:
        found = read(offset, count)
        if found is None:
            raise GoneError
        return found

    prefix = get(0, min(size, HEAD_PREFIX_SIZE))
    head = get(0, max(len(prefix), min(size, head_size(prefix))))
    if not head.startswith(prefix):
        raise GoneError
    if not has_magic(head):
        return None
    try:
        decoder = _opened(head, get, size)
    except (DamagedFrameError, MissingDictionaryError, SizeLimitError, UnsupportedFrameError) as problem:
        return 0, [(None, str(problem))]
    damages = first_damages(_damaged(decoder, get))
    if get(0, len(head)) != head:
        raise GoneError
    return decoder.raw_size, damages


def _opened(head: bytes, get: Callable[[int, int], bytes], size: int) -> FrameDecoder:
    decoder = FrameDecoder(head, size)
    check_size(decoder.raw_size, DEFAULT_MAX_SIZE)
    before, after = envelope_ends(0)
    is_envelope = head.startswith(before[:-8])
    if is_envelope and get(size - len(after), len(after)) != after:
        raise DamagedFrameError("damaged pickle envelope: what it holds is no frame")
    return decoder


def _damaged(decoder: FrameDecoder, get: Callable[[int, int], bytes]) -> Iterator[tuple[int, str]]:
    group: list[int] = []
    for index in range(len(decoder.chunks) + 1):
        is_end = index == len(decoder.chunks)
        if group and (is_end or _span(decoder, group[0], index)[1] > READ_SIZE):
            yield from _damaged_of(decoder, group, get)
            group = []
        group.append(index)


def _span(decoder: FrameDecoder, first: int, last: int) -> tuple[int, int]:
    begin, end = decoder.chunks[first], decoder.chunks[last]
    return begin.stored_offset, end.stored_offset + end.stored_size - begin.stored_offset


def _damaged_of(decoder: FrameDecoder, group: list[int], get: Callable[[int, int], bytes]) -> Iterator[tuple[int, str]]:
    start, count = _span(decoder, group[0], group[-1])
    stored = memoryview(get(start, count))
    for index in group:
        chunk = decoder.chunks[index]
        begin = chunk.stored_offset - start
        try:
            decoder.decode([index], [stored[begin : begin + chunk.stored_size]], threads=1)
        except (DamagedFrameError, UnsupportedFrameError) as problem:
            yield index + 1, str(problem)
