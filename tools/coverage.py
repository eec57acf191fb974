"""Which lines and branches of csrc/ the tests reach, as gcc's gcov counts them.

    python -m tools.coverage [--list FILE] [--every N] [ARGUMENTS OF PYTEST...]

builds the library with counters, replays the inputs of the fuzz targets, lets allocations fail, runs pytest, prints a
table, and builds the usual library again. A branch is a way that a condition can go. --list writes every line and
branch that was not reached to FILE. --every takes only each N-th test, for less time. Workers of pytest's -n end
without writing their counters, so that tests run in one process.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import build

FOLDER = build.ROOT / "build" / "coverage"
EVERY = "ZBLOB_COVERAGE_EVERY"
FUZZ = build.ROOT / "tests" / "fuzz"
FAULTS_STEP = "7"  # each so many-th allocation
FLAGS = ["--coverage", "-fprofile-update=atomic", "-O1", "-g"]


def build_with_counters() -> None:
    """Objects stay where they are: a program writes its counters beside them when it ends."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    tools = build.Toolchain()
    tools.flags += FLAGS
    entry = build.SQLITE_SOURCES / "extension.c"
    jobs: list[tuple[Path, str, list[str]]] = [
        (path, build.object_name(path), []) for path in [*build.codec_sources(), entry]
    ]
    for slot in range(build.SLOT_COUNT):
        for path in sorted(build.SQLITE_SOURCES.rglob("*.c")):
            if path != entry:
                jobs.append((path, f"slot{slot}_{build.object_name(path)}", [f"-DZBLOB_SLOT={slot}"]))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(lambda job: tools.compile(job[0], FOLDER / f"{job[1]}.o", job[2]), jobs))
    tools.link_flags += ["--coverage"]
    build.emit_interface()
    tools.link(objects, build.PACKAGE / tools.target.library_name)
    slots = tuple(f"slot{slot}_" for slot in range(1, build.SLOT_COUNT))
    own = [path for path in objects if not path.name.startswith(slots) and path.stem != build.object_name(entry)]
    build_replay(tools, own)


def build_replay(tools: build.Toolchain, objects: list[Path]) -> None:
    """The fuzz targets with the library's own objects, which therefore write the same counters."""
    flags = [flag for flag in tools.flags if flag not in FLAGS] + ["-D_GNU_SOURCE"]
    sources = sorted(path for path in FUZZ.glob("*.c") if path.name != "libfuzzer.c")
    objects = objects + [FOLDER / f"fuzz_{path.stem}.o" for path in sources]
    for path, target in zip(sources, objects[-len(sources) :], strict=True):
        build.run([*tools.command, *flags, "-c", str(path), "-o", str(target)])
    libraries = [*map(str, tools.zstd), "-lsqlite3", "-lm", "-lpthread", "--coverage"]
    build.run([*tools.command, *map(str, objects), *libraries, "-o", str(FOLDER / "replay")])


def replay_inputs() -> None:
    """Each fuzz target's committed corpus and seeds."""
    from tests.fuzz.building import TARGETS  # the package must have been built before these are imported
    from tests.fuzz.seeds import inputs_of

    for target in TARGETS:
        folder = FOLDER / target
        folder.mkdir()
        for name, data in inputs_of(target).items():
            (folder / name).write_bytes(data)
        build.run([str(FOLDER / "replay"), target, "0", *map(str, sorted(folder.iterdir()))])


def fail_allocations() -> None:
    """The program of tests/crash/faults.c with counters of its own, which are added to the library's."""
    from tests.crash.faults import build_faults, prepare

    tools = build.Toolchain()
    tools.flags += FLAGS
    folder = FOLDER / "faults"
    folder.mkdir()
    prepare(folder / "prepared.db")
    program = build_faults(tools, folder)
    build.run([str(program), str(folder / "faults.db"), FAULTS_STEP, str(folder / "prepared.db")])


def pytest_collection_modifyitems(items: list[object]) -> None:
    """Of the plugin that this module is to pytest."""
    items[:] = items[:: int(os.environ.get(EVERY, "1"))]


class Counts:
    """How often each line was run and each branch was taken, over all copies of a source."""

    def __init__(self) -> None:
        self.lines: dict[Path, Counter[int]] = defaultdict(Counter)
        self.branches: dict[Path, Counter[tuple[int, int]]] = defaultdict(Counter)

    def add(self, report: dict[str, Any]) -> None:
        for file in report["files"]:
            path = Path(report["current_working_directory"], file["file"]).resolve()
            if not path.is_relative_to(build.ROOT / "csrc"):
                continue
            for line in file["lines"]:
                self.lines[path][line["line_number"]] += line["count"]
                ways = [way for way in line["branches"] if not way["throw"]]
                for number, way in enumerate(ways):
                    self.branches[path][line["line_number"], number] += way["count"]


def read_counters() -> Counts:
    counts = Counts()

    def ask(note: Path) -> dict[str, Any]:
        command = ["gcov", "--json-format", "--branch-probabilities", "--stdout", str(note)]
        done = subprocess.run(command, capture_output=True, check=True, cwd=FOLDER)
        text = gzip.decompress(done.stdout) if done.stdout[:2] == b"\x1f\x8b" else done.stdout
        return dict(json.loads(text))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for report in pool.map(ask, sorted(FOLDER.rglob("*.gcno"))):
            counts.add(report)
    return counts


def share(counters: list[int]) -> str:
    reached = sum(count > 0 for count in counters)
    return f"{reached:6} of {len(counters):6} {100 * reached / len(counters):6.2f} %" if counters else ""


def print_table(counts: Counts) -> None:
    rooms: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(counts.lines):
        rooms[path.parent.relative_to(build.ROOT).as_posix()].append(path)
    rooms["all"] = sorted(counts.lines)
    print(f"{'':32} {'lines':>24} {'branches':>26}")
    for room, paths in rooms.items():
        lines = [count for path in paths for count in counts.lines[path].values()]
        branches = [count for path in paths for count in counts.branches[path].values()]
        print(f"{room:32} {share(lines)}   {share(branches)}")


def write_list(counts: Counts, target: Path) -> None:
    with target.open("w") as out:
        for path in sorted(counts.lines):
            source = path.read_text().splitlines()
            name = path.relative_to(build.ROOT)
            missed = {line for line, count in counts.lines[path].items() if not count}
            ways = defaultdict(list)
            for (line, way), count in sorted(counts.branches[path].items()):
                if not count:
                    ways[line].append(way)
            for line in sorted(missed | set(ways)):
                kind = "line" if line in missed else f"branch {ways[line]}"
                print(f"{name}:{line}: {kind}: {source[line - 1].strip()}", file=out)


def main() -> None:
    parser = argparse.ArgumentParser(description="Count the lines and branches of csrc/ that the tests reach.")
    parser.add_argument("--list", type=Path, metavar="FILE", help="write what was not reached to FILE")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="run only each N-th test")
    arguments, pytest_arguments = parser.parse_known_args()
    build_with_counters()
    replay_inputs()
    fail_allocations()
    try:
        tests = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "tools.coverage", *pytest_arguments],
            cwd=build.ROOT,
            env=os.environ | {EVERY: str(arguments.every)},
        )
    finally:
        build.build()
    counts = read_counters()
    print_table(counts)
    if arguments.list:
        write_list(counts, arguments.list)
    sys.exit(tests.returncode)


if __name__ == "__main__":
    main()
