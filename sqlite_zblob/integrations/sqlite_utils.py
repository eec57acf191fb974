"""The sqlite-utils plugin: the extension and decoded rows in every connection, and the commands `zblob enable` and
`zblob migrate`. Commands that make a table anew, such as `transform`, keep its compression. Functions that are
registered through a `Database`, as `convert` does, get decoded values.
"""

from __future__ import annotations

import functools
import shlex
import sqlite3
import warnings
import weakref
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import click
from sqlite_utils import hookimpl

from ..column.schema import look_at_table
from ..column.storage import enable as enable_column
from ..column.storage import enabled_columns
from ..connect.database import fold, run
from ..connect.factories import has_hook
from ..connect.loader import load
from ..connect.rows import decode_arguments
from ..errors import ZblobError, ZblobWarning
from ..migration.migrate import migrate as migrate_column
from .mending import mend
from .opening import expect_connections_if_possible, set_up_if_possible
from .trail import Trail

expect_connections_if_possible()

_TRAILS = "sqlite_zblob.trails"  # in the context of a command: the files that it has opened, with a trail of each


_FIRST = (
    ". Of sqlite-utils this concerns the first database of a process, which is opened before plugins are imported: the "
    "next one has the functions, and so has the first after sqlite_zblob.install()"
)


@hookimpl
def prepare_connection(conn: sqlite3.Connection) -> None:
    set_up_if_possible(conn, decodes=True, keeps=True, advice=_FIRST)
    _decode_in_functions()
    context = click.get_current_context(silent=True)
    if context is None:
        return
    if context.info_name == "transform" and context.params.get("strict"):
        _refuse_strict(conn, context.params)
    if _TRAILS not in context.meta:
        context.meta[_TRAILS] = {}
        context.call_on_close(lambda: _mend(context))
    trail = Trail()
    with suppress(ZblobError):
        trail.look(conn)
    for _, schema, file in run(conn, "PRAGMA database_list"):
        if file and schema == "main":
            context.meta[_TRAILS].setdefault(file, trail)


def _decode_in_functions() -> None:
    """`Database.register_function` gives the functions of a connection with decoded rows decoded arguments.

    Without it, `convert` would give frames to the user's function, and store what it makes of them.
    """
    from sqlite_utils import Database  # older versions load plugins before they have defined it

    register: Callable[..., Any] = Database.register_function
    if getattr(register, "_decodes", False):
        return

    @functools.wraps(register)
    def register_function(self: Any, fn: Callable[..., Any] | None = None, *values: Any, **settings: Any) -> Any:
        if fn is None:
            return lambda fn: register_function(self, fn, *values, **settings) or fn
        database = weakref.ref(self)
        if has_hook(self.conn):
            fn = decode_arguments(fn, lambda: getattr(database(), "conn", None))
        register(self, fn, *values, **settings)
        return None

    vars(register_function)["_decodes"] = True
    setattr(Database, "register_function", register_function)  # noqa: B010


def _mend(context: click.Context) -> None:
    """After the command: it may have made tables anew."""
    for path, trail in sorted(context.meta[_TRAILS].items()):
        if not Path(path).is_file():
            continue
        with closing(sqlite3.connect(path)) as connection:
            if context.info_name == "transform":
                _follow_transform(connection, trail, context.params)
            set_up_if_possible(connection, decodes=False, keeps=True)


def _refuse_strict(connection: sqlite3.Connection, given: dict[str, Any]) -> None:
    """Before SQLite does, whose error says nothing of compression.

    :raises click.ClickException: the table has compressed texts, which are BLOBs.
    """
    typed = {fold(column) for column, _ in given.get("type") or ()}
    with suppress(ZblobError, sqlite3.Error):
        table = look_at_table(connection, given["table"])
        enabled = {
            fold(each.column) for each in enabled_columns(connection, "main") if each.is_column(table.name, each.column)
        }
        texts = [each.name for each in table.columns if fold(each.name) in enabled - typed and each.affinity == "text"]
        if texts:
            connection.close()
            restore = shlex.join(["sqlite-zblob", "restore", given["path"], table.name, texts[0]])
            raise click.ClickException(
                f"column {', '.join(texts)} of table {table.name} is compressed, and a STRICT table has no BLOBs in a "
                f"column of texts: {restore} decompresses it, then it can be STRICT"
            )


def _follow_transform(connection: sqlite3.Connection, trail: Trail, given: dict[str, Any]) -> None:
    """It may give columns other names, which its options tell."""
    if given.get("sql") or not given.get("rename"):
        return
    try:
        trail.rename_columns(given["table"], dict(given["rename"]))
        load(connection)
        mend(connection, trail)
    except (ZblobError, sqlite3.Error) as error:
        warnings.warn(f"a column is not compressed any more: {error}", ZblobWarning, stacklevel=2)


_file = click.argument("path", type=click.Path(exists=True, dir_okay=False))
_level = click.option("--level", type=click.IntRange(1, 9), help="1 (fastest) to 9 (smallest); 5 by default.")
_min_size = click.option(
    "--min-size", type=click.IntRange(0), help="Smaller values are stored as they come; in bytes, 512 by default."
)
_envelope = click.option(
    "--envelope", type=click.Choice(["frame", "pickle"]), help="For readers that unpickle: pickle."
)


@hookimpl
def register_commands(cli: click.Group) -> None:
    @cli.group()
    def zblob() -> None:
        """Compress the values of a column."""

    @zblob.command()
    @_file
    @click.argument("table")
    @click.argument("columns", nargs=-1, required=True)
    @_level
    @_min_size
    @_envelope
    def enable(path: str, table: str, columns: tuple[str, ...], **settings: Any) -> None:
        """Compress what is stored in COLUMNS from now on."""
        with closing(sqlite3.connect(path)) as connection, _errors():
            for column in columns:
                enable_column(connection, table, column, **settings)

    @zblob.command()
    @_file
    @click.argument("table")
    @click.argument("columns", nargs=-1, required=True)
    @_level
    @_min_size
    @_envelope
    def migrate(path: str, table: str, columns: tuple[str, ...], **settings: Any) -> None:
        """Compress the rows that COLUMNS have, too, while others read and write."""
        with _errors():
            for column in columns:
                report = migrate_column(path, table, column, **settings)
                click.echo(f"{column}: {report.raw_bytes:,} bytes are now {report.stored_bytes:,}")


class _errors:  # noqa: N801 (used like a function)
    """Our errors become click's, which are told in one line."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, ZblobError | sqlite3.Error):
            raise click.ClickException(str(error)) from error
