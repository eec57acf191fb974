"""Build the source archive and a wheel for every platform, and look into each: `python tools/wheels.py`.

    python tools/wheels.py                             everything, into dist/
    python tools/wheels.py windows-x86_64 musl-x86_64  these wheels alone
    python tools/wheels.py --list                      the names of the platforms

Needs no machine of those platforms: PyPI's `ziglang` compiles for all of them, and zstd and SQLite's header come from
source packages (building/sources.py). `pip install '.[wheels]'` installs what this takes. tools/platforms.py runs what
was built.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import lief

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from building.targets import TARGETS, Target  # noqa: E402

ENTRY_POINTS = {"sqlite3_zblob_init", "sqlite3_zblob_auto_init"}

# What a system has anyway, by the names that a library asks for them.
SYSTEM_LIBRARIES = {
    "linux": r"lib(c|m|pthread|dl)\.so\.[0-9]+|ld-linux-(x86-64|aarch64)\.so\.[0-9]+",
    "musl": r"libc\.so",
    "macos": r"/usr/lib/libSystem\.B\.dylib",
    "windows": r"(?i)(kernel32|ntdll|api-ms-win-crt-[a-z]+-l1-1-0)\.dll",
}
MACOS_LINKER_SYMBOLS = {"___dso_handle", "__mh_dylib_header"}  # every library has its own
CPUS = {"x86_64": {"X86_64", "AMD64"}, "aarch64": {"AARCH64", "ARM64"}}
OLDEST_GLIBC = (2, 17)


class WrongWheelError(Exception):
    """A wheel that must not be published: what is wrong with it."""


def declared_functions() -> set[str]:
    header = (ROOT / "csrc" / "zblob.h").read_text(encoding="utf-8")
    return set(re.findall(r"^ZBLOB_API\b[^;(]*?\b(\w+)\(", header, flags=re.MULTILINE))


def build_wheel(target: Target, folder: Path) -> Path:
    """Compiles nothing that lies in build/ from the very same sources."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", work]
        environment = os.environ | {"ZBLOB_BUILD_FOR": target.name}
        subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        (made,) = Path(work).glob("*.whl")
        return made.replace(folder / made.name)


def build_sdist(folder: Path) -> Path:
    with tempfile.TemporaryDirectory(dir=folder) as work:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", work]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        (made,) = Path(work).glob("*.tar.gz")
        return made.replace(folder / made.name)


# ---- Checks ------------------------------------------------------------------------------------------------


def check_wheel(wheel: Path, target: Target) -> None:
    """:raises WrongWheelError: it holds something else than one library, for that platform."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        libraries = [name for name in names if name.endswith((".so", ".dylib", ".dll", ".pyd"))]
        expect(libraries, [f"sqlite_zblob/{target.library_name}"], "libraries")
        for needed in ("sqlite_zblob/_interface.py", "sqlite_zblob/LICENSE-zstd.txt"):
            expect(needed in names, True, needed)
        strange = [name for name in names if not name.startswith(("sqlite_zblob/", "sqlite_zblob-"))]
        expect(strange, [], "files outside the package")
        with tempfile.TemporaryDirectory() as folder:
            check_library(Path(archive.extract(libraries[0], folder)), target)


def check_library(path: Path, target: Target) -> None:
    binary: Any = lief.parse(str(path))
    kind = {lief.ELF.Binary: "linux", lief.MachO.Binary: "macos", lief.PE.Binary: "windows"}[type(binary)]
    expect(kind, target.system, "kind of library")
    header = binary.header
    cpu = header.machine_type if kind == "linux" else header.cpu_type if kind == "macos" else header.machine
    expect(cpu.name in CPUS[target.cpu], True, f"code for {cpu.name}: {target.cpu}")
    libraries = [
        str(getattr(each, "name", each)) for each in (binary.imports if kind == "windows" else binary.libraries)
    ]
    allowed = SYSTEM_LIBRARIES["musl" if target.name.startswith("musl") else kind]
    own = [name for name in libraries if re.fullmatch(allowed, name) or name.endswith(f"/{target.library_name}")]
    expect(libraries, own, "needed libraries")
    expect(exported(binary, kind), declared_functions() | ENTRY_POINTS, "exported functions")
    if kind == "linux":
        check_versions(binary)


def exported(binary: Any, kind: str) -> set[str]:
    if kind == "windows":
        return {entry.name for entry in binary.get_export().entries}
    symbols = {symbol.name for symbol in binary.exported_symbols}
    return {name.removeprefix("_") for name in symbols - MACOS_LINKER_SYMBOLS} if kind == "macos" else symbols


def check_versions(binary: Any) -> None:
    """manylinux's promise, of which auditwheel checks the same: no symbol is newer than the oldest glibc."""
    for requirement in binary.symbols_version_requirement:
        for version in requirement.get_auxiliary_symbols():
            number = tuple(map(int, version.name.removeprefix("GLIBC_").split(".")))
            expect(number <= OLDEST_GLIBC, True, f"{version.name} of {requirement.name}")


def expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise WrongWheelError(f"{what}: {found}, where {wanted} was expected")


# ---- Command line ------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description="Build and check the source archive and the wheels.")
    parser.add_argument(
        "platforms", nargs="*", metavar="PLATFORM", help="wheels to build (default: all, and the sdist)"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for them (default: dist)")
    parser.add_argument("--list", action="store_true", help="print the names of the platforms")
    arguments = parser.parse_args()
    if arguments.list:
        print(*TARGETS, sep="\n")
        return
    unknown = sorted(set(arguments.platforms) - set(TARGETS))
    if unknown:
        parser.error(f"no such platform: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    if not arguments.platforms:
        report(build_sdist(arguments.out))
    for name in arguments.platforms or TARGETS:
        wheel = build_wheel(TARGETS[name], arguments.out)
        try:
            check_wheel(wheel, TARGETS[name])
        except WrongWheelError as error:
            wheel.unlink()
            sys.exit(f"{wheel.name} is wrong and was deleted: {error}")
        report(wheel)


def report(path: Path) -> None:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"{digest}  {path.name}  ({path.stat().st_size:,} bytes)", flush=True)


if __name__ == "__main__":
    main()
