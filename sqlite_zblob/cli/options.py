"""What the commands share: options, arguments, and how errors end the program. Prints nothing but errors."""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import IO, Any, TypeVar

import apsw
import click
from click.shell_completion import CompletionItem

from ..connect.database import run
from ..connect.opening import reading, rewriting
from ..errors import ZblobError, ZblobWarning

Command = TypeVar("Command", bound=Callable[..., Any])

_JSON, _INTERRUPTED = "sqlite_zblob.json", "sqlite_zblob.interrupted"  # keys of a context's meta


# ---- Errors ------------------------------------------------------------------------------------------------


class Failure(click.ClickException):
    """One line on standard error; with --json an object on standard output as well."""

    def __init__(self, message: str, kind: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.kind = kind
        vars(self)["exit_code"] = exit_code  # click declares it a variable of the class
        self.wants_json = bool(click.get_current_context().meta.get(_JSON))

    def show(self, file: IO[Any] | None = None) -> None:
        _report(self.message, self.kind, as_json=self.wants_json)


def _report(message: str, kind: str, *, as_json: bool) -> None:
    with suppress(OSError):
        click.echo(f"sqlite-zblob: {message}", err=True)
    with suppress(OSError):  # the output itself may be what cannot be written
        if as_json:
            click.echo(json.dumps({"error": {"kind": kind, "message": message}}))


class ErrorGroup(click.Group):
    """Commands whose errors are one sentence. Errors of our own making keep their traceback."""

    def main(
        self,
        args: Any = None,
        prog_name: Any = None,
        complete_var: Any = None,
        standalone_mode: Any = True,
        **extra: Any,
    ) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        run = partial(super().main, given, prog_name, complete_var, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        code = _exit_code(run, as_json="--json" in given)
        failure = _end_output()
        if failure and not code:
            code = 1
            _report(failure, "OSError", as_json=False)
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _notes():
                return super().invoke(ctx)
        except BrokenPipeError:
            raise  # click ends quietly in this case
        except ZblobError as error:
            raise Failure(str(error), type(error).__name__) from error
        except OSError as error:
            if _is_of_output(error):
                raise Failure(_output_error(error), type(error).__name__) from error
            where = f": {error.filename}" if error.filename else ""
            raise Failure(f"{error.strerror or error}{where}", type(error).__name__) from error
        except (apsw.Error, sqlite3.Error) as error:
            raise Failure(f"SQLite: {error}", "SQLiteError") from error
        except MemoryError as error:
            raise Failure("out of memory", "MemoryError") from error
        except KeyboardInterrupt as error:
            raise Failure(ctx.meta.get(_INTERRUPTED, "interrupted"), "Interrupted", 130) from error


def _output_error(error: OSError) -> str:
    return f"cannot write the output: {error.strerror or error}"


def _is_of_output(error: OSError) -> bool:
    """Was it raised where something was printed?"""
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return modules[-1].partition(".")[0] in ("click", "rich")


def _end_output() -> str | None:
    """Write what is left of the output; or else say why not, and drop it: the interpreter would try it once more at its
    end, and print a traceback."""
    try:
        sys.stdout.flush()
    except OSError as error:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _output_error(error)
    return None


def _exit_code(run: Callable[[], Any], *, as_json: bool) -> int:
    """Run the command, and report what goes wrong."""
    try:
        code = run()
    except click.UsageError as error:
        if as_json:
            _report(error.format_message(), "UsageError", as_json=True)
        else:
            error.show()
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        _report("interrupted", "Interrupted", as_json=as_json)
        return 130
    except OSError as error:  # of what click itself prints, such as --help
        _report(_output_error(error), type(error).__name__, as_json=False)
        return 1
    return code if isinstance(code, int) else 0


@contextmanager
def _notes() -> Iterator[None]:
    """Print our own warnings as one line each, and the same one of several databases once."""
    shown: set[str] = set()
    with warnings.catch_warnings():
        show_others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if not issubclass(category, ZblobWarning):
                show_others(message, category, *where, **more)
            elif str(message) not in shown:
                shown.add(str(message))
                click.echo(f"sqlite-zblob: note: {message}", err=True)

        warnings.simplefilter("always", ZblobWarning)
        warnings.showwarning = show
        yield


def on_interrupt(message: str) -> None:
    """Set the message for a user who presses Ctrl-C from now on."""
    click.get_current_context().meta[_INTERRUPTED] = message


# ---- Arguments ---------------------------------------------------------------------------------------------


def _complete_table(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _complete(
        ctx, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%'", incomplete
    )


def _complete_column(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _complete(ctx, "SELECT name FROM pragma_table_info(?)", incomplete, ctx.params.get("table") or "")


def _complete(ctx: click.Context, sql: str, incomplete: str, *values: str) -> list[CompletionItem]:
    try:
        with reading(ctx.params.get("database") or "") as connection:
            return [CompletionItem(name) for (name,) in run(connection, sql, values) if name.startswith(incomplete)]
    except (ZblobError, OSError):
        return []


def require_database(path: str, *, writes: bool) -> None:
    """Check the file before anything else begins, such as a connection to a Dask cluster.

    :raises OSError: there is no such file, it is a directory, or it may not be read or written.
    :raises DatabaseError: it is no database.
    """
    with rewriting(path, writes=writes):
        pass


def database_argument(command: Command) -> Command:
    return click.argument("database", metavar="DB", type=click.Path(readable=False))(command)


def table_argument(*, required: bool) -> Callable[[Command], Command]:
    return click.argument("table", required=required, shell_complete=_complete_table)


def column_argument(*, required: bool) -> Callable[[Command], Command]:
    return click.argument("column", required=required, shell_complete=_complete_column)


# ---- Options -----------------------------------------------------------------------------------------------


def json_option(command: Command) -> Command:
    """The option `as_json`, which errors obey as well."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
        ctx.meta[_JSON] = value
        return value

    help_text = "Print one JSON object instead (docs/cli.md describes it)."
    return click.option("--json", "as_json", is_flag=True, is_eager=True, callback=remember, help=help_text)(command)


class ByteSize(click.ParamType[int]):
    """512, 64K, 1.5 GB: powers of 1000. 64 KiB, 1.5 GiB: powers of 1024."""

    name = "bytes"

    def __init__(self, least: int = 0) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?)\s*(?:([kmgt])(i?)b?|b)?", value.strip(), re.IGNORECASE)
        if not match:
            self.fail(f"{value!r} is not a size such as 512, 64K or 1.5G", param, ctx)
        size = int(float(match[1]) * (1024 if match[3] else 1000) ** " kmgt".index((match[2] or " ").lower()))
        if size < self.least:
            self.fail(f"{value!r} is too little: at least {self.least}", param, ctx)
        return size


class DictionaryChoice(click.ParamType[int | str]):
    """auto, or the id of a dictionary."""

    name = "dictionary"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == "auto" or isinstance(value, int):
            return value  # type: ignore[no-any-return]
        if not re.fullmatch(r"\d{1,10}", value):
            self.fail(f"{value!r} is not auto, nor the id of a dictionary", param, ctx)
        return int(value)


def options(*several: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Add all these options, in this order."""

    def apply(command: Command) -> Command:
        for each in reversed(several):
            command = each(command)
        return command

    return apply


hint_options: Callable[[Any], Any] = options(
    click.option(
        "--dtype-from",
        metavar="SQL",
        help="For raw voxels: an expression over the row, NEW, that gives their NumPy type, such as NEW.dtype or "
        "json_extract(NEW.metadata, '$.dtype'). An empty one takes it away.",
    ),
    click.option(
        "--shape-from",
        metavar="SQL",
        help="The same for their shape, slowest axis first: [188, 256, 190] or 188x256x190.",
    ),
)

worker_options: Callable[[Any], Any] = options(
    click.option(
        "--workers",
        type=click.IntRange(0),
        default=0,
        metavar="N",
        help="How many values to work on at once. 0: one for each CPU.",
    ),
    click.option(
        "--dask", "scheduler", metavar="URL", help="Use the Dask cluster with this scheduler: tcp://host:8786."
    ),
)

side_option: Callable[[Any], Any] = options(
    click.option(
        "--side-by-side",
        type=click.IntRange(0),
        default=0,
        metavar="N",
        help="Where DB is a pattern: how many databases to work on at once. 0: one for each CPU.",
    ),
)

writer_options: Callable[[Any], Any] = options(
    worker_options,
    click.option(
        "--pace",
        type=click.FloatRange(0, 1, min_open=True),
        default=1.0,
        show_default=True,
        metavar="SHARE",
        help="Hold the write lock for no more than this share of the time, so that others can write.",
    ),
    click.option(
        "--batch-size",
        type=ByteSize(least=1),
        default="64M",
        show_default=True,
        metavar="BYTES",
        help="Replace at most this many bytes in one transaction.",
    ),
    click.option(
        "--vacuum",
        "vacuum_full",
        is_flag=True,
        help="Return free pages to the file system at the end, with VACUUM, which locks the database.",
    ),
    click.option(
        "--incremental-vacuum",
        "vacuum_incremental",
        is_flag=True,
        help="Return free pages to the file system in small steps. Needs PRAGMA auto_vacuum = INCREMENTAL.",
    ),
    click.option("--dry-run", is_flag=True, help="Only say what would be done."),
)


def force_option(what: str) -> Callable[[Command], Command]:
    """:param what: it leaves out."""
    return click.option("--force", is_flag=True, help=f"Leave out {what}.")


def vacuum_mode(vacuum_full: bool, vacuum_incremental: bool) -> str:
    """As `migrate` takes it."""
    if vacuum_full and vacuum_incremental:
        raise click.UsageError("--vacuum and --incremental-vacuum exclude each other")
    return "full" if vacuum_full else "incremental" if vacuum_incremental else "none"


@contextmanager
def executor_for(scheduler: str | None) -> Iterator[Any]:
    """The Dask cluster's executor, or None for threads."""
    with ExitStack() as stack:
        if scheduler is None:
            yield None
            return
        try:
            from ..integrations.dask import DaskExecutor
        except ImportError as error:
            raise ZblobError(f"--dask needs the extra: pip install 'sqlite_zblob[dask]' ({error})") from error
        for name in list(logging.root.manager.loggerDict):
            if name.startswith("distributed"):  # what matters is raised as an error of ours
                logging.getLogger(name).setLevel(logging.CRITICAL)
        yield stack.enter_context(DaskExecutor(scheduler))
