"""The compiler, its flags, and the libraries that are compiled in."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .errors import BuildError, missing
from .sources import KEPT, SQLITE, ZSTD, Source, fetch
from .targets import COMPILE_FLAGS, LINK_FLAGS, Target, this_machine

# Without contraction, so that the encoder's floats, and with them its frames, are the same on every CPU.
FLAGS = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden", "-Wall", "-Wextra"]
SANITIZE_FLAGS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g"]

# Debian's libzstd.a exports its functions, and cannot be linked without the last flag: csrc/codec/chunk/train.c.
ARCHIVE_FLAGS = ["-Wl,--exclude-libs,ALL", "-Wl,--wrap=stderr"]
ZSTD_FLAGS = ["-O3", "-fvisibility=hidden", "-w", "-DZSTD_LEGACY_SUPPORT=0", "-DXXH_NAMESPACE=ZSTD_"]
ZSTD_FLAGS += [f"-D{name}_VISIBLE=" for name in ("ZSTDLIB", "ZDICTLIB", "ZSTDERRORLIB")]
ZSTD_FOLDERS = ("common", "compress", "decompress", "dictBuilder")


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
    if done.stderr:
        print(done.stderr, file=sys.stderr)


def system_compiler() -> list[str]:
    """That of CC, or the first one that is there; nothing if none is."""
    named = shlex.split(os.environ.get("CC", ""))
    names = [named] if named else [["cc"], ["gcc"], ["clang"]]
    return next((command for command in names if shutil.which(command[0])), [])


def zig(target: Target) -> list[str]:
    """The cross compiler of PyPI's `ziglang`, which brings every target's own headers and C library."""
    import ziglang

    program = Path(ziglang.__file__).with_name("zig.exe" if sys.platform == "win32" else "zig")
    return [str(program), "cc", "-target", target.zig]


def prefixes() -> list[Path]:
    """Where Homebrew and conda keep headers and libraries, besides the compiler's own places."""
    found = [Path(os.environ["CONDA_PREFIX"])] if "CONDA_PREFIX" in os.environ else []
    if shutil.which("brew"):
        for formula in ("sqlite", "zstd"):
            answer = subprocess.run(["brew", "--prefix", formula], capture_output=True, text=True)
            found += [Path(answer.stdout.strip())] if answer.returncode == 0 else []
    return found


