"""Dictionaries for the small values of a column: train one from its rows, and drop those that no row needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import apsw

from ..bars import Bar, callback_of, show_step, takes_bar
from ..codec import VERSION, dictionary_id
from ..connect.database import Rows, atomic, fold, quote, run, until
from ..connect.dictionaries import TABLE, finder, ids_of_others
from ..connect.loader import Connection, load
from ..connect.opening import Database, connected, patiently
from ..errors import OptionError
from ..log import log
from ..units import count_text
from .record import entries
from .schema import Table, look_at_table, master_of, require_schema, tables_with_rows
from .virtual import virtual_columns

LARGEST_CHOSEN = 65_536  # bytes of a dictionary whose size is not given

# A column that has a dictionary gets no new one before it has this many times the rows that the last one was trained
# from. The size of a dictionary is chosen for as many, also by ztrain itself (csrc/sqlite/functions/training.c).
GROWTH = 2

_LARGEST_SAMPLE = 65_535
_FIRST_IMAGE_KIND = 216  # of compact frames: those of one image name no dictionary

_ZSTD_ID_MIN = 32_768  # zstd's own ids of dictionaries, which no frame repeats, are free for private use from here on

_CREATE = """CREATE TABLE IF NOT EXISTS {schema}.{table} (/* zblob 1 */
    id INTEGER PRIMARY KEY, -- zdictionary_id(dictionary)
    dictionary BLOB NOT NULL,
    created TEXT NOT NULL,
    trained TEXT NOT NULL, -- JSON: from how many rows, and by which version
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL
)"""

# Whoever writes a value asks for the newest one: without this index, that would read all dictionaries each time. The
# expression at its end is for two things that no trigger sees: SQLite opens no BLOB of a row for writing where an index
# has one, and drops no column that an index names.
_INDEX = f"""{TABLE}_newest ON {TABLE}
    (table_name COLLATE NOCASE, column_name COLLATE NOCASE, created DESC, id, dictionary IS NULL)"""

_STORED = (0, 3)  # as table_xinfo says: ordinary columns, and generated ones that are stored

_COLUMNS = ("id", "dictionary", "created", "trained", "table_name", "column_name")

# Indices by which REPLACE deletes other rows than that of the same id. A key or UNIQUE within the table's definition
# makes one without SQL.
_UNIQUE = (
    f"type = 'index' AND tbl_name = '{TABLE}' COLLATE NOCASE AND (sql IS NULL OR substr(sql, 1, 14) = 'CREATE UNIQUE ')"
)

_NEEDED = (
    "compressed values cannot be read without their dictionary. zb.drop_dictionaries(connection) drops those that no "
    "value needs"
)
_HAS_UNIQUE = f"REPLACE could delete a dictionary by a UNIQUE index of table {TABLE}. Drop that index"


def _guard(what: str, event: str, message: str) -> tuple[str, str]:
    return f"{TABLE}_no_{what}", f"BEFORE {event} BEGIN SELECT RAISE(ABORT, 'sqlite_zblob: {message}'); END"


# Without a function of the extension, so that every program can restore a dump.
_GUARDS = dict(
    (
        _guard("delete", f"DELETE ON {TABLE}", _NEEDED),
        # Not UPDATE OF: the id goes by the names rowid, _rowid_ and oid, too.
        _guard(
            "change", f"UPDATE ON {TABLE} WHEN NEW.id IS NOT OLD.id OR NEW.dictionary IS NOT OLD.dictionary", _NEEDED
        ),
        # REPLACE deletes a row without telling the first of these.
        _guard(
            "replace",
            f"INSERT ON {TABLE} WHEN NEW.dictionary IS NOT "
            f"coalesce((SELECT dictionary FROM {TABLE} WHERE id = NEW.id), NEW.dictionary)",
            _NEEDED,
        ),
        *(
            _guard(
                f"unique_{event.lower()}",
                f"{event} ON {TABLE} WHEN EXISTS (SELECT 1 FROM sqlite_master WHERE {_UNIQUE})",
                _HAS_UNIQUE,
            )
            for event in ("INSERT", "UPDATE")
        ),
    )
)


@takes_bar(show_step)
def train(
    database: Database,
    table: str,
    column: str,
    *,
    size: int | None = None,
    schema: str = "main",
    progress: Callable[[str], None] | Bar | None = None,
) -> int:
    """Train a dictionary from the values of a column, and keep it in the database's table `zblob_dictionaries`.

    Columns that were enabled with `dictionary="auto"` use it from now on; rows that are there already keep the one that
    they were compressed with. Of the rows, compressed or not, a random part is used: a hundred times the dictionary's
    size, at most 16 MiB.

    :param database: as for `enable`.
    :param size: of the dictionary, at most; in bytes, 256 to 1,048,576. None: at most 65,536, as many as pay for twice
        the rows that the column has, by a quarter of the samples that it is not trained from.
    :param schema: the attached database that the table is in, and the dictionary will be.
    :param progress: called with what begins, the reading of TABLE.COLUMN; or "bar", which moves without a share.
    :returns: the dictionary's id, a hash of its bytes.
    :raises OptionError: the rows are too few, or too much like noise, to train one from.
    """
    show = callback_of(progress) or (lambda step: None)
    with connected(database, writes=True) as connection:
        return patiently(connection, _train(connection, table, column, size, schema, show))


def train_in(connection: apsw.Connection, table: str, column: str) -> int:
    """The same in the main database, on a connection that waits for locks by itself."""
    return _train(connection, table, column, None, "main", lambda step: None)()


def _train(
    connection: Connection, table: str, column: str, size: int | None, schema: str, show: Callable[[str], None]
) -> Callable[[], int]:
    """Train one, without the write lock. The function that this gives keeps it."""
    require_schema(connection, schema)
    load(connection)
    _refuse_others(connection, schema)
    name, column = _names(connection, table, column, schema)
    rows_of = _rows_of(connection, name, schema)
    data = quote(column)
    if size is not None and (not isinstance(size, int) or not 256 <= size <= 1 << 20):
        raise OptionError(f"size must be from 256 to 1048576 bytes, not {size!r}")
    small = f"FROM {rows_of.address} WHERE typeof({data}) IN ('blob', 'text') AND length({data}) <= {_LARGEST_SAMPLE}"
    show(f"train {name}.{column}")
    values, given = (data, ()) if size is None else (f"{data}, ?", (size,))
    try:
        ((dictionary, rows),) = _run_training(connection, f"SELECT ztrain({values}), count(*) {small}", given)
    except OptionError as error:
        unread, why = _look_at_unread(connection, f"{name}.{column}", rows_of, data, small)
        raise OptionError(f"{error}; {why}" if unread else str(error)) from error
    unread, _ = _look_at_unread(connection, f"{name}.{column}", rows_of, data, small)
    if dictionary is None:
        raise OptionError(f"column {column} of table {name} has no values to train a dictionary from")
    about = {"rows": rows, "size": size or LARGEST_CHOSEN, "version": VERSION}
    about |= {"unreadable": unread} if unread else {}
    return lambda: _keep(connection, dictionary, json.dumps(about), schema, name, column)


def _keep(connection: Connection, dictionary: bytes, about: str, schema: str, table: str, column: str) -> int:
    with atomic(connection):
        create_table(connection, schema)
        _refuse_unique(connection, schema)
        taken = ids_of_others(connection, dictionary) | _ids_of_other_columns(connection, schema, table, column)
        dictionary = _with_free_id(dictionary, taken)
        id = dictionary_id(dictionary)
        created = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
        sql = (
            f"INSERT INTO {quote(schema)}.{TABLE}({', '.join(_COLUMNS)}) VALUES (?, ?, {created}, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET created = excluded.created, trained = excluded.trained, "
            "table_name = excluded.table_name, column_name = excluded.column_name"
        )
        run(connection, sql, (id, dictionary, about, table, column))
    return id


def _look_at_unread(connection: Connection, column: str, rows: Table, data: str, small: str) -> tuple[int, str]:
    """How many values were passed over, and why: they are damaged, or nobody has their dictionary. The log says so.

    Heads of compact frames tell it, whose checksum is over all their bytes. Chunks of other frames have their own.
    """
    has_chunks = f"substr(value, 1, 4) <> x'C15A4253' AND CAST(head AS INTEGER) <= {_LARGEST_SAMPLE}"
    is_damaged = f"head IS NOT NULL AND (head LIKE '% - %' OR ({has_chunks} AND zverify(value) <> 'ok'))"
    id_in_head = "CAST(substr(head, length(rtrim(head, '0123456789')) + 1) AS INTEGER)"
    row = rows.rowid_name or "NULL"
    heads = f"SELECT {data} AS value, {row} AS row, sqlite_zblob_head({data}) AS head"
    found = run(
        connection,
        f"SELECT iif({is_damaged}, 0, {id_in_head}), count(*), min(row) FROM "
        f"({heads} {small} AND typeof({data}) = 'blob') "
        f"WHERE ({is_damaged}) OR (head NOT LIKE '% 0' AND substr(value, 1, 4) = x'C15A4253') GROUP BY 1",
    )
    find, total, reasons = finder(connection), 0, []
    for id, count, first in found:
        if id and find(id) is not None:
            continue
        example = f"SELECT zverify({data}) = 'ok' FROM {rows.address} WHERE {row} = ?"
        if id and run(connection, example, (first,)) == [(1,)]:
            text = "%s of %s need dictionary %d, which no database has any more: only this connection still knows it"
            log.warning(text, count_text(count, "value"), column, id)
            continue
        total += count
        reason = f"the value needs dictionary {id}, which no database has" if id else "it is a damaged frame"
        where = "" if first is None else f", such as that of row {first}"
        reasons.append(f"train passes over {count_text(count, 'value')} of {column}{where}: {reason}")
        log.warning("%s", reasons[-1])
    return total, "; ".join(reasons)


def _ids_of_other_columns(connection: Connection, schema: str, table: str, column: str) -> set[int]:
    """Of columns that are there. Equal ones train equal dictionaries, and each needs a row to find its newest."""
    sql = (
        f"SELECT id FROM {quote(schema)}.{TABLE} "
        "WHERE (table_name <> ? COLLATE NOCASE OR column_name <> ? COLLATE NOCASE) AND EXISTS "
        "(SELECT 1 FROM pragma_table_xinfo(table_name, ?) AS other WHERE other.name = column_name COLLATE NOCASE)"
    )
    return {id for (id,) in run(connection, sql, (table, column, schema))}


def _with_free_id(dictionary: bytes, taken: set[int]) -> bytes:
    """The dictionary as it is, or with another number of zstd's in its head, so that its id is free."""
    while dictionary_id(dictionary) in taken:
        number = int.from_bytes(dictionary[4:8], "little") + 1
        private = number if _ZSTD_ID_MIN <= number < 1 << 31 else _ZSTD_ID_MIN
        dictionary = dictionary[:4] + private.to_bytes(4, "little") + dictionary[8:]
    return dictionary


