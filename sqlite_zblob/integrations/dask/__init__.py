"""Dask: its workers for migrate, restore and verify (`executor.py`)."""

from .executor import DaskExecutor as DaskExecutor
