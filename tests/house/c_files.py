"""What the C sources say of themselves: includes, the names that a header introduces, the symbols of an object file."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import build

from ..conftest import ROOT

CSRC = ROOT / "csrc"
FILES = sorted(CSRC.rglob("*.[ch]"))

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(?:"([^"]+)"|<([^>]+)>)', flags=re.MULTILINE)


def name_of(path: Path) -> str:
    """As messages and tables say it: `codec/base/bytes.h`."""
    return path.relative_to(CSRC).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(CSRC).parent.as_posix()


def unit_of(path: Path) -> str:
    """A header and the source of the same name are one unit."""
    return path.relative_to(CSRC).with_suffix("").as_posix()


@functools.cache
def includes_of(path: Path) -> list[Path]:
    """The project's own headers that a file includes."""
    return [(path.parent / quoted).resolve() for quoted, _ in _INCLUDE.findall(path.read_text()) if quoted]


@functools.cache
def system_includes_of(path: Path) -> list[str]:
    return [system for _, system in _INCLUDE.findall(path.read_text()) if system]


def units() -> dict[str, set[str]]:
    """Every unit with the other units that it includes."""
    graph: dict[str, set[str]] = {unit_of(path): set() for path in FILES}
    for path in FILES:
        graph[unit_of(path)] |= {unit_of(header) for header in includes_of(path)} - {unit_of(path)}
    return graph


# ---- Names -------------------------------------------------------------------------------------------------


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)


def _statements(path: Path) -> list[str]:
    """A header's declarations, without preprocessor lines and with every body replaced by a semicolon."""
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", "", without_comments(path.read_text()), flags=re.MULTILINE)
    text = re.sub(r"__attribute__\(\(.*?\)\)(?!\))", "", text)
    depth, flat = 0, []
    for char in text:
        depth += char == "{"
        if depth == 0:
            flat.append(char)
        elif char == "}":
            depth -= 1
            flat += [";"] if depth == 0 else []
    return [re.sub(r"\s+", " ", each).strip() for each in "".join(flat).split(";")]


@functools.cache
def declared_symbols(path: Path) -> set[str]:
    """Functions and tables that a header promises: those that another file must define."""
    found = set()
    for statement in _statements(path):
        if statement.startswith(("typedef", "static", "_Static_assert")):
            continue
        match = re.match(r"[\w\s*]*?\b(\w+) ?\(", statement)
        match = match or re.match(r"extern\b.*?\b(\w+)(?: ?\[[^\]]*\])*$", statement)
        found |= {match[1]} if match else set()
    return found


@functools.cache
def introduced_names(path: Path) -> set[str]:
    """All names that a header gives to those that include it."""
    text = without_comments(path.read_text())
    found = set(re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", text, flags=re.MULTILINE))
    found |= set(re.findall(r"\b(?:struct|enum|union)\s+(\w+)\s*[{;]", text))
    for body in re.findall(r"\benum\b[^{;]*\{([^}]*)\}", text):
        found |= set(re.findall(r"(?:^|,)\s*(\w+)", body))
    for statement in _statements(path):
        if match := re.match(r"[\w\s*]*?\b(\w+) ?\(", statement):
            found.add(match[1])
        found |= set(re.findall(r"(\w+)$", statement)) if statement.startswith(("typedef", "extern")) else set()
        if match := re.match(r"typedef\b.*\(\*?(\w+)\)", statement):
            found.add(match[1])
    return found


@functools.cache
def offered_names(path: Path) -> frozenset[str]:
    """Those that a header introduces, and those of the headers that it brings along."""
    return frozenset(introduced_names(path)).union(*map(offered_names, includes_of(path)))


@functools.cache
def words_of(path: Path) -> set[str]:
    text = _INCLUDE.sub("", without_comments(path.read_text()))
    return set(re.findall(r"\w+", text))


# ---- Symbols -----------------------------------------------------------------------------------------------


def object_symbols(folder: Path) -> dict[str, tuple[set[str], set[str]]]:
    """Of each source file the symbols that its object defines for others, and those that it needs of others."""
    tools = build.Toolchain(strict=False, sanitize=False)

    def look(source: Path) -> tuple[set[str], set[str]]:
        in_slot = "sqlite" in source.relative_to(CSRC).parts and source.name != "extension.c"
        extra = ["-O0", "-w", *(["-DZBLOB_SLOT=0"] if in_slot else [])]
        target = tools.compile(source, folder / f"{build.object_name(source)}.o", extra)
        listing = subprocess.run(["nm", "-g", str(target)], capture_output=True, text=True, check=True).stdout
        defined: set[str] = set()
        needed: set[str] = set()
        for line in listing.splitlines():
            *_, kind, symbol = line.split()
            (needed if kind == "U" else defined).add(re.sub(r"_slot\d+$", "", symbol))
        return defined, needed

    sources = [path for path in FILES if path.suffix == ".c"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(map(name_of, sources), pool.map(look, sources), strict=True))
