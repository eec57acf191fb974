"""docs/cli.md, its JSON Schema, the README and --help say the same."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import jsonschema
import pytest

from sqlite_zblob.cli import cli
from tools import cli_docs

from ..conftest import ROOT

HOW = "run python -m tools.cli_docs"


def test_every_command_has_a_section() -> None:
    sections = re.findall(r"^<!-- (?!end)(\w+) -->$", cli_docs.PAGE.read_text(), flags=re.MULTILINE)
    assert sorted(sections) == sorted(cli.commands)


def test_options_are_those_of_help() -> None:
    text = cli_docs.PAGE.read_text()
    assert text == cli_docs.page(text), HOW
    for name, command in cli.commands.items():
        for option in options(command):
            assert f"`{option.opts[0]}" in cli_docs.usage(name, command)
            assert option.help, f"{name} {option.opts[0]} says nothing in --help"


def options(command: click.Command) -> list[click.Option]:
    """Its own, and those of the commands of a group."""
    own = [each for each in command.params if isinstance(each, click.Option)]
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    return own + [each for part in inner for each in options(part)]


def test_the_schema_is_that_of_the_results() -> None:
    assert cli_docs.SCHEMA.read_text() == cli_docs.schema_text(), HOW
    jsonschema.Draft202012Validator.check_schema(cli_docs.schema())
    assert set(cli_docs.RESULTS) == set(cli.commands)


def test_every_command_has_json() -> None:
    for name, command in cli.commands.items():
        for part in command.commands.values() if isinstance(command, click.Group) else [command]:
            assert any(option.name == "as_json" for option in options(part)), f"{name} {part.name}"


@pytest.mark.parametrize("document", ["README.md", "docs/cli.md", "docs/in-place.md", "CONTRIBUTING.md"])
def test_commands_in_documents_exist(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the options that they are given."""
    (tmp_path / "results.db").touch()
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / document).read_text(), flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("sqlite-zblob ")]
    for line in lines:
        name, *words = shlex.split(line.split("|")[0], comments=True)[1:]
        command: click.Command = cli.commands[name]
        while isinstance(command, click.Group):
            name, *words = words
            command = command.commands[name]
        command.make_context(name, words)  # raises click.UsageError
