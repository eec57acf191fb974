"""Sharded stores: N ordinary SQLite files, a key in one of them. And the long operations on several files at once.

    with zb.shards.create("store-*.db", 4) as store:
        store["scan-1"] = value
    zb.shards.open("store-*.db").get("scan-1")
    zb.shards.verify("store-*.db")

docs/shards.md describes the layout, so that any program can open the files.
"""

from .layout import Layout as Layout
from .layout import shard_of as shard_of
from .reshard import ReshardReport as ReshardReport
from .reshard import reshard as reshard
from .reshard import unseal as unseal
from .runs import DatabaseResult as DatabaseResult
from .runs import DatabasesReport as DatabasesReport
from .runs import analyze as analyze
from .runs import migrate as migrate
from .runs import restore as restore
from .runs import stats as stats
from .runs import verify as verify
from .store import ShardedStore as ShardedStore
from .store import create as create
from .store import open as open
