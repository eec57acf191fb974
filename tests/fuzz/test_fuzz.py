"""The C codec under AddressSanitizer and UndefinedBehaviorSanitizer, on damaged, mutated and hostile bytes."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import build
import sqlite_zblob as zb

from ..conftest import ROOT
from ..programs import build_program
from ..samples.containers import small_containers
from ..samples.files import small_files
from ..samples.frames import FRAMES
from ..samples.odd_values import odd_values
from ..samples.values import sample_values

# More of them finds more; CI runs a minute.
MUTATIONS = os.environ.get("ZBLOB_FUZZ_MUTATIONS", "20")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tools = build.Toolchain(strict=True, sanitize=True)
    tools.flags = [flag for flag in tools.flags if flag not in ("-O3", "-fPIC")] + ["-O1"]
    source = ROOT / "tests" / "fuzz" / "fuzz_codec.c"
    return build_program(source, tools, tmp_path_factory.mktemp("fuzz"), *build.SANITIZE_FLAGS)


def images() -> dict[str, np.ndarray]:
    """One small volume of each kind that has a coder, or a way into one, of its own; components come last."""
    rng = np.random.default_rng(1)
    z, y, x = np.ogrid[:12, :40, :44]
    distance = np.sqrt((z - 6.0) ** 2 * 4 + (y - 20.0) ** 2 + (x - 22.0) ** 2)
    scan = (900 - 20 * distance + rng.normal(0, 6, distance.shape)).astype(np.int16)
    labels = (distance // 5).astype(np.uint8)
    tone = np.clip(scan // 4, 0, 255).astype(np.uint8)
    colour = np.stack([tone, np.roll(tone, 1, 1), 255 - tone], axis=-1)
    return {
        "scan i2": scan,
        "scan u1": tone,
        "label u1": labels,
        "label u2": labels.astype(np.uint16) * 300,
        "label u4": labels.astype(np.uint32) * 70_000,
        "mask": (distance < 6).astype(np.uint8),
        "float": (np.sin(distance) + rng.normal(0, 0.01, distance.shape)).astype(np.float32),
        "float of few values": (scan * 0.5).astype(np.float32),
        "slopes": (scan * rng.uniform(0.5, 2, (12, 1, 1))).astype(np.float32),
        "slopes double": scan / rng.uniform(0.5, 2, (12, 1, 1)) + 0.1,
        "rescaled slopes": ((scan * 2.3).round() * rng.uniform(0.5, 2, (12, 1, 1))).astype(np.float32),
        "rescaled shorts": (scan * rng.uniform(3, 9, (12, 1, 1))).astype(np.int16),
        "double": rng.normal(distance, 0.01),
        "complex": np.fft.fft(scan[:6]).astype(np.complex64),
        "colour": colour,
        "colour and alpha": np.concatenate([colour, np.full((*tone.shape, 1), 255, np.uint8)], axis=-1),
        "field": np.stack([*np.gradient(distance)], axis=-1).astype(np.float32),
        "series": np.stack([scan + rng.integers(0, 9, scan.shape, np.int16) for _ in range(4)]),
        "signal": scan.reshape(1, -1),
    }


def image_values() -> dict[str, bytes]:
    """As a store holds them: pickled by SimpleITK, or by NumPy where SimpleITK has no such image."""
    found = {}
    for name, array in images().items():
        is_vector = name.startswith(("colour", "field"))
        image = sitk.GetImageFromArray(array, isVector=is_vector) if name != "complex" else array
        found[f"image {name}"] = pickle.dumps(image)
    return found


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("seeds")
    values = {name: value for name, value in sample_values().items() if len(value) < 200_000}
    blobs = {f"frame of {name}": zb.compress(value) for name, value in values.items()}
    swift = {f"swift frame of {name}": zb.compress(value, 1) for name, value in values.items()}
    blobs |= {name: frame for name, frame in swift.items() if zb.info(frame).codec == "voxel"}
    blobs |= {f"small {name}": frame for name, (frame, _) in FRAMES.items()}
    blobs |= {name: value for name, value in values.items() if isinstance(value, bytes)}
    pictures = image_values()
    assert all(zb.info(value).images for value in pictures.values())
    blobs |= odd_values() | small_containers() | small_files() | pictures
    for name, blob in blobs.items():
        (folder / name.replace("/", " ")).write_bytes(blob)
    return sorted(map(str, folder.iterdir()))


def test_codec_under_sanitizers(program: Path, seeds: list[str]) -> None:
    assert len(seeds) > 60
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
