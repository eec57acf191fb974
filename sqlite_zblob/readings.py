"""What a file says of its samples beyond their type and place, and what its readers make of them: fewer bits than there
is room for, a slope and an intercept, components that lie apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, Any

from .descriptions import ImageInfo
from .errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    import SimpleITK

    Array = np.ndarray[Any, Any]


def dtype_of(about: ImageInfo) -> np.dtype[Any]:
    """Of the samples as they lie in the value."""
    import numpy as np

    return np.dtype(about.pixel_type).newbyteorder("<" if about.byte_order == "little" else ">")


def extended(samples: Array, about: ImageInfo) -> Array:
    """The samples with the upper bits that their lowest `bits` stand for, as pydicom and SimpleITK read them."""
    if not about.bits:
        return samples
    unused = samples.dtype.itemsize * 8 - about.bits
    found: Array = (samples << unused) >> unused  # of signed samples the sign is shifted in
    return found


def flat_samples(raw: bytes, about: ImageInfo) -> Array:
    """All samples of an image of this decompressed value, in one axis and the value's byte order."""
    import numpy as np

    dtype, count = dtype_of(about), prod(about.size) * about.components
    if about.text_size:
        text = raw[about.value_offset : about.value_offset + about.text_size]
        samples = np.frombuffer(text.decode().encode("latin-1"), dtype, count)
    elif about.has_pieces:
        samples = np.frombuffer(b"".join(_slices(raw, about)), dtype, count)
    elif about.row_padding:
        row = about.size[0] * about.components * dtype.itemsize
        rows = prod(about.size[1:])
        lines = np.frombuffer(raw, np.uint8, rows * (row + about.row_padding), about.value_offset)
        samples = np.ascontiguousarray(lines.reshape(rows, -1)[:, :row]).view(dtype).reshape(-1)
    else:
        samples = np.frombuffer(raw, dtype, count, about.value_offset)
    return extended(samples, about)


