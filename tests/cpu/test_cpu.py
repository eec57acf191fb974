"""The codec on a CPU of another kind, emulated: the frames of this machine to the bit, and back again."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
from pathlib import Path

import pytest

import build
import sqlite_zblob as zb
from sqlite_zblob.codec import checksum

from ..conftest import ROOT
from ..programs import build_program
from ..samples.strange import KINDS, LEVELS, images
from ..samples.values import sample_values

COMPILER = "aarch64-linux-gnu-gcc"
EMULATOR = "qemu-aarch64"

pytestmark = [
    pytest.mark.skipif(not os.environ.get("ZBLOB_FOREIGN_CPU"), reason="takes a minute: ZBLOB_FOREIGN_CPU=1 runs it"),
    pytest.mark.skipif(not (shutil.which(COMPILER) and shutil.which(EMULATOR)), reason=f"no {COMPILER} or {EMULATOR}"),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CC", COMPILER)
        tools = build.Toolchain(strict=True, sanitize=False)
    return build_program(ROOT / "tests" / "cpu" / "digest_codec.c", tools, folder, "-static")


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Scans of 8 and 16 bits, labels, floats, colour and what is no image, by the paths of their files."""
    found = {name: value for name, value in sample_values().items() if isinstance(value, bytes)}
    for kind in KINDS:
        found |= {f"{kind} {i}": pickle.dumps(image) for i, image in enumerate(images(kind))}
    folder = tmp_path_factory.mktemp("values")
    for name, value in found.items():
        (folder / name).write_bytes(value)
    return {str(folder / name): value for name, value in found.items()}


@pytest.mark.parametrize("target", ["scalar", "portable"])
def test_frames_are_those_of_this_machine(program: Path, values: dict[str, bytes], target: str) -> None:
    done = subprocess.run(
        [EMULATOR, str(program), *values],
        env={**os.environ, "ZBLOB_TARGET": target},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    expected = []
    for path, value in values.items():
        for level in LEVELS:
            frame = zb.compress(value, level)
            expected.append(f"{path} level {level}: {len(frame)} bytes, {checksum(frame):016x}")
    assert done.stdout.splitlines() == expected


def test_kernels_are_vectors(program: Path) -> None:
    """The portable kernels come out as NEON: products of eight samples, summed up."""
    listing = subprocess.run(
        [COMPILER.replace("gcc", "objdump"), "-d", str(program.parent / "codec_voxel_kernels_portable.o")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "smlal2" in listing.stdout
