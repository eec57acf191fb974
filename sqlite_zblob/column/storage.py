"""Switch transparent compression on and off for a column of a table: enable, disable, status.

Mode "table": see virtual.py. In place: the table stays an ordinary one. Triggers replace what is stored by its
compressed form, so that statements, constraints and generated keys keep their meaning; readers decompress
(docs/in-place.md). triggers.py has their texts, record.py remembers them, trial.py tries them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from ..arguments import plain_integer
from ..bars import Bar, callback_of, show_step, takes_bar
from ..choices import ENVELOPES, MODES, Envelope, Mode
from ..codec import DEFAULT_LEVEL, make_options
from ..connect.database import atomic, fold, quote, require_journal, run, snapshot
from ..connect.loader import Connection, load
from ..connect.opening import Database, connected, triggers_are_off
from ..errors import OptionError, ZblobWarning
from . import record
from .dictionaries import create_table, has_dictionary, newest, renew_guards, train
from .hint import HintFrom, hint_trouble, refuse_hint
from .lost import all_entries
from .migrated import migrated_settings
from .obstacles import column_obstacles, update_triggers
from .record import Entry, entries, has_texts_of_frames
from .schema import Column, Table, look_at_table, require_schema
from .trial import try_frame
from .triggers import EVENTS, Setting, is_as_made, kind_of, trigger_texts
from .virtual import (
    DEFAULT_MIN_SIZE,
    ChangedError,
    TableSettings,
    change_virtual,
    choose_min_size,
    give_up_column,
    make_virtual,
    refuse_virtual,
    virtual_columns,
)

_GUESSED = "shapes are guessed, because dtype_from and shape_from cannot be used any more: {trouble}"


@dataclass(frozen=True)
class ColumnStatus:
    """One enabled column."""

    schema: str  # "main", "temp" or the name it was attached by
    table: str
    column: str
    mode: Mode
    envelope: Envelope
    level: int  # 1 .. 9
    min_size: int  # smaller values are stored as they come; in bytes
    is_intact: (
        bool  # False: nothing compresses what is written, for instance because the table was made anew; enable it again
    )
    problems: tuple[str, ...] = ()  # why it is not intact, and what in the schema looks at the values by now
    dictionary: int | str | None = None  # an id, or "auto": the column's newest; None: no dictionary
    dtype_from: str | None = None  # SQL expressions by which a row says what its raw voxels are; None: nothing does
    shape_from: str | None = None

    @property
    def hint(self) -> HintFrom:
        return HintFrom(self.dtype_from, self.shape_from)

    def is_column(self, table: str, column: str) -> bool:
        return fold(self.table) == fold(table) and fold(self.column) == fold(column)


def enable(
    database: Database,
    table: str,
    column: str,
    *,
    mode: Mode | None = None,
    envelope: Envelope | None = None,
    level: int | None = None,
    min_size: int | None = None,
    dictionary: int | Literal["auto"] | None = None,
    dtype_from: str | None = None,
    shape_from: str | None = None,
    schema: str = "main",
    force: bool = False,
) -> ColumnStatus:
    """Compress what is stored in a column from now on. Rows that are there already stay as they are.

    Doing it again changes the settings that are given, or nothing: the others stay as they are recorded, also where the
    table was made anew; and where the column was migrated, after `disable`, too. Every connection that writes the
    column needs the extension from then on: without it, its INSERT fails with `no such function: sqlite_zblob_store`.

    :param database: an open connection, or the path of a file, which is opened and closed again.
    :param mode: "in-place", the default: triggers on the ordinary table. "table": the table becomes a virtual table of
        the same name over its own rows, whose readers need nothing but the extension (docs/in-place.md).
    :param envelope: "frame", the default, for readers that call `zdecompress` or use `decode_rows`; "pickle", for
        programs that `pickle.loads` what they read: complete pickles are stored as pickles that unpack themselves, and
        all else stays as it is. Never for columns that are read as raw bytes.
    :param level: 1 (fastest) to 9 (smallest); 5 by default.
    :param min_size: smaller values are stored as they come; in bytes, 512 by default. A column that gets its first
        dictionary has 64 instead of that, unless it is given.
    :param dictionary: for small values (docs/small-values.md). "auto": the column's newest, which is trained now if the
        column has none and rows enough; an id in table `zblob_dictionaries`; 0: none any more; None: as it is.
    :param dtype_from: for raw voxels in C order whose type stands elsewhere in the row: an SQL expression over the row,
        such as "NEW.dtype" or "json_extract(NEW.metadata, '$.dtype')", that gives NumPy's name for it. An empty text
        takes it away again. What it says is never trusted more than the bytes allow (docs/raw.md).
    :param shape_from: the same for the shape, slowest axis first: "[188, 256, 190]" or "188x256x190".
    :param schema: the attached database that the table is in.
    :param force: mode "table" in spite of an INTEGER PRIMARY KEY, whose generated values INSERT ... RETURNING does not
        give there.
    :raises OptionError: the column cannot be compressed so; the message gives every reason. In place, a compressed
        value is stored in a row and taken back, to see whether the table's own triggers let it happen; so not on a
        connection without a journal (PRAGMA journal_mode=OFF), where nothing can be taken back.
    :raises LoadError: the connection does not have the extension and cannot load it.
    :warns ZblobWarning: in place, triggers of the table's owner fire once more for each value that is compressed; in
        mode "table", the table's indexes work on, but CREATE INDEX IF NOT EXISTS fails from now on. In place, too,
        where triggers are switched off on this connection.
    """
    with connected(database, writes=True) as connection:
        load(connection)
        hint = HintFrom(dtype_from, shape_from)
        level, min_size, dictionary = map(plain_integer, (level, min_size, dictionary))
        wanted = _wanted(connection, (schema, table, column), mode, envelope, level, min_size, hint, dictionary)
        _check_settings(wanted)
        _prepare_dictionary(connection, wanted)
        if dtype_from is not None or shape_from is not None:
            refuse_hint(connection, _table_of_rows(connection, wanted), wanted.hint)
        for _ in range(_TRIES - 1):
            with suppress(ChangedError):
                return _enable(connection, wanted, force=force)
        return _enable(connection, wanted, force=force)


_TRIES = 5  # while other connections change the table


def _enable(connection: Connection, wanted: ColumnStatus, *, force: bool) -> ColumnStatus:
    """:raises ChangedError: another connection has changed the table in the midst of it."""
    schema, table, column = wanted.schema, wanted.table, wanted.column
    current = _current(connection, wanted)
    if wanted.mode == "in-place":
        _warn_if_off(connection)
        if (same := _unchanged(connection, wanted)) is not None:
            return same
    for each in current:
        if each.is_column(table, column) and each == replace(wanted, table=each.table, column=each.column):
            return each
    require_journal(connection, schema)
    settings = TableSettings(wanted.level, wanted.min_size, wanted.hint, wanted.dictionary)
    if wanted.mode == "table" and current:
        change_virtual(connection, current[0].table, column, schema, settings)
        return next(each for each in enabled_columns(connection, schema) if each.is_column(table, column))
    with snapshot(connection):  # others may make it a virtual table between two looks
        if wanted.mode == "table" and fold(table) in {fold(each.table) for each in virtual_columns(connection, schema)}:
            raise ChangedError(f"another connection has made {table} a virtual table a moment ago: try again")
        found = look_at_table(connection, table, schema)
    name = found.column(column).name
    wanted = replace(wanted, table=found.name, column=name)
    if wanted.mode == "table":
        make_virtual(connection, found, found.column(column), settings, force=force)
        _warn_of_indexes(found)
    else:
        with atomic(connection):
            _write(connection, wanted)
    return wanted


def _wanted(
    connection: Connection,
    place: tuple[str, str, str],
    mode: Mode | None,
    envelope: Envelope | None,
    level: int | None,
    min_size: int | None,
    hint: HintFrom,
    dictionary: int | str | None = None,
) -> ColumnStatus:
    """For what is not given, the settings of the column, or of the virtual table that it is in; or those that it was
    migrated with before it was disabled; or the defaults.

    :param place: schema, table and column.
    """
    schema, table, column = place
    require_schema(connection, schema)
    found = all_entries(connection, schema)
    own = [each for each in found if each.is_column(table, column)]
    own += [each for each in found if each.has_rival(table, column)]  # this is the one that was compressed, then
    recorded = _virtual(connection, schema)
    known = _look_at(connection, own[0], closely=False) if own else None
    known = known or next((each for each in recorded if each.is_column(table, column)), None)
    if known is None:
        known = next((each for each in recorded if each.mode == "table" and fold(each.table) == fold(table)), None)
    if known is None:
        old = migrated_settings(connection, schema, table, column)
        settings = old[:3] if old else ("frame", DEFAULT_LEVEL, DEFAULT_MIN_SIZE)
        known = ColumnStatus(schema, table, column, "in-place", *settings, is_intact=True)
        known = replace(known, **old.hint._asdict(), dictionary=old.dictionary) if old else known
    mode = mode or known.mode
    envelope = envelope or ("frame" if mode == "table" else known.envelope)
    level = known.level if level is None else level
    min_size = choose_min_size(min_size, known.min_size, dictionary, known.dictionary)
    chosen = known.dictionary if dictionary is None else dictionary or None
    made = ColumnStatus(schema, table, column, mode, envelope, level, min_size, is_intact=True)
    return replace(made, **hint.or_else(known.hint)._asdict(), dictionary=chosen)


def _prepare_dictionary(connection: Connection, wanted: ColumnStatus) -> None:
    """:raises OptionError: there is no such dictionary."""
    place = (wanted.schema, wanted.table, wanted.column)
    if not wanted.dictionary:
        return
    renew_guards(connection, wanted.schema)
    if wanted.dictionary != "auto":
        if not has_dictionary(connection, wanted.schema, int(wanted.dictionary)):
            raise OptionError(
                f"there is no dictionary {wanted.dictionary} in table zblob_dictionaries of database {wanted.schema}, "
                "where the column's values would need it"
            )
        return
    if newest(connection, *place):
        return
    with atomic(connection):
        create_table(connection, wanted.schema)
    with suppress(OptionError):  # too few rows, for now
        train(connection, wanted.table, wanted.column, schema=wanted.schema)


def check_enable(connection: Connection, wanted: ColumnStatus, *, force: bool = False) -> None:
    """Only look whether `enable` would refuse.

    :raises OptionError: it would; the message gives every reason.
    """
    _check_settings(wanted)
    known = next(
        (each for each in enabled_columns(connection, wanted.schema) if each.is_column(wanted.table, wanted.column)),
        None,
    )
    if known is None or known.hint != wanted.hint:  # what is recorded may have become useless: shapes are guessed then
        refuse_hint(connection, _table_of_rows(connection, wanted), wanted.hint)
    if wanted.mode == "table" and _current(connection, wanted):
        return
    table = look_at_table(connection, wanted.table, wanted.schema)
    if wanted.mode == "table":
        refuse_virtual(table, table.column(wanted.column), force=force)
    else:
        _current(connection, wanted)
        _refuse(table, table.column(wanted.column))


def _table_of_rows(connection: Connection, wanted: ColumnStatus) -> Table:
    """The ordinary table that holds the rows: that of this name, or behind the virtual table of this name."""
    virtual = {fold(each.table) for each in virtual_columns(connection, wanted.schema)}
    is_virtual = fold(wanted.table) in virtual
    name = f"{wanted.table}_rows" if is_virtual else wanted.table
    return look_at_table(connection, name, wanted.schema, allow_shadow=is_virtual)


def _check_settings(wanted: ColumnStatus) -> None:
    _check_choice("mode", wanted.mode, MODES)
    _check_choice("envelope", wanted.envelope, ENVELOPES)
    make_options(level=wanted.level, min_size=wanted.min_size)  # raises
    if wanted.dictionary not in (None, "auto"):
        if not isinstance(wanted.dictionary, int) or isinstance(wanted.dictionary, bool):
            raise OptionError(f'dictionary must be "auto" or the id of a dictionary, not {wanted.dictionary!r}')
        make_options(dictionary=wanted.dictionary)
    if wanted.dictionary and wanted.envelope == "pickle":
        raise OptionError('dictionaries are for envelope "frame": a pickle that unpacks itself would not find its own')
    if (wanted.mode, wanted.envelope) == ("table", "pickle"):
        raise OptionError('mode "table" decompresses for every reader: envelope "pickle" is for mode "in-place"')
    if wanted.hint and wanted.envelope == "pickle":
        raise OptionError(
            'dtype_from and shape_from are for raw voxels, and envelope "pickle" compresses nothing but pickles'
        )


def _current(connection: Connection, wanted: ColumnStatus) -> list[ColumnStatus]:
    """The enabled columns of the table, all in the mode that is wanted."""
    current = [each for each in enabled_columns(connection, wanted.schema) if fold(each.table) == fold(wanted.table)]
    for each in current:
        if each.mode != wanted.mode:
            raise OptionError(
                f'column {each.column} of table {each.table} is enabled in mode "{each.mode}": disable it, '
                "or restore it where it was migrated"
            )
    return current


@takes_bar(show_step)
def disable(
    database: Database,
    table: str,
    column: str,
    *,
    schema: str = "main",
    progress: Callable[[str], None] | Bar | None = None,
) -> None:
    """Store what comes from now on as it comes.

    In place, rows that are compressed stay so, and readable as before. In mode "table", the table becomes an ordinary
    one again, and all its values are decompressed, since nothing would do that for its readers any more.

    :param database: as for `enable`.
    :param progress: called with what begins, where values are decompressed; or "bar", which moves without a share.
    :raises OptionError: the column is not enabled, or the connection has no journal (PRAGMA journal_mode=OFF).
    """
    with connected(database, writes=True) as connection:
        require_schema(connection, schema)
        load(connection)
        require_journal(connection, schema)
        for each in virtual_columns(connection, schema):
            if (fold(each.table), fold(each.column)) == (fold(table), fold(column)):
                if show := callback_of(progress):
                    show(f"decompress {each.table}.{each.column}")
                give_up_column(connection, each.table, each.column, schema)
                return
        with atomic(connection):
            found = [entry for entry in all_entries(connection, schema) if entry.is_column(table, column)]
            if not found:
                raise OptionError(f"column {column} of table {table} is not enabled")
            for entry in found:
                record.forget(connection, entry)
            record.drop_if_empty(connection, schema)


def moved_to(connection: Connection, table: str, column: str, schema: str = "main") -> str | None:
    """The table that a column's compression has gone with when it was renamed, where this one was made anew since then;
    None: there is no such table."""
    found = entries(connection, schema)
    return next((each.moved_to for each in found if each.moved_to and each.is_column(table, column)), None)


def status(database: Database, *, schema: str | None = None) -> list[ColumnStatus]:
    """The enabled columns of one database, or of all that are attached.

    :param database: as for `enable`.
    """
    with connected(database, writes=False) as connection:
        if schema is not None:
            require_schema(connection, schema)
        names = [row[1] for row in run(connection, "PRAGMA database_list")] if schema is None else [schema]
        found = [each for name in names for each in statuses(connection, name)]
        return [_looked_into(connection, each) if each.mode == "in-place" else each for each in found]


def statuses(connection: Connection, schema: str) -> list[ColumnStatus]:
    """The same of one database, without a look at rows."""
    found = enabled_columns(connection, schema)
    if triggers_are_off(connection):
        found = [each if each.mode == "table" else _switched_off(each) for each in found]
    return found


def _looked_into(connection: Connection, column: ColumnStatus) -> ColumnStatus:
    if not has_texts_of_frames(connection, column.schema, column.table, column.column):
        return column
    return replace(column, problems=(*column.problems, _TEXTS.format(column=column.column)))


_TEXTS = (
    "a CAST has made texts of frames among its first hundred rows: sqlite-zblob migrate makes them frames again, and "
    "zdecompress(CAST({column} AS BLOB)) reads them"
)


def enabled_columns(connection: Connection, schema: str) -> list[ColumnStatus]:
    """As the schema says, whatever this connection is set to."""
    found = [_look_at(connection, entry) for entry in all_entries(connection, schema) if entry.has_column]
    return found + _virtual(connection, schema)


_OFF = (
    "triggers are switched off on this connection (SQLITE_DBCONFIG_ENABLE_TRIGGER): what it writes is stored as "
    "it comes"
)


def _switched_off(column: ColumnStatus) -> ColumnStatus:
    return replace(column, is_intact=False, problems=(*column.problems, _OFF))


def _warn_if_off(connection: Connection) -> None:
    if triggers_are_off(connection):
        warnings.warn(_OFF, ZblobWarning, stacklevel=4)


def _virtual(connection: Connection, schema: str) -> list[ColumnStatus]:
    found = []
    for each in virtual_columns(connection, schema):
        problems = () if each.is_intact else (f"its rows, table {each.table}_rows, are gone",)
        hint = each.settings.hint
        if each.is_intact and (
            trouble := hint_trouble(connection, f"{quote(schema)}.{quote(each.table + '_rows')}", hint)
        ):
            problems = (_GUESSED.format(trouble=trouble),)
        made = ColumnStatus(
            *(schema, each.table, each.column, "table", "frame", each.settings.level, each.settings.min_size),
            is_intact=each.is_intact,
            problems=problems,
        )
        found.append(replace(made, **hint._asdict(), dictionary=each.settings.dictionary))
    return found


def _warn_of_indexes(table: Table) -> None:
    made = [index.name for index in table.indexes if index.origin == "c"]
    if made:
        warnings.warn(
            f"index {', '.join(made)} is now one of {table.name}_rows and serves as before, but CREATE INDEX [IF NOT "
            f"EXISTS] on {table.name} fails: SQLite has no indexes on virtual tables",
            ZblobWarning,
            stacklevel=4,
        )


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise OptionError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")


# ---- In place ----------------------------------------------------------------------------------------------


def _look_at(connection: Connection, entry: Entry, *, closely: bool = True) -> ColumnStatus:
    """:param closely: False: by its triggers alone, without a look at the rest of the schema."""
    setting = entry.setting
    problems = [entry.trouble] if entry.trouble else []
    is_intact = not problems
    if closely:
        table = look_at_table(connection, entry.table, entry.schema)
        obstacles = column_obstacles(table, table.column(setting.column))
        if is_intact and not obstacles:
            is_intact = all(is_as_made(entry.triggers[event], event, table, setting) for event in EVENTS)
            problems += [] if is_intact else ["its triggers are not as they were made"]
        problems += obstacles
        if trouble := hint_trouble(connection, table.address, setting.hint):
            problems.append(_GUESSED.format(trouble=trouble))
    made = ColumnStatus(
        *(entry.schema, entry.table, setting.column, "in-place", setting.envelope, setting.level, setting.min_size),
        is_intact=is_intact,
        problems=tuple(problems),
    )
    return replace(made, **setting.hint._asdict(), dictionary=setting.dictionary)


def _unchanged(connection: Connection, wanted: ColumnStatus) -> ColumnStatus | None:
    """The column's status where there is nothing to do.

    :raises OptionError: the schema looks at its values by now.
    """
    for entry in entries(connection, wanted.schema):
        if not entry.has_column or not entry.is_column(wanted.table, wanted.column):
            continue
        found = _look_at(connection, entry)
        if found.is_intact:
            table = look_at_table(connection, found.table, wanted.schema)
            _refuse(table, table.column(found.column))
        if replace(found, problems=()) == replace(wanted, table=found.table, column=found.column):
            return found
    return None


def _write(connection: Connection, wanted: ColumnStatus) -> None:
    """Record one column and make its triggers, in place of those it has."""
    table = look_at_table(connection, wanted.table, wanted.schema)
    column = table.column(wanted.column)
    _refuse(table, column)
    _forget_old(connection, wanted)
    names = ("mode", "level", "min_size", "dtype_from", "shape_from")
    settings = {name: getattr(wanted, name) for name in names}
    settings["envelope"] = kind_of(wanted.envelope, wanted.dictionary)
    id = record.add(connection, wanted.schema, table.name, column.name, **settings)
    setting = Setting(id, column.name, wanted.envelope, wanted.level, wanted.min_size, wanted.hint, wanted.dictionary)
    for sql in trigger_texts(table, setting):
        run(connection, sql)
    _try(connection, table, column, setting)


def _forget_old(connection: Connection, wanted: ColumnStatus) -> None:
    """What is recorded of this column, and of columns that are gone; the others get their names of now."""
    is_found = False  # of several lost columns that it may have been, one
    for entry in all_entries(connection, wanted.schema):
        is_own = entry.is_column(wanted.table, wanted.column) or entry.has_rival(wanted.table, wanted.column)
        if (is_own and not (entry.was and is_found)) or not entry.has_column:
            record.forget(connection, entry)
            is_found = is_found or is_own
        elif entry.is_recorded and not entry.was:
            record.rename(connection, entry)


def _refuse(table: Table, column: Column) -> None:
    obstacles = column_obstacles(table, column)
    if obstacles:
        raise OptionError(
            f"column {column.name} of table {table.name} cannot be compressed in place: {'; '.join(obstacles)}"
        )


def _try(connection: Connection, table: Table, column: Column, setting: Setting) -> None:
    """Try it, and warn of what the owner's triggers do with it."""
    try:
        outcome = try_frame(connection, table, column, setting)
    except OptionError as error:
        raise OptionError(
            f"column {column.name} of table {table.name} cannot be compressed in place: {error}"
        ) from error
    fired = update_triggers(table, column)
    if not fired:
        return
    also = f", and changes {', '.join(outcome.changed)} then" if outcome.changed else ""
    untried = f"; it could not be tried ({outcome.untried})" if outcome.untried else ""
    warnings.warn(
        f"trigger {', '.join(fired)} of table {table.name} fires once more for each value that is compressed{also}, "
        f"and sees the compressed value in NEW.{column.name}{untried}",
        ZblobWarning,
        stacklevel=6,
    )
