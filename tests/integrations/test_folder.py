"""Payloads in files beside a database."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sqlite_zblob as zb
from sqlite_zblob.integrations import folder as module
from sqlite_zblob.integrations.folder import FolderReport, compress_folder, decompress_folder

VOLUME = ((np.arange(20 * 40 * 50) // 30 * 7) % 3000).astype("uint16").reshape(20, 40, 50)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_there_and_back(tmp_path: Path) -> None:
    """The recipe of docs/caches.md: dtype and shape come from a JSON column."""
    folder = tmp_path / "store.db.files"
    (folder / "below").mkdir(parents=True)
    (folder / "a.bin").write_bytes(VOLUME.tobytes())
    (folder / "tiny.bin").write_bytes(b"ab")
    (folder / "below" / "c.bin").write_bytes(b"text " * 1000)
    (folder / "link.bin").symlink_to(folder / "below" / "c.bin")
    os.utime(folder / "a.bin", (1, 2))
    db = sqlite3.connect(tmp_path / "store.db")
    db.execute("CREATE TABLE results(key TEXT PRIMARY KEY, metadata TEXT)")
    db.execute("INSERT INTO results VALUES ('a', ?)", (json.dumps({"dtype": "uint16", "shape": [20, 40, 50]}),))
    known = {key: json.loads(metadata) for key, metadata in db.execute("SELECT key, metadata FROM results")}
    db.close()
    before = contents(folder)
    report = compress_folder(folder, "**/*.bin", describe=lambda path: known.get(path.stem), level=7)
    about = zb.info((folder / "a.bin").read_bytes())
    assert (about.level, about.images[0].size) == (7, (50, 40, 20))
    sizes = [path.stat().st_size for path in folder.rglob("*.bin") if not path.is_symlink()]
    assert report == FolderReport(3, 2, VOLUME.nbytes + 2 + 5000, sum(sizes))
    assert (folder / "a.bin").stat().st_mtime == 2 and (folder / "link.bin").is_symlink()
    assert {name: zb.decompress(content) for name, content in contents(folder).items()} == before
    assert compress_folder(folder, "**/*.bin").changed == 0
    assert decompress_folder(folder, "**/*.bin").changed == 2
    assert contents(folder) == before


def test_a_file_that_is_written_meanwhile_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"text " * 1000)

    def compress(content: bytes, *rest: Any) -> bytes:
        path.write_bytes(b"new " * 1000)
        return zb.compress(content, *rest)

    monkeypatch.setattr(module, "compress", compress)
    assert compress_folder(tmp_path).changed == 0
    assert contents(tmp_path) == {"a.bin": b"new " * 1000}


def test_errors_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"text " * 1000)
    wrong: list[Any] = [{"dtyp": "uint8"}, "uint8"]
    for given in wrong:
        with pytest.raises((zb.OptionError, zb.WrongTypeError), match=r"a\.bin: describe gives .*dtype and shape"):
            compress_folder(tmp_path, describe=dict.fromkeys([path], given).get)
    for none in (tmp_path / "none", path):
        with pytest.raises(OSError, match=f"{none}"):
            compress_folder(none)
        with pytest.raises(OSError, match=f"{none}"):
            decompress_folder(none)
    with pytest.raises(zb.OptionError, match="level"):
        compress_folder(tmp_path, "no.*", level=0)
    assert contents(tmp_path) == {"a.bin": b"text " * 1000}
    damaged = zb.compress(b"text " * 1000)[:-1]
    path.write_bytes(damaged)
    with pytest.raises(zb.DamagedFrameError, match=r"a\.bin: damaged frame"):
        decompress_folder(tmp_path)
    assert contents(tmp_path) == {"a.bin": damaged}


def test_descriptions_that_do_not_fit(tmp_path: Path) -> None:
    """One wrong row of metadata does not end the run, and is told with its file."""
    described: dict[str, Any] = {
        "a": {"dtype": "<i2", "shape": [7, 7]},
        "b": {"dtype": "nonsense", "shape": [5000]},
        "c": {"dtype": "O"},
    }
    for name in (*described, "d", "e"):
        (tmp_path / f"{name}.bin").write_bytes(b"text " * 1000)
    described |= {"d": described["a"]}
    before = contents(tmp_path)
    with pytest.warns(zb.ZblobWarning, match=r"a\.bin \(.*b\.bin \(.*nonsense.*c\.bin \(.* and 1 more"):
        report = compress_folder(tmp_path, describe=lambda path: described.get(path.stem))
    assert (report.files, report.changed, report.raw_bytes) == (5, 5, 25000)
    assert {name: zb.decompress(content) for name, content in contents(tmp_path).items()} == before
