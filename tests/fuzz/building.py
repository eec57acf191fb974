"""Builds the fuzz targets: with gcc alone for tests, or with clang and libFuzzer for a long hunt."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import build

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
TARGETS = ("frames", "dictionaries", "bytes", "arrays", "sniff", "options", "statements", "programs", "backing")


def build_fuzzer(
    folder: Path, *, libfuzzer: bool = False, finds: Literal["damage", "races", "uninitialised"] = "damage"
) -> Path:
    """The program of driver.c, or of libfuzzer.c, under AddressSanitizer and UndefinedBehaviorSanitizer.

    To find races it is under ThreadSanitizer, with which gcc's warnings of uninitialised variables are wrong. What is
    read before it is written is found by valgrind, which runs a program without sanitizers.
    """
    tools = build.Toolchain(strict=finds == "damage", sanitize=finds == "damage")
    flags = [flag for flag in tools.flags if flag not in ("-O3", "-fPIC")] + ["-O1", "-D_GNU_SOURCE"]
    flags += ["-g"] if finds != "damage" else []
    flags += ["-fsanitize=thread"] if finds == "races" else []
    if libfuzzer:
        tools.command = ["clang"]
        flags.append("-fsanitize=fuzzer-no-link")
    own = [path for path in HERE.glob("*.c") if path.name != ("driver.c" if libfuzzer else "libfuzzer.c")]
    glue = [path for path in build.SQLITE_SOURCES.rglob("*.c") if path.name != "extension.c"]

    headers = max(path.stat().st_mtime for path in [*(build.ROOT / "csrc").rglob("*.h"), *HERE.glob("*.h")])

    def compile_one(source: Path) -> str:
        target = folder / f"{'_'.join(source.relative_to(build.ROOT).with_suffix('').parts)}.o"
        slot = ["-DZBLOB_SLOT=0"] if build.SQLITE_SOURCES in source.parents else []
        if not target.exists() or target.stat().st_mtime < max(headers, source.stat().st_mtime):
            build.run([*tools.command, *flags, *slot, "-c", str(source), "-o", str(target)])
        return str(target)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, [*build.codec_sources(), *glue, *own]))
    program = folder / "fuzz"
    link = ["-fsanitize=fuzzer"] if libfuzzer else []
    build.run([*tools.command, *flags, *link, *objects, *map(str, tools.zstd), "-lsqlite3", "-lm", "-o", str(program)])
    return program
