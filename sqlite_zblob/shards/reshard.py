"""Move a store to another number of shards: rows are copied as they are stored, then both sides are read and compared.

A target's rows and how far it has come in each source are committed together, so that a run that is killed goes on
where it stands, and no row is copied twice. The sources are sealed meanwhile: stores refuse to write to them. What
other programs write there all the same is found by the comparison, and those rows are copied again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import apsw

from ..bars import Bar, callback_of, show_step, takes_bar
from ..codec import checksum
from ..column.anchor import is_anchor
from ..column.schema import Table
from ..connect.database import atomic, quote, run, stream
from ..connect.opening import errors_of, opened
from ..errors import DamagedFrameError, OptionError
from ..units import key_text
from . import layout as layouts
from .layout import FILLING, READY, SEALED, Layout, check_layouts, matching, names_for, path_text, shard_of
from .lease import Lease
from .store import PATIENCE, create_files

PAGE_ROWS = 500
PAGE_BYTES = 32 << 20  # of the rows of one page, unless one row has more
ROUNDS = 3  # of copying and comparing, before it is said that others keep writing

_PROGRESS = "zblob_reshard"
_PROGRESS_SQL = f"CREATE TABLE {_PROGRESS}(/* zblob 1 */ source INTEGER PRIMARY KEY, after INTEGER NOT NULL)"
_BEGINNING = -(1 << 63)

# The tables of ours whose rows belong to each shard of the new store.
_COPIED = ("zblob_columns", "zblob_dictionaries")
# What a migration has recorded of one file's rows, by their rowids. It stays behind, with its indexes and anchors.
_RECORDS = ("zblob_migrations", "zblob_exceptions")

ReshardCallback = Callable[[str, int, int], None]  # "copy" or "compare", rows done, rows in all


@dataclass(frozen=True)
class ReshardReport:
    """What reshard did."""

    sources: int  # shards before
    targets: int  # shards now
    rows: int  # in the store
    copied_rows: int  # by this run; fewer than `rows` if it went on where an interrupted one had stopped
    stored_bytes: int  # of the rows that were copied
    seconds: float
    resumed: bool


@takes_bar(show_step)
def reshard(
    pattern: str | os.PathLike[str],
    target: str | os.PathLike[str],
    shards: int,
    *,
    patience: float = PATIENCE,
    progress: ReshardCallback | Bar | None = None,
) -> ReshardReport:
    """Copy a store into a new one with another number of shards. Values are neither decoded nor coded.

    A run that was interrupted goes on when it is called again with the same arguments. At the end, every row of both
    stores has been read and compared. The old store stays, sealed: delete it, or `unseal` it and delete the new one.

    :param pattern: matches the files of the store.
    :param target: a path with one `*` for the new files.
    :param progress: called with "copy" or "compare", the rows that are done, and all rows; or "bar".
    :raises OptionError: the store has other tables with rows, a virtual table, or rows in the wrong shard; or the new
        files belong to something else, or would match `pattern`; or others keep writing to the old store; or the new
        store is complete, and the old one was unsealed and written since.
    :raises DatabaseError: another process writes to one of the shards.
    """
    begun = time.monotonic()
    names = names_for(target, shards)
    _refuse_own(pattern, names)
    with ExitStack() as stack:
        sources = _Files(matching(pattern), stack, patience)
        check_layouts(sources.named())
        if sources.layouts[0].state == FILLING:
            raise OptionError(f"the store of {sources.names[0]} is itself the target of a reshard that is not finished")
        _check_contents(sources)
        resumed = all(Path(name).exists() for name in names)
        if not resumed:
            _make_targets(names, sources)
        targets = _Files(names, stack, patience)
        _check_targets(targets, sources)
        move = _Move(sources, targets, callback_of(progress))
        move.run()
        return ReshardReport(
            len(sources.names), shards, move.rows, move.copied, move.bytes, time.monotonic() - begun, resumed
        )


def unseal(pattern: str | os.PathLike[str]) -> None:
    """Let the store be written again that `reshard` has sealed. What is written from then on is not in the new one."""
    with ExitStack() as stack:
        files = _Files(matching(pattern), stack, PATIENCE)
        check_layouts(files.named())
        for connection, name, layout in zip(files.connections, files.names, files.layouts, strict=True):
            if layout.state == SEALED:
                with errors_of(name):
                    layouts.set_state(connection, READY)


def _refuse_own(pattern: str | os.PathLike[str], names: list[str]) -> None:
    """:raises OptionError: the pattern of the old store matches new files, so that it would name neither store."""
    old = os.path.abspath(path_text(pattern))  # noqa: PTH100 - a pattern is no path
    for name in names:
        new = os.path.abspath(name)  # noqa: PTH100
        if all(fnmatch(*each) for each in zip(os.path.split(new), os.path.split(old), strict=True)):
            raise OptionError(f"{path_text(pattern)} matches the new file {name}, too: give the new store another name")


class _Files:
    """The shards of one store in their order, each with its lease."""

    def __init__(self, names: list[str], stack: ExitStack, patience: float) -> None:
        found: list[tuple[Layout, str, apsw.Connection]] = []
        for name in names:
            stack.callback(Lease(name, patience).release)
            connection = opened(name, writes=True)
            stack.callback(connection.close)
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
            with errors_of(name):
                found.append((layouts.read_layout(connection, name), name, connection))
        found.sort(key=lambda each: each[0].shard)
        self.layouts = [each[0] for each in found]
        self.names = [each[1] for each in found]
        self.connections = [each[2] for each in found]
        self.tables: list[Table] = [layouts.key_table(c, layout, name) for layout, name, c in found]

    def named(self) -> list[tuple[str, Layout]]:
        return list(zip(self.names, self.layouts, strict=True))


def _require_dictionary(target: apsw.Connection, row: tuple[Any, ...], shard: str) -> None:
    """:raises OptionError: the target has the dictionary of another shard under this one's id."""
    id, dictionary = row[:2]
    if run(target, "SELECT dictionary IS NOT ? FROM zblob_dictionaries WHERE id = ?", (dictionary, id))[0][0]:
        raise OptionError(
            f"{shard}: another shard has a different dictionary under its id {id}, so that no file can hold both: "
            "restore the column in this shard, call zb.drop_dictionaries, and run reshard again"
        )


