"""What today's tree still does against the house rules.

These tables are to be emptied, not extended: a test fails on whatever breaks a rule and does not stand here, and on
whatever stands here and breaks no rule any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import pytest

T = TypeVar("T")

# "file includes header", of which the rooms' table does not allow the arrow
C_ARROWS: set[str] = set()

# units (a source and its header) of csrc/ that reach one another by includes
C_CIRCLES: set[frozenset[str]] = set()

# sources of csrc/ that reach one another by what they use of each other
C_CALL_CIRCLES: set[frozenset[str]] = set()

# headers that a file includes and of which it uses nothing: "file includes header"
C_UNUSED_INCLUDES: set[str] = set()

# declared in a header and defined nowhere: "header declares symbol"
C_UNDEFINED: set[str] = set()

# visible to other files, but declared in no header, or used by no other file: "file exports symbol"
C_EXPORTED: set[str] = {
    "codec/chunk/train.c exports __wrap_stderr",  # the linker's name for it
}

# files whose names repeat that of their folder
C_NAMES: set[str] = set()

# "file imports file", of which the rooms' table does not allow the arrow
PYTHON_ARROWS: set[str] = set()

# files of the package that reach one another by imports, lazy ones too
PYTHON_CIRCLES: set[frozenset[str]] = set()


def expect(found: Iterable[T], known: Iterable[T]) -> None:
    """What breaks a rule must be what is known to, or the test fails and names the difference."""
    new, gone = set(found) - set(known), set(known) - set(found)
    lines = [f"against the rules: {_words(each)}" for each in new]
    lines += [f"no longer against the rules, take it out of tests/house/exceptions.py: {_words(each)}" for each in gone]
    if lines:
        pytest.fail("\n".join(sorted(lines)), pytrace=False)


def _words(item: object) -> str:
    return " <-> ".join(sorted(map(str, item))) if isinstance(item, frozenset) else str(item)
