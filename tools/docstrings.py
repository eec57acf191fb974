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

# The typed dictionaries, and the dataclass that has the defaults of one, if there is any.
_OPTIONS = {"WorkOptions": ("migration.work", "Work"), "CompressOptions": ("choices", None)}


class Docstrings(griffe.Extension):
    """Changes the package once, when it has been read."""

    def on_package(self, *, pkg: griffe.Module, loader: Any, **_: Any) -> None:
        if pkg.name == "sqlite_zblob":
            options = {name: _parameters(pkg[module], name, of) for name, (module, of) in _OPTIONS.items()}
            _change(pkg, {f"Unpack[{name}]": parameters for name, parameters in options.items()})


def _parameters(module: Any, options: str, defaults: str | None) -> list[griffe.Parameter]:
    """The keyword arguments that a typed dictionary stands for."""
    return [
        griffe.Parameter(
            name,
            kind=griffe.ParameterKind.keyword_only,
            annotation=option.annotation,
            default=module[defaults][name].value if defaults else "...",
        )
        for name, option in module[options].attributes.items()
    ]


def _change(inside: Any, options: dict[str, list[griffe.Parameter]]) -> None:
    for member in inside.members.values():
        if member.is_alias:
            continue
        if member.docstring:
            member.docstring.value = re.sub(r":warns (\w+): ", r":raises \1: *a warning:* ", member.docstring.value)
        if member.is_function:
            _expand(member, options)
        elif member.is_attribute:
            _describe(member)
        else:
            _change(member, options)


def _expand(function: griffe.Function, options: dict[str, list[griffe.Parameter]]) -> None:
    for parameter in list(function.parameters):
        if str(parameter.annotation) in options:
            del function.parameters[parameter.name]
            for each in options[str(parameter.annotation)]:
                function.parameters.add(each)


def _describe(field: griffe.Attribute) -> None:
    if field.docstring or not field.lineno or not field.parent or not field.parent.is_class:
        return
    assert isinstance(field.filepath, Path)
    _, mark, comment = field.lines_collection[field.filepath][field.lineno - 1].partition("  # ")
    if mark:
        field.docstring = griffe.Docstring(comment.rstrip(".") + ".", parent=field)