def train_from(values: Iterable[bytes], *, rows: int, deadline: float | None = None) -> bytes | None:
    """A dictionary from values at hand, which no database keeps. None: they are too few, or too much like noise.

    :param rows: of the column that the values are from, which decides how large it is, as for `train`.
    :param deadline: of time.monotonic().
    :raises apsw.InterruptError: the deadline has passed.
    """
    with apsw.Connection(":memory:") as trainer, until(trainer, deadline):
        load(trainer)
        run(trainer, "CREATE TABLE samples(value BLOB)")
        for value in values:
            run(trainer, "INSERT INTO samples VALUES (?)", (value,))
        sql = "SELECT ztrain(value, ?, ?), count(*) FROM samples"
        try:
            ((dictionary, _),) = _run_training(trainer, sql, (LARGEST_CHOSEN, GROWTH * rows))
        except OptionError:
            return None
    return dictionary


def _run_training(connection: Connection, sql: str, given: tuple[int, ...]) -> list[tuple[bytes | None, int]]:
    try:
        return run(connection, sql, given)
    except Exception as error:
        if "no dictionary can be trained" in str(error) or "a dictionary is trained from" in str(error):
            raise OptionError(str(error)) from error
        raise


def _names(connection: Connection, table: str, column: str, schema: str) -> tuple[str, str]:
    """As the schema writes them."""
    for each in virtual_columns(connection, schema):
        if (fold(each.table), fold(each.column)) == (fold(table), fold(column)):
            return each.table, each.column
    found = look_at_table(connection, table, schema)
    return found.name, found.column(column).name


