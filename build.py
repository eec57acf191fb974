"""Compile the C sources into sqlite_zblob/: one library, which is the SQLite extension and holds the codec for Python.

    python build.py              build in place, for a source checkout
    python build.py --strict     the same with warnings as errors
    python build.py --sanitize   the same under AddressSanitizer and UndefinedBehaviorSanitizer

`pip install .`, `pip install -e .` and wheel builds come here through the hatchling hook below. The library needs libc
alone at run time (zstd is linked statically), has no Python symbol and exports its entry points and the functions of
csrc/zblob.h. Building takes a C compiler; building/ finds it, and fetches the sources that the machine lacks.
"""

from __future__ import annotations

import argparse
import filecmp
import hashlib
import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # hatchling loads this file by its path alone

from building.errors import BuildError as BuildError  # noqa: E402
from building.sources import ZSTD, fetch  # noqa: E402
from building.targets import TARGETS, Target, this_machine  # noqa: E402
from building.toolchain import SANITIZE_FLAGS as SANITIZE_FLAGS  # noqa: E402
from building.toolchain import Toolchain as Toolchain  # noqa: E402
from building.toolchain import run as run  # noqa: E402
from building.toolchain import what_is_missing  # noqa: E402

PACKAGE = ROOT / "sqlite_zblob"
CODEC_SOURCES = ROOT / "csrc" / "codec"
SQLITE_SOURCES = ROOT / "csrc" / "sqlite"
INTERFACE = PACKAGE / "_interface.py"

SLOT_COUNT = 4  # ZBLOB_SLOT_COUNT of csrc/sqlite/slot.h


def codec_sources() -> list[Path]:
    return sorted(CODEC_SOURCES.rglob("*.c"))


def object_name(source: Path) -> str:
    """A name of its own for each source's object: `csrc/codec/frame/plan.c` gives `codec_frame_plan`."""
    return "_".join(source.relative_to(ROOT / "csrc").with_suffix("").parts)


def cffi_declarations(header: str) -> str:
    """csrc/zblob.h as cffi reads it: its integer constants and declarations, without the preprocessor's part."""
    header = re.sub(r"/\*.*?\*/|\bZBLOB_API\b", "", header, flags=re.DOTALL)
    lines = []
    for line in header.splitlines():
        if not line.startswith("#"):
            lines.append(line)
        elif match := re.fullmatch(r"#define (\w+) (\d+)", line.strip()):
            lines.append(f"#define {match[1]} {match[2]}")
    return "\n".join(lines)


def emit_interface() -> None:
    """Write what cffi knows of csrc/zblob.h as a module, which opens the library's functions without being compiled."""
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(cffi_declarations((ROOT / "csrc" / "zblob.h").read_text(encoding="utf-8")))
    ffi.set_source("sqlite_zblob._interface", None)
    with tempfile.TemporaryDirectory() as folder:
        emitted = Path(folder) / INTERFACE.name
        ffi.emit_python_code(str(emitted))
        text = emitted.read_text().replace("# auto-generated file", '"""Written by build.py from csrc/zblob.h."""', 1)
    if not INTERFACE.exists() or INTERFACE.read_text() != text:
        INTERFACE.write_text(text)


def build(target: Target | None = None, *, strict: bool = False, sanitize: bool = False) -> Path:
    """Build the library into the package, or for another platform into build/, and return its path.

    What was built last of each kind stays in build/ and is used again as long as its recipe is the same.
    """
    tools = Toolchain(target, strict=strict, sanitize=sanitize)
    emit_interface()
    kind = (target.name if target else "here") + "-strict" * strict + "-sanitize" * sanitize
    built = ROOT / "build" / kind / tools.target.library_name
    recipe, noted = recipe_of(tools), built.with_suffix(".recipe")
    if not (built.exists() and noted.exists() and noted.read_text() == recipe):
        built.parent.mkdir(parents=True, exist_ok=True)
        compile_all(tools, built)
        noted.write_text(recipe)
    return built if target else put_in_place(built)


def compile_all(tools: Toolchain, library: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        work = Path(folder)

        def submit(source: Path, name: str, extra: list[str]) -> Any:
            return pool.submit(tools.compile, source, work / f"{name}.o", extra)

        jobs = [submit(path, object_name(path), []) for path in codec_sources()]
        entry = SQLITE_SOURCES / "extension.c"
        jobs.append(submit(entry, "extension", []))
        for slot in range(SLOT_COUNT):
            for path in sorted(SQLITE_SOURCES.rglob("*.c")):
                if path != entry:
                    jobs.append(submit(path, f"slot{slot}_{object_name(path)}", [f"-DZBLOB_SLOT={slot}"]))
        tools.link([job.result() for job in jobs], library)


def put_in_place(built: Path) -> Path:
    """Copy the library into the package, where it replaces another one at once: who has that mapped keeps it."""
    library = PACKAGE / built.name
    if not library.exists() or not filecmp.cmp(built, library, shallow=False):
        aside = library.with_name(f"new-{library.name}")
        shutil.copy2(built, aside)
        aside.replace(library)
    return library


def recipe_of(tools: Toolchain) -> str:
    """What decides what is built: the compiler, the flags, and every byte of the sources, headers and archives."""
    digest = hashlib.sha256(repr((tools.command, tools.flags, tools.link_flags, SLOT_COUNT)).encode())
    digest.update(tools.what_it_sees())
    for path in [*sorted((ROOT / "csrc").rglob("*.[ch]")), *tools.zstd]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def hook_base() -> Any:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface
    except ImportError:  # run as a script
        return object
    return BuildHookInterface


class ZblobBuildHook(hook_base()):  # type: ignore[misc]
    """Called by hatchling for wheels and editable installs. ZBLOB_BUILD_FOR names another platform of TARGETS.

    Any Python 3 loads the library, hence "py3-none". Wheels for others have zstd's licence, as it asks for.
    """

    def dependencies(self) -> list[str]:
        return what_is_missing()

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        name = os.environ.get("ZBLOB_BUILD_FOR")
        target = TARGETS[name] if name else None
        try:
            library = build(target)
            if target:
                license = fetch(ZSTD) / "LICENSE"
                build_data["force_include"][str(license)] = "sqlite_zblob/LICENSE-zstd.txt"
        except BuildError as error:
            sys.exit(str(error))
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{(target or this_machine()).tag}"
        build_data["artifacts"].append(f"/{INTERFACE.relative_to(ROOT).as_posix()}")
        build_data["force_include"][str(library)] = f"sqlite_zblob/{library.name}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile the C sources into sqlite_zblob/.")
    parser.add_argument("--strict", action="store_true", help="treat compiler warnings as errors")
    parser.add_argument("--sanitize", action="store_true", help="build with AddressSanitizer and UBSan")
    arguments = parser.parse_args()
    try:
        print(build(strict=arguments.strict, sanitize=arguments.sanitize).relative_to(ROOT))
    except BuildError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
