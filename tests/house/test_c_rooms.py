"""Which room of csrc/ may include which; no circle of files; no header without use."""

from __future__ import annotations

from . import exceptions
from .c_files import (
    CSRC,
    FILES,
    includes_of,
    name_of,
    offered_names,
    room_of,
    system_includes_of,
    unit_of,
    units,
    words_of,
)
from .circles import circles

ZBLOB = "zblob.h"  # the interface, which every room may include
VOXEL = "codec/voxel"

# room -> the other rooms whose headers its files may include
MAY_INCLUDE: dict[str, set[str]] = {
    ".": set(),
    "codec/base": set(),
    "codec/sniff": {"codec/base"},
    "codec/chunk": {"codec/base"},
    VOXEL: {
        "codec/base",
        f"{VOXEL}/kernels",
        f"{VOXEL}/swift",
        f"{VOXEL}/wide",
        f"{VOXEL}/label",
        f"{VOXEL}/mixed",
        f"{VOXEL}/raster",
    },
    f"{VOXEL}/kernels": {"codec/base", VOXEL, f"{VOXEL}/swift", f"{VOXEL}/label"},
    f"{VOXEL}/swift": {"codec/base", VOXEL},
    f"{VOXEL}/wide": {"codec/base", VOXEL, f"{VOXEL}/kernels"},
    f"{VOXEL}/label": {"codec/base", VOXEL, f"{VOXEL}/kernels"},
    f"{VOXEL}/mixed": {"codec/base", f"{VOXEL}/label", f"{VOXEL}/raster"},
    f"{VOXEL}/raster": {"codec/base"},
    f"{VOXEL}/choose": {
        "codec/base",
        VOXEL,
        *(f"{VOXEL}/{room}" for room in ("kernels", "swift", "wide", "label", "mixed", "raster")),
    },
    "codec/frame": {"codec/base", "codec/sniff", "codec/chunk", VOXEL, f"{VOXEL}/choose"},
    "sqlite": set(),
    "sqlite/functions": {"sqlite", "sqlite/inplace"},  # for one function in the table of all
    "sqlite/inplace": {"sqlite"},
    "sqlite/table": {"sqlite"},
}


def test_every_include_is_a_file() -> None:
    missing = [
        f"{name_of(path)}: {header.name}" for path in FILES for header in includes_of(path) if not header.exists()
    ]
    assert missing == []


def test_systems_differ_in_one_place() -> None:
    """What Windows lacks, and what POSIX lacks, is known to base/sync alone: everything else compiles on both."""
    of_one_system = {"dlfcn.h", "pthread.h", "sched.h", "signal.h", "threads.h", "time.h", "unistd.h", "windows.h"}
    users = {
        f"{name_of(path)} includes {header}"
        for path in FILES
        for header in system_includes_of(path)
        if (header in of_one_system or header.startswith("sys/")) and path.stem != "sync"
    }
    assert users == set()
    assert not [name_of(path) for path in FILES if "aligned_alloc" in words_of(path)]


def test_rooms_include_what_they_may() -> None:
    assert {room_of(path) for path in FILES} == set(MAY_INCLUDE)
    against = {
        f"{name_of(path)} includes {name_of(header)}"
        for path in FILES
        for header in includes_of(path)
        if room_of(header) not in {room_of(path), *MAY_INCLUDE[room_of(path)]} and header != CSRC / ZBLOB
    }
    exceptions.expect(against, exceptions.C_ARROWS)


def test_the_codec_knows_no_sqlite_and_c_knows_no_python() -> None:
    for path in FILES:
        for header in system_includes_of(path):
            assert not header.startswith("Python"), name_of(path)
            assert room_of(path).startswith("sqlite") or "sqlite" not in header, name_of(path)


def test_no_circle_of_includes() -> None:
    exceptions.expect(circles(units()), exceptions.C_CIRCLES)


def test_every_included_header_is_used() -> None:
    """A template is included for its code, a file's own header for its promises: both always count as used. What a
    template includes serves the templates that it includes in turn."""
    unused = {
        f"{name_of(path)} includes {name_of(header)}"
        for path in FILES
        for header in includes_of(path)
        if not header.stem.endswith("_template")
        and not path.stem.endswith("_template")
        and header != CSRC / ZBLOB  # which brings the standard's own types
        and unit_of(header) != unit_of(path)
        and not offered_names(header) & words_of(path)
    }
    exceptions.expect(unused, exceptions.C_UNUSED_INCLUDES)
