"""Compile the C sources into sqlite_zblob/: the cffi module `_codec` and the SQLite extension `zblob`.

    python build.py              build in place, for a source checkout
    python build.py --strict     the same with warnings as errors
    python build.py --sanitize   the same under AddressSanitizer and UndefinedBehaviorSanitizer

`pip install .`, `pip install -e .` and wheel builds come here through the hatchling hook below. Both results
hold the same codec objects, need libc alone at run time (zstd is linked statically) and export nothing but
their entry points. CC, CFLAGS and ZSTD_STATIC (a path to libzstd.a) are honoured.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
PACKAGE = ROOT / "sqlite_zblob"
CODEC_SOURCES = ROOT / "csrc" / "codec"
SQLITE_SOURCES = ROOT / "csrc" / "sqlite"

OLDEST_PYTHON_TAG = "cp310"
SLOT_COUNT = 4  # ZBLOB_SLOT_COUNT of csrc/sqlite/slot.h

MACOS = sys.platform == "darwin"
EXTENSION_NAME = "zblob.dylib" if MACOS else "zblob.so"
MODULE_NAME = "_codec.abi3.so"

# Without contraction, so that the encoder's floats, and with them its frames, are the same on every CPU.
COMPILE_FLAGS = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-fvisibility=hidden", "-pthread"]
COMPILE_FLAGS += ["-Wall", "-Wextra"]
SANITIZE_FLAGS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g"]
# Of libzstd's trainer: csrc/codec/chunk/train.c.
WRAP_STDERR = "-Wl,--wrap=stderr"
# Pool threads outlive the last connection, after which SQLite unloads an extension: keep it mapped.
LINK_FLAGS = (
    ["-bundle", "-undefined", "dynamic_lookup", "-pthread"]
    if MACOS
    else ["-shared", "-pthread", "-Wl,-z,nodelete", "-Wl,-z,relro,-z,now", "-Wl,--exclude-libs,ALL", WRAP_STDERR]
)

# What C calls: sqlite_zblob/codec.py and chunks.py have it.
PYTHON_FUNCTIONS = """
    extern "Python" bool zblob_python_interrupt(void *context);
    extern "Python" enum zblob_result zblob_python_write(void *context, const void *bytes, size_t size,
                                                         struct zblob_error *error);
    extern "Python" enum zblob_result zblob_python_restart(void *context, struct zblob_error *error);
"""

# What is missing -> what installs it: Debian/Ubuntu; Homebrew; conda.
PACKAGES = {
    "a C compiler": "apt-get install gcc; xcode-select --install; conda install c-compiler",
    "Python.h": "apt-get install python3-dev; brew install python; conda install python",
    "sqlite3ext.h": "apt-get install libsqlite3-dev; brew install sqlite; conda install sqlite",
    "zstd.h": "apt-get install libzstd-dev; brew install zstd; conda install zstd",
    "libzstd.a": "apt-get install libzstd-dev; brew install zstd; conda install zstd-static",
}


class BuildError(Exception):
    """Something that the build needs is missing, or a command failed."""


def missing(what: str) -> BuildError:
    debian, brew, conda = PACKAGES[what].split("; ")
    return BuildError(
        f"sqlite_zblob cannot be built: {what} was not found. Install it with `{debian}` (Debian, Ubuntu), `{brew}` "
        f"(macOS) or `{conda}` (conda), or install a wheel of sqlite_zblob, which needs none of it."
    )


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
    if done.stderr:
        print(done.stderr, file=sys.stderr)


def prefixes() -> list[Path]:
    """Where Homebrew and conda keep headers and libraries, besides the compiler's own places."""
    found = [Path(os.environ["CONDA_PREFIX"])] if "CONDA_PREFIX" in os.environ else []
    if shutil.which("brew"):
        for formula in ("sqlite", "zstd"):
            answer = subprocess.run(["brew", "--prefix", formula], capture_output=True, text=True)
            found += [Path(answer.stdout.strip())] if answer.returncode == 0 else []
    return found


