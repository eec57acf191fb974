"""Every block of README.md and of docs/ runs as it stands, in order, in a folder of its own; or a reason is given."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import sqlite_zblob as zb

from ..conftest import ROOT
from .blocks import blocks_of, check_commands, reason_to_leave
from .pages import PAGES

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if any(blocks_of(path.relative_to(ROOT).as_posix()))
)
TOOLS = ("bash", "sqlite3", "jq", "zstd")


def environment(folder: Path) -> dict[str, str]:
    """With our command, the extension, and our entry points where the package is not installed."""
    programs = folder / "programs"
    programs.mkdir()
    command = programs / "sqlite-zblob"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sqlite_zblob "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    found = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    try:
        metadata.distribution("sqlite_zblob")
    except metadata.PackageNotFoundError:
        tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
        about = programs / f"sqlite_zblob-{zb.__version__}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: sqlite_zblob\nVersion: {zb.__version__}\n")
        groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
        lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()) for group, names in groups.items()]
        (about / "entry_points.txt").write_text("\n".join(lines))
        found["PYTHONPATH"] += os.pathsep + str(programs)
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_blocks_run(document: str, tmp_path: Path) -> None:
    page = PAGES[document]
    expected = [block for block in blocks_of(document) if not reason_to_leave(page, block)]
    if not expected:
        return
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing and any(block.language in ("sh", "sql") for block in expected):
        pytest.skip(f"there is no {', '.join(missing)}")
    if page.needs_python > sys.version_info:
        pytest.skip(f"needs Python {page.needs_python}")
    for extra in page.needs:
        pytest.importorskip(extra)
    work = tmp_path / "work"
    work.mkdir()
    for library in (ROOT / "sqlite_zblob").glob("zblob.*"):
        shutil.copy(library, work)
    done = subprocess.run(
        [sys.executable, "-m", "tests.documents.blocks", document],
        capture_output=True,
        text=True,
        errors="replace",  # SQL blocks print frames
        cwd=work,
        env=environment(tmp_path),
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.endswith(f"{len(expected)} blocks have run\n")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_have_their_options(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of blocks that are not run."""
    for name in ("results.db", "other.db"):
        (tmp_path / name).touch()
    (tmp_path / "FOLDER").mkdir()
    monkeypatch.chdir(tmp_path)
    for block in blocks_of(document):
        if block.language == "sh":
            check_commands(block.code)


def test_reasons_are_of_blocks_that_exist() -> None:
    for document, page in PAGES.items():
        for text in page.elsewhere:
            blocks = [f"```{block.language}\n{block.code}" for block in blocks_of(document)]
            assert any(text in each for each in blocks), f"{document} has no block with {text!r}"