def _rows_of(connection: Connection, table: str, schema: str) -> Table:
    """The table itself, or that of a virtual table's rows: what is stored can be passed over where it is damaged."""
    is_virtual = any(fold(each.table) == fold(table) for each in virtual_columns(connection, schema))
    return look_at_table(connection, f"{table}_rows" if is_virtual else table, schema, allow_shadow=is_virtual)


def _refuse_others(connection: Connection, schema: str) -> None:
    """:raises OptionError: something else has the name of our table, or our table or its columns have other names."""
    owners = _guarded_tables(connection, schema)
    if owners not in ([], [TABLE]):
        raise OptionError(f"table {owners[0]} of database {schema} was {TABLE}, which values need: rename it back")
    rows = run(connection, f"SELECT type, rootpage FROM {master_of(schema)} WHERE name = '{TABLE}' COLLATE NOCASE")
    for kind, page in rows:
        what = f"a {kind}" if kind != "table" else _foreign_table(connection, schema) if page else "a virtual table"
        if what and owners:
            raise OptionError(f"{TABLE} of database {schema} is now {what}, which values need: rename it back")
        if what:
            raise OptionError(
                f"{TABLE} of database {schema} is {what}: sqlite_zblob keeps dictionaries in an ordinary table of that "
                "name. Rename or drop what is there"
            )


