"""The C codec under AddressSanitizer and UndefinedBehaviorSanitizer, on damaged, mutated and hostile bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import build
import sqlite_zblob as zb

from ..compat.values import sample_values
from ..conftest import ROOT
from ..property.test_damage import FRAMES
from ..unit.test_containers import small_containers
from ..unit.test_sniff import odd_values

# More of them finds more; CI runs a few seconds.
MUTATIONS = os.environ.get("ZBLOB_FUZZ_MUTATIONS", "100")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("fuzz") / "fuzz_codec"
    tools = build.Toolchain(strict=True, sanitize=True)
    sources = [ROOT / "tests" / "fuzz" / "fuzz_codec.c", *sorted(build.CODEC_SOURCES.glob("*.c"))]
    flags = [flag for flag in tools.flags if flag not in ("-O3", "-fPIC")]
    build.run([*tools.command, *flags, "-O1", *map(str, sources), str(tools.zstd), "-o", str(target)])
    return target


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("seeds")
    values = {name: value for name, value in sample_values().items() if len(value) < 200_000}
    blobs = {f"frame of {name}": zb.compress(value) for name, value in values.items()}
    blobs |= {f"small {name}": frame for name, (frame, _) in FRAMES.items()}
    blobs |= {name: value for name, value in values.items() if isinstance(value, bytes)}
    blobs |= odd_values() | small_containers()
    for name, blob in blobs.items():
        (folder / name).write_bytes(blob)
    return sorted(map(str, folder.iterdir()))


def test_codec_under_sanitizers(program: Path, seeds: list[str]) -> None:
    assert len(seeds) > 40
    done = subprocess.run([str(program), MUTATIONS, *seeds], capture_output=True, text=True, timeout=3600)
    assert done.stdout == f"{len(seeds)} files, no fault\n", done.stderr[-4000:]


def test_sanitizers_would_speak_up(tmp_path: Path) -> None:
    """The flags do find what they are for."""
    source = tmp_path / "fault.c"
    source.write_text(
        "#include <stdlib.h>\nint main(int n, char **v) { char *p = malloc(3); return v[0][0] + p[n + 2]; }"
    )
    program = tmp_path / "fault"
    compiler = shutil.which("cc")
    assert compiler
    build.run([compiler, *build.SANITIZE_FLAGS, str(source), "-o", str(program)])
    done = subprocess.run([str(program)], capture_output=True, text=True)
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
