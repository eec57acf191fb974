"""The command line `sqlite-zblob`: arguments and printing only. One module per group of commands; render.py prints."""

from __future__ import annotations

import click

from ..codec import VERSION
from .bench import bench
from .demo import demo
from .exchange import export, import_
from .look import analyze, info, stats
from .maintain import maintain
from .options import ErrorGroup
from .several import reshard
from .status import status
from .store import migrate, restore, verify

_EPILOG = """\b
To begin: sqlite-zblob analyze results.db
Completion in bash (or zsh_source, fish_source):
eval "$(_SQLITE_ZBLOB_COMPLETE=bash_source sqlite-zblob)"

Exit codes: 0 done, 1 failed or damage found, 2 wrong usage, 130 interrupted."""


@click.group(cls=ErrorGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(VERSION, prog_name="sqlite-zblob")
def cli() -> None:
    """Compressed BLOBs and medical images inside SQLite.

    Find out what compression would bring to a database, switch it on for rows that are there and those to come, check
    every value, and go back.
    """


for command in (
    analyze,
    migrate,
    restore,
    maintain,
    verify,
    info,
    stats,
    status,
    reshard,
    export,
    import_,
    demo,
    bench,
):
    cli.add_command(command)
