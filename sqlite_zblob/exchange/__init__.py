"""Exit and entry: a column to Zarr arrays, frames, NIfTI, NRRD or raw files, in a folder or object storage, and back.

`open_remote` reads a slice of a frame in object storage without the rest. docs/exchange.md has the layouts.
"""

from .remote import open_remote as open_remote
from .run import ExchangeReport as ExchangeReport
from .run import export_rows as export_rows
from .run import import_rows as import_rows
