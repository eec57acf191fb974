"""What a table shows in place of a compressed value or an image."""

from __future__ import annotations

from typing import Any

import markupsafe
from datasette.utils import path_from_row_pks, tilde_encode

from ...codec import FrameInfo, decompress, info
from ...descriptions import largest
from ...errors import ZblobError

_LONGEST_TEXT = 100_000  # bytes: longer texts are not decompressed for a table


async def cell(row: Any, value: bytes, column: str, table: str | None, database: str, datasette: Any) -> Any:
    """HTML, or None where Datasette's own will do."""
    try:
        about = info(value)
    except ZblobError as error:
        return markupsafe.Markup("<strong>damaged:</strong> {}").format(error)
    if about.frame and about.value_type == "text" and about.raw_size <= _LONGEST_TEXT:
        return _text(value, datasette)
    if not about.frame and not about.images:
        return None
    what = describe(about)
    if table is None:
        return markupsafe.Markup("{}").format(what)
    pks = await datasette.get_database(database).primary_keys(table)
    if not pks and "rowid" not in tuple(row.keys()):  # a view, whose rows have no address
        return markupsafe.Markup("{}").format(what)
    path = path_from_row_pks(row, pks, not pks)
    blob = datasette.urls.row_blob(database, table, path, column)
    link = markupsafe.Markup('<a class="blob-download" href="{}">{}</a>').format(blob, what)
    if any(not each.is_guess for each in about.images):
        preview = preview_path(datasette, database, table, path, column)
        link += markupsafe.Markup(' <a href="{}">preview</a>').format(preview)
    return link


def _text(value: bytes, datasette: Any) -> Any:
    try:
        text = decompress(value)
    except ZblobError as error:
        return markupsafe.Markup("<strong>damaged:</strong> {}").format(error)
    limit = datasette.setting("truncate_cells_html")
    assert isinstance(text, str)
    return markupsafe.Markup("{}").format(text[:limit] + "…" if limit and len(text) > limit else text)


def describe(about: FrameInfo) -> str:
    """`int16 512 x 512 x 61, 31,981,568 bytes, ratio 2.41`"""
    words = []
    image = about.images[largest(about.images)] if about.images else None
    if image and not image.is_guess:
        components = f" x {image.components} components" if image.components > 1 else ""
        words.append(f"{image.pixel_type} {' x '.join(map(str, image.size))}{components}")
    words.append(f"{about.raw_size:,} bytes")
    if about.frame:
        words.append(f"ratio {about.ratio:.2f}")
    return ", ".join(words)


def preview_path(datasette: Any, database: str, table: str, pks: str, column: str) -> str:
    """:param pks: encoded already."""
    return str(
        datasette.urls.path(f"/-/zblob/{tilde_encode(database)}/{tilde_encode(table)}/{pks}/{tilde_encode(column)}")
    )