def _guarded_tables(connection: Connection, schema: str) -> list[str]:
    """Our table, under the name that it has now."""
    sql = f"SELECT tbl_name FROM {master_of(schema)} WHERE type = 'trigger' AND name = '{TABLE}_no_delete'"
    return [fold(name) for (name,) in run(connection, sql)]


def why_not_found(connection: Connection, schema: str) -> str | None:
    """Why nobody finds the dictionaries that are there: their table or its columns have other names."""
    try:
        _refuse_others(connection, schema)
    except OptionError as error:
        return str(error) if _guarded_tables(connection, schema) else None
    return None


def _foreign_table(connection: Connection, schema: str) -> str | None:
    """What is wrong with the table of our table's name; None: nothing. It may have more columns than ours."""
    found = run(connection, f"SELECT name, hidden FROM pragma_table_xinfo('{TABLE}', ?)", (schema,))
    missing = {*_COLUMNS} - {fold(name) for name, _ in found}
    if missing:
        return f"a table without column {', '.join(sorted(missing))}"
    return "a table with generated columns" if any(hidden for _, hidden in found) else None


def _refuse_unique(connection: Connection, schema: str) -> None:
    """:raises OptionError: what the guards say of every row that is written would be said of ours."""
    names = [name for (name,) in run(connection, f"SELECT name FROM {master_of(schema)} WHERE {_UNIQUE}")]
    if names:
        raise OptionError(f"{_HAS_UNIQUE}: {', '.join(names)} of database {schema}")


def create_table(connection: Connection, schema: str) -> None:
    """Where there is none yet; the guards of a table that an earlier version made are replaced by today's.

    :raises OptionError: something else has its name.
    """
    _refuse_others(connection, schema)
    _give_key(connection, schema)
    run(connection, _CREATE.format(schema=quote(schema), table=TABLE))
    _make_index(connection, schema)
    moved = moved_dictionaries(connection, schema)
    if _is_guarded(connection, schema) and not moved:
        return
    _drop_guards(connection, schema)
    for id, hashed in moved:
        run(connection, f"UPDATE OR IGNORE {quote(schema)}.{TABLE} SET id = ? WHERE id = ?", (hashed, id))
    for name, body in _GUARDS.items():
        run(connection, f"CREATE TRIGGER {quote(schema)}.{name} {body}")