def _check_contents(sources: _Files) -> None:
    """:raises OptionError: a shard holds rows that have no key."""
    table = sources.layouts[0].table
    own = {table, layouts.TABLE, *_COPIED, *_RECORDS}
    for name, connection in zip(sources.names, sources.connections, strict=True):
        sql = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        for other, definition in run(connection, sql):
            if definition.lower().startswith("create virtual"):
                raise OptionError(f"{name}: {other} is a virtual table, which reshard does not copy: restore it first")
            if other not in own and run(connection, f"SELECT 1 FROM {quote(other)} LIMIT 1"):
                raise OptionError(f"{name}: table {other} has rows, which no key assigns to a shard: move them first")


def _make_targets(names: list[str], sources: _Files) -> None:
    """Files that have not been filled yet. What a killed run has left of them is made anew."""
    for name in names:
        if Path(name).exists():
            with ExitStack() as stack:
                try:
                    (layout,) = _Files([name], stack, 0).layouts
                except OptionError:
                    layout = None
            if layout is not None and (layout.state, layout.shards) != (FILLING, len(names)):
                raise OptionError(f"{name} is there already, and is not a target of this reshard that was interrupted")
            if layout is None and Path(name).stat().st_size:
                raise OptionError(f"{name} is there already, and is no shard")
            Path(name).unlink()
    first = sources.layouts[0]
    sql = "SELECT name, sql FROM sqlite_master WHERE sql NOT NULL AND tbl_name NOT IN (?, ?, ?)"
    order = " ORDER BY type <> 'table', rowid"
    found = run(sources.connections[0], sql + order, (layouts.TABLE, *_RECORDS))
    statements = [each for name, each in found if not is_anchor(name)]
    made = ";\n".join(each for each in statements if "sqlite_sequence" not in each.split("(")[0])
    about = Layout(_store_id(first, len(names)), 0, len(names), first.table, first.key, first.column, FILLING)
    create_files(names, about, f"{made};\n{_PROGRESS_SQL}")


def _store_id(source: Layout, shards: int) -> str:
    """Of the new store: it says what it was made of, so that an interrupted run knows its own files."""
    return f"{checksum(f'{source.store} {shards}'.encode()):016x}{source.store[:16]}"


def _check_targets(targets: _Files, sources: _Files) -> None:
    check_layouts(targets.named())
    first, layout = sources.layouts[0], targets.layouts[0]
    if layout.store != _store_id(first, layout.shards):
        raise OptionError(f"{targets.names[0]} is there already, and belongs to another store than {sources.names[0]}")


