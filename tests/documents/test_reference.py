"""The reference of the site has every public name, once; the site has every document."""

from __future__ import annotations

import re
from collections import Counter

import sqlite_zblob as zb

from ..conftest import ROOT

# Modules, which have sections of their own, and the version.
ELSEWHERE = {"__version__", "dask", "exchange", "images", "shards"}


def test_every_public_name_is_in_the_reference() -> None:
    pages = [path.read_text() for path in sorted((ROOT / "docs" / "reference").glob("*.md"))]
    named = re.findall(r"^::: ([\w.]+)$", "\n".join(pages), flags=re.MULTILINE)
    assert {name: count for name, count in Counter(named).items() if count > 1} == {}
    own = {name.removeprefix("sqlite_zblob.") for name in named}
    assert set(zb.__all__) - ELSEWHERE <= own, sorted(set(zb.__all__) - ELSEWHERE - own)
    assert own & ELSEWHERE == {"exchange", "images", "shards"}
    assert any(name.startswith("integrations.dask") for name in own)


def test_the_navigation_has_every_document() -> None:
    told = set(re.findall(r"([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE))
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert there <= told, sorted(there - told)
