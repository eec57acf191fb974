"""What tests of columns share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sqlite_zblob as zb
from sqlite_zblob.column import watch


@pytest.fixture
def new_process() -> Iterator[None]:
    """As if nothing had been looked at or said before, nor anything installed."""
    watch._said.clear()
    watch._seen.clear()
    watch._without_lost.clear()
    yield
    zb.uninstall()
