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
C_ARROWS = {
    "codec/chunk/planes.c includes codec/frame/header.h",
}

# units (a source and its header) of csrc/ that reach one another by includes
C_CIRCLES = {
    frozenset({"sqlite/table/cursor", "sqlite/table/module", "sqlite/table/planner", "sqlite/table/writer"}),
}

# headers that a file includes and of which it uses nothing: "file includes header"
C_UNUSED_INCLUDES = {
    "codec/chunk/noise.c includes codec/base/geometry.h",
    "codec/chunk/planes.c includes codec/base/geometry.h",
    "codec/chunk/planes.c includes codec/frame/header.h",
    "codec/frame/decompress.c includes codec/base/geometry.h",
    "codec/frame/encode.c includes codec/base/geometry.h",
    "codec/frame/plan.c includes codec/base/geometry.h",
    "codec/sniff/pickle_ops.c includes codec/base/bytes.h",
    "codec/sniff/pickle_tree.h includes codec/sniff/pickle_ops.h",
    "codec/sniff/raw.c includes codec/base/geometry.h",
    "codec/voxel/layout.c includes codec/voxel/layouts.h",
    "sqlite/table/cursor.h includes sqlite/table/module.h",
    "sqlite/table/planner.h includes sqlite/table/module.h",
    "sqlite/table/shadow.h includes sqlite/table/statements.h",
    "sqlite/table/writer.h includes sqlite/table/module.h",
}

# units of codec/voxel/choose that a decoder reaches
C_DECODER_NEEDS: set[str] = set()

# declared in a header and defined nowhere: "header declares symbol"
C_UNDEFINED = {
    "codec/voxel/internal.h declares voxel_predictor_valid",
}

# visible to other files, but declared in no header, or used by no other file: "file exports symbol"
C_EXPORTED = {
    "codec/base/geometry.c exports zblob_sample_type_name",
    "codec/base/threads.c exports threads_available",
    "codec/voxel/build.c exports voxel_choose_chunks",
    "codec/voxel/samples.c exports voxel_store",
    "codec/voxel/wide/cells.c exports wide_build_index",
    "codec/voxel/wide/codec.c exports wide_box_keys",
}

# files whose names repeat that of their folder
C_NAMES = {
    "csrc/codec/voxel/label/label.h",
}

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
