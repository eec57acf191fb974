"""A page that shows an image slice by slice, and the slices as PNG. Each reads and decodes the chunks that it needs."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from datasette import NotFound, Response
from datasette.database import QueryInterrupted
from datasette.utils import sqlite_timelimit, tilde_decode
from datasette.views.base import DatasetteError
from PIL import Image

from ...codec import FrameInfo, ImageInfo, info
from ...connect.database import quote
from ...descriptions import largest
from ...errors import ZblobError
from ...readings import dtype_of
from ..places import describe as describe_at
from ..places import place_of, rowid_of
from .cells import describe, preview_path


@dataclass(frozen=True)
class Place:
    """One value."""

    database: str
    table: str
    pks: str  # as in the address
    column: str

    async def find(self, datasette: Any) -> Value:
        """Its row.

        :raises NotFound: there is no such database, table, column or row.
        :raises DatasetteError: it took longer than Datasette allows.
        """
        try:
            database = datasette.get_database(self.database)
        except KeyError:
            raise NotFound(f"there is no database {self.database}") from None
        if not await database.table_exists(self.table) or self.column not in await database.table_columns(self.table):
            raise NotFound(f"there is no column {self.column} in a table {self.table}")
        keys = await database.primary_keys(self.table) or ["rowid"]
        given = [tilde_decode(part) for part in self.pks.split(",")]
        if len(keys) != len(given):
            raise NotFound(f"table {self.table} has {len(keys)} key columns")
        rowid = await database.execute_fn(lambda connection: rowid_of(connection, self.table))
        where = " AND ".join(f"{quote(key)} = ?" for key in keys)
        return Value(database, self, f"FROM {quote(self.table)} WHERE {where}", given, rowid)


@dataclass(frozen=True)
class Value:
    """What is asked of one value. Where its row has a rowid, only the header and the slices are read."""

    database: Any
    place: Place
    where: str  # the end of a SELECT
    keys: list[str]
    rowid: str  # a name of it; empty where there is none

    async def describe(self, datasette: Any) -> FrameInfo:
        """:raises ZblobError: it is damaged."""
        if not self.rowid:
            value = await self._select(quote(self.place.column))
            return info(value if isinstance(value, bytes) else b"")
        rowid = await self._select(self.rowid)

        def look(connection: Any) -> FrameInfo:
            with sqlite_timelimit(connection, datasette.sql_time_limit_ms):
                return describe_at(connection, self.place.table, self.place.column, rowid)

        found: FrameInfo = await self.database.execute_fn(look)
        return found

    async def part(self, function: str, *values: int) -> Any:
        """`zslice` or `zsubstr` of it."""
        at = place_of(self.place.table, self.place.column, self.rowid)
        call = f"{function}_at({at}, ?, ?)" if self.rowid else f"{function}({quote(self.place.column)}, ?, ?)"
        return await self._select(call, *values)

    async def _select(self, expression: str, *values: int) -> Any:
        try:
            row = (await self.database.execute(f"SELECT {expression} {self.where}", [*values, *self.keys])).first()
        except QueryInterrupted:
            raise DatasetteError("decoding took longer than sql_time_limit_ms allows", status=503) from None
        if row is None:
            raise NotFound(f"there is no row {self.place.pks} in table {self.place.table}")
        return row[0]


async def _find(datasette: Any, request: Any) -> tuple[Value, FrameInfo, ImageInfo]:
    """The value and its largest image, which is the one that zslice() takes.

    :raises Forbidden: whoever asks may not see the table.
    """
    parts = {name: request.url_vars[name] for name in ("database", "table", "pks", "column")}
    place = Place(**{name: part if name == "pks" else tilde_decode(part) for name, part in parts.items()})
    shown = [("view-table", (place.database, place.table)), ("view-database", place.database), "view-instance"]
    await datasette.ensure_permissions(request.actor, shown)
    value = await place.find(datasette)
    try:
        about = await value.describe(datasette)
    except ZblobError as error:
        raise NotFound(str(error)) from error
    known = [each for each in about.images if not each.is_guess]
    if not known:
        raise NotFound("no image is found in this value")
    return value, about, _as_colours(known[largest(known)])


def _as_colours(image: ImageInfo) -> ImageInfo:
    """NumPy knows no colours but a last axis of three or four bytes."""
    if image.pixel_type != "uint8" or image.components > 1 or image.dimension < 3 or image.size[0] not in (3, 4):
        return image
    return replace(image, components=image.size[0], size=image.size[1:], dimension=image.dimension - 1)


async def page(datasette: Any, request: Any) -> Any:
    value, about, image = await _find(datasette, request)
    place = value.place
    extents = [*reversed(image.size)]
    axes = _axes(image) if len(extents) > 2 else []
    middle = await _samples(value, image, 0, extents[0] // 2)
    low, high = _window(middle)
    context = {
        "place": place,
        "about": about,
        "image": image,
        "what": describe(about),
        "axes": axes,
        "level": (low + high) / 2,
        "width": max(high - low, 1e-9),
        "address": preview_path(datasette, place.database, place.table, place.pks, place.column),
        "row": datasette.urls.path(datasette.urls.table(place.database, place.table) + "/" + place.pks),
        "download": datasette.urls.row_blob(place.database, place.table, place.pks, place.column),
        "is_grey": image.components not in (3, 4) or image.pixel_type != "uint8",
    }
    return Response.html(await datasette.render_template("zblob_preview.html", context, request=request))


def _axes(image: ImageInfo) -> list[dict[str, Any]]:
    """Of each axis, from the slowest, what the page needs; `aspect` is width / height of the slices across it."""
    extents = [*reversed(image.size)]
    spacing = [*reversed(image.spacing or [1.0] * len(extents))]
    found = []
    for axis, extent in enumerate(extents):
        rest = [extents[at] * (spacing[at] or 1.0) for at in range(len(extents)) if at != axis]
        from_last = len(extents) - axis
        name = "xyz"[from_last - 1] if from_last <= 3 else f"axis {axis}"
        found.append({"axis": axis, "name": name, "extent": extent, "aspect": abs(rest[-1] / math.prod(rest[:-1]))})
    if len(extents) > 3:  # slices below each other: pixels are square
        for each in found:
            each["aspect"] = 0
    return found


async def slice_png(datasette: Any, request: Any) -> Any:
    """`?axis=0&index=30&level=40&width=400`: the slice across an axis, from the slowest, in a window of grey values."""
    value, _, image = await _find(datasette, request)
    try:
        axis, index = int(request.args.get("axis") or 0), int(request.args.get("index") or 0)
        window = [float(request.args[name]) for name in ("level", "width")] if "level" in request.args else None
    except (KeyError, ValueError) as error:
        return Response.text(f"axis and index are integers, level and width are numbers: {error}", status=400)
    extents = [*reversed(image.size)]
    if window and not np.isfinite(window).all():
        return Response.text(f"level {window[0]} and width {window[1]} is no window: both must be finite", status=400)
    if not 0 <= axis < len(extents) or not 0 <= index < extents[axis]:
        return Response.text(f"there is no slice {index} across axis {axis} of {extents}", status=400)
    samples = await _samples(value, image, axis, index)
    low, high = _window(samples) if window is None else (window[0] - window[1] / 2, window[0] + window[1] / 2)
    out = io.BytesIO()
    Image.fromarray(_grey(samples, low, high)).save(out, "PNG", compress_level=1)
    return Response(body=out.getvalue(), content_type="image/png", headers={"Cache-Control": "private, max-age=60"})


async def _samples(value: Value, image: ImageInfo, axis: int, index: int) -> np.ndarray[Any, Any]:
    """One slice, rows first, or a whole image of one or two axes; with its components as a last axis."""
    extents = [*reversed(image.size)]
    dtype = dtype_of(image)
    if not image.has_slices:
        raw = None
    elif len(extents) <= 2:
        raw = await value.part("zsubstr", image.value_offset + 1, image.nbytes)
        shape = [1, *extents][-2:]
    else:
        raw = await value.part("zslice", axis, index)
        rest = [extent for at, extent in enumerate(extents) if at != axis]
        shape = [math.prod(rest[:-1]), rest[-1]]  # of four axes and more: slices below each other
    if not isinstance(raw, bytes):
        raise NotFound("this image has no slices")
    samples = np.frombuffer(raw, dtype).reshape(*shape, image.components)
    return samples.view(np.int8) if dtype.kind == "b" else np.abs(samples) if dtype.kind == "c" else samples


def _window(samples: np.ndarray[Any, Any]) -> tuple[float, float]:
    """The values that become black and white: all but a hundredth at either end, and of colours all."""
    finite = samples[np.isfinite(samples)]
    if (samples.dtype == np.uint8 and samples.shape[-1] in (3, 4)) or finite.size == 0:
        return 0.0, 255.0
    low, high = np.percentile(finite, [1, 99])
    return (float(low), float(high)) if high > low else (float(finite.min()), float(finite.max()))


def _grey(samples: np.ndarray[Any, Any], low: float, high: float) -> np.ndarray[Any, Any]:
    """8-bit grey values or colours. What is no number is black."""
    scaled = (samples.astype(np.float64) - low) * (255 / max(high - low, 1e-9))
    values = np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0).clip(0, 255).astype(np.uint8)
    return values if values.shape[-1] in (3, 4) and samples.dtype == np.uint8 else np.ascontiguousarray(values[..., 0])
