"""SimpleITK images of every pixel type and dimension, with geometry and metadata, and samples without any."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

SCALARS = {
    sitk.sitkUInt8: "uint8",
    sitk.sitkInt8: "int8",
    sitk.sitkUInt16: "uint16",
    sitk.sitkInt16: "int16",
    sitk.sitkUInt32: "uint32",
    sitk.sitkInt32: "int32",
    sitk.sitkUInt64: "uint64",
    sitk.sitkInt64: "int64",
    sitk.sitkFloat32: "float32",
    sitk.sitkFloat64: "float64",
}
COMPLEX = {sitk.sitkComplexFloat32: "complex64", sitk.sitkComplexFloat64: "complex128"}
VECTORS = {
    sitk.sitkVectorUInt8: "uint8",
    sitk.sitkVectorInt8: "int8",
    sitk.sitkVectorUInt16: "uint16",
    sitk.sitkVectorInt16: "int16",
    sitk.sitkVectorUInt32: "uint32",
    sitk.sitkVectorInt32: "int32",
    sitk.sitkVectorUInt64: "uint64",
    sitk.sitkVectorInt64: "int64",
    sitk.sitkVectorFloat32: "float32",
    sitk.sitkVectorFloat64: "float64",
}
PIXEL_TYPES = {**SCALARS, **COMPLEX, **VECTORS}


def make_image(pixel_id: int, dimension: int, scale: int = 1) -> sitk.Image:
    size = [(7, 6, 5, 3)[axis] * scale for axis in range(dimension)]
    image = sitk.Image(size, pixel_id, 3 if pixel_id in VECTORS else 0)
    image.SetSpacing([0.5 + axis for axis in range(dimension)])
    image.SetOrigin([-3.25 * axis + 0.1 for axis in range(dimension)])
    turned = np.eye(dimension)[::-1]
    image.SetDirection(turned.ravel().tolist())
    image.SetMetaData("0010|0010", "Doe^J\u00f6rg")
    image.SetMetaData("note", "x" * 300)
    if pixel_id in SCALARS:
        image[(1,) * dimension] = 3
    return image


def same_image(one: sitk.Image, other: sitk.Image) -> bool:
    return (
        one.GetPixelID() == other.GetPixelID()
        and one.GetSize() == other.GetSize()
        and one.GetSpacing() == other.GetSpacing()
        and one.GetOrigin() == other.GetOrigin()
        and one.GetDirection() == other.GetDirection()
        and np.array_equal(sitk.GetArrayViewFromImage(one), sitk.GetArrayViewFromImage(other))
    )


def guessed_samples() -> bytes:
    """uint16 samples of a volume that nothing describes. That the encoder takes them for int16 only decides how they
    are coded."""
    z, y, x = np.mgrid[0:4, 0:256, 0:256]
    waves = 1000 + 400 * np.sin(x / 30 + z) + 300 * np.cos(y / 20)
    return bytes((waves + 7919 * x % 13).astype(np.uint16))