class Toolchain:
    """The compiler, its flags, and proof that everything it needs is there."""

    def __init__(self, *, strict: bool, sanitize: bool) -> None:
        command = shlex.split(os.environ.get("CC", "")) or ["cc"]
        if not shutil.which(command[0]):
            raise missing("a C compiler")
        self.command = command
        self.prefixes = prefixes()
        self.flags = COMPILE_FLAGS + [f"-I{prefix / 'include'}" for prefix in self.prefixes]
        self.flags += (["-Werror"] if strict else []) + (SANITIZE_FLAGS if sanitize else [])
        self.flags += shlex.split(os.environ.get("CFLAGS", ""))
        self.link_flags = LINK_FLAGS + (SANITIZE_FLAGS if sanitize else [])
        self.python_flags = [f"-I{path}" for path in {sysconfig.get_path(k) for k in ("include", "platinclude")}]
        for header, before in (("Python.h", ""), ("sqlite3ext.h", ""), ("zstd.h", "")):
            self.require_header(header, before)
        self.zstd = self.find_static_zstd()

    def require_header(self, header: str, before: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            probe = Path(folder) / "probe.c"
            probe.write_text(f"{before}#include <{header}>\n")
            command = [*self.command, *self.flags, *self.python_flags, "-fsyntax-only", str(probe)]
            try:
                done = subprocess.run(command, capture_output=True, text=True)
            except OSError as error:
                raise missing("a C compiler") from error
        if done.returncode:
            raise missing(header)

    def find_static_zstd(self) -> Path:
        asked = subprocess.run([*self.command, "-print-file-name=libzstd.a"], capture_output=True, text=True)
        candidates = [Path(os.environ["ZSTD_STATIC"])] if "ZSTD_STATIC" in os.environ else []
        candidates += [prefix / "lib" / "libzstd.a" for prefix in self.prefixes]
        candidates += [Path(asked.stdout.strip())]
        for candidate in candidates:
            if candidate.is_absolute() and candidate.is_file():
                return candidate
        raise missing("libzstd.a")

    def compile(self, source: Path, target: Path, extra: list[str]) -> Path:
        run([*self.command, *self.flags, *extra, "-c", str(source), "-o", str(target)])
        return target

    def link(self, objects: list[Path], target: Path) -> None:
        """Link aside and move into place, so that a process that has the old file mapped keeps it."""
        aside = target.with_name(target.name + ".new")
        run([*self.command, *self.link_flags, *map(str, objects), str(self.zstd), "-o", str(aside)])
        aside.replace(target)


def codec_sources() -> list[Path]:
    return sorted(CODEC_SOURCES.rglob("*.c"))


def object_name(source: Path) -> str:
    """A name of its own for each source's object: `csrc/codec/frame/plan.c` gives `codec_frame_plan`."""
    return "_".join(source.relative_to(ROOT / "csrc").with_suffix("").parts)


def cffi_declarations(header: str) -> str:
    """csrc/zblob.h as cffi reads it: its integer constants and declarations, without the preprocessor's part."""
    header = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    lines = []
    for line in header.splitlines():
        if not line.startswith("#"):
            lines.append(line)
        elif match := re.fullmatch(r"#define (\w+) (\d+)", line.strip()):
            lines.append(f"#define {match[1]} {match[2]}")
    return "\n".join(lines)


def emit_cffi_source(target: Path) -> Path:
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(cffi_declarations((ROOT / "csrc" / "zblob.h").read_text()))
    ffi.cdef(PYTHON_FUNCTIONS)
    ffi.set_source("sqlite_zblob._codec", '#include "zblob.h"')
    ffi.emit_c_code(str(target))
    return target


def build(*, strict: bool = False, sanitize: bool = False) -> list[Path]:
    """Build both libraries into the package and return their paths."""
    tools = Toolchain(strict=strict, sanitize=sanitize)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        work = Path(folder)

        def submit(source: Path, name: str, extra: list[str]) -> Any:
            return pool.submit(tools.compile, source, work / f"{name}.o", extra)

        codec = [submit(path, object_name(path), []) for path in codec_sources()]
        entry = SQLITE_SOURCES / "extension.c"
        extension = [submit(entry, "extension", [])]
        for slot in range(SLOT_COUNT):
            for path in sorted(SQLITE_SOURCES.rglob("*.c")):
                if path != entry:
                    extension.append(submit(path, f"slot{slot}_{object_name(path)}", [f"-DZBLOB_SLOT={slot}"]))
        # cffi writes code that does not keep our warnings
        module = submit(
            emit_cffi_source(work / "_codec.c"), "module", [*tools.python_flags, f"-I{ROOT / 'csrc'}", "-w"]
        )
        codec_objects = [job.result() for job in codec]
        targets = [PACKAGE / EXTENSION_NAME, PACKAGE / MODULE_NAME]
        tools.link(codec_objects + [job.result() for job in extension], targets[0])
        tools.link([*codec_objects, module.result()], targets[1])
    return targets


def platform_tag() -> str:
    return re.sub(r"[-.]", "_", sysconfig.get_platform())


def hook_base() -> Any:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface
    except ImportError:  # run as a script
        return object
    return BuildHookInterface


class ZblobBuildHook(hook_base()):  # type: ignore[misc]
    """Called by hatchling for wheels and editable installs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        try:
            targets = build()
        except BuildError as error:
            sys.exit(str(error))
        build_data["pure_python"] = False
        build_data["tag"] = f"{OLDEST_PYTHON_TAG}-abi3-{platform_tag()}"
        build_data["artifacts"] += [f"/{target.relative_to(ROOT).as_posix()}" for target in targets]


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile the C sources into sqlite_zblob/.")
    parser.add_argument("--strict", action="store_true", help="treat compiler warnings as errors")
    parser.add_argument("--sanitize", action="store_true", help="build with AddressSanitizer and UBSan")
    arguments = parser.parse_args()
    try:
        for target in build(strict=arguments.strict, sanitize=arguments.sanitize):
            print(target.relative_to(ROOT))
    except BuildError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
