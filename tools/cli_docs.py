"""What docs/cli.md and docs/cli.schema.json must say, made from the commands and the dataclasses themselves.

`python -m tools.cli_docs` writes both; tests/cli/test_docs.py compares.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

import sqlite_zblob as zb
from sqlite_zblob.bench import demo
from sqlite_zblob.cli import cli
from sqlite_zblob.cli.bench import Cost, Investigation
from sqlite_zblob.cli.status import DatabasesStatus

ROOT = Path(__file__).resolve().parents[1]
PAGE, SCHEMA = ROOT / "docs" / "cli.md", ROOT / "docs" / "cli.schema.json"

# What each command prints with --json: one of these, or a list of them.
RESULTS: dict[str, tuple[Any, ...]] = {
    "analyze": (zb.Analysis, zb.shards.DatabasesReport),
    "migrate": (zb.Report, zb.shards.DatabasesReport),
    "restore": (zb.Report, zb.shards.DatabasesReport),
    "maintain": (zb.MaintenanceReport,),
    "verify": (zb.VerifyReport, zb.shards.DatabasesReport),
    "info": (zb.DatabaseInfo, zb.TableInfo, zb.FrameInfo),
    "stats": (list[zb.TableStats], zb.shards.DatabasesReport),
    "status": (list[zb.ColumnStatus], DatabasesStatus),
    "reshard": (zb.shards.ReshardReport,),
    "export": (zb.exchange.ExchangeReport,),
    "import": (zb.exchange.ExchangeReport,),
    "demo": (demo.Result,),
    "bench": (Investigation, Cost),
}


# ---- Options -----------------------------------------------------------------------------------------------


def usage(name: str, command: click.Command) -> str:
    """Usage and options; of a group its commands, then each usage, with those of the same options together."""
    context = click.Context(command, info_name=name, parent=_PROGRAM)
    if not isinstance(command, click.Group):
        return f"```\n{_line(context)}\n```\n\n{_options(context)}"
    lines = ["| command | |", "|---|---|"]
    lines += [f"| `{each}` | {cell(part.help or '')} |" for each, part in command.commands.items()]
    same: dict[str, list[str]] = {}
    for each, part in command.commands.items():
        inner = click.Context(part, info_name=each, parent=context)
        same.setdefault(_options(inner), []).append(_line(inner))
    parts = ["```\n" + "\n".join(usages) + f"\n```\n\n{options}" for options, usages in same.items()]
    return "\n\n".join(["\n".join(lines), *parts])


_PROGRAM = click.Context(cli, info_name="sqlite-zblob", **cli.context_settings)


def _line(context: click.Context) -> str:
    return " ".join([context.command_path, *context.command.collect_usage_pieces(context)])


def _options(context: click.Context) -> str:
    params = [each for each in context.command.get_params(context) if isinstance(each, click.Option)]
    rows = [each.get_help_record(context) for each in params]
    return "\n".join(["| option | |", "|---|---|"] + [f"| `{cell(row[0])}` | {cell(row[1])} |" for row in rows if row])


def cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def page(text: str) -> str:
    """The page with every generated part made anew."""
    for name, command in cli.commands.items():
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        text = f"{before}{mark}{usage(name, command)}\n{end}{after}" if mark and end else text
    return text


# ---- JSON Schema -------------------------------------------------------------------------------------------

_SIMPLE = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


@functools.cache
def schema() -> dict[str, Any]:
    """Of every object that a command prints."""
    defs: dict[str, Any] = {}
    for name, results in RESULTS.items():
        shapes = []
        for result in results:
            if typing.get_origin(result) is list:
                body: dict[str, Any] = {"type": "object", "properties": {"items": _shape(result, defs)}}
            else:
                body = _object(result, defs)
            head: dict[str, Any] = {"command": {"const": name}, "sqlite_zblob": {"type": "string"}}
            properties = head | body["properties"]
            shapes.append(
                body | {"properties": properties, "required": list(properties), "additionalProperties": False}
            )
        defs[f"output of {name}"] = shapes[0] if len(shapes) == 1 else {"oneOf": shapes}
    message = {"type": "object", "properties": {"kind": {"type": "string"}, "message": {"type": "string"}}}
    defs["error"] = {"type": "object", "properties": {"error": message}, "required": ["error"]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "sqlite-zblob --json", "$defs": defs}


def _shape(hint: Any, defs: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in _SIMPLE:
        return {"type": _SIMPLE[hint]}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        name = hint.__name__
        if name not in defs:
            defs[name] = {}
            defs[name] = _object(hint, defs)
        return {"$ref": f"#/$defs/{name}"}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_shape(each, defs) for each in arguments]}
    if origin in (list, tuple) and (origin is list or arguments[-1] is ...):
        return {"type": "array", "items": _shape(arguments[0], defs)}
    if origin is tuple:
        return {"type": "array", "prefixItems": [_shape(each, defs) for each in arguments]}
    if origin in (dict, Mapping):
        return {"type": "object"}
    return {}


def _object(kind: Any, defs: dict[str, Any]) -> dict[str, Any]:
    """Fields and properties; a description is the comment behind a field, or the property's docstring."""
    hints, source = typing.get_type_hints(kind), inspect.getsource(kind)
    properties = {}
    for field in dataclasses.fields(kind):
        comment = re.search(rf"^    {field.name}: [^#\n]*  # (.*)$", source, flags=re.MULTILINE)
        properties[field.name] = _shape(hints[field.name], defs) | ({"description": comment[1]} if comment else {})
    for name, each in vars(kind).items():
        if isinstance(each, property):
            text = {"description": inspect.getdoc(each)} if each.__doc__ else {}
            properties[name] = _shape(typing.get_type_hints(each.fget)["return"], defs) | text
    about = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
    shape = {"type": "object", "description": about, "properties": properties}
    return shape | {"required": list(properties), "additionalProperties": False}


def schema_text() -> str:
    return json.dumps(schema(), indent=1) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    SCHEMA.write_text(schema_text())
