"""Images to measure with: real ones that ship in installed packages, and phantoms where there are none.

Nothing is downloaded. A real sample is the pickle of a SimpleITK image, as a store of research images keeps it.
"""

from __future__ import annotations

import importlib.util
import pickle
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NILEARN = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"

# package, path in it, what it is
_SHIPPED = (
    ("nilearn", f"datasets/data/{_NILEARN.format('t1')}", "MR T1 (MNI152)"),
    ("nilearn", f"datasets/data/{_NILEARN.format('gm')}", "grey matter map (MNI152)"),
    ("nilearn", f"datasets/data/{_NILEARN.format('wm')}", "white matter map (MNI152)"),
    ("pydicom", "data/test_files/CT_small.dcm", "CT slice"),
    ("pydicom", "data/test_files/MR_small.dcm", "MR slice"),
)


@dataclass(frozen=True)
class Sample:
    name: str
    pixel_type: str  # as SimpleITK names it
    size: tuple[int, ...]  # pixels along each axis, the fastest first
    value: bytes  # the pickle


def _read(path: Path, name: str) -> Sample:
    import SimpleITK

    sitk: Any = SimpleITK  # it has no types

    image = sitk.ReadImage(str(path))
    return Sample(name, image.GetPixelIDTypeAsString(), image.GetSize(), pickle.dumps(image))


def shipped_samples() -> Iterator[Sample]:
    """The real images of all packages that are installed. There are none without SimpleITK."""
    if importlib.util.find_spec("SimpleITK") is None:
        return
    for package, path, name in _SHIPPED:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        file = Path(spec.origin).parent / path
        if file.exists():
            yield _read(file, name)


def _npy(samples: bytes, dtype: str, size: tuple[int, ...]) -> bytes:
    """A .npy file: NumPy's own format, without NumPy."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {size[::-1]}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + samples


def phantom_samples() -> Iterator[Sample]:
    """A noisy ellipsoid in noisy air, 8 and 16 bits, as .npy: for machines without any image package."""
    rng = random.Random(1)
    noise = bytes(min(255, abs(round(rng.gauss(0, 3)))) for _ in range(1 << 16))
    width, height, depth = size = (160, 192, 96)
    samples = bytearray()
    for z in range(depth):
        for y in range(height):
            start = rng.randrange(len(noise) - width)
            row = bytearray(noise[start : start + width])
            reach = 1 - (2 * y / height - 1) ** 2 - (2 * z / depth - 1) ** 2
            half = int(width / 2 * max(0.0, reach) ** 0.5)
            for x in range(width // 2 - half, width // 2 + half):
                row[x] = min(255, 90 + 2 * row[x] + (x + y + z) // 8)
            samples += row
    yield Sample("phantom, 8-bit", "8-bit unsigned integer", size, _npy(bytes(samples), "|u1", size))
    wide = b"".join((5 * value).to_bytes(2, "little") for value in samples)
    yield Sample("phantom, 16-bit", "16-bit unsigned integer", size, _npy(wide, "<u2", size))


def find_samples() -> list[Sample]:
    """Real images if there are any, otherwise phantoms."""
    return list(shipped_samples()) or list(phantom_samples())