class Toolchain:
    """For this machine the system's compiler, headers and libzstd.a; what it lacks is fetched. For another one zig's.

    CC, CFLAGS and ZSTD_STATIC (a path to libzstd.a) are honoured.
    """

    def __init__(self, target: Target | None = None, *, strict: bool = False, sanitize: bool = False) -> None:
        self.target = target or this_machine()
        self.command = [] if target else system_compiler()
        self.is_zig = not self.command
        if self.is_zig:
            if not importlib.util.find_spec("ziglang") or not self.target.zig or (os.environ.get("CC") and not target):
                raise missing("a C compiler")
            self.command = zig(self.target)
        self.prefixes = [] if self.is_zig else prefixes()
        extra = SANITIZE_FLAGS if sanitize else []
        self.flags = FLAGS + COMPILE_FLAGS[self.target.system] + [f"-I{prefix / 'include'}" for prefix in self.prefixes]
        self.flags += (["-Werror"] if strict else []) + extra + shlex.split(os.environ.get("CFLAGS", ""))
        self.link_flags = LINK_FLAGS[self.target.system] + extra + (["-s"] if self.is_zig else [])
        self.find_sqlite()
        self.find_zstd()

    def find_sqlite(self) -> None:
        if not self.has_header("sqlite3ext.h"):
            self.flags.append(f"-I{self.fetched('sqlite3ext.h', SQLITE)}")

    def find_zstd(self) -> None:
        """Sets `zstd`, which is linked: an archive of the system, or the objects of fetched sources."""
        archive = self.static_zstd()
        if archive and self.has_header("zstd.h") and self.has_header("zdict.h"):
            self.zstd = [archive]
            self.link_flags += ARCHIVE_FLAGS if self.target.system == "linux" else []
            return
        folder = self.fetched("libzstd.a with its headers", ZSTD)
        self.flags.append(f"-I{folder}")
        self.zstd = self.compile_zstd(folder)

    def fetched(self, what: str, source: Source) -> Path:
        try:
            return fetch(source)
        except BuildError as error:
            raise missing(what, f", and {error}") from error

    def has_header(self, header: str) -> bool:
        """Of zig's own headers none is meant: they are those of the C library alone."""
        return not self.is_zig and self.probe([header], "-fsyntax-only").returncode == 0

    def what_it_sees(self) -> bytes:
        """What the compiler makes of the foreign headers, its own version among the macros."""
        return self.probe(["sqlite3ext.h", "zstd.h", "zdict.h"], "-E", "-P", "-dD").stdout

    def probe(self, headers: list[str], *options: str) -> subprocess.CompletedProcess[bytes]:
        """Run the compiler on a file that includes these headers and nothing else."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "probe.c"
            source.write_text("".join(f"#include <{header}>\n" for header in ["stddef.h", *headers]))
            command = [*self.command, *self.flags, *options, str(source)]
            try:
                return subprocess.run(command, capture_output=True)
            except OSError as error:
                raise missing("a C compiler") from error

    def static_zstd(self) -> Path | None:
        if self.is_zig:
            return None
        asked = subprocess.run([*self.command, "-print-file-name=libzstd.a"], capture_output=True, text=True)
        candidates = [Path(os.environ["ZSTD_STATIC"])] if "ZSTD_STATIC" in os.environ else []
        candidates += [prefix / "lib" / "libzstd.a" for prefix in self.prefixes]
        candidates += [Path(asked.stdout.strip())]
        return next((path for path in candidates if path.is_absolute() and path.is_file()), None)

    def compile_zstd(self, folder: Path) -> list[Path]:
        """Compiled once for each compiler and target."""
        sources = [path for name in ZSTD_FOLDERS for path in sorted((folder / name).glob("*.[cS]"))]
        flags = [*ZSTD_FLAGS, *COMPILE_FLAGS[self.target.system]]
        label = f"zstd-{self.target.name}-{Path(self.command[0]).name if not self.is_zig else 'zig'}"
        objects = KEPT.parent / "objects" / label
        objects.mkdir(parents=True, exist_ok=True)

        def compile_one(source: Path) -> Path:
            target = objects / f"{source.stem}.o"
            if not target.exists():
                aside = target.with_suffix(f".{os.getpid()}.o")
                run([*self.command, *flags, "-c", str(source), "-o", str(aside)])
                aside.replace(target)
            return target

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(compile_one, sources))

    def compile(self, source: Path, target: Path, extra: list[str]) -> Path:
        run([*self.command, *self.flags, *extra, "-c", str(source), "-o", str(target)])
        return target

    def link(self, objects: list[Path], target: Path) -> None:
        """Link aside and move into place, so that a process that has the old file mapped keeps it."""
        aside = target.with_name(f"new-{target.name}")
        name = [f"-Wl,-install_name,@rpath/{target.name}"] if self.target.system == "macos" else []
        run([*self.command, *self.link_flags, *name, *map(str, [*objects, *self.zstd]), "-o", str(aside)])
        aside.replace(target)


def what_is_missing() -> list[str]:
    """The Python packages that a build on this machine needs beside cffi, as requirements."""
    if not system_compiler():
        return ["ziglang", "pip"]
    probe = Toolchain.__new__(Toolchain)
    probe.command, probe.is_zig, probe.prefixes = system_compiler(), False, prefixes()
    probe.flags = [f"-I{prefix / 'include'}" for prefix in probe.prefixes]
    has_all = probe.static_zstd() and all(map(probe.has_header, ("sqlite3ext.h", "zstd.h", "zdict.h")))
    return [] if has_all else ["pip"]
