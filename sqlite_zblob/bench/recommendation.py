"""The conclusion of the report, derived from the data by rules: whether to compress, where, how, and when not to."""

from __future__ import annotations

from typing import Any

from ..codec import DEFAULT_LEVEL
from ..column.virtual import DEFAULT_MIN_SIZE
from .harness import geometric_mean
from .markdown import number, percent, size
from .questions import cache, codecs, speed, store, threshold
from .results import Row

NEEDS = ("codecs", "speed", "store", "cache", "threshold")


def render(report: Any) -> list[str]:
    stores = {row["method"]: row for row in report.rows(store.NAME)}
    return [
        "## Recommendation",
        "",
        *(["*From a quick run: a first look, not for decisions.*", ""] if report.quick_names else []),
        f"- **Whether.** {_whether(stores)}",
        f"- **Where.** {_where(stores)}",
        f"- **Level.** {_level(report)}",
        f"- **Threshold.** {_threshold(report)}",
        f"- **Media and networks.** {_media(report)}",
        f"- **When not.** {_when_not(report, stores)}",
        "",
        "```python",
        "import sqlite_zblob as zb",
        "",
        "zb.install()  # when the program starts: every connection has the functions from now on",
        'zb.enable(connection, "results", "data", envelope="pickle")  # readers that unpickle stay as they are',
        "```",
        "",
    ]


def _times(figure: float) -> str:
    return f"{number(figure, 2)} times" if figure >= 1 else f"{percent(figure)} of"


def _whether(stores: dict[str, Row]) -> str:
    plain, ours = stores[store.PLAIN], stores[store.DEFAULT]
    ratio = plain["file_size"] / ours["file_size"]
    insert, cold, warm = (ours[part] / plain[part] for part in ("insert", "cold", "warm"))
    verdict = "Compress images" if ratio > 1.3 else "Compressing gains little on these images"
    return (
        f"{verdict}: the file shrinks to {percent(1 / ratio)}. An INSERT takes {_times(insert)} the time of an "
        f"uncompressed one, a SELECT {_times(cold)} that time cold and {_times(warm)} it warm."
    )


def _where(stores: dict[str, Row]) -> str:
    database = [row for row in stores.values() if row["place"] == "database" and "sqlite-zstd" not in row["method"]]
    others = [row for row in stores.values() if row["place"] in ("application", "before pickling", "file")]
    others = [row for row in others if "sqlite_zblob" not in row["method"]]
    fastest = min(database, key=lambda row: row["insert"])
    smallest = min(others, key=lambda row: row["file_size"])
    ours = stores[store.DEFAULT]
    table, plain = stores[store.TRANSPARENT], stores[store.PLAIN]
    statistics = plain["statistics_cold"] / table["statistics_cold"]
    comparison = smallest["file_size"] / ours["file_size"]
    return (
        f"In the database: {ours['changed_lines']} changed lines or fewer, and a file {_relation(comparison)} than "
        f"with the best of all other places ({smallest['label']}). For an unchanged program, use the in-place mode "
        f"(any schema), or the virtual table, where statistics queries run {number(statistics, 2)} times as fast as "
        f"on an uncompressed table. The fastest to insert is *{fastest['label']}* ({number(fastest['insert'])} ms per "
        "image)."
    )


def _relation(factor: float) -> str:
    return f"{number(factor, 3)} times smaller" if factor >= 1 else f"{number(1 / factor, 3)} times larger"


def _level(report: Any) -> str:
    means = speed.means_of(
        [row for row in report.rows(codecs.NAME) if row["content"] == "scans"] or report.rows(codecs.NAME)
    )
    default = means[f"{codecs.OURS} {DEFAULT_LEVEL}"]
    fast, small = means[f"{codecs.OURS} 1"], means[f"{codecs.OURS} 9"]
    return (
        f"{DEFAULT_LEVEL}, the default. Level 1 makes the result {percent(default[0] / fast[0] - 1)} larger and "
        f"encodes {number(fast[1] / default[1], 2)} times as fast; level 9 makes it "
        f"{percent(1 - default[0] / small[0])} smaller and takes {number(default[1] / small[1], 2)} times as long, "
        f"with {percent(small[2] / default[2])} of the decoding speed."
    )


def _threshold(report: Any) -> str:
    rows = report.rows(threshold.NAME)
    least = threshold.pays_from(rows, "table/5")
    text = threshold.pays_from(rows, "table/5", "metadata (JSON)")
    found = [f"images from {size(least)} on" if least else "images of no measured size"]
    found.append(f"metadata from {size(text)} on" if text else "metadata of no measured size")
    return (
        f"{DEFAULT_MIN_SIZE} bytes, the default: smaller values stay as they are. The file shrinks by a tenth or "
        f"more for {found[0]}, and for {found[1]}."
    )


def _media(report: Any) -> str:
    facts = report.facts(cache.NAME)
    one = cache.default_break_even(facts)
    stores = facts["stores"]
    shipped = stores[cache.PLAIN]["wal"] / stores[cache.METHODS[-1]]["wal"]
    limit = f"below {number(one['bandwidth'])} MB/s of storage" if one["checks"] else "on any storage that was measured"
    return (
        f"Reading compressed images is faster {limit}, and a replica receives {number(shipped)} times fewer bytes. The "
        "faster the medium and the more of the store a cache holds, the more a read costs compared with a plain one."
    )


def _when_not(report: Any, stores: dict[str, Row]) -> str:
    by = codecs.whole(report.rows(codecs.NAME))
    volumes = {volume: by[volume, codecs.REFERENCE]["ratio"] for volume, name in by if name == codecs.REFERENCE}
    worst = min(volumes, key=lambda volume: volumes[volume])
    plain, ours = stores[store.PLAIN], stores[store.DEFAULT]
    losses = [volume for volume in volumes if codecs.best_rival(by, volume)[1] > by[volume, codecs.SMALLEST]["ratio"]]
    warm = ours["warm"] - plain["warm"]
    cost = (
        f"Where every read is served from memory and {number(warm)} ms per image matter"
        if warm > 0
        else "With these images, warm reads cost nothing"
    )
    mean = geometric_mean([volumes[volume] for volume in volumes])
    return (
        f"{cost}; where values are already compressed or encrypted (such as JPEG); where all are below the "
        f"threshold. The least gain was on *{worst}* (ratio {number(volumes[worst])}; the mean is {number(mean)}). "
        f"Another codec is smaller on {len(losses)} of {len(volumes)} volumes: section 2 names them."
    )
