"""Payloads that a store keeps as files beside its database: compress the files of a folder, and decompress them again.

Each file is replaced as a whole by its frame, under its own name, after the frame was decoded and compared. Readers
call `zb.decompress` on what they read, which gives plain files back as they are: so they work before, during and after.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bars import Bar, callback_of, show_step, takes_bar
from ..codec import DEFAULT_LEVEL, compress, decompress, has_magic, info, make_options
from ..errors import DamagedFrameError, OptionError, WrongTypeError, ZblobError, ZblobWarning

Progress = Callable[[str, int, int], None]  # the operation, the files that are done, and all of them


@dataclass(frozen=True)
class FolderReport:
    """What was done with a folder."""

    files: int  # that were looked at
    changed: int  # that were replaced
    raw_bytes: int  # of all of them, before compression
    stored_bytes: int  # as they are now


@takes_bar(show_step)
def compress_folder(
    folder: str | os.PathLike[str],
    pattern: str = "*",
    *,
    describe: Callable[[Path], dict[str, Any] | None] | None = None,
    level: int = DEFAULT_LEVEL,
    progress: Progress | Bar | None = None,
) -> FolderReport:
    """Replace files by their frames, where that makes them smaller. It may be interrupted and called again.

    A file that is written meanwhile, other than by a rename, is left as it is.

    :param pattern: of the files' names; `**/*.bin` goes into the folders below. Links are not followed.
    :param describe: called with each path; gives `dtype` and `shape` (slowest axis first) of raw voxels, or None. Where
        they do not fit the file, it is compressed without them, and named in a warning.
    :param level: 1 (fastest) to 9 (smallest).
    :param progress: called with "compress", the files that are done, and all of them; or "bar".
    :raises OptionError: the level is out of range, or `describe` gives something else than dtype and shape.
    :raises OSError: there is no such folder, or a file cannot be read or written; those before it are done.
    :warns ZblobWarning: what `describe` gives does not fit some files.
    """
    make_options(level=level)
    wrong: list[str] = []

    def pack(path: Path, content: bytes) -> bytes:
        if has_magic(content):
            return content
        given = _description(path, describe(path) if describe else None)
        try:
            frame = compress(content, level, **given)
        except OptionError as error:
            wrong.append(f"{path} ({error})")
            frame = compress(content, level)
        if decompress(frame) != content:
            raise DamagedFrameError("what was compressed is not what comes back; the file stays as it is")
        return frame if len(frame) < len(content) else content

    report = _replace_all("compress", _files(Path(folder), pattern), pack, callback_of(progress))
    if wrong:
        more = f" and {len(wrong) - _NAMED:,} more" if len(wrong) > _NAMED else ""
        named = "; ".join(wrong[:_NAMED]) + more
        warnings.warn(
            f"compressed without what describe gives, which does not fit: {named}", ZblobWarning, stacklevel=3
        )
    return report


_NAMED = 3  # of the files that a warning is about


def _description(path: Path, given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise WrongTypeError(
            f"{path}: describe gives {given!r}, where a dict with dtype and shape is expected, or None"
        )
    others = sorted(set(map(str, given)) - {"dtype", "shape"})
    if others:
        raise OptionError(f"{path}: describe gives {', '.join(others)}, where dtype and shape alone are expected")
    return dict(given)


@takes_bar(show_step)
def decompress_folder(
    folder: str | os.PathLike[str], pattern: str = "*", *, progress: Progress | Bar | None = None
) -> FolderReport:
    """Put files back as they were before `compress_folder`, and decompress all others that are frames, also those that
    were frames before it: nothing tells them apart.

    :param progress: called with "decompress", the files that are done, and all of them; or "bar".
    :raises DamagedFrameError: a frame is damaged; those before it are done.
    :raises OSError: there is no such folder, or a file cannot be read or written; those before it are done.
    """

    def unpack(_path: Path, content: bytes) -> bytes:
        value = decompress(content)
        return value if isinstance(value, bytes) else content  # TEXT was not made from a file

    return _replace_all("decompress", _files(Path(folder), pattern), unpack, callback_of(progress))


def _replace_all(
    operation: str, paths: list[Path], make: Callable[[Path, bytes], bytes], progress: Progress | None
) -> FolderReport:
    files = changed = raw = stored = 0
    for path in paths:
        if progress is not None:
            progress(operation, files, len(paths))
        before = path.stat()
        content = path.read_bytes()
        with _naming(path):
            made = make(path, content)
            is_new = made != content and _replace(path, made, before)
            now = made if is_new else content
            raw += info(now).raw_size if has_magic(now) else len(now)
        files, changed, stored = files + 1, changed + is_new, stored + len(now)
    return FolderReport(files, changed, raw, stored)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except ZblobError as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error


def _files(folder: Path, pattern: str) -> list[Path]:
    """In an order of their own, taken before any is replaced.

    :raises OSError: there is no such folder.
    """
    with os.scandir(folder):  # glob finds nothing in what is none
        pass
    return sorted(path for path in folder.glob(pattern) if path.is_file() and not path.is_symlink())


def _replace(path: Path, content: bytes, before: os.stat_result) -> bool:
    """All or nothing, with the times and permissions that the file has; not if it was written since `before`."""
    handle, name = tempfile.mkstemp(prefix=".zblob-", dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        shutil.copystat(path, made)
        now = path.stat()
        if (now.st_mtime_ns, now.st_size, now.st_ino) != (before.st_mtime_ns, before.st_size, before.st_ino):
            return False
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    return True
