"""Compress, decompress and describe values: the C codec from Python. The only importer of the cffi module.

The calls release the GIL, take anything that has a contiguous buffer, and hold no state of their own: all of
them may run in any number of threads at once.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import json
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn, overload

from ._codec import ffi, lib
from .arguments import extents_of, hint_of, holds_objects, is_integer, option_text, plain_integer
from .choices import CompressOptions, Unpack
from .descriptions import FrameInfo as FrameInfo
from .descriptions import ImageInfo as ImageInfo
from .errors import (
    DamagedFrameError,
    MissingDictionaryError,
    OptionError,
    SizeLimitError,
    UnsupportedFrameError,
    WrongTypeError,
    ZblobError,
)

Buffer = bytes | bytearray | memoryview | Any  # anything with the buffer protocol, which typing has no name for yet

# What may be said of raw voxels beside them: a dtype such as "uint8" or "<i2", and a shape, slowest axis first, such as
# "[188, 256, 190]", "(188, 256, 190)" or "188x256x190".
Hint = tuple[str, str]

VERSION: str = ffi.string(lib.zblob_library_version()).decode()

DEFAULT_LEVEL: int = lib.ZBLOB_LEVEL_DEFAULT
HEAD_PREFIX_SIZE: int = lib.ZBLOB_HEAD_PREFIX_SIZE
SNIFF_PREFIX_SIZE: int = lib.ZBLOB_SNIFF_PREFIX_SIZE

# The most bytes that decompress() allocates by default: more than a value in SQLite can have.
DEFAULT_MAX_SIZE = 1 << 32

_EXCEPTIONS: dict[int, type[BaseException]] = {
    lib.ZBLOB_DAMAGED: DamagedFrameError,
    lib.ZBLOB_UNSUPPORTED: UnsupportedFrameError,
    lib.ZBLOB_TOO_LARGE: SizeLimitError,
    lib.ZBLOB_NO_MEMORY: MemoryError,
    lib.ZBLOB_BAD_ARGUMENT: OptionError,
    lib.ZBLOB_INTERRUPTED: KeyboardInterrupt,
    lib.ZBLOB_NEEDS_DICTIONARY: MissingDictionaryError,
}

_ENCODINGS = {lib.ZBLOB_TEXT_UTF8: "utf-8", lib.ZBLOB_TEXT_UTF16LE: "utf-16-le"}

_new_bytes = ctypes.pythonapi.PyBytes_FromStringAndSize
_new_bytes.restype = ctypes.py_object
_new_bytes.argtypes = [ctypes.c_char_p, ctypes.c_ssize_t]


_checks = threading.local()

# Smaller values take so little time that nobody needs to interrupt them.
_INTERRUPTIBLE_SIZE = 64 << 10


def interrupt_by(check: Callable[[], object]) -> None:
    """From now on, calls of the codec in this thread call `check` every few ms, and end with what it raises."""
    _checks.check = check


class _Call:
    """One call of the codec that can be interrupted."""

    def __init__(self, check: Callable[[], object]) -> None:
        self.check = check

    def __enter__(self) -> Any:
        """A `struct zblob_interrupt`, which must not be used after the end."""
        _checks.problem = None
        self.handle = ffi.new_handle(self)
        self.request = ffi.new("struct zblob_interrupt *", (_interrupt, self.handle))
        return self.request

    def __exit__(self, *_: object) -> None:
        problem: BaseException | None = _checks.problem
        _checks.problem = None
        if problem is not None:
            raise problem from None


def _note_problem(_kind: object, problem: BaseException, _traceback: object) -> bool:
    """Something was raised in the function below, perhaps by the handler of a signal, which may run anywhere in it."""
    _checks.problem = problem
    return True


@ffi.callback("bool(void *)", error=True, onerror=_note_problem)  # type: ignore[untyped-decorator]
def _interrupt(context: Any) -> bool:
    """Called by the codec every few milliseconds, with the GIL."""
    ffi.from_handle(context).check()
    return False


def _let_signals_in() -> None:
    """Nothing: that the interpreter runs at all lets Ctrl-C raise KeyboardInterrupt."""


def _call(size: int) -> _Call | nullcontext[Any]:
    """What may interrupt the call of the codec that is about to begin: the thread's own check, or in the main thread,
    where Python handles signals, Ctrl-C."""
    check = getattr(_checks, "check", None)
    if check is None and threading.current_thread() is threading.main_thread():
        check = _let_signals_in
    return nullcontext(ffi.NULL) if check is None or size < _INTERRUPTIBLE_SIZE else _Call(check)


# ---- Dictionaries ------------------------------------------------------------------------------------------

_finders = threading.local()


@contextmanager
def dictionaries_from(find: Callable[[int], bytes | None]) -> Iterator[None]:
    """Within it, the calls of this thread that need the dictionary of an id take the bytes that `find` gives for it."""
    before = getattr(_finders, "find", None)
    _finders.find = find
    try:
        yield
    finally:
        _finders.find = before


def dictionary_id(dictionary: Buffer) -> int:
    """The id under which a dictionary is kept: a hash of its bytes, never 0."""
    with _bytes_of(dictionary) as src:
        return int(lib.zblob_dictionary_id_of(src, len(src)))


@functools.lru_cache(maxsize=16)
def _prepared(dictionary: bytes) -> Any:
    """A `struct zblob_dictionary *`."""
    made, error = ffi.new("struct zblob_dictionary **"), ffi.new("struct zblob_error *")
    if lib.zblob_dictionary_open(made, dictionary, len(dictionary), error):
        _raise(error)
    return ffi.gc(made[0], lib.zblob_dictionary_close)


def find_dictionary(id: int) -> bytes | None:
    """What `dictionaries_from` gives in this thread."""
    find = getattr(_finders, "find", None)
    return find(id) if find else None


def _found(id: int, dictionary: bytes | None = None) -> Any:
    """:raises MissingDictionaryError: nobody has the dictionary of that id.
    :raises DamagedFrameError: what is kept under that id is another one.
    """
    kept = dictionary if dictionary is not None else find_dictionary(id)
    if kept is None:
        raise MissingDictionaryError(
            f"the value needs dictionary {id}: give its bytes, which are in table zblob_dictionaries of the database "
            "that the value comes from, and which zb.copy_dictionaries copies into another one"
        )
    made = _prepared(bytes(kept))
    if lib.zblob_dictionary_id(made) != id:
        raise DamagedFrameError(f"the value needs dictionary {id}, and the bytes given for it are those of another one")
    return made


_alive: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def _give_dictionary(struct: Any, dictionary: bytes | None = None) -> None:
    """Set the dictionary that options or an opened frame name, if any, and keep it for as long as the struct lives."""
    if struct.dictionary_id:
        struct.dictionary = _alive[struct] = _found(struct.dictionary_id, dictionary)


def _bytes_of(data: Buffer) -> Any:
    """The memory of a bytes-like object, for `with`.

    :raises WrongTypeError: it has none, or there are addresses of Python objects in it.
    :raises OptionError: its memory is not contiguous.
    """
    if isinstance(data, str):
        raise WrongTypeError("expected bytes, not str: a frame is bytes also where the value is text")
    if type(data) is not bytes and holds_objects(data):
        raise WrongTypeError(
            f"this {type(data).__name__} holds Python objects, of which its memory has the addresses alone: give the "
            "bytes of pickle.dumps, or an array of another dtype, such as array.astype(...)"
        )
    try:
        return ffi.from_buffer(data)
    except TypeError as error:
        raise WrongTypeError(f"expected bytes or an object with a buffer, not {type(data).__name__}") from error
    except (BufferError, ValueError) as error:
        raise OptionError(f"the memory of this {type(data).__name__} is not contiguous: give a copy of it") from error


def _raise(error: Any) -> NoReturn:
    message = ffi.string(error.message).decode("utf-8", "replace")
    raise _EXCEPTIONS.get(error.code, ZblobError)(message)


def _set_option(options: Any, name: str, value: Any, error: Any) -> None:
    key = option_text(name)
    if name == "for_column" and isinstance(value, bool):
        value = int(value)
    value = plain_integer(value)
    if is_integer(value):
        if not -(1 << 63) <= value < 1 << 63:
            raise OptionError(f'option "{name}" must fit 64 bits, not {value}')
        result = lib.zblob_options_set_integer(options, key, value, error)
    elif name == "dtype":
        result = lib.zblob_options_set_text(options, key, option_text(getattr(value, "str", str(value))), error)
    elif isinstance(value, str):
        result = lib.zblob_options_set_text(options, key, option_text(value), error)
    elif name == "shape" and (extents := extents_of(value)) is not None:
        if not all(-(1 << 63) <= extent < 1 << 63 for extent in extents):
            raise OptionError(f'option "shape" must hold positive integers of 64 bits, not {value}')
        result = lib.zblob_options_set_shape(options, ffi.new("int64_t[]", extents), len(extents), error)
    else:
        result = lib.zblob_options_refuse(key, repr(value)[:80].encode("ascii", "replace"), error)
    if result != lib.ZBLOB_OK:
        _raise(error)


def make_options(**options: Any) -> Any:
    """A `struct zblob_options`. OptionError names an option that is unknown or out of range."""
    made, error = ffi.new("struct zblob_options *"), ffi.new("struct zblob_error *")
    lib.zblob_options_init(made)
    given = options.pop("dictionary", None)
    if isinstance(given, bytes):
        options["dictionary"] = dictionary_id(given)
    elif given is not None:
        options["dictionary"] = given
    for name, value in options.items():
        _set_option(made, name, value, error)
    return made


def _take_hint(settings: Any, hint: Hint | None, size: int) -> bool:
    """False: there is none, or it cannot be true of a value of so many bytes."""
    return hint is not None and bool(lib.zblob_options_hint(settings, *map(option_text, hint), size))


def fits(hint: Hint | None, size: int) -> bool:
    """Do dtype and shape make sense, and describe so many bytes?"""
    return _take_hint(make_options(), hint, size)


def compress(
    data: Buffer | str, level: int = DEFAULT_LEVEL, *, hint: Hint | None = None, **options: Unpack[CompressOptions]
) -> bytes:
    """Compress `data` into a frame.

    :param data: bytes-like, C-contiguous, of any item type; or text, which comes back as text. Of a NumPy array, its
        bytes come back; its dtype and shape are the hint, unless options say otherwise.
    :param level: 1 (fastest) to 9 (smallest).
    :param hint: what is said of raw voxels elsewhere: dtype and shape, as texts. Where they make no sense, or describe
        another number of bytes, the data are taken as if nothing was said.
    :param options: `codec` ("auto", "voxel", "planes", "zstd" or "store"), `threads` (0: all), `min_size`
        (smaller data come back as they are), for raw voxels without a header `dtype` (NumPy's name) and
        `shape` (slowest axis first, whose product is the number of samples), `dictionary` (the bytes of a trained
        one, for small values), and `for_column` (False): true for
        programs that write the rows of a compressed column themselves, so that `restore` knows whose frame it is.
    :returns: the frame; at most 64 bytes larger than the data, and 32 more for each chunk after the first.
    :raises OptionError: an option is unknown or out of range.
    """
    source: Any = data
    value_type = lib.ZBLOB_BLOB
    if isinstance(data, str):
        source = data.encode("utf-8", "surrogatepass")
        value_type = lib.ZBLOB_TEXT_UTF8
    settings = make_options(level=level, **options)
    given = options.get("dictionary")
    _give_dictionary(settings, given if isinstance(given, bytes) else None)
    with _bytes_of(source) as src:
        if len(src) < settings.min_size and not lib.zblob_is_marked(src, len(src)):
            return bytes(ffi.buffer(src))
        if value_type == lib.ZBLOB_BLOB and "dtype" not in options:
            _take_hint(settings, hint or hint_of(data), len(src))
        return _made_by(lib.zblob_compress, settings, value_type, src, len(src))


def _made_by(function: Any, settings: Any, *source: Any) -> bytes:
    """The bytes that a function of the codec makes, whose memory is freed."""
    made, size, error = ffi.new("unsigned char **"), ffi.new("size_t *"), ffi.new("struct zblob_error *")
    with _call(source[-1]) as request:
        if request:
            settings.interrupt = request[0]
        if function(settings, *source, made, size, error):
            _raise(error)
    try:
        return bytes(ffi.buffer(made[0], size[0]))
    finally:
        lib.zblob_free(made[0])


def compress_pickle(data: Buffer, level: int = DEFAULT_LEVEL, **options: Any) -> bytes:
    """Compress a pickle into a pickle: whoever loads the result gets the same object. SQL's zpickle().

    Only one complete pickle of protocol 2 to 5 that ends at the last byte, without persistent ids, extension codes
    and out-of-band buffers is wrapped. Everything else comes back as it is, an envelope and a frame included.
    Loading imports `sqlite_zblob.unpickle`, which calls `pickle.loads`: see docs/in-place.md.

    :param level: 1 (fastest) to 9 (smallest).
    :param options: as for `compress`.
    :raises OptionError: an option is unknown or out of range.
    """
    settings = make_options(level=level, **options)
    with _bytes_of(data) as src:
        if len(src) < settings.min_size or not _is_plain_pickle(src):
            return bytes(ffi.buffer(src))
        return _made_by(lib.zblob_compress_pickle, settings, src, len(src))


def is_frame(data: Buffer) -> bool:
    """Is it a frame, or an envelope around one, with a valid header checksum? Looks at nothing after the header."""
    with _bytes_of(data) as src:
        return bool(lib.zblob_is_compressed(src, len(src)))


def has_magic(data: Buffer) -> bool:
    """Is it a frame or an envelope, whole or damaged? `decompress` hands back everything else unchanged.

    The header and all before it is enough of a value.
    """
    if type(data) is bytes:  # asked of every BLOB in every row, so without the cost of a buffer
        return bool(lib.zblob_is_marked(data, len(data)))
    with _bytes_of(data) as src:
        return bool(lib.zblob_is_marked(src, len(src)))


def may_have_images(head: Buffer) -> bool:
    """Does a plain value whose first SNIFF_PREFIX_SIZE bytes these are begin as one in which `info` may find images?"""
    with _bytes_of(head) as src:
        return bool(lib.zblob_may_have_images(src, len(src)))


def compressed_format(value: Buffer) -> str | None:
    """The name of a plain value's format, if that has a compression of its own: "JPEG", "gzip", "DICOM (JPEG-LS)"..."""
    with _bytes_of(value) as src:
        name = lib.zblob_compressed_format(src, len(src))
    return ffi.string(name).decode() if name != ffi.NULL else None


def is_plain_pickle(data: Buffer) -> bool:
    """Is it one complete pickle that `compress_pickle` would wrap? Reads its opcodes, executes none."""
    with _bytes_of(data) as src:
        return _is_plain_pickle(src)


def _is_plain_pickle(src: Any) -> bool:
    answer, error = ffi.new("bool *"), ffi.new("struct zblob_error *")
    with _call(len(src)) as request:
        if lib.zblob_check_plain_pickle(src, len(src), answer, request, error):
            _raise(error)
    return bool(answer[0])


def check_size(size: int, max_size: int) -> None:
    if size > max_size:
        raise SizeLimitError(f"the value has {size} bytes before compression, more than max_size={max_size}")


def _find_frame(src: Any, error: Any) -> tuple[Any, int]:
    """Address and size of the frame that a value is or holds; the address is NULL in a plain value."""
    frame, size = ffi.new("const unsigned char **"), ffi.new("size_t *")
    if lib.zblob_find_frame(src, len(src), frame, size, error):
        _raise(error)
    return frame[0], size[0]


@overload
def decompress(
    frame: Buffer, *, threads: int = 0, max_size: int = DEFAULT_MAX_SIZE, dictionary: bytes | None = None
) -> bytes | str: ...


@overload
def decompress(
    frame: Buffer, *, out: Buffer, threads: int = 0, max_size: int = DEFAULT_MAX_SIZE, dictionary: bytes | None = None
) -> memoryview: ...


def decompress(
    frame: Buffer,
    *,
    out: Buffer | None = None,
    threads: int = 0,
    max_size: int = DEFAULT_MAX_SIZE,
    dictionary: bytes | None = None,
) -> bytes | str | memoryview:
    """Decompress a frame or an envelope. Other bytes come back unchanged, as with SQL's zdecompress().

    :param out: a writable C-contiguous buffer of at least the value's size in bytes, to decode into.
    :param threads: 0: all that the process may use.
    :param max_size: refuse frames that claim more bytes than this.
    :param dictionary: the bytes of the one that the frame was made with, if there is one.
    :returns: the value in its type; with `out`, a view of the bytes written (text as it was encoded).
    :raises DamagedFrameError: the frame is cut off, or a checksum is wrong; the message names the chunk.
    :raises UnsupportedFrameError: the frame comes from a newer version.
    :raises SizeLimitError: the value is larger than `max_size` or `out`.
    :raises MissingDictionaryError: the frame needs a dictionary that is not given.
    """
    value, value_type = _decompress(frame, out, threads, max_size, dictionary)
    return value if out is not None or value_type == lib.ZBLOB_BLOB else _text_of(value, value_type)


def decompress_stored(frame: bytes) -> tuple[bytes, bool]:
    """What `frame` holds, and whether that is TEXT. TEXT comes in UTF-8, as the database gives it, valid or not.

    :raises DamagedFrameError: as `decompress`.
    :raises UnsupportedFrameError: as `decompress`.
    :raises SizeLimitError: as `decompress`.
    """
    value, value_type = _decompress(frame, None, 0, DEFAULT_MAX_SIZE)
    if value_type == lib.ZBLOB_TEXT_UTF16LE:
        value = _text_of(value, value_type).encode("utf-8", "surrogatepass")
    return value, value_type != lib.ZBLOB_BLOB


def _text_of(value: bytes, value_type: int) -> str:
    return value.decode(_ENCODINGS[value_type], "surrogatepass")


def _decompress(
    frame: Buffer, out: Buffer | None, threads: int, max_size: int, dictionary: bytes | None = None
) -> tuple[Any, int]:
    """The value's bytes, new or in `out`, and its type."""
    for name, number, limit in (("threads", threads, 1 << 31), ("max_size", max_size, 1 << 63)):
        if not is_integer(plain_integer(number)) or not 0 <= number < limit:
            raise OptionError(f"{name} must be an integer from 0, not {number!r}")
    with _bytes_of(frame) as src:
        header, error = ffi.new("struct zblob_frame *"), ffi.new("struct zblob_error *")
        found, found_size = _find_frame(src, error)
        if not found:
            return (bytes(ffi.buffer(src)) if out is None else _copy_into(src, out)), lib.ZBLOB_BLOB
        if lib.zblob_frame_open(header, found, found_size, found_size, error):
            _raise(error)
        size = header.raw_size
        check_size(size, max_size)
        _give_dictionary(header, dictionary)
        value: Any = _new_bytes(None, size) if out is None else _writable(out, size)
        with ffi.from_buffer(value) as dst, _call(size) as request:
            if lib.zblob_decompress(header, threads, dst, request, error):
                _raise(error)
    return value, header.value_type


def _writable(out: Buffer, size: int) -> memoryview:
    try:
        view = memoryview(out)
    except TypeError as error:
        raise WrongTypeError(f"out must be a writable buffer, not {type(out).__name__}") from error
    if holds_objects(out):
        raise WrongTypeError(f"out must not hold Python objects, and this {type(out).__name__} does")
    if view.readonly:
        raise OptionError("out must be writable")
    if not view.c_contiguous:
        raise OptionError("out must be C-contiguous")
    if view.nbytes < size:
        raise SizeLimitError(f"out has {view.nbytes} bytes, the value needs {size}")
    return view.cast("B")[:size]


def _copy_into(src: Any, out: Buffer) -> memoryview:
    target = _writable(out, len(src))
    target[:] = ffi.buffer(src)
    return target


def find_damages(frame: Buffer, *, max_size: int = DEFAULT_MAX_SIZE) -> list[tuple[int | None, str]]:
    """Decode every chunk of a frame or an envelope: the number (from 1) and the reason of each that is damaged.

    The number is None where the header is damaged or comes from a newer version, and no chunk was looked at. A plain
    value has no damages. Of very many damages, the first are listed, and last their number.

    :param max_size: a frame of a larger value is not decoded, which counts as a damage.
    """
    header, error = ffi.new("struct zblob_frame *"), ffi.new("struct zblob_error *")
    decoder = ffi.new("struct zblob_decoder **")
    with _bytes_of(frame) as src:
        try:
            found, found_size = _find_frame(src, error)
            if not found:
                return []
            if lib.zblob_frame_open(header, found, found_size, found_size, error):
                _raise(error)
            check_size(header.raw_size, max_size)
            _give_dictionary(header)
            if lib.zblob_decoder_open(decoder, header, error):
                _raise(error)
            return first_damages(_damaged_chunks(decoder[0], header, found, error))
        except (DamagedFrameError, MissingDictionaryError, SizeLimitError, UnsupportedFrameError) as problem:
            return [(None, str(problem))]
        finally:
            lib.zblob_decoder_close(decoder[0])


_DAMAGES_MAX = 1000


def first_damages(damages: Iterator[tuple[int, str]]) -> list[tuple[int | None, str]]:
    found: list[tuple[int | None, str]] = list(itertools.islice(damages, _DAMAGES_MAX))
    more = sum(1 for _ in damages)
    return [*found, (None, f"and {more} more damaged chunks")] if more else found


def _damaged_chunks(decoder: Any, header: Any, frame: Any, error: Any) -> Iterator[tuple[int, str]]:
    chunk, aside = ffi.new("struct zblob_chunk *"), bytearray()
    for index in range(header.chunk_count):
        lib.zblob_decoder_locate(decoder, index, chunk)
        if len(aside) < chunk.raw_size:
            aside = bytearray(chunk.raw_size)
        with ffi.from_buffer(aside) as dst, _call(chunk.raw_size) as request:
            if lib.zblob_decoder_chunk(decoder, index, frame + chunk.stored_offset, dst, request, error):
                yield index + 1, ffi.string(error.message).decode("utf-8", "replace")


def checksum(data: Buffer) -> int:
    """XXH3 of these bytes, which is the checksum that the chunk index has of each chunk."""
    with _bytes_of(data) as src:
        return int(lib.zblob_checksum(src, len(src)))


def info(frame: Buffer) -> FrameInfo:
    """Read the header of a frame or an envelope, without decoding; for a plain value, report what sniffing finds.

    :raises DamagedFrameError: the header is cut off or damaged.
    """
    return _describe(frame, lib.zblob_describe)


def guess(value: Buffer) -> FrameInfo:
    """`info`; of a plain value without images, with the one that codec "auto" guesses and would code."""
    return _describe(value, lib.zblob_describe_guess)


def _describe(value: Buffer, describe: Any) -> FrameInfo:
    text, error = ffi.new("char **"), ffi.new("struct zblob_error *")
    with _bytes_of(value) as src, _call(len(src)) as request:
        if describe(src, len(src), lib.ZBLOB_BLOB, text, request, error):
            _raise(error)
    return _take_description(text)


def head_size(prefix: Buffer) -> int:
    """Where the header ends in a value that begins with these HEAD_PREFIX_SIZE bytes; 0 in a plain value.

    Of some plain values it is not 0: `has_magic` knows them, given as many bytes.
    """
    with _bytes_of(prefix) as src:
        return int(lib.zblob_head_size(src, len(src)))


def is_for_column(prefix: Buffer) -> bool:
    """Does this look as if a compressed column had made it? Given HEAD_PREFIX_SIZE bytes of a frame or envelope."""
    with _bytes_of(prefix) as src:
        return bool(lib.zblob_is_for_column(src, len(src)))


def info_of_head(head: Buffer, value_size: int) -> FrameInfo:
    """`info` of a compressed value of `value_size` bytes, from the first `head_size` of them.

    Images in a value that was stored as it is (codec "store") are not found: that needs the whole value.

    :raises DamagedFrameError: the header is cut off or damaged.
    """
    text, error = ffi.new("char **"), ffi.new("struct zblob_error *")
    with _bytes_of(head) as src:
        if lib.zblob_describe_head(src, len(src), value_size, text, error):
            _raise(error)
    return _take_description(text)


def _take_description(text: Any) -> FrameInfo:
    try:
        fields: dict[str, Any] = json.loads(ffi.string(text[0]), object_hook=_with_tuples)
    finally:
        lib.zblob_free(text[0])
    return FrameInfo(**fields | {"images": tuple(ImageInfo(**image) for image in fields["images"])})


def _with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
