"""The examples of docs/languages.md, run as they stand there, by the programs that this machine has."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sqlite_zblob as zb

from ..conftest import ROOT


def example(language: str) -> str:
    """The block of code of that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "docs" / "languages.md").read_text(), re.M | re.S)
    return str(found)


def run(*command: str, given: str | None = None) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_path() -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {**os.environ, "PATH": path}
    done = subprocess.run(["sh", "-c", example("sh")], capture_output=True, text=True, cwd=ROOT, env=settings)
    assert done.stdout.strip() == zb.loadable_path()


def test_shell() -> None:
    shell = shutil.which("sqlite3")
    if shell is None or "OMIT_LOAD_EXTENSION" in run(shell, ":memory:", "PRAGMA compile_options"):
        pytest.skip("there is no sqlite3 shell that loads extensions")
    script = example("sql").replace(".load ./zblob", f".load {zb.loadable_path()}")
    assert run(shell, "-bail", ":memory:", given=script) == "blob|5000|5000\n"


def test_c(tmp_path: Path) -> None:
    compiler = shlex.split(os.environ.get("CC", "cc"))
    (tmp_path / "program.c").write_text(example("c"))
    program = tmp_path / "program"
    if shutil.which(compiler[0]) is None:
        pytest.skip("there is no C compiler")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-o", str(program)]
    run(*compiler, *flags, str(tmp_path / "program.c"), "-lsqlite3")
    assert run(str(program), zb.loadable_path()) == f"100000 {zb.__version__}\n"


def test_node(tmp_path: Path) -> None:
    """NODE_PATH may name where better-sqlite3 is."""
    node = shutil.which("node")
    works = "new (require('better-sqlite3'))(':memory:')"
    if node is None or subprocess.run([node, "-e", works], capture_output=True).returncode:
        pytest.skip("there is no Node.js with better-sqlite3: npm install better-sqlite3, and set NODE_PATH")
    (tmp_path / "program.js").write_text(example("js"))
    assert run(node, str(tmp_path / "program.js"), zb.loadable_path()) == "true true\n"
