"""The disk is full in the middle of migrate or of restore: a clear error, nothing lost, and it goes on afterwards."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb

from .executors import InlineExecutor
from .store import Setup, build, check_original, check_readable, damaged_count, make_values, open_store, schema_of

SETUPS = [Setup(), Setup(journal="delete"), Setup(mode="table"), Setup(mode="table", journal="delete", page_size=1024)]

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_zblob.errors.ZblobWarning")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True) if shutil.which("mount") else None
    if done is None or done.returncode:
        pytest.skip(f"cannot mount a tmpfs: {done.stderr.strip() if done else 'there is no mount'}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def run(operation: str, database: str, setup: Setup, **more: Any) -> zb.Report:
    options = setup.options() if operation == "migrate" else {"batch_size": 1 << 17}
    function: Any = {"migrate": zb.migrate, "restore": zb.restore}[operation]
    report: zb.Report = function(database, "store", "data", **options, **more)
    return report


def check(path: str, setup: Setup, values: list[Any]) -> None:
    db = open_store(path)
    check_readable(db, setup, values)
    db.close()


def go_through(path: str, setup: Setup, values: list[Any], fail: Any) -> None:
    """Both operations, first with `fail(operation)`, which has to end in an error, then to the end."""
    db = open_store(path)
    schema = schema_of(db)
    db.close()
    for operation in ("migrate", "restore"):
        with pytest.raises(zb.DiskSpaceError, match="free some and run it again"):
            fail(operation)
        check(path, setup, values)
        report = run(operation, path, setup)
        assert report.finished and report.resumed
        assert len(report.failures) == (operation == "migrate") * damaged_count(values)
        check(path, setup, values)
    db = open_store(path)
    check_original(db, values, schema)
    db.close()


class Filler:
    """Takes all space that is left once rows are being written."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "filler"

    def __call__(self, progress: zb.Progress) -> None:
        if progress.phase == "rows" and not self.path.exists():
            with self.path.open("wb", buffering=0) as file:
                try:
                    while file.write(bytes(4096)) == 4096:
                        pass
                except OSError:
                    pass


@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_a_full_file_system(small_disk: Path, setup: Setup) -> None:
    path, values = str(small_disk / "store.db"), make_values(setup, 90, random.Random(3))
    build(path, setup, values)
    filler = Filler(small_disk)

    def fail(operation: str) -> None:
        try:
            run(operation, path, setup, progress=filler)
        finally:
            assert filler.path.exists()
            filler.path.unlink()

    go_through(path, setup, values, fail)


def test_too_little_space_is_said_before_anything_happens(small_disk: Path) -> None:
    setup, path = Setup(), str(small_disk / "store.db")
    values = make_values(setup, 90, random.Random(3))
    build(path, setup, values)
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free - (1 << 20)))
    for operation in ("migrate", "restore"):
        before = Path(path).read_bytes()
        if operation == "migrate":
            with pytest.raises(zb.DiskSpaceError, match=r"needs .* of free space in"):
                run(operation, path, setup)
            assert Path(path).read_bytes() == before
        assert run("migrate", path, setup, dry_run=True).growth_bytes > 1 << 20


# ---- The same where nothing can be mounted -----------------------------------------------------------------


class FullVFS(apsw.VFS):
    """A disk that takes so many bytes more."""

    def __init__(self) -> None:
        self.room = 1 << 40
        super().__init__("full", "")

    def xOpen(self, name: Any, flags: list[int]) -> FullFile:  # noqa: N802
        return FullFile(self, name, flags)


class FullFile(apsw.VFSFile):
    def __init__(self, vfs: FullVFS, name: Any, flags: list[int]) -> None:
        self.vfs = vfs
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if offset + len(data) > self.xFileSize():
            self.vfs.room -= len(data)
            if self.vfs.room < 0:
                raise apsw.FullError("no space left")
        super().xWrite(data, offset)

    def excepthook(self, *_: Any) -> None:  # type: ignore[override, unused-ignore]
        """Expected."""


@pytest.fixture
def full_vfs() -> Iterator[FullVFS]:
    vfs = FullVFS()
    yield vfs
    vfs.unregister()


@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_a_disk_that_takes_no_more(full_vfs: FullVFS, tmp_path: Path, setup: Setup) -> None:
    path, values = str(tmp_path / "store.db"), make_values(setup, 90, random.Random(4))
    build(path, setup, values)

    def fail(operation: str) -> None:
        def fill(progress: zb.Progress) -> None:
            if progress.phase == "rows":
                full_vfs.room = min(full_vfs.room, 1 << 14)

        try:
            run(operation, f"file:{path}?vfs=full", setup, executor=InlineExecutor(), progress=fill)
        finally:
            full_vfs.room = 1 << 40

    go_through(path, setup, values, fail)
