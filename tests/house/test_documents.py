"""What the documents name exists: links, files, and the names of the glossary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ..conftest import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMING = [
    each
    for each in DOCUMENTS
    if each.name in ("CONTRIBUTING.md", "architecture.md", "glossary.md") or each.parent.name == "decisions"
]

# Where a path in a document may begin.
BASES = ("", "csrc", "csrc/codec", "csrc/sqlite", "sqlite_zblob")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{name_of(document)} links to {target}"


def code_spans(text: str) -> Iterator[str]:
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return (re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", text))


def is_path(span: str) -> bool:
    """A file of ours, or a folder: not a command, a type such as `application/json`, or a file of the user's."""
    if not re.fullmatch(r"[\w./*-]+", span):
        return False
    is_file = span.endswith((".c", ".h", ".py")) and span[0] != "."
    return is_file or (span.endswith("/") and span.count("/") > 1) or span.startswith(("csrc/", "tests/", "tools/"))


def exists(path: str) -> bool:
    return any(any((ROOT / base).glob(path.rstrip("/"))) for base in BASES)


@pytest.mark.parametrize("document", NAMING, ids=name_of)
def test_files_are_where_documents_say(document: Path) -> None:
    paths = [span for span in code_spans(document.read_text()) if is_path(span) and "NAME" not in span]
    assert document.parent.name == "decisions" or len(paths) > 10
    rows = map_rows() if document.name == "CONTRIBUTING.md" else {}
    inside = {path for paths in rows.values() for path in paths}
    missing = [path for path in paths if path not in inside and not exists(path)]
    missing += [f"{folder}{path}" for folder, here in rows.items() for path in here if not any_in(folder, path)]
    assert not missing, f"{name_of(document)} names what does not exist: {', '.join(missing)}"


def map_rows() -> dict[str, list[str]]:
    """The map of CONTRIBUTING.md: a folder, and the files of it that its row names."""
    found = {}
    for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines():
        cells = line.split("|")
        if line.startswith("| `") and cells[1].strip().endswith("/`"):
            found[cells[1].strip(" `")] = [span for span in code_spans(cells[2]) if is_path(span) and "/" not in span]
    return found


def any_in(folder: str, path: str) -> bool:
    return any((ROOT / folder).rglob(path))


def test_the_map_has_every_folder() -> None:
    rows = map_rows()
    assert rows
    for folder in [*(ROOT / "csrc").rglob("*"), *(ROOT / "sqlite_zblob").iterdir()]:
        if folder.is_dir() and folder.name != "__pycache__" and any(folder.glob("*.[chp]*")):
            assert f"{name_of(folder)}/" in rows, f"CONTRIBUTING.md has no row for {name_of(folder)}/"


@cache
def sources() -> str:
    files = [*(ROOT / "csrc").rglob("*.[ch]"), *(ROOT / "sqlite_zblob").rglob("*.py")]
    return "\n".join(file.read_text() for file in files)


def test_names_of_the_glossary_exist() -> None:
    rows = re.findall(r"^\| .* \| .* \| (.+) \|$", (ROOT / "docs" / "glossary.md").read_text(), flags=re.MULTILINE)
    assert len(rows) > 30
    for row in rows:
        names = [span for span in code_spans(row) if not is_path(span)]
        for name in names:
            word = re.escape(name.split(".")[-1])
            assert re.search(rf"\b{word}\b", sources()), f"docs/glossary.md: there is no {name}"
