"""Formats with a compression of their own: named, and stored without an attempt where nothing can be gained."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import zstandard
from PIL import Image

import sqlite_zblob as zb
from sqlite_zblob.analysis.recognize import recognize
from sqlite_zblob.codec import compressed_format

from ...samples.files import colours, scan, tiff, written


def picture(kind: str, **options: Any) -> bytes:
    rng = np.random.default_rng(1)
    pixels = np.clip(colours((400, 500)) + rng.integers(0, 40, (400, 500, 3)), 0, 255).astype("u1")
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def itk_written(suffix: str) -> bytes:
    """Compressed, as SimpleITK does it."""
    noise = np.random.default_rng(1).integers(0, 40, (40, 50, 60)).astype("u2")
    image = sitk.GetImageFromArray(scan("u2", (40, 50, 60)) + noise)
    return written(suffix, lambda path: sitk.WriteImage(image, str(path), True))


def zipped(method: int, name: str = "a.txt") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(name, DATA)
        archive.writestr("b.txt", DATA[::-1], zipfile.ZIP_DEFLATED)
    return out.getvalue()


DATA = b" ".join(b"%d" % number for number in np.random.default_rng(2).integers(0, 1 << 30, 30_000))
VALUES = {
    "JPEG": picture("JPEG", quality=95),
    "PNG": picture("PNG"),
    "JPEG 2000": picture("JPEG2000"),
    "WebP": picture("WEBP", lossless=True),
    "gzip": gzip.compress(DATA),
    "zlib": zlib.compress(DATA),
    "bzip2": bz2.compress(DATA),
    "xz": lzma.compress(DATA),
    "zstd": zstandard.compress(DATA),
    "zip": zipped(zipfile.ZIP_DEFLATED),
    "TIFF (Deflate)": picture("TIFF", compression="tiff_adobe_deflate"),
    "NRRD (gzip)": itk_written(".nrrd"),
    "MetaImage (zlib)": itk_written(".mha"),
}


@pytest.mark.parametrize("name", VALUES)
def test_compressed_formats_are_named_and_stored(name: str) -> None:
    value = VALUES[name]
    assert len(value) > 1 << 16
    assert compressed_format(value) == name
    assert recognize(value, zb.info(value))[:2] == (name, True)
    frame = zb.compress(value)
    assert zb.decompress(frame) == value
    assert zb.info(frame).codec == "store"
    assert len(frame) <= 1.01 * len(zb.compress(value, codec="zstd"))


def test_what_is_not_compressed_throughout_is_not_stored() -> None:
    """Only the beginning is that of a compressed format, or only the rest is compressed."""
    preview = b"\xff\xd8\xff" + bytes(9000)
    for value in (b"\x1f\x8b\x08" + DATA, VALUES["JPEG"][:30_000] + DATA, preview + VALUES["PNG"]):
        assert zb.info(zb.compress(value)).codec == "zstd"
        assert len(zb.compress(value)) < 0.99 * len(value)


def test_options_go_first() -> None:
    samples = b"\x1f\x8b" + scan("u1", (300, 300)).tobytes()[2:]
    assert zb.info(zb.compress(samples, dtype="uint8", shape=[300, 300])).images[0].source == "options"
    assert zb.info(zb.compress(b"\x1f\x8b" + DATA, codec="zstd")).codec == "zstd"


def test_others_are_no_compressed_formats() -> None:
    stored = zipped(zipfile.ZIP_STORED)
    for value in (b"", b"\xff", b"x\x00" * 50, DATA, tiff(scan("u1")[0]), stored, stored[:20]):
        assert compressed_format(value) is None
    assert compressed_format(zipped(zipfile.ZIP_STORED, "mimetype")) == "zip"


@pytest.mark.filterwarnings("ignore")
def test_transfer_syntaxes_that_compress() -> None:
    """As pydicom counts them; such files have no grid."""
    named = set()
    for path in sorted((Path(pydicom.__file__).parent / "data").rglob("*")):
        value = path.read_bytes() if path.is_file() else b""
        if value[128:132] != b"DICM":
            continue
        syntax = pydicom.dcmread(path, force=True, stop_before_pixels=True).file_meta.get("TransferSyntaxUID")
        is_compressed = syntax is not None and (syntax.is_compressed or syntax.is_deflated)
        name = compressed_format(value)
        assert (name is not None) == is_compressed, path.name
        if name:
            assert zb.info(value).images == ()
            named.add(name)
            assert zb.decompress(zb.compress(value)) == value
    assert named >= {"DICOM (RLE)", "DICOM (JPEG)", "DICOM (JPEG-LS)", "DICOM (JPEG 2000)", "DICOM (deflated)"}