def _give_key(connection: Connection, schema: str) -> None:
    """A table that CREATE TABLE AS has made has no key, so that its ids could be there twice: it is made anew.

    So is one of no other columns than ours whose id is not the rowid, as a PRIMARY KEY that is INT is not.
    """
    info = run(connection, f"SELECT name, pk FROM pragma_table_xinfo('{TABLE}', ?)", (schema,))
    has_key = not info or any(pk for name, pk in info if fold(name) == "id")
    sql = f"SELECT 1 FROM {master_of(schema)} WHERE {_UNIQUE} AND sql IS NULL"
    if has_key and ({fold(name) for name, _ in info} != {*_COLUMNS} or not run(connection, sql)):
        return
    old, columns = f"{quote(schema)}.{TABLE}_without_key", ", ".join(_COLUMNS)
    run(connection, f"ALTER TABLE {quote(schema)}.{TABLE} RENAME TO {TABLE}_without_key")
    run(connection, _CREATE.format(schema=quote(schema), table=TABLE))
    run(
        connection,
        f"INSERT INTO {quote(schema)}.{TABLE}({columns}) SELECT {columns} FROM {old} GROUP BY id, dictionary",
    )
    run(connection, f"DROP TABLE {old}")


def renew_guards(connection: Connection, schema: str) -> None:
    """Of a table that is there; takes no lock where there is nothing to do."""
    if not has_table(connection, schema):
        return
    if not _is_guarded(connection, schema) or moved_dictionaries(connection, schema):
        with atomic(connection):
            create_table(connection, schema)


def _make_index(connection: Connection, schema: str) -> None:
    """Anew where an earlier version has made another one."""
    if not _is_indexed(connection, schema):
        run(connection, f"DROP INDEX IF EXISTS {quote(schema)}.{TABLE}_newest")
        run(connection, f"CREATE INDEX {quote(schema)}.{_INDEX}")


def _is_indexed(connection: Connection, schema: str) -> bool:
    sql = f"SELECT 1 FROM {master_of(schema)} WHERE type = 'index' AND sql = ?"
    return run(connection, sql, (f"CREATE INDEX {_INDEX}",)) != []


def _is_guarded(connection: Connection, schema: str) -> bool:
    rows = run(connection, f"SELECT name, sql FROM {master_of(schema)} WHERE type = 'trigger'")
    triggers: dict[str, str] = dict(rows)
    are_there = all(triggers.get(name) == f"CREATE TRIGGER {name} {body}" for name, body in _GUARDS.items())
    return are_there and _is_indexed(connection, schema)


def moved_dictionaries(connection: Connection, schema: str) -> list[tuple[int, int]]:
    """The id of each row whose bytes hash to another one, which no row has, and that other one.

    Guards of earlier versions did not refuse a change of the id by all of its names.
    """
    address = f"{quote(schema)}.{TABLE}"
    sql = (
        f"SELECT id, hashed FROM (SELECT id, zdictionary_id(dictionary) AS hashed FROM {address}) "
        f"WHERE id <> hashed AND hashed NOT IN (SELECT id FROM {address})"
    )
    return [(id, hashed) for id, hashed in run(connection, sql)]


def _drop_guards(connection: Connection, schema: str) -> None:
    for name in _GUARDS:
        run(connection, f"DROP TRIGGER IF EXISTS {quote(schema)}.{name}")


def has_table(connection: Connection, schema: str) -> bool:
    sql = f"SELECT 1 FROM {master_of(schema)} WHERE type = 'table' AND rootpage > 0 AND name = '{TABLE}' COLLATE NOCASE"
    return run(connection, sql) != []


def _has_own_table(connection: Connection, schema: str) -> bool:
    """:raises OptionError: something else has its name, or it has another one."""
    is_there = has_table(connection, schema)
    if is_there or _guarded_tables(connection, schema):
        _refuse_others(connection, schema)
    return is_there


def has_dictionary(connection: Connection, schema: str, id: int) -> bool:
    if not has_table(connection, schema):
        return False
    return run(connection, f"SELECT 1 FROM {quote(schema)}.{TABLE} WHERE id = ?", (id,)) != []