def slice_places(about: ImageInfo) -> tuple[list[int], int]:
    """Where in the value the slices begin between which something else stands, and their bytes there; without gaps the
    whole image is one."""
    slices = about.size[-1] if any(about.gaps) else 1
    pixel = about.components * dtype_of(about).itemsize
    wide, high = about.size[0], prod(about.size[1:2])
    if about.tile[0]:
        wide, high = (-(-extent // tile) * tile for extent, tile in zip((wide, high), about.tile, strict=True))
    size = pixel * wide * high * prod(about.size[2:]) // slices
    gaps = [0, *about.gaps[:1], *about.gaps[1:] * (slices - 2)][:slices]
    return [about.value_offset + i * size + gap for i, gap in enumerate(accumulate(gaps))], size


def _slices(raw: bytes, about: ImageInfo) -> Iterator[Any]:
    """The samples of each slice of an image in pieces."""
    import numpy as np

    places, size = slice_places(about)
    for place in places:
        if not about.tile[0]:
            yield memoryview(raw)[place : place + size]
            continue
        (wide, high), (width, height) = about.tile, (about.size[0], prod(about.size[1:2]))
        across, down = -(-width // wide), -(-height // high)
        pixel = about.components * dtype_of(about).itemsize
        tiles = np.frombuffer(raw, np.uint8, size, place).reshape(-1, down, across, high, wide, pixel)
        planes = tiles.swapaxes(2, 3).reshape(-1, down * high, across * wide, pixel)
        yield np.ascontiguousarray(planes[:, :height, :width]).data


# ---- Slope and intercept -----------------------------------------------------------------------------------


def rescaled(array: Array, about: ImageInfo) -> Array:
    """What the samples stand for: slope * sample + intercept, in the type that SimpleITK's reader gives, of FITS files
    that of astropy's."""
    import numpy as np

    if about.slope == 1 and about.intercept == 0:
        return array
    if about.source == "FITS" and _has_other_sign(array.dtype, about):
        kind = "i" if array.dtype.kind == "u" else "u"
        half = array.dtype.type(1) << array.dtype.type(array.dtype.itemsize * 8 - 1)
        other: Array = (array ^ half).astype(array.dtype.newbyteorder("=")).view(f"{kind}{array.dtype.itemsize}")
        return other
    if about.source == "DICOM":
        dtype = _dicom_type(array.dtype, about)
    elif array.dtype.kind in "iub":
        dtype = np.dtype(np.float64 if about.source == "FITS" and array.dtype.itemsize > 2 else np.float32)
    else:
        dtype = array.dtype.newbyteorder("=")
    if array.dtype.kind == "c":
        return (array * about.slope + about.intercept).astype(dtype)
    with np.errstate(over="ignore"):
        return (array.astype(np.float64) * about.slope + about.intercept).astype(dtype)


def _has_other_sign(dtype: np.dtype[Any], about: ImageInfo) -> bool:
    """FITS has no unsigned integers but bytes, and no signed bytes: an intercept makes the ones of the others."""
    half = 1 << dtype.itemsize * 8 - 1
    return dtype.kind in "iu" and about.slope == 1 and about.intercept == (half if dtype.kind == "i" else -half)


def _dicom_type(dtype: np.dtype[Any], about: ImageInfo) -> np.dtype[Any]:
    """Of integers the smallest type of integers that holds what all samples of so many bits can stand for."""
    import numpy as np

    if dtype.kind not in "iu" or not float(about.slope).is_integer() or not float(about.intercept).is_integer():
        return np.dtype(np.float64)
    bits = about.bits or dtype.itemsize * 8
    ends = (-(1 << bits - 1), (1 << bits - 1) - 1) if dtype.kind == "i" else (0, (1 << bits) - 1)
    low, high = sorted(int(about.slope) * end + int(about.intercept) for end in ends)
    for name in ("uint8", "uint16", "uint32") if low >= 0 else ("int8", "int16", "int32"):
        limits = np.iinfo(name)
        if limits.min <= low and high <= limits.max:
            return np.dtype(name)
    return np.dtype(np.float64)


# ---- SimpleITK ---------------------------------------------------------------------------------------------


def as_sitk(array: Array, about: ImageInfo, rescale: bool) -> SimpleITK.Image:
    """An array with all axes of the image, as SimpleITK's own reader gives it.

    :raises OptionError: SimpleITK cannot hold it.
    """
    import numpy as np
    import SimpleITK

    if rescale:
        array = rescaled(array, about)
    least = 2 if about.vector_axis else 3
    array, about = _components_last(array, about)
    array, about = _without_ends(array, about, least)
    name = {"bool": "uint8", "float16": "float32"}.get(array.dtype.name, array.dtype.name)
    sitk: Any = SimpleITK
    try:
        made = sitk.GetImageFromArray(np.ascontiguousarray(array, name), isVector=about.components > 1)
        if about.spacing:
            made.SetSpacing(about.spacing)
            made.SetOrigin(about.origin)
            made.SetDirection(about.direction)
    except (NotImplementedError, TypeError, ValueError, RuntimeError, KeyError) as error:
        what = f"{about.dimension} axes, {about.components} components, samples of {about.pixel_type}"
        what += f", spacing {about.spacing} and direction {about.direction}" if about.spacing else ""
        raise OptionError(f"SimpleITK cannot hold this image, which has {what}: {error}") from error
    return made


def _components_last(array: Array, about: ImageInfo) -> tuple[Array, ImageInfo]:
    """The components of a pixel that lie apart, along an axis of the array, become those of pixels."""
    import numpy as np

    axis = about.vector_axis
    if not axis:
        return array, about
    array = np.moveaxis(array, about.dimension - 1 - axis, -1)
    if about.mirrored:
        array = array * np.array([-1, -1, *[1] * (about.size[axis] - 2)], array.dtype)[: about.size[axis]]
    return array, replace(_without_axis(about, axis), components=about.size[axis], vector_axis=0)


def _without_ends(array: Array, about: ImageInfo, least: int) -> tuple[Array, ImageInfo]:
    """NIfTI's slowest axes of one pixel are none to SimpleITK, but for a few."""
    while about.source == "NIfTI" and about.dimension > least and about.size[-1] == 1:
        array, about = array[0], _without_axis(about, about.dimension - 1)
    return array, about


def _without_axis(about: ImageInfo, axis: int) -> ImageInfo:
    dimension = about.dimension

    def kept(values: Any) -> tuple[Any, ...]:
        return tuple(value for at, value in enumerate(values) if at != axis)

    starts = range(0, dimension * dimension, dimension)
    rows = kept(about.direction[start : start + dimension] for start in starts) if about.direction else ()
    return replace(
        about,
        dimension=dimension - 1,
        size=kept(about.size),
        spacing=about.spacing and kept(about.spacing),
        origin=about.origin and kept(about.origin),
        direction=sum(map(kept, rows), ()) or None,
    )
