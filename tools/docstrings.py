"""An extension of griffe for mkdocs.yml: what the reference says is what the code says, in the ways that it says it.

- `**options: Unpack[WorkOptions]` is documented as the keyword arguments that it stands for.
- `:warns X:` stands among what is raised, since griffe's reader of Sphinx's style does not know it.
- The comment behind a field of a dataclass describes it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import griffe

# The typed dictionary, and the dataclass that has its defaults.
_MODULE, _OPTIONS, _DEFAULTS = "migration.work", "WorkOptions", "Work"


class Docstrings(griffe.Extension):
    """Changes the package once, when it has been read."""

    def on_package(self, *, pkg: griffe.Module, loader: Any, **_: Any) -> None:
        if pkg.name == "sqlite_zblob":
            work = pkg[_MODULE]
            _change(pkg, work[_OPTIONS].attributes, work[_DEFAULTS].attributes)


def _change(inside: Any, options: dict[str, Any], defaults: dict[str, Any]) -> None:
    for member in inside.members.values():
        if member.is_alias:
            continue
        if member.docstring:
            member.docstring.value = re.sub(r":warns (\w+): ", r":raises \1: *a warning:* ", member.docstring.value)
        if member.is_function:
            _expand(member, options, defaults)
        elif member.is_attribute:
            _describe(member)
        else:
            _change(member, options, defaults)


def _expand(function: griffe.Function, options: dict[str, Any], defaults: dict[str, Any]) -> None:
    for parameter in list(function.parameters):
        if str(parameter.annotation) != f"Unpack[{_OPTIONS}]":
            continue
        del function.parameters[parameter.name]
        for name, option in options.items():
            function.parameters.add(
                griffe.Parameter(
                    name,
                    kind=griffe.ParameterKind.keyword_only,
                    annotation=option.annotation,
                    default=defaults[name].value,
                )
            )


def _describe(field: griffe.Attribute) -> None:
    if field.docstring or not field.lineno or not field.parent or not field.parent.is_class:
        return
    assert isinstance(field.filepath, Path)
    _, mark, comment = field.lines_collection[field.filepath][field.lineno - 1].partition("  # ")
    if mark:
        field.docstring = griffe.Docstring(comment.rstrip(".") + ".", parent=field)
