"""What the blocks of each document need beforehand, and which of them are tested elsewhere.

A document that begins with nothing has no preparation. Every document with blocks is in PAGES.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import numpy as np

import sqlite_zblob as zb

from ..conftest import open_apsw, package_file

Names = dict[str, Any]

BENCHMARKS = "takes minutes; tests/bench"
CLUSTER = "needs a cluster; tests/integrations/test_dask.py and test_dask_store.py start one"
BUCKET = "needs object storage; tests/exchange starts a server"
HAS_TORCH = importlib.util.find_spec("torch") is not None
BY_DOCUMENTATION = "follows the documentation of another language's driver, as the page says"


@dataclass(frozen=True)
class Page:
    """Of one document."""

    prepare: Callable[[], Names] = dict  # the names that its Python blocks find
    database: str = ":memory:"  # that its SQL blocks run in
    before: Mapping[int, Callable[[Names], None]] = field(default_factory=dict)  # of a block with this number
    elsewhere: Mapping[str, str] = field(default_factory=dict)  # a text of a block that is not run: the reason
    needs: tuple[str, ...] = ()  # modules
    needs_python: tuple[int, int] = (3, 10)


# ---- Databases and values ----------------------------------------------------------------------------------


def volume(shape: tuple[int, ...] = (100, 150, 110), labels: int = 0) -> np.ndarray[Any, Any]:
    """A smooth volume of int16 with some noise, or a label map."""
    axes = np.ogrid[tuple(slice(-1, 1, extent * 1j) for extent in shape)]
    ball: Any = np.exp(-4 * sum(axis * axis for axis in axes))
    if labels:
        return np.asarray((labels * ball).astype("int16"))
    return np.asarray((900 * ball + np.random.default_rng(1).normal(0, 4, shape)).astype("int16"))


def make_results(path: str = "results.db", key: str = "id TEXT PRIMARY KEY", rows: int = 2) -> None:
    """A store of pickled volumes, keys a1, a2 ... or whatever SQLite gives."""
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE results({key}, data BLOB)")
    for number in range(1, rows + 1):
        name = f"a{number}" if "TEXT" in key else number
        connection.execute("INSERT INTO results VALUES (?, ?)", (name, pickle.dumps(volume((40, 100, 110)))))
    connection.commit()
    connection.close()


def of_results() -> Names:
    make_results()
    return {}


def of_caches() -> Names:
    folder = Path("store.db.files")
    folder.mkdir()
    connection = sqlite3.connect("store.db")
    connection.execute("CREATE TABLE results(key TEXT PRIMARY KEY, metadata TEXT)")
    about = {"dtype": "int16", "shape": [100, 150, 110]}
    connection.execute("INSERT INTO results VALUES ('one', ?)", (json.dumps(about),))
    (folder / "one.bin").write_bytes(volume().tobytes())
    names = {"path": folder / "two.bin", "array": volume(), "dtype": "int16", "connection": connection}
    return {"zb": zb, "np": np} | names


def of_datasette() -> Names:
    make_results("store.db")
    return {}


def of_image_rows() -> Names:
    import SimpleITK as sitk

    zb.install()
    connection = sqlite3.connect("store.db", isolation_level=None)
    connection.execute("CREATE TABLE scans(key TEXT PRIMARY KEY, data BLOB, split TEXT DEFAULT 'train')")
    return {"connection": connection, "image": sitk.GetImageFromArray(volume((20, 30, 40)))}


def of_in_place() -> Names:
    import sqlalchemy

    make_results(key="id INTEGER PRIMARY KEY")
    return {"engine": sqlalchemy.create_engine("sqlite:///other.db")}


def of_parts() -> Names:
    connection = open_apsw("results.db")
    connection.execute("CREATE TABLE results(operation_id TEXT PRIMARY KEY, data BLOB)")
    insert = "INSERT INTO results(operation_id, rowid, data) VALUES (?, ?, zcompress(?))"
    connection.execute(insert, ("a1", 1, pickle.dumps(volume(labels=6))))
    connection.execute(insert, ("a2", 17, pickle.dumps(volume())))
    shutil.copy(package_file("nilearn", "datasets", "data", "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"), "a.gz")
    Path("volume.nii").write_bytes(volume().tobytes())
    return {"zb": zb, "connection": connection, "rowid": 17}


def of_raw() -> Names:
    connection = open_apsw("results.db")
    connection.execute("CREATE TABLE results(id INTEGER PRIMARY KEY, payload BLOB, metadata TEXT)")
    connection.execute("CREATE TABLE scans(id INTEGER PRIMARY KEY, voxels BLOB, dtype, depth, height, width)")
    connection.execute(
        "INSERT INTO scans VALUES (1, ?, 'int16', ?, ?, ?)", (volume().tobytes(), *map(int, volume().shape))
    )
    return {"zb": zb, "connection": connection}


def of_shards() -> Names:
    value = pickle.dumps(volume((20, 60, 60)))
    return {"pickled": value, "items": [(f"scan-{number}", value) for number in range(2, 9)]}


def of_small_values() -> Names:
    Path("other.db").touch()
    for path in ("store.db", "events.db"):
        connection = open_apsw(path)
        connection.execute("CREATE TABLE events(id INTEGER PRIMARY KEY, data BLOB)")
        connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
        texts = [json.dumps({"user": n, "kind": "opened", "path": f"/scan/{n % 37}", "ok": True}) for n in range(4000)]
        with connection:
            for table in ("events", "t"):
                connection.executemany(f"INSERT INTO {table}(data) VALUES (?)", [(each.encode(),) for each in texts])
        connection.close()
    connection = open_apsw("events.db")
    return {"zb": zb, "connection": connection}


def of_sqlalchemy() -> Names:
    import sqlalchemy
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    context = EnvironmentContext(Config(), ScriptDirectory("."))  # as env.py finds it
    connection = sqlalchemy.create_engine("sqlite:///store.db").connect()
    return {"context": context, "connection": connection, "metadata": sqlalchemy.MetaData()}


def of_django() -> Names:
    import django
    from django.conf import settings

    Path("scans.py").write_text("")
    sys.path.insert(0, "")
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "store.db"}}, INSTALLED_APPS=["scans"]
    )
    django.setup()
    return {"__name__": "scans.models"}


def insert_a_text(_: Names) -> None:
    connection = apsw.Connection("store.db")
    zb.load(connection)
    text = "".join(f"{number} lines of text\n" for number in range(20_000)).encode()
    connection.execute("INSERT INTO results(operation_id, data, data_type) VALUES ('a1', ?, 'text')", (text,))
    connection.close()


def of_zarr() -> Names:
    return {"volume": volume()}


PAGES: dict[str, Page] = {
    "README.md": Page(elsewhere={"# install and run": ".ci/run readme", "# test\n": ".ci/run test"}),
    "docs/caches.md": Page(of_caches, needs=("joblib",)),
    "docs/cli.md": Page(
        of_results, elsewhere={"_SQLITE_ZBLOB_COMPLETE": "tests/cli", "sqlite-zblob bench": BENCHMARKS}
    ),
    "docs/dask.md": Page(elsewhere={"tcp://10": CLUSTER}, needs=("dask", "distributed")),
    "docs/datasette.md": Page(of_datasette, needs=("sqlite_utils",)),
    "docs/django.md": Page(of_django, needs=("django",)),
    "docs/exchange.md": Page(elsewhere={"s3://": BUCKET}),
    "docs/image-rows.md": Page(of_image_rows, elsewhere={} if HAS_TORCH else {"DataLoader": "needs PyTorch"}),
    "docs/in-place.md": Page(of_in_place, "results.db"),
    "docs/investigation.md": Page(
        elsewhere={"sqlite-zblob bench": BENCHMARKS, "zb.enable": "docs/in-place.md has the same block"}
    ),
    "docs/languages.md": Page(
        elsewhere={
            "```c\n": "tests/integrations/test_languages.py",
            "```js\n": "tests/integrations/test_languages.py",
            **{f"```{language}\n": BY_DOCUMENTATION for language in ("go", "rust", "r", "java")},
        }
    ),
    "docs/migrate.md": Page(of_results),
    "docs/pandas.md": Page(needs=("pandas", "polars")),
    "docs/parts.md": Page(of_parts, "results.db"),
    "docs/performance.md": Page(elsewhere={"sqlite-zblob bench": BENCHMARKS}),
    "docs/raw.md": Page(of_raw),
    "docs/shards.md": Page(of_shards, elsewhere={"tcp://10": CLUSTER}),
    "docs/small-values.md": Page(of_small_values, "events.db"),
    "docs/sqlalchemy.md": Page(of_sqlalchemy, needs=("sqlalchemy", "alembic")),
    "docs/tutorial.md": Page(),
    "docs/virtual-table.md": Page(before={2: insert_a_text}, database="store.db"),
    "docs/zarr.md": Page(of_zarr, needs=("zarr",), needs_python=(3, 11)),
}