def newest(connection: Connection, schema: str, table: str, column: str) -> int:
    """The id of the newest dictionary of a column; 0: there is none."""
    if not has_table(connection, schema):
        return 0
    found = run(
        connection,
        f"SELECT id FROM {quote(schema)}.{TABLE} WHERE table_name = ? COLLATE NOCASE "
        "AND column_name = ? COLLATE NOCASE ORDER BY created DESC, id LIMIT 1",
        (table, column),
    )
    return int(found[0][0]) if found else 0


@takes_bar(show_step)
def drop_dictionaries(
    database: Database, *, schema: str = "main", progress: Callable[[str], None] | Bar | None = None
) -> list[int]:
    """Drop the dictionaries that no value in any table was compressed with, and no column will use.

    All tables of this database and of those that are attached are read, and frames within frames are found: values of
    a compressed column may be frames. Frames inside pickles need no dictionary; frames that lie in a database that is
    not attached, or inside other values, are not known.

    :param database: as for `enable`.
    :param progress: called with each TABLE that is read; or "bar".
    :returns: the ids of those that were dropped.
    """
    with connected(database, writes=True) as connection:
        require_schema(connection, schema)
        load(connection)
        if not _has_own_table(connection, schema):
            return []
        with atomic(connection):
            kept = _used_by_columns(connection, schema)
            for _, each, *_ in run(connection, "PRAGMA database_list"):
                kept |= _used_by_rows(connection, each, callback_of(progress) or (lambda table: None))
            # Values need bytes. Those of a row that was moved, while no guard saw it, hash to another id than its own.
            rows = run(connection, f"SELECT id, zdictionary_id(dictionary) FROM {quote(schema)}.{TABLE}")
            dropped = sorted(id for id, hashed in rows if not {id, hashed} & kept)
            _drop_guards(connection, schema)
            for id in dropped:
                run(connection, f"DELETE FROM {quote(schema)}.{TABLE} WHERE id = ?", (id,))
            if not _drop_if_unused(connection, schema):
                create_table(connection, schema)
        return dropped


def _drop_if_unused(connection: Connection, schema: str) -> bool:
    """The table, if it is empty, no column is to have a dictionary, and nobody has given it more columns."""
    names = {fold(name) for (name,) in run(connection, f"SELECT name FROM pragma_table_xinfo('{TABLE}', ?)", (schema,))}
    is_wanted = any(dictionary for *_, dictionary in _settings_of_columns(connection, schema))
    if is_wanted or names != {*_COLUMNS} or run(connection, f"SELECT 1 FROM {quote(schema)}.{TABLE} LIMIT 1"):
        return False
    run(connection, f"DROP TABLE {quote(schema)}.{TABLE}")
    return True


def copy_dictionaries(source: Database, target: Database, *, schema: str = "main") -> list[int]:
    """Copy all dictionaries of a database into another one, with the guards that keep them from being lost.

    For rows that are copied as they are stored: their values need the same dictionaries there. Columns of the same
    names take them for their newest. Those that the target has already stay as they are there.

    :param source: as for `enable`; nothing is written to it.
    :param target: as for `enable`: a file that is there, if only an empty one.
    :param schema: of both: the attached database whose dictionaries are copied, and the one that they are copied to.
    :returns: the ids of those that were copied.
    :raises OptionError: the target, or a database that is attached to it, has other bytes under the id of one.
    """
    with connected(source, writes=False) as connection:
        require_schema(connection, schema)
        load(connection)
        rows: Rows = []
        if _has_own_table(connection, schema):
            address = f"{quote(schema)}.{TABLE}"
            sql = f"SELECT {', '.join(_COLUMNS)} FROM {address} WHERE typeof(dictionary) = 'blob' ORDER BY id"
            rows = run(connection, sql)
    with connected(target, writes=True) as connection:
        require_schema(connection, schema)
        load(connection)
        return patiently(connection, lambda: _take_over(connection, schema, rows))


