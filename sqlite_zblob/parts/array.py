"""An image inside a stored value as an array that is not read before it is indexed.

The samples lie in memory order, the slowest axis first, in the blocks of the value. An index becomes a range for each
of these axes; the blocks that have any of its samples are planned first, then read and decoded together.
"""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from ..codec import Buffer, ImageInfo
from ..descriptions import largest
from ..errors import ChangedValueError, OptionError, WrongTypeError
from ..readings import as_sitk, dtype_of, extended, rescaled, slice_places
from .value import StoredValue

if TYPE_CHECKING:
    import numpy as np
    import SimpleITK

Box = tuple[tuple[int, int], ...]  # start and end along each axis

CHUNK_SIZE = 4 << 20  # bytes; for `chunks` where the value is not cut along slices


class Index(NamedTuple):
    """What a NumPy index asks for: ascending ranges, and what becomes of the axes afterwards."""

    ranges: tuple[range, ...]  # along each axis of the array
    after: tuple[Any, ...]  # an index for what the ranges gave


def parse_index(key: Any, shape: tuple[int, ...]) -> Index:
    """Take a basic index apart: integers, slices, an ellipsis, newaxis.

    :raises IndexError: it is out of range, or no basic index.
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    given = sum(each is not None and each is not Ellipsis for each in keys)
    ellipses = [at for at, each in enumerate(keys) if each is Ellipsis]
    if len(ellipses) > 1 or given > len(shape):
        raise IndexError(f"{given} indices and {len(ellipses)} ellipses for an image of {len(shape)} axes")
    at = ellipses[0] if ellipses else len(keys)
    keys[at : at + 1] = [slice(None)] * (len(shape) - given)
    ranges: list[range] = []
    after: list[Any] = []
    for each in keys:
        if each is None:
            after.append(None)
            continue
        span, then = _along(each, len(ranges), shape[len(ranges)])
        ranges.append(span)
        after.append(then)
    if ellipses:  # which makes an array of no axes where there would be a number
        after.append(Ellipsis)
    return Index(tuple(ranges), tuple(after))


def _along(key: Any, axis: int, extent: int) -> tuple[range, Any]:
    """An ascending range along one axis, and what is done with it."""
    if isinstance(key, slice):
        span = range(extent)[key]
        return (span, slice(None)) if span.step > 0 else (span[::-1], slice(None, None, -1))
    if isinstance(key, bool) or not hasattr(key, "__index__") or hasattr(key, "__len__"):
        raise IndexError(
            f"a stored image takes integers, slices, ... and newaxis, not {type(key).__name__}: index it with a slice "
            "that covers what you need, and the NumPy array that this gives with the rest"
        )
    number = operator.index(key)
    if not -extent <= number < extent:
        raise IndexError(f"index {number} is out of bounds for axis {axis} with size {extent}")
    number %= extent
    return range(number, number + 1), 0


def boxes(start: int, end: int, shape: tuple[int, ...]) -> Iterator[Box]:
    """The boxes that the elements [start, end) of a C-ordered array of this shape fill, in their order."""
    if start >= end:
        return
    if not shape:
        yield ()
        return
    inner = prod(shape[1:])
    first, rest = divmod(start, inner)
    last, excess = divmod(end, inner)
    if first == last:
        yield from (((first, first + 1), *box) for box in boxes(rest, excess, shape[1:]))
        return
    if rest:
        yield from (((first, first + 1), *box) for box in boxes(rest, inner, shape[1:]))
        first += 1
    if first < last:
        yield ((first, last), *((0, extent) for extent in shape[1:]))
    yield from (((last, last + 1), *box) for box in boxes(0, excess, shape[1:]))


def _common(box: Box, ranges: tuple[range, ...]) -> list[tuple[slice, slice]] | None:
    """Where the ranges meet a box: of each axis a slice of the ranges' result, and one of the box. None: nowhere."""
    found = []
    for (low, high), span in zip(box, ranges, strict=True):
        first = max(-((span.start - low) // span.step), 0)
        last = min(-((span.start - high) // span.step), len(span))
        if first >= last:
            return None
        found.append((slice(first, last), slice(span[first] - low, span[last - 1] - low + 1, span.step)))
    return found


class StoredImage:
    """An image that is read from the database as it is indexed. `open_image` makes it.

    Indexing takes integers, slices with any step, `...` and `numpy.newaxis`, and returns a NumPy array. `spacing`,
    `origin` and `direction` are those of `ImageInfo`: the fastest axis first, as in SimpleITK; None if they are not
    known. It is no NumPy array: its other methods and arithmetic are those of what an index gives, so `image[...] + 1`.

    One that was opened by path can be pickled; whoever unpickles it opens the same place again.
    """

    def __init__(self, value: StoredValue, info: ImageInfo, number: int, *, is_only: bool) -> None:
        self._value, self._number, self._is_only = value, number, is_only
        self._starts = [block.raw_offset for block in value.blocks]
        self.info = info
        self.dtype = dtype_of(info)
        self._places, self._slice = slice_places(info)  # in the value; other bytes may stand between them
        components = (info.components,) if info.components > 1 else ()
        self._shape = (*reversed(info.size), *components)  # in memory, the slowest axis first
        self._is_reversed = info.order == "F"
        self.shape: tuple[int, ...] = self._turned(self._shape)
        self.spacing, self.origin, self.direction = info.spacing, info.origin, info.direction

    def _turned(self, axes: tuple[Any, ...]) -> tuple[Any, ...]:
        """From memory order to that of the array, or back."""
        return axes[::-1] if self._is_reversed else axes

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: prod(self.shape))
    nbytes = property(lambda self: prod(self.shape) * self.dtype.itemsize)

    def close(self) -> None:
        """Close the file that `open_image` has opened, where it was given a path. Nothing can be read any more."""
        self._value.close()

    def __enter__(self) -> StoredImage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<StoredImage {self._value.name}: {self.shape} {self.dtype}>"

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray[Any, Any]]:
        return (self[index] for index in range(len(self)))

    def __contains__(self, sample: Any) -> bool:
        blocks = [number for number in range(len(self._value.blocks)) if len(range(*self._elements(number)))]
        read = self._value.read(blocks)
        return any(bool((self._samples(number, data) == sample).any()) for number, data in read)

    def __getattr__(self, name: str) -> Any:
        import numpy as np

        advice = f": image[...].{name} is that of a NumPy array" if hasattr(np.ndarray, name) else ""
        raise AttributeError(f"a stored image has no attribute {name!r}{advice}", name=name, obj=self)

    def __reduce__(self) -> tuple[Any, ...]:
        place = self._value.again()
        if place is None:
            raise WrongTypeError(f"{self._value.name} was not opened by path, so it is open in this process alone")
        return _open_again, (*place, self._number, self.mark)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if copy is False:
            raise ValueError("an image that is read from the database cannot become an array without a copy")
        array: np.ndarray[Any, Any] = self[...]
        return array if dtype is None else array.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        """:raises IndexError: the index is out of range, or an array or list.
        :raises ChangedValueError: as the streams of `open_blob`.
        :raises DamagedFrameError: as the streams of `open_blob`.
        :raises DatabaseError: as the streams of `open_blob`.
        """
        index = parse_index(key, self.shape)
        found = self._read(self._turned(index.ranges))
        return (found.T if self._is_reversed else found)[index.after]

    # ---- Reading -----------------------------------------------------------------------------------------------

    def _elements(self, number: int) -> tuple[int, int]:
        """The elements whose first byte lies in a block."""
        block = self._value.blocks[number]
        return self._before(block.raw_offset), self._before(block.raw_offset + block.raw_size)

    def _before(self, place: int) -> int:
        """How many elements begin before this place of the value."""
        number, item = bisect_right(self._places, place) - 1, self.dtype.itemsize
        if number < 0:
            return 0
        return number * (self._slice // item) + -(-min(place - self._places[number], self._slice) // item)

    def _offset(self, element: int) -> int:
        """Where in the value it begins."""
        number, byte = divmod(element * self.dtype.itemsize, self._slice)
        return self._places[number] + byte

    def _place(self, indices: list[int]) -> int:
        """Which element this is, in memory order."""
        place = 0
        for index, extent in zip(indices, self._shape, strict=True):
            place = place * extent + index
        return place

    def _between(self, first: int, last: int) -> range:
        """The blocks from the one that has element `first` to the one that has `last`."""
        low, high = (bisect_right(self._starts, self._offset(at)) for at in (first, last))
        return range(low - 1, high)

    def _read(self, ranges: tuple[range, ...]) -> np.ndarray[Any, Any]:
        """The samples at ranges along the axes in memory order."""
        import numpy as np

        found = np.empty([len(span) for span in ranges], self.dtype)
        if found.size == 0:
            return found
        needed: dict[int, list[tuple[int, Box]]] = {}
        for number in self._between(
            self._place([span[0] for span in ranges]), self._place([span[-1] for span in ranges])
        ):
            first, last = self._elements(number)
            parts, at = [], first
            for box in boxes(first, last, self._shape):
                if _common(box, ranges):
                    parts.append((at, box))
                at += prod(high - low for low, high in box)
            if parts:
                needed[number] = parts
        if self._value.is_pass(needed) and self._read_slice(ranges, len(needed), found):
            return found
        for number, data in self._value.read(list(needed)):
            samples = self._samples(number, data)
            for at, box in needed[number]:
                start = at - self._elements(number)[0]
                extents = [high - low for low, high in box]
                part = samples[start : start + prod(extents)].reshape(extents)
                common = _common(box, ranges)
                assert common is not None
                found[tuple(to for to, _ in common)] = part[tuple(of for _, of in common)]
        return found

    def _read_slice(self, ranges: tuple[range, ...], count: int, found: np.ndarray[Any, Any]) -> bool:
        """The samples of one slice that has some in nearly all blocks, such as a sagittal one. False: it is none."""
        import numpy as np

        axes = [axis for axis, span in enumerate(ranges) if len(span) == 1 and axis < len(self.info.size)]
        if not self._is_only or not axes or 8 * count < 7 * len(self._between(0, prod(self._shape) - 1)):
            return False
        data = self._value.slice(axes[-1], ranges[axes[-1]][0])
        if data is None:
            return False
        shape = [1 if axis == axes[-1] else extent for axis, extent in enumerate(self._shape)]
        cut = [slice(span[0], span[-1] + 1, span.step) for span in ranges]
        cut[axes[-1]] = slice(None)
        found[...] = np.frombuffer(data, self.dtype).reshape(shape)[tuple(cut)]
        return True

    def _samples(self, number: int, data: Buffer) -> np.ndarray[Any, Any]:
        """The elements of a block. The last of them may end in the next block."""
        import numpy as np

        first, last = self._elements(number)
        if first == last:
            return np.empty(0, self.dtype)
        block, item = self._value.blocks[number], self.dtype.itemsize
        start, end = self._offset(first) - block.raw_offset, self._offset(last - 1) + item - block.raw_offset
        if end > block.raw_size:
            data = b"".join((memoryview(data)[start:], self._following(number, end - block.raw_size)))
            start, end = 0, end - start
        if end - start > (last - first) * item:
            data, start = self._without_gaps(data, block.raw_offset, first, last), 0
        return extended(np.frombuffer(data, self.dtype, last - first, start), self.info)

    def _without_gaps(self, data: Buffer, offset: int, first: int, last: int) -> bytes:
        """Elements that lie in several slices; `data` stands in the value at `offset`."""
        each, item, parts = self._slice // self.dtype.itemsize, self.dtype.itemsize, []
        for number in range(first // each, (last - 1) // each + 1):
            low, high = max(first, number * each), min(last, (number + 1) * each)
            start = self._offset(low) - offset
            parts.append(memoryview(data)[start : start + (high - low) * item])
        return b"".join(parts)

    def _following(self, number: int, count: int) -> bytes:
        """The bytes that follow a block."""
        found = b""
        while len(found) < count:
            number += 1
            found += bytes(memoryview(self._value.block(number))[: count - len(found)])
        return found

    # ---- For other libraries -----------------------------------------------------------------------------------

    @property
    def mark(self) -> str:
        """The same for as long as the value is, for whoever opens it again elsewhere."""
        return self._value.mark

    @property
    def chunks(self) -> tuple[tuple[int, ...], ...]:
        """The sizes of pieces along each axis, as Dask has them. If possible, they are those of the value's chunks."""
        return self._turned(tuple(self._chunks()))

    def _chunks(self) -> Iterator[tuple[int, ...]]:
        shape, inner = self._shape, prod(self._shape)
        starts = {self._elements(number)[0] for number in range(len(self._value.blocks))} - {prod(shape)}
        for axis, extent in enumerate(shape):
            inner = inner // extent if extent else 0
            cuts = sorted({start // inner for start in starts if start < inner * extent} | {0}) if inner else [0]
            is_even = inner and all(start % inner == 0 for start in starts)
            if not is_even and inner * self.dtype.itemsize <= CHUNK_SIZE:
                step = max(CHUNK_SIZE // max(inner * self.dtype.itemsize, 1), 1)
                cuts, is_even = list(range(0, extent, step)) or [0], True
            if is_even:
                yield tuple(high - low for low, high in zip(cuts, [*cuts[1:], extent], strict=True))
                yield from ((each,) for each in shape[axis + 1 :])
                return
            yield (1,) * extent

    def to_sitk(self, *, rescale: bool = True) -> SimpleITK.Image:
        """All of it as SimpleITK's own reader gives it, as `read_sitk` does.

        :raises OptionError: SimpleITK cannot hold it.
        """
        import numpy as np

        return as_sitk(np.asarray(self), self.info, rescale)

    def rescaled(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """What samples that an index gave stand for, by the file's slope and intercept."""
        return rescaled(array, self.info)


def open_image(
    database: Any, table: str, column: str, rowid: Any, *, schema: str = "main", image: int | None = None
) -> StoredImage:
    """Open an image in a stored value as an array that reads what is asked of it, and no more.

    The shape is that of the array that unpickling gives, of SimpleITK images that of `GetArrayFromImage`. One index
    reads the chunks that it needs, neighbours together, and decodes them in parallel; decoded chunks of 32 MiB
    together are kept for the next. Needs NumPy. Of a plain value, and of one that is small or stored as it is,
    everything is read when it is opened.

    :param database: as for `open_blob`; a file is open until the image's `close`, or the end of its `with`.
    :param image: its number among the images of the value, from 0; guesses do not count. None: the largest one.
    :raises OptionError: there is no such place or no such image, its axes lie in an order that only unpickling
        knows, or its samples stand in the value as text, in rows with padding or in tiles.
    :raises ChangedValueError: as `open_blob`.
    :raises DamagedFrameError: as `open_blob`.
    :raises UnsupportedFrameError: as `open_blob`.
    :raises DatabaseError: as `open_blob`.
    :raises LoadError: as `open_blob`.
    """
    return image_of(StoredValue(database, table, column, rowid, schema), image)


def _open_again(path: str, table: str, column: str, rowid: Any, schema: str, image: int, mark: str) -> StoredImage:
    """What was pickled."""
    found = open_image(path, table, column, rowid, schema=schema, image=image)
    if found.mark != mark:
        found.close()
        raise ChangedValueError(f"{column} of row {rowid!r} of {table} was changed after it had been pickled")
    return found


def image_of(value: StoredValue, image: int | None = None) -> StoredImage:
    """An image of an opened value.

    :raises OptionError: as `open_image`.
    """
    about = value.describe()
    images = [each for each in about.images if not each.is_guess]
    if not images:
        raise OptionError(
            f"{value.name} holds no image with a known geometry: it is cut off, or no image, or has no samples, or "
            "a type or a number of axes that is not known here; open_blob gives its bytes"
        )
    image = largest(images) if image is None else image
    if not isinstance(image, int) or not 0 <= image < len(images):
        raise OptionError(f"{value.name} holds {len(images)} images with a known geometry, and no number {image!r}")
    if images[image].order == "K":
        raise OptionError(
            f"the axes of this image in {value.name} lie in neither C nor Fortran order: unpickle what open_blob gives"
        )
    if not images[image].has_slices:
        what = "as text, a pickle of protocol 2" if images[image].text_size else "in rows with padding or in tiles"
        raise OptionError(f"{value.name} holds samples {what}: images.read_array reads it whole")
    return StoredImage(value, images[image], image, is_only=len(about.images) == 1)
