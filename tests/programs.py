"""C programs that hold the whole codec, for tests that need another compiler, or other flags, than the package has."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import build
from building.targets import COMPILE_FLAGS


def build_program(source: Path, tools: build.Toolchain, folder: Path, *link_flags: str) -> Path:
    """Compile the program and every source of the codec, side by side, and link them. Objects stay in the folder."""

    def compile_file(path: Path) -> Path:
        name = path.stem if path == source else build.object_name(path)
        return tools.compile(path, folder / f"{name}.o", [])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_file, [source, *build.codec_sources()]))
    target = folder / source.stem
    build.run(
        [
            *tools.command,
            *COMPILE_FLAGS[tools.target.system],
            *link_flags,
            *map(str, objects),
            *map(str, tools.zstd),
            "-o",
            str(target),
        ]
    )
    return target