def _take_over(connection: Connection, schema: str, rows: Rows) -> list[int]:
    copied = []
    with atomic(connection):
        if rows:
            create_table(connection, schema)
            _refuse_unique(connection, schema)
        for _, dictionary, *about in rows:
            id = dictionary_id(dictionary)  # also where its row was given another one
            if id in ids_of_others(connection, dictionary):
                raise OptionError(
                    f"the target has other bytes under id {id}, by which its own values may be compressed: copy rows "
                    "with zdecompress(), or keep them in a database of their own and attach it"
                )
            if not has_dictionary(connection, schema, id):
                marks = ", ".join("?" * len(_COLUMNS))
                sql = f"INSERT INTO {quote(schema)}.{TABLE}({', '.join(_COLUMNS)}) VALUES ({marks})"
                run(connection, sql, (id, dictionary, *about))
                copied.append(id)
    return copied


def _used_by_rows(connection: Connection, schema: str, show: Callable[[str], None]) -> set[int]:
    found: set[int] = set()
    for table in tables_with_rows(connection, schema):
        show(table)
        for row in run(connection, f"PRAGMA {quote(schema)}.table_xinfo({quote(table)})"):
            if row[6] in _STORED:
                found |= _used_by_values(connection, f"{quote(schema)}.{quote(table)}", quote(row[1]))
    return found


def _used_by_values(connection: Connection, table: str, data: str) -> set[int]:
    """By the values of a column, and by those that they hold. Values that cannot be read hold none that can."""
    heads: set[bytes] = set()
    value, condition = data, f"typeof({data}) = 'blob'"
    while True:
        is_compact = f"typeof({value}) = 'blob' AND length({value}) > 12 AND substr({value}, 1, 4) = x'C15A4253'"
        sql = f"SELECT DISTINCT substr({value}, 9, 7) FROM {table} WHERE {condition} AND {is_compact}"
        heads |= {head for (head,) in run(connection, sql)}
        condition += f" AND length({value}) < {_LARGEST_SAMPLE + 1000} AND zis_frame({value})"
        condition += f" AND zverify({value}) = 'ok'"
        value = f"zdecompress({value})"
        holds_frames = f"{condition} AND typeof({value}) = 'blob' AND zis_frame({value})"
        if not run(connection, f"SELECT 1 FROM {table} WHERE {holds_frames} LIMIT 1"):
            return {id for id in map(_id_in, heads) if id}


def _id_in(head: bytes) -> int:
    """The id that these bytes of a compact frame, from its kind on, name (docs/format.md, section 8); 0: none."""
    kind, size = head[0], head[1]
    if kind >= _FIRST_IMAGE_KIND:
        return 0
    at = 2 if size < 240 else 3 if size < 255 else 4
    return int.from_bytes(head[at : at + 3], "little") if kind % 4 >= 2 else 0


def _settings_of_columns(connection: Connection, schema: str) -> list[tuple[str, str, int | str | None]]:
    """Table, column and dictionary of each enabled column."""
    settings = [(each.table, each.setting.column, each.setting.dictionary) for each in entries(connection, schema)]
    virtual = [(each.table, each.column, each.settings.dictionary) for each in virtual_columns(connection, schema)]
    return settings + virtual


def _used_by_columns(connection: Connection, schema: str) -> set[int]:
    return {used(connection, schema, *each) for each in _settings_of_columns(connection, schema)}


def used(connection: Connection, schema: str, table: str, column: str, dictionary: int | str | None) -> int:
    """The id of the dictionary that a column with this setting uses now; 0: none."""
    return newest(connection, schema, table, column) if dictionary == "auto" else int(dictionary or 0)


def dictionary_of(connection: Connection, schema: str, table: str, column: str) -> int:
    """The id of the dictionary that an enabled column uses now; 0: none.

    :param table: of a virtual table, its own name or that of its rows.
    """
    names = (fold(table), fold(table).removesuffix("_rows"))
    for each in virtual_columns(connection, schema):
        if fold(each.table) in names and fold(each.column) == fold(column):
            return used(connection, schema, each.table, each.column, each.settings.dictionary)
    for entry in entries(connection, schema):
        if entry.has_column and entry.is_column(table, column):
            return used(connection, schema, entry.table, entry.setting.column, entry.setting.dictionary)
    return 0
