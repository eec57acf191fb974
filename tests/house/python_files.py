"""What the Python sources say of themselves: which files they import, at once or when a function runs."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

from ..conftest import ROOT

PACKAGE = ROOT / "sqlite_zblob"
FILES = sorted(PACKAGE.rglob("*.py"))


@functools.cache
def imports_of(path: Path, root: Path = PACKAGE) -> set[str]:
    """The files below root that a file imports relatively, as paths from root: `connect/rows.py`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            found |= {target.relative_to(root).as_posix() for target in _targets(folder, node)}
    return found


def _targets(base: Path, node: ast.ImportFrom) -> Iterator[Path]:
    """`from .base import name`: of a package the module of that name, or what its __init__ holds."""
    if not base.is_dir():
        yield base.with_suffix(".py")
        return
    for alias in node.names:
        module, package = base / f"{alias.name}.py", base / alias.name / "__init__.py"
        yield module if module.is_file() else package if package.is_file() else base / "__init__.py"


def absolute_imports_of(path: Path) -> set[str]:
    """The modules that a file imports by their full names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module)
    return found
