"""A VFS that knows what would be on the disk if the power went: what was synced, and any part of what was not.

Writes go through to real files. Now and then the recorder remembers the disk's state, from which images are made: of
the writes since a file's last sync some are there, some are not, some are torn in the middle, in any order; a file that
was made or deleted since may be there or not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512

Write = Callable[[bytearray], None]


@dataclass
class Inode:
    """One file, as far as it is on the disk for sure, and what may be there beyond."""

    durable: bytes = b""
    pending: tuple[tuple[int, bytes | None], ...] = ()  # offset and data; None: cut off there


@dataclass(frozen=True)
class State:
    """The disk at one moment."""

    names: dict[str, tuple[tuple[bytes, tuple[tuple[int, bytes | None], ...]] | None, ...]]

    def image(self, folder: Path, rng: random.Random) -> None:
        """Write what is left after the power went."""
        for name, candidates in self.names.items():
            chosen = rng.choice(candidates)
            if chosen is not None:
                durable, pending = chosen
                (folder / name).write_bytes(_what_is_left(durable, pending, rng))


def _what_is_left(durable: bytes, pending: tuple[tuple[int, bytes | None], ...], rng: random.Random) -> bytes:
    content = bytearray(durable)
    share = rng.random()  # of the writes that have reached the disk
    for offset, data in pending:
        if rng.random() > share:
            continue
        if data is None:
            del content[offset:]
            continue
        begin, end = 0, len(data)
        if end > SECTOR and rng.random() < 0.2:
            cut = rng.randrange(SECTOR, end, SECTOR)
            begin, end = rng.choice([(0, cut), (cut, end)])
        content.extend(bytes(max(0, offset + begin - len(content))))
        content[offset + begin : offset + end] = data[begin:end]
    return bytes(content)


@dataclass
class Recorder:
    """What is on the disk, and the states that were remembered."""

    rng: random.Random
    share: float  # of the operations after which the state is remembered
    now: dict[str, Inode] = field(default_factory=dict)
    durable: dict[str, Inode] = field(default_factory=dict)
    states: list[State] = field(default_factory=list)

    def know(self, path: str) -> None:
        """A file that is there, and safe."""
        inode = Inode(Path(path).read_bytes())
        self.now[Path(path).name] = self.durable[Path(path).name] = inode

    def opened(self, path: str) -> None:
        if Path(path).name not in self.now:
            self.now[Path(path).name] = Inode()

    def written(self, path: str, offset: int, data: bytes | None) -> None:
        inode = self.now[Path(path).name]
        inode.pending += ((offset, data),)
        self._remember()

    def synced(self, path: str) -> None:
        self._remember()
        name = Path(path).name
        inode = self.now[name]
        inode.durable, inode.pending = Path(path).read_bytes(), ()
        self.durable[name] = inode  # SQLite syncs the folder of a new journal along

    def deleted(self, path: str, *, is_synced: bool) -> None:
        self.now.pop(Path(path).name, None)
        if is_synced:
            self.durable.pop(Path(path).name, None)
        self._remember()

    def _remember(self) -> None:
        if self.rng.random() >= self.share:
            return
        names = {}
        for name in self.now | self.durable:
            found = [self.now.get(name), self.durable.get(name)]
            names[name] = tuple(None if inode is None else (inode.durable, inode.pending) for inode in found)
        self.states.append(State(names))


class PowerVFS(apsw.VFS):
    """Registered under its name until it is closed."""

    def __init__(self, name: str, recorder: Recorder) -> None:
        self.recorder = recorder
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> PowerFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        file = PowerFile(self.recorder, path, name, flags)
        if path:
            self.recorder.opened(path)
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self.recorder.deleted(filename, is_synced=bool(syncdir))


class PowerFile(apsw.VFSFile):
    def __init__(self, recorder: Recorder, path: str | None, name: Any, flags: list[int]) -> None:
        self.recorder, self.path = recorder, path
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        if self.path:
            self.recorder.written(self.path, offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        if self.path:
            self.recorder.written(self.path, newsize, None)

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        if self.path:
            self.recorder.synced(self.path)
