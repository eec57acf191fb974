"""Frames that are not in memory as a whole: chunks decoded from their stored bytes, and encoded into a file.

Beside codec.py, the only importer of the cffi module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ._codec import ffi, lib
from .codec import Buffer, Hint, _bytes_of, _call, _give_dictionary, _made_by, _raise, _take_hint, make_options
from .errors import DamagedFrameError, ZblobError


class ChunkInfo(NamedTuple):
    """Where one chunk lies: within the original value, and within the value as it is stored. In bytes."""

    raw_offset: int
    raw_size: int
    stored_offset: int
    stored_size: int


class FrameDecoder:
    """Decodes chunks of a frame or an envelope of which only the header is at hand. Threads may share it.

    :param head: the value's first `head_size` bytes.
    :param value_size: bytes of the stored value.
    :raises DamagedFrameError: as `decompress`.
    :raises UnsupportedFrameError: as `decompress`.
    """

    def __init__(self, head: bytes, value_size: int) -> None:
        offset, size = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        header, opened, error = (ffi.new(f"struct zblob_{kind}") for kind in ("frame *", "decoder **", "error *"))
        if lib.zblob_locate_frame(head, len(head), value_size, offset, size, error):
            _raise(error)
        self._header = ffi.new("char[]", head[offset[0] :])  # to which the decoder points
        if lib.zblob_frame_open(header, self._header, len(head) - offset[0], size[0], error):
            _raise(error)
        _give_dictionary(header)
        self._frame = header  # which keeps its dictionary
        result = lib.zblob_decoder_open(opened, header, error)
        self._decoder = ffi.gc(opened[0], lib.zblob_decoder_close)
        if result:
            _raise(error)
        self.raw_size, self.is_text = int(header.raw_size), header.value_type != lib.ZBLOB_BLOB
        self.chunks = [self._locate(index, offset[0]) for index in range(header.chunk_count)]

    def _locate(self, index: int, frame_offset: int) -> ChunkInfo:
        chunk = ffi.new("struct zblob_chunk *")
        lib.zblob_decoder_locate(self._decoder, index, chunk)
        return ChunkInfo(chunk.raw_offset, chunk.raw_size, frame_offset + chunk.stored_offset, chunk.stored_size)

    def decode(self, indices: Sequence[int], stored: Sequence[Buffer], threads: int = 0) -> list[bytearray]:
        """The raw bytes of several chunks, given their stored bytes; decoded in parallel.

        :raises DamagedFrameError: the bytes are not those of the chunk.
        """
        results = [bytearray(self.chunks[index].raw_size) for index in indices]
        self.decode_into(indices, stored, results, threads)
        return results

    def decode_into(
        self, indices: Sequence[int], stored: Sequence[Buffer], results: Sequence[Buffer], threads: int = 0
    ) -> None:
        """`decode` into memory that has the size of each chunk.

        :raises DamagedFrameError: as `decode`.
        """
        sources, targets = ([ffi.from_buffer(each) for each in these] for these in (stored, results))
        jobs, error = ffi.new("struct zblob_chunk_job[]", len(indices)), ffi.new("struct zblob_error *")
        for job, index, source, target in zip(jobs, indices, sources, targets, strict=True):
            if len(source) != self.chunks[index].stored_size:
                raise DamagedFrameError(f"damaged frame: chunk {index + 1} of {len(self.chunks)} is cut off")
            if len(target) != self.chunks[index].raw_size:
                raise ValueError(f"chunk {index + 1} has {self.chunks[index].raw_size} bytes, not {len(target)}")
            job.index, job.stored, job.dst = index, source, target
        with _call(sum(map(len, targets))) as request:
            if lib.zblob_decoder_chunks(self._decoder, jobs, len(indices), threads, request, error):
                _raise(error)


class _Sink:
    """A file that a frame's chunks are written to, for the two functions that follow. What went wrong is kept."""

    def __init__(self, file: Any) -> None:
        self.file, self.start = file, file.tell()
        self.problem: BaseException | None = None
        self.handle = ffi.new_handle(self)
        calls = (_write, _restart, self.handle)
        self.struct = ffi.new("struct zblob_sink *", calls)


@ffi.callback("enum zblob_result(void *, const void *, size_t, struct zblob_error *)")  # type: ignore[untyped-decorator]
def _write(context: Any, data: Any, size: int, _error: Any) -> int:
    sink: _Sink = ffi.from_handle(context)
    return _attempt(sink, lambda: sink.file.write(ffi.buffer(data, size)))


@ffi.callback("enum zblob_result(void *, struct zblob_error *)")  # type: ignore[untyped-decorator]
def _restart(context: Any, _error: Any) -> int:
    sink: _Sink = ffi.from_handle(context)
    return _attempt(sink, lambda: sink.file.truncate(sink.file.seek(sink.start)))


def _attempt(sink: _Sink, action: Callable[[], object]) -> int:
    try:
        action()
    except BaseException as problem:
        sink.problem = problem
        return int(lib.ZBLOB_BAD_ARGUMENT)
    return int(lib.ZBLOB_OK)


def envelope_ends(frame_size: int) -> tuple[bytes, bytes]:
    """What a pickle envelope has before and after a frame of so many bytes."""
    before = bytearray(lib.ZBLOB_ENVELOPE_PREFIX_SIZE)
    after = bytearray(lib.ZBLOB_ENVELOPE_OVERHEAD - len(before))
    with ffi.from_buffer(before) as prefix, ffi.from_buffer(after) as suffix:
        lib.zblob_envelope_ends(frame_size, ffi.cast("unsigned char *", prefix), ffi.cast("unsigned char *", suffix))
    return bytes(before), bytes(after)


def compress_to(file: Any, data: Buffer, *, hint: Hint | None = None, **options: Any) -> bytes:
    """Compress bytes whose frame may be too large for memory: write its chunks to a seekable binary file.

    What is returned is the header, which precedes them in the frame.

    :param data: as for `compress`; a mapped file needs no memory.
    :param hint: as for `compress`.
    :param options: as for `compress`, `level` included.
    :raises OptionError: as `compress`. What the file raises is passed on.
    """
    settings, sink = make_options(**options), _Sink(file)
    with _bytes_of(data) as src:
        _take_hint(settings, hint, len(src))
        try:
            return _made_by(
                lambda *given: lib.zblob_compress_to(*given[:4], sink.struct, *given[4:]),
                settings,
                lib.ZBLOB_BLOB,
                src,
                len(src),
            )
        except ZblobError:
            if sink.problem is not None:
                raise sink.problem from None
            raise
