"""Dask: lazy arrays of stored images (`arrays.py`), rows that workers write (`rows.py`), and the workers of a cluster
for migrate, restore and verify (`executor.py`)."""

from .arrays import from_store as from_store
from .executor import DaskExecutor as DaskExecutor
from .rows import WriteReport as WriteReport
from .rows import to_store as to_store
