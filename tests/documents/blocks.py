"""Runs the blocks of one document, in order, in the current folder: `python -m tests.documents.blocks PAGE`.

Python blocks share one namespace, which pages.py prepares; shell blocks run in bash, SQL blocks in the sqlite3 shell.
Each runs as it stands in the document. What cannot run here, pages.py names with the reason.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import traceback
from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from sqlite_zblob.cli import cli

from ..conftest import ROOT
from .pages import PAGES, Page


class Block(NamedTuple):
    language: str
    line: int  # of the document, where its code begins
    code: str


def blocks_of(document: str) -> Iterator[Block]:
    """The blocks with a language, of a document named as from the root of the repository."""
    text = (ROOT / document).read_text()
    for found in re.finditer(r"^```(\w+)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        yield Block(found[1], text.count("\n", 0, found.start(2)) + 1, found[2])


def reason_to_leave(page: Page, block: Block) -> str | None:
    """Why a block is not run here, or None."""
    return next((why for text, why in page.elsewhere.items() if text in f"```{block.language}\n{block.code}"), None)


def run_block(document: str, page: Page, block: Block, names: dict[str, Any]) -> None:
    """:raises Exception: the block fails."""
    if block.language == "python":
        exec(compile("\n" * (block.line - 1) + block.code, document, "exec"), names)
    elif block.language == "json":
        json.loads(block.code)
    elif block.language == "sh":
        subprocess.run(["bash", "-euo", "pipefail", "-c", block.code], check=True)
    elif block.language == "sql":
        loading = [] if block.code.startswith(".load") else ["-cmd", ".load ./zblob"]
        subprocess.run(["sqlite3", "-bail", *loading, page.database], input=block.code, text=True, check=True)
    else:
        raise AssertionError(f"nothing runs blocks of {block.language}: pages.py has to say where they are tested")


def check_commands(code: str) -> None:
    """Lines with our command have options that exist.

    :raises click.UsageError: one has not.
    """
    for line in code.replace("\\\n", " ").splitlines():
        if not line.startswith("sqlite-zblob "):
            continue
        name, *words = shlex.split(line.split("|")[0], comments=True)[1:]
        command: click.Command = cli.commands[name]
        while isinstance(command, click.Group):
            name, *words = words
            command = command.commands[name]
        program = click.Context(
            cli, info_name="sqlite-zblob", **cli.context_settings
        )  # commands keep what it says of --help
        command.make_context(name, words, program)


def run_document(document: str) -> int:
    """Of the blocks, how many were run. The first one that fails is printed, and ends the process."""
    page, count = PAGES[document], 0
    names = {"__name__": "document"} | page.prepare()
    for number, block in enumerate(blocks_of(document)):
        if number in page.before:
            page.before[number](names)
        if reason_to_leave(page, block):
            continue
        try:
            run_block(document, page, block, names)
        except Exception:
            traceback.print_exc()
            sys.exit(f"{document}:{block.line}: this block does not run as it stands")
        count += 1
    return count


if __name__ == "__main__":
    print(run_document(sys.argv[1]), "blocks have run")
    sys.stdout.flush()
    os._exit(0)  # threads of other libraries may wait for ever
