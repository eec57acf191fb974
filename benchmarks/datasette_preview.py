"""What a slice costs in Datasette's preview: `python benchmarks/datasette_preview.py VOLUME`, on Linux.

VOLUME is a file that SimpleITK reads; its slices are repeated until there are 100 MB. The volume is stored in a table
with a rowid, of which parts are read, and in one WITHOUT ROWID, of which the whole value is: bytes that the process
has read in one request, and the shortest of seven times.
"""

from __future__ import annotations

import asyncio
import pickle
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from datasette.app import Datasette
from datasette.plugins import pm

import sqlite_zblob as zb
from sqlite_zblob.integrations import datasette as plugin

SIZE = 100_000_000
SLICES = [(0, 0.25), (0, 0.75), (1, 0.5), (2, 0.5)]  # axis, and where along it


def store(path: Path, volume: np.ndarray[Any, Any]) -> None:
    db = sqlite3.connect(path)
    value = zb.compress(pickle.dumps(sitk.GetImageFromArray(volume)))
    for table, end in (("parts", ""), ("whole", " WITHOUT ROWID")):
        db.execute(f"CREATE TABLE {table}(id TEXT PRIMARY KEY, data BLOB){end}")
        db.execute(f"INSERT INTO {table} VALUES ('a', ?)", (value,))
    db.commit()
    db.close()
    print(f"{volume.nbytes:,} bytes of samples, {len(value):,} stored")


def bytes_read() -> int:
    return int(Path("/proc/self/io").read_text().split()[1])


async def ask(path: Path, shape: tuple[int, ...]) -> None:
    served = Datasette([str(path)])
    await served.invoke_startup()
    await served.refresh_schemas()
    addresses = [""] + [f"/slice.png?axis={axis}&index={int(shape[axis] * at)}" for axis, at in SLICES]
    for address in addresses:
        for table in ("whole", "parts"):
            times = []
            for _ in range(7):
                before, start = bytes_read(), time.perf_counter()
                response = await served.client.get(f"/-/zblob/{path.stem}/{table}/a/data{address}")
                times.append(time.perf_counter() - start)
                read = bytes_read() - before
                assert response.status_code == 200
            print(f"{address or 'the page':32} {table}  {read:>11,} bytes  {min(times) * 1000:6.1f} ms")


def main() -> None:
    volume = sitk.GetArrayFromImage(sitk.ReadImage(sys.argv[1]))
    volume = np.resize(volume, (-(-SIZE // volume[0].nbytes), *volume.shape[1:]))
    zb.install()
    for name, each in pm.list_name_plugin():
        if each and not name.startswith("datasette."):
            pm.unregister(each)
    pm.register(plugin, "sqlite-zblob")
    with tempfile.TemporaryDirectory() as folder:
        store(path := Path(folder) / "store.db", volume)
        asyncio.run(ask(path, volume.shape))


if __name__ == "__main__":
    main()
