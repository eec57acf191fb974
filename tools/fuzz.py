"""Fuzz the C code with libFuzzer, for as long as is asked for.

    python -m tools.fuzz --seconds 3600                 every target in turn, so many seconds each
    python -m tools.fuzz --seconds 60 frames programs   these targets
    python -m tools.fuzz --seconds 60 --keep            and make the committed corpus of each anew

It needs clang with libFuzzer (Debian: apt-get install clang). Inputs gather in build/fuzz/TARGET, and begin with those
of tests/fuzz/corpus and tests/fuzz/seeds.py. What ends the program is kept as build/fuzz/TARGET-crash-... and printed;
run it again by `ZBLOB_FUZZ_TARGET=TARGET build/fuzz/program/fuzz FILE`. --keep writes the smallest of the inputs that
together reach what all of them reach, as far as there is room, to tests/fuzz/corpus.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import build
from tests.fuzz.building import CORPUS, TARGETS, build_fuzzer
from tests.fuzz.seeds import inputs_of

FOLDER = build.ROOT / "build" / "fuzz"
LONGEST = {  # bytes of an input
    "frames": 60_000,
    "dictionaries": 5000,
    "bytes": 60_000,
    "sniff": 60_000,
    "arrays": 300,
    "backing": 3000,
}
LONGEST_OTHERWISE = 1000
LIMITS = ["-timeout=600", "-rss_limit_mb=2048", "-malloc_limit_mb=1024", "-detect_leaks=1", "-print_final_stats=1"]
ROOM = {"frames": 90_000, "dictionaries": 30_000, "sniff": 60_000, "bytes": 40_000}  # bytes of a committed archive
ROOM_OTHERWISE = 20_000


def built() -> Path:
    """The program, built anew if a source is newer."""
    folder = FOLDER / "program"
    program = folder / "fuzz"
    sources = [*(build.ROOT / "csrc").rglob("*.[ch]"), *CORPUS.parent.glob("*.[ch]")]
    if not program.exists() or any(path.stat().st_mtime > program.stat().st_mtime for path in sources):
        folder.mkdir(parents=True, exist_ok=True)
        build_fuzzer(folder, libfuzzer=True)
    return program


def gather_inputs(target: str) -> Path:
    """The target's folder of inputs, with the committed ones and the seeds in it."""
    folder = FOLDER / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in inputs_of(target).items():
        (folder / name).write_bytes(data)
    return folder


def hunt(program: Path, target: str, seconds: int) -> bool:
    """Fuzz one target; False if something was found."""
    inputs = gather_inputs(target)
    command = [
        str(program),
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST.get(target, LONGEST_OTHERWISE)}",
        *LIMITS,
    ]
    command += [f"-artifact_prefix={FOLDER}/{target}-", str(inputs)]
    log = FOLDER / f"{target}.log"
    with log.open("wb") as out:
        done = subprocess.run(command, stdout=out, stderr=out, env=os.environ | {"ZBLOB_FUZZ_TARGET": target})
    lines = log.read_text(errors="replace").splitlines()
    executed = next((line.split()[-1] for line in lines if "number_of_executed_units" in line), "?")
    print(f"{target}: {executed} executions, {len(list(inputs.iterdir()))} inputs", flush=True)
    if done.returncode:
        print("\n".join(lines[-60:]), file=sys.stderr)
    return done.returncode == 0


def keep(program: Path, target: str) -> None:
    """Minimise the inputs, and write the smallest of them, as many as there is room for."""
    smaller = FOLDER / f"{target}-minimised"
    shutil.rmtree(smaller, ignore_errors=True)
    smaller.mkdir()
    command = [str(program), "-merge=1", f"-max_len={LONGEST.get(target, LONGEST_OTHERWISE)}"]
    command += [str(smaller), str(FOLDER / target)]
    subprocess.run(command, capture_output=True, check=True, env=os.environ | {"ZBLOB_FUZZ_TARGET": target})
    CORPUS.mkdir(exist_ok=True)
    room = ROOM.get(target, ROOM_OTHERWISE)
    with zipfile.ZipFile(CORPUS / f"{target}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for number, path in enumerate(sorted(smaller.iterdir(), key=lambda path: (path.stat().st_size, path.name))):
            entry = zipfile.ZipInfo(f"{number:03}")  # without the time, so that the same inputs give the same archive
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
            room -= archive.getinfo(entry.filename).compress_size + 2 * len(entry.filename) + 76
            if room < 0:
                break
    shutil.rmtree(smaller)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fuzz the C code with libFuzzer.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; none: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60); 0: none, only with --keep")
    parser.add_argument("--keep", action="store_true", help="make the committed corpus anew")
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if not shutil.which("clang"):
        parser.error("clang was not found: apt-get install clang")
    program = built()
    is_clean = True
    for target in arguments.targets or TARGETS:
        is_clean &= not arguments.seconds or hunt(program, target, arguments.seconds)
        if arguments.keep:
            keep(program, target)
    sys.exit(not is_clean)


if __name__ == "__main__":
    main()
