"""Images in values: `read_array` and `read_sitk` decode one with its geometry, `open_image` opens a stored one as a
lazy array, and `zimages('results', 'data')` shows those of a column as the rows of an APSW virtual table.

What a header says costs the header alone; only samples, and min, max and mean of them, decode. Nothing is ever
unpickled.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import apsw

from .codec import (
    HEAD_PREFIX_SIZE,
    SNIFF_PREFIX_SIZE,
    Buffer,
    FrameInfo,
    ImageInfo,
    decompress,
    has_magic,
    head_size,
    info,
    info_of_head,
    may_have_images,
)
from .column.schema import look_at_table, master_of, require_schema
from .column.virtual import is_zblob
from .connect.database import quote, run, stream
from .connect.wrappers import full_name
from .descriptions import largest
from .errors import DamagedFrameError, OptionError, UnsupportedFrameError, WrongTypeError
from .image_rows import read_image as read_image
from .image_rows import write_image as write_image
from .parts.array import StoredImage as StoredImage
from .parts.array import open_image as open_image
from .readings import as_sitk, flat_samples, rescaled

if TYPE_CHECKING:
    import numpy as np
    import SimpleITK

IMAGES_MAX = 1024  # that are found in a value

COLUMNS = (
    "key",  # of the row: its primary key, as a JSON array where that has several columns; otherwise the rowid
    "image",  # position among the images of the value, from 0
    "source",  # as in ImageInfo: "SimpleITK", "NumPy", "npy", "DICOM", ..., "options" or "guess" (raw samples)
    "pixel_type",  # as NumPy names it
    "dimension",
    "size",  # JSON array, pixels along each axis, the fastest first; so in the next three
    "spacing",  # JSON array, physical units a pixel; NULL where it is not known
    "origin",
    "direction",  # JSON array, row-major cosines
    "components",  # a pixel
    "slope",  # a sample stands for slope * sample + intercept
    "intercept",
    "codec",  # NULL: not compressed
    "envelope",  # "pickle" or NULL
    "raw_bytes",  # of the value before compression
    "stored_bytes",
    "ratio",  # raw_bytes / stored_bytes
    "min",  # over all samples as they are stored, NaN left out; NULL for complex pixels. These three decode
    "max",
    "mean",
    "problem",  # NULL, or why the value's header cannot be read; then there is one row for the value
)


# ---- One image of a value ----------------------------------------------------------------------------------


def read_array(value: Buffer, image: int | None = None, *, rescale: bool = False) -> np.ndarray[Any, Any]:
    """The samples of an image in a value, which is compressed or plain, as NumPy array.

    Axes run from the slowest to the fastest, as in NumPy; only an array that was in Fortran order when it was stored
    has its own shape again. The components of a pixel are the last axis. The array may be read only, and have another
    byte order than the machine.

    :param value: a frame, an envelope or a plain value.
    :param image: the position in `info(value).images`; None: the largest one, of a TIFF file all pages like it.
    :param rescale: what the samples stand for (Hounsfield units), by the slope and intercept of DICOM, NIfTI and FITS
        files.
    :raises OptionError: the value has no such image.
    :raises DamagedFrameError: as `decompress`.
    :raises UnsupportedFrameError: as `decompress`.
    :raises SizeLimitError: as `decompress`.
    """
    array, about = _read(value, image)
    return rescaled(array, about) if rescale else array


def read_sitk(value: Buffer, image: int | None = None, *, rescale: bool = True) -> SimpleITK.Image:
    """The same as an image of SimpleITK, with spacing, origin and direction where the value says them.

    It is what SimpleITK's own reader gives: slope and intercept of DICOM, NIfTI and FITS files are applied, and
    components that lie apart are those of pixels. Samples that SimpleITK does not have become the next wider ones: bool
    uint8, and float16 float32.

    :param rescale: False: the samples as they are stored.
    :raises OptionError: the value has no such image, or one that SimpleITK cannot hold.
    """
    return as_sitk(*_read(value, image), rescale)


def _read(value: Buffer, image: int | None) -> tuple[np.ndarray[Any, Any], ImageInfo]:
    raw = decompress(value)
    found = _images_of(value, raw) if isinstance(raw, bytes) else ()
    if not found:
        raise OptionError(
            "the value holds no image: it is cut off, or none, or has no samples, or a type or a number of axes that "
            "is not known here; decompress gives its bytes"
        )
    number = largest(found) if image is None else image
    if isinstance(raw, str) or not isinstance(number, int) or not 0 <= number < len(found):
        raise OptionError(f"the value has {len(found)} images, counted from 0, and no image {image!r}")
    pages = _pages_like(found, found[number]) if image is None else []
    return _stacked(raw, pages) if len(pages) > 1 else (_array_of(raw, found[number]), found[number])


def _images_of(value: Buffer, raw: bytes) -> tuple[ImageInfo, ...]:
    """Those that the value says, or the one that was said when a frame was made of it."""
    said = tuple(image for image in info(value).images if image.source == "options")
    return said or info(raw).images


def _array_of(raw: bytes, about: ImageInfo) -> np.ndarray[Any, Any]:
    flat = flat_samples(raw, about)
    components = (about.components,) if about.components > 1 else ()
    if about.order == "F":
        return flat.reshape(about.size + components, order="F")
    return flat.reshape(about.size[::-1] + components)


def _pages_like(found: tuple[ImageInfo, ...], first: ImageInfo) -> list[ImageInfo]:
    """The pages of a TIFF file that are alike, if all of them are known."""
    if first.source != "TIFF" or len(found) == IMAGES_MAX:
        return []
    return [each for each in found if _page_of(each) == _page_of(first)]


def _page_of(about: ImageInfo) -> ImageInfo:
    """What an image of pages has in common with others of the same file."""
    axes = 3 if about.vector_axis else 2
    return replace(about, dimension=axes, size=about.size[:axes], value_offset=0, gaps=(0, 0))


def _stacked(raw: bytes, pages: list[ImageInfo]) -> tuple[np.ndarray[Any, Any], ImageInfo]:
    """Pages with other bytes between them, as the slices of one image."""
    import numpy as np

    page = _page_of(pages[0])
    components = (page.components,) if page.components > 1 else ()
    slices = [_array_of(raw, each).reshape((-1, *page.size[::-1], *components)) for each in pages]
    stack = np.concatenate(slices)
    return stack, replace(page, dimension=page.dimension + 1, size=(*page.size, len(stack)))


# ---- All images of a column --------------------------------------------------------------------------------


def register(connection: apsw.Connection) -> None:
    """Give the connection `zimages(table, column [, schema])`, read-only, one row an image. Values without an image,
    and those that are no BLOB, have no row.

    Compressed, enveloped and plain values may be mixed. The columns are those of `COLUMNS`. `min`, `max` and `mean`
    need NumPy, and fail the statement at a damaged chunk.

    :raises WrongTypeError: it is no APSW connection.
    """
    if not isinstance(connection, apsw.Connection):
        raise WrongTypeError(
            f"zimages needs an apsw.Connection, not {full_name(connection)}: the sqlite3 module knows no virtual tables"
        )
    # not at the top: it costs more time than all of this package
    from apsw.ext import VTColumnAccess, make_virtual_module

    reference = weakref.ref(connection)

    def zimages(
        table_name: str | None = None, column_name: str | None = None, schema_name: str = "main"
    ) -> Iterator[ImageRow | ProblemRow]:
        for name in (table_name, column_name, schema_name):
            if not isinstance(name, str):
                raise OptionError("zimages takes names as text: zimages('table', 'column' [, 'schema'])")
        assert table_name is not None and column_name is not None
        owner = reference()
        assert owner is not None
        return image_rows(owner, table_name, column_name, schema_name)

    table: Any = zimages
    table.columns = COLUMNS
    table.column_access = VTColumnAccess.By_Attr
    make_virtual_module(connection, "zimages", table, eponymous_only=True)


class StoredValue:
    """One BLOB in the database, read no further than asked for."""

    def __init__(self, connection: apsw.Connection, place: tuple[str, str, str], rowid: int, size: int) -> None:
        self.connection, self.place, self.rowid, self.size = connection, place, rowid, size

    def read(self, size: int) -> bytes:
        """The first `size` bytes, or all there are."""
        blob = self.connection.blob_open(*self.place, self.rowid, False)
        try:
            return blob.read(size)
        finally:
            blob.close()


class LoadedValue(StoredValue):
    """One that is in memory already: tables without rowids, or with generated columns, have no incremental I/O."""

    def __init__(self, value: bytes) -> None:
        self.value, self.size = value, len(value)

    def read(self, size: int) -> bytes:
        return self.value[:size]


class ImageRow:
    """One row of zimages. An attribute is computed when SQL asks for its column."""

    def __init__(self, key: Any, index: int, value: StoredValue, about: FrameInfo, image: ImageInfo) -> None:
        self.key, self.image = key, index
        self.value, self.about, self.info = value, about, image
        self.source, self.pixel_type, self.dimension = image.source, image.pixel_type, image.dimension
        self.size = json.dumps(image.size)
        self.spacing, self.origin, self.direction = map(_json, (image.spacing, image.origin, image.direction))
        self.components = image.components
        self.slope, self.intercept = image.slope, image.intercept
        self.codec, self.envelope = about.codec, about.envelope
        self.raw_bytes, self.stored_bytes = about.raw_size, value.size
        self.ratio = about.raw_size / value.size
        self.problem = None

    @cached_property
    def samples(self) -> np.ndarray[Any, Any]:
        """All samples of the image, in one axis and the byte order of the value."""
        raw = decompress(self.value.read(self.value.size))
        assert isinstance(raw, bytes)
        return flat_samples(raw, self.info)

    @cached_property
    def statistics(self) -> tuple[int | float | None, int | float | None, float | None]:
        import numpy as np

        samples = self.samples
        del self.samples  # the row may live on
        if samples.dtype.kind == "c" or samples.size == 0:
            return None, None, None
        if samples.dtype.kind == "f":
            samples = samples[~np.isnan(samples)]
            if samples.size == 0:
                return None, None, None
        return _number(samples.min()), _number(samples.max()), _number(samples.mean(dtype=np.float64))

    @property
    def min(self) -> int | float | None:
        return self.statistics[0]

    @property
    def max(self) -> int | float | None:
        return self.statistics[1]

    @property
    def mean(self) -> float | None:
        return self.statistics[2]


class ProblemRow:
    """The row of a value whose header cannot be read."""

    def __init__(self, key: Any, value: StoredValue, problem: Exception) -> None:
        self.key, self.stored_bytes, self.problem = key, value.size, str(problem)

    def __getattr__(self, name: str) -> None:
        if name not in COLUMNS:
            raise AttributeError(name)


def _json(values: tuple[float, ...] | None) -> str | None:
    return None if values is None else json.dumps(values)


def _number(value: Any) -> int | float | None:
    """As SQL can hold it: integers beyond 64 bits with a sign become floats, infinities stay."""
    number = value.item()
    if isinstance(number, float):
        return number
    return int(number) if -(1 << 63) <= number < 1 << 63 else float(number)


# ---- From a table's rows to images -------------------------------------------------------------------------


def image_rows(connection: apsw.Connection, table: str, column: str, schema: str) -> Iterator[ImageRow | ProblemRow]:
    """The rows of zimages.

    :raises OptionError: there is no such table or column.
    """
    for key, value in _values(connection, table, column, schema):
        try:
            about = _describe(value)
        except (DamagedFrameError, UnsupportedFrameError) as problem:
            yield ProblemRow(key, value, problem)
        else:
            for index, image in enumerate(about.images):
                yield ImageRow(key, index, value, about, image)


def _values(connection: apsw.Connection, table: str, column: str, schema: str) -> Iterator[tuple[Any, StoredValue]]:
    definition = _definition(connection, table, schema)
    if is_zblob(definition):
        table = f"{table}_rows"
    elif definition.lower().startswith("create virtual"):
        yield from _loaded_values(connection, f"{quote(schema)}.{quote(table)}", ["rowid"], column)
        return
    found = look_at_table(connection, table, schema, allow_shadow=True, use="name")
    name = found.column(column).name
    key = [quote(part.name) for part in found.primary_key] or [found.rowid_name or "NULL"]
    # Where any column is generated, blob_open refuses the table, or in older versions of SQLite opens another column.
    if found.rowid_name is None or any(each.is_generated for each in found.columns):
        yield from _loaded_values(connection, found.address, key, name)
        return
    sql = f"SELECT {found.rowid_name}, length({quote(name)}), {', '.join(key)} FROM {found.address}"
    for row in stream(connection, f"{sql} WHERE typeof({quote(name)}) = 'blob'"):
        yield _key(row[2:]), StoredValue(connection, (schema, found.name, name), row[0], row[1])


def _definition(connection: apsw.Connection, table: str, schema: str) -> str:
    require_schema(connection, schema)
    sql = f"SELECT sql FROM {master_of(schema)} WHERE type = 'table' AND lower(name) = lower(?)"
    return "".join(row[0] for row in run(connection, sql, (table,)))


def _loaded_values(
    connection: apsw.Connection, address: str, key: list[str], column: str
) -> Iterator[tuple[Any, StoredValue]]:
    sql = f"SELECT {quote(column)}, {', '.join(key)} FROM {address} WHERE typeof({quote(column)}) = 'blob'"
    for row in stream(connection, sql):
        yield _key(row[1:]), LoadedValue(row[0])


def _key(parts: tuple[Any, ...]) -> Any:
    if len(parts) == 1:
        return parts[0]
    return json.dumps([part.hex() if isinstance(part, bytes) else part for part in parts])


def _describe(value: StoredValue) -> FrameInfo:
    """From the header, where there is one that says all; a plain value is read only where it begins as an image."""
    head = value.read(max(HEAD_PREFIX_SIZE, SNIFF_PREFIX_SIZE))
    if head_size(head) > len(head):
        head = value.read(head_size(head))
    if has_magic(head):
        about = info_of_head(head, value.size)
        if about.images or about.codec != "store":
            return about
    elif not may_have_images(head):
        return info(b"")
    return info(value.read(value.size))