class _Move:
    def __init__(self, sources: _Files, targets: _Files, progress: ReshardCallback | None) -> None:
        self.sources, self.targets, self.progress = sources, targets, progress
        self.copied = self.bytes = self.rows = 0
        table = sources.tables[0]
        self.names = [each.name for each in table.columns if not each.is_generated]
        self.key_at = [each.name for each in table.columns if not each.is_generated].index(
            table.column(sources.layouts[0].key).name
        )
        self.table = f"main.{quote(table.name)}"
        self.columns = ", ".join(map(quote, self.names))
        self.rowid = table.rowid_name
        self._lock = threading.Lock()
        self._done = self._total = 0
        self._step = ""

    def run(self) -> None:
        self.rows = self._count(self.sources)
        is_ready = [layout.state == READY for layout in self.targets.layouts]
        if all(is_ready):
            self._require_same_if_unsealed()
        self._seal()
        if all(is_ready):  # the new store may have rows of its own by now
            return
        if any(is_ready):  # killed after the comparison
            self._finish()
            return
        for connection, name in zip(self.targets.connections, self.targets.names, strict=True):
            with errors_of(name), atomic(connection):
                self._copy_own_tables(connection)
        wrong = self._copy_and_compare()
        for _ in range(ROUNDS - 1):
            if not wrong:
                break
            for source, target in wrong:
                self._forget(source, target)
            wrong = self._copy_and_compare()
        if wrong:
            names = ", ".join(sorted({self.sources.names[source] for source, _ in wrong}))
            raise OptionError(f"other programs keep writing to {names}: stop them, and run reshard again")
        self._finish()

    def _seal(self) -> None:
        for connection, name in zip(self.sources.connections, self.sources.names, strict=True):
            with errors_of(name):
                layouts.set_state(connection, SEALED)

    def _require_same_if_unsealed(self) -> None:
        """:raises OptionError: the new store is complete, but the old one, since it was unsealed, is not the same."""
        if all(layout.state == SEALED for layout in self.sources.layouts):
            return
        if self._differing():
            raise OptionError(
                f"{self.targets.names[0]} and its like are complete, but are not the same as {self.sources.names[0]} "
                "and its like, which were unsealed since: delete the new files and run reshard again, or the old ones "
                "if they are not wanted"
            )

    def _count(self, files: _Files) -> int:
        return sum(int(run(each, f"SELECT count(*) FROM {self.table}")[0][0]) for each in files.connections)

    def _copy_own_tables(self, target: apsw.Connection) -> None:
        """The settings of the column are those of the first shard; dictionaries come from all of them.

        :raises OptionError: two shards have different dictionaries under one id.
        """
        for number, (shard, source) in enumerate(zip(self.sources.names, self.sources.connections, strict=True)):
            for name in _COPIED:
                if number and name == "zblob_columns":
                    continue
                if run(source, "SELECT 1 FROM sqlite_master WHERE name = ?", (name,)):
                    for row in run(source, f"SELECT * FROM {name}"):
                        run(target, f"INSERT OR IGNORE INTO {name} VALUES ({', '.join('?' * len(row))})", row)
                        if name == "zblob_dictionaries":
                            _require_dictionary(target, row, shard)

    def _begin(self, step: str) -> None:
        self._step, self._done, self._total = step, 0, self.rows * (1 if step == "copy" else 2)

    def _tick(self, rows: int) -> None:
        with self._lock:
            self._done += rows
            if self.progress:
                self.progress(self._step, min(self._done, self._total), self._total)

    # ---- Copying ----

    def _copy_and_compare(self) -> list[tuple[int, int]]:
        """The pairs of source and target that differ."""
        self._begin("copy")
        for source in range(len(self.sources.names)):
            self._copy(source)
        self.rows = self._count(self.sources)
        return self._differing()

    def _differing(self) -> list[tuple[int, int]]:
        """The pairs of source and target that differ."""
        self._begin("compare")
        with ThreadPoolExecutor(min(8, len(self.sources.names) + len(self.targets.names))) as pool:
            wanted = list(pool.map(lambda n: self._digests(self.sources, n), range(len(self.sources.names))))
            found = list(pool.map(lambda n: self._digests(self.targets, n), range(len(self.targets.names))))
        pairs = [(s, t) for s in range(len(wanted)) for t in range(len(found))]
        return [(s, t) for s, t in pairs if wanted[s].get((s, t)) != found[t].get((s, t))]

    def _positions(self, source: int) -> list[int]:
        found = []
        for target in self.targets.connections:
            rows = run(target, f"SELECT after FROM {_PROGRESS} WHERE source = ?", (source,))
            found.append(rows[0][0] if rows else _BEGINNING)
        return found

    def _copy(self, source: int) -> None:
        positions = self._positions(source)
        targets = len(self.targets.names)
        for page in self._pages(self.sources, source, min(positions)):
            last = page[-1][0]
            parts: list[list[tuple[Any, ...]]] = [[] for _ in range(targets)]
            for rowid, *row in page:
                target = shard_of(row[self.key_at], targets)
                if rowid > positions[target]:
                    parts[target].append(tuple(row))
            for target, part in enumerate(parts):
                if last > positions[target]:
                    self._store(source, target, part, last)
            self._tick(len(page))

    def _pages(self, files: _Files, number: int, after: int) -> Iterator[list[tuple[Any, ...]]]:
        """Rows with their rowids, each page of about PAGE_BYTES; a row that is not where its key belongs is refused."""
        connection, name = files.connections[number], files.names[number]
        sql = f"SELECT {self.rowid}, {self.columns} FROM {self.table} WHERE {self.rowid} > ? ORDER BY {self.rowid}"
        while True:
            page: list[tuple[Any, ...]] = []
            size = 0
            with errors_of(name):
                for row in stream(connection, sql, (after,)):
                    self._require_home(row[1 + self.key_at], files, number)
                    page.append(row)
                    size += _size(row)
                    if size >= PAGE_BYTES or len(page) >= PAGE_ROWS:
                        break
            if not page:
                return
            yield page
            after = page[-1][0]

    def _require_home(self, key: Any, files: _Files, number: int) -> None:
        home = shard_of(key, len(files.names)) if isinstance(key, str | bytes | int) else None
        if home != number:
            where = "no shard: it is no text, integer or BLOB" if home is None else files.names[home]
            raise OptionError(
                f"row {key_text(key)} is in {files.names[number]}, but belongs to {where}: move or delete it"
            )

    def _store(self, source: int, target: int, rows: list[tuple[Any, ...]], last: int) -> None:
        connection = self.targets.connections[target]
        sql = f"INSERT INTO {self.table}({self.columns}) VALUES ({', '.join('?' * len(self.names))})"
        with errors_of(self.targets.names[target]), atomic(connection):
            for row in rows:
                run(connection, sql, row)
            run(connection, f"INSERT OR REPLACE INTO {_PROGRESS}(source, after) VALUES (?, ?)", (source, last))
        self.copied += len(rows)
        self.bytes += sum(map(_size, rows))

    # ---- Comparing ----

    def _digests(self, files: _Files, number: int) -> dict[tuple[int, int], tuple[int, int]]:
        """Of one file's rows, by source and target: their number and the sum of their checksums."""
        sums: dict[tuple[int, int], tuple[int, int]] = {}
        for page in self._pages(files, number, _BEGINNING):
            for _, *row in page:
                key = row[self.key_at]
                pair = shard_of(key, len(self.sources.names)), shard_of(key, len(self.targets.names))
                count, total = sums.get(pair, (0, 0))
                sums[pair] = count + 1, (total + row_checksum(row)) % (1 << 64)
            self._tick(len(page))
        return sums

    def _forget(self, source: int, target: int) -> None:
        """Delete what a target has of a source, which is copied again."""
        connection = self.targets.connections[target]
        key = quote(self.names[self.key_at])
        keys = [row[0] for row in run(connection, f"SELECT {key} FROM {self.table}")]
        with errors_of(self.targets.names[target]), atomic(connection):
            for each in keys:
                if shard_of(each, len(self.sources.names)) == source:
                    run(connection, f"DELETE FROM {self.table} WHERE {key} = ?", (each,))
            run(connection, f"DELETE FROM {_PROGRESS} WHERE source = ?", (source,))

    def _finish(self) -> None:
        for connection, name in zip(self.targets.connections, self.targets.names, strict=True):
            with errors_of(name), atomic(connection):
                layouts.set_state(connection, READY)
                run(connection, f"DROP TABLE IF EXISTS {_PROGRESS}")
        self.targets.layouts = [replace(each, state=READY) for each in self.targets.layouts]
        if self._count(self.targets) != self.rows:
            raise DamagedFrameError(f"{self.targets.names[0]}: the new store has not the number of rows of the old one")


def row_checksum(row: list[Any] | tuple[Any, ...]) -> int:
    """Of the stored values of a row, with their types."""
    total = 0
    for at, value in enumerate(row):
        if isinstance(value, bytes | str):
            data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
            text = f"{at} {type(value).__name__} {len(data)} {checksum(data)}"
        else:
            text = f"{at} {value!r}"
        total += checksum(text.encode())
    return total % (1 << 64)


def _size(row: tuple[Any, ...]) -> int:
    return sum(len(each) if isinstance(each, bytes | str) else 8 for each in row)
