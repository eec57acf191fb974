"""The Datasette plugin: the extension in every connection, compressed values in their own form, a preview of images.

The extension is loaded before Datasette itself looks at a database, which would fail at virtual tables of ours. Values
are decompressed where they are shown or downloaded: a page of a hundred volumes must not decode all of them.

Datasette finds the plugin wherever both are installed, also without what previews need: only they import it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from datasette import Response, hookimpl
from datasette.blob_renderer import render_blob

from ...codec import decompress, has_magic
from ...errors import ZblobError
from ..opening import expect_connections_if_possible, set_up_if_possible
from .cells import cell

expect_connections_if_possible()

NAME = "sqlite-zblob"  # in Datasette's configuration of plugins


@hookimpl
def prepare_connection(conn: Any, database: str, datasette: Any) -> None:
    """`{"plugins": {"sqlite-zblob": {"decode_rows": true}}}`: rows come decompressed in JSON and CSV, too."""
    settings = datasette.plugin_config(NAME, database=database) or {}
    set_up_if_possible(conn, decodes=bool(settings.get("decode_rows", False)), keeps=False)


@hookimpl
def render_cell(row: Any, value: Any, column: str, table: str | None, database: str, datasette: Any) -> Any:
    return cell(row, value, column, table, database, datasette) if type(value) is bytes else None


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    place = r"/-/zblob/(?P<database>[^/]+)/(?P<table>[^/]+)/(?P<pks>[^/]+)/(?P<column>[^/]+)"
    return [(place + "$", _page), (place + r"/slice\.png$", _slice_png)]


async def _page(datasette: Any, request: Any) -> Any:
    return await _preview("page", datasette, request)


async def _slice_png(datasette: Any, request: Any) -> Any:
    return await _preview("slice_png", datasette, request)


async def _preview(what: str, datasette: Any, request: Any) -> Any:
    try:
        preview = import_module(f"{__name__}.preview")
    except ImportError as error:
        message = f"previews need the extra: pip install 'sqlite_zblob[datasette]' ({error})\n"
        return Response.text(message, status=501)
    return await getattr(preview, what)(datasette, request)


async def _render_value(
    datasette: Any, database: str, rows: Any, columns: Any, request: Any, table: str | None, view_name: str
) -> Any:
    """As Datasette renders a BLOB, but decompressed."""
    response = await render_blob(datasette, database, rows, columns, request, table, view_name)
    if isinstance(response.body, bytes) and has_magic(response.body):
        try:
            value = decompress(response.body)
        except ZblobError as error:
            response.body, response.status, response.content_type = f"{error}\n".encode(), 500, "text/plain"
        else:
            response.body = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return response


@hookimpl(trylast=True)
def register_output_renderer() -> dict[str, Any]:
    """In place of Datasette's own, which is registered before."""
    return {"extension": "blob", "render": _render_value, "can_render": lambda: False}
