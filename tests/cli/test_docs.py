"""docs/cli.md, its JSON Schema, the README and --help say the same."""

from __future__ import annotations

import re

import click
import jsonschema

from sqlite_zblob.cli import cli
from tools import cli_docs

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
