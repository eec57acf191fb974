"""The investigation in ten sentences, derived from the data of all questions, in words that need no other section."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .harness import geometric_mean
from .markdown import listing, number, size
from .questions import cache, codecs, contents, migration, scale, speed, store, threshold

NEEDS = (contents, codecs, speed, store, cache, threshold, migration, scale)

_CONTENTS = {"scans": "scans", "floats": "images of floats", "labels": "masks and label images"}


def render(report: Any) -> list[str]:
    sentences = [
        _pickles(report),
        _ratios(report),
        _rivals(report),
        _speed(report),
        *_stores(report),
        _media(report),
        _small(report),
        _conversion(report),
        _scale(report),
    ]
    return ["## In ten sentences", "", *(f"{at}. {each}" for at, each in enumerate(sentences, 1)), ""]


def since(report: Any, path: Path) -> list[str]:
    """What the sizes are with a later codec, if these were taken again (benchmarks/investigation_sizes.py)."""
    if not path.exists():
        return []
    facts = json.loads(path.read_text())
    if facts["measured"] <= report.facts(codecs.NAME)["measured"]:
        return []
    by = codecs.whole(report.rows(codecs.NAME))
    then = {volume: row for (volume, name), row in by.items() if name == codecs.REFERENCE}
    change = {volume: facts["sizes"][volume] / row["size"] for volume, row in then.items() if volume in facts["sizes"]}
    parts = []
    for kind, words in _CONTENTS.items():
        found = [volume for volume in change if then[volume]["content"] == kind]
        if found:
            ratio = geometric_mean([then[volume]["raw_size"] / facts["sizes"][volume] for volume in found])
            parts.append(f"{words} {number(ratio)}")
    largest = max(change, key=lambda volume: abs(change[volume] - 1))
    return [
        f"The codec has changed since. Sizes at the default level were taken again on {facts['measured']}; the ratios "
        f"are now, on average: {listing(parts)}. The largest change of one volume is that of *{largest}*, whose size "
        f"is {number(change[largest])} times that of then. All other figures are of the day above."
        + "".join(f" {note}" for note in facts.get("notes", ())),
        "",
    ]


def _pickles(report: Any) -> str:
    rows = report.rows(contents.NAME)
    modern = [row for row in rows if row["container"] in ("pickle, protocol 4", "pickle, protocol 5")]
    held = "as they are" if all(row["is_verbatim"] for row in modern) else "mostly as they are"
    return f"A pickled SimpleITK image holds its voxels {held}, without any compression, so there is much to gain."


def _ratios(report: Any) -> str:
    by = codecs.whole(report.rows(codecs.NAME))
    content = {row["volume"]: row["content"] for row in report.rows(codecs.NAME)}
    parts = []
    for kind, words in _CONTENTS.items():
        found = [by[volume, codecs.REFERENCE]["ratio"] for volume in content if content[volume] == kind]
        if found:
            parts.append(f"{words} {number(geometric_mean(found))} times")
    return f"The default level makes {listing(parts)} smaller, on average."


def _rivals(report: Any) -> str:
    by = codecs.whole(report.rows(codecs.NAME))
    volumes = [volume for volume, name in by if name == codecs.REFERENCE]
    lost = [volume for volume in volumes if codecs.best_rival(by, volume)[1] > by[volume, codecs.SMALLEST]["ratio"]]
    which = f"on {len(lost)} of {len(volumes)}" if lost else f"on none of {len(volumes)}"
    return f"Another codec makes the result smaller than our highest level does {which} volumes."


def _speed(report: Any) -> str:
    rows = [row for row in report.rows(codecs.NAME) if row["content"] == "scans"] or report.rows(codecs.NAME)
    _, encode, decode = speed.means_of(rows)[codecs.REFERENCE]
    return f"One CPU compresses {number(encode)} MB of images per second, and decompresses {number(decode)} MB."


def _stores(report: Any) -> list[str]:
    by = {row["method"]: row for row in report.rows(store.NAME)}
    plain, ours = by[store.PLAIN], by[store.DEFAULT]
    elsewhere = [
        row for row in by.values() if row["place"] not in ("none", "database") and "sqlite_zblob" not in row["method"]
    ]
    best = min(elsewhere, key=lambda row: row["file_size"])
    ours_ratio, best_ratio = (plain["file_size"] / row["file_size"] for row in (ours, best))
    insert, cold, warm = (number(ours[part] / plain[part], 2) for part in ("insert", "cold", "warm"))
    return [
        f"The place to compress is the database: the file of a store of mixed images becomes {number(ours_ratio)} "
        f"times smaller there, and {number(best_ratio)} times by the best way outside ({best['label']}).",
        f"In return, storing an image takes {insert} times as long as without compression, reading it from the disk "
        f"{cold} times, and reading it from memory {warm} times.",
    ]


def _media(report: Any) -> str:
    facts = report.facts(cache.NAME)
    one, stores = cache.default_break_even(facts), facts["stores"]
    where = f"On storage below {number(one['bandwidth'])} MB/s" if one["checks"] else "On every storage measured"
    saved = stores[cache.PLAIN]["wal"] / stores[cache.METHODS[-1]]["wal"]
    return (
        f"{where}, compressed images are read faster than plain ones, and a replica receives {number(saved)} times "
        "fewer bytes."
    )


def _small(report: Any) -> str:
    rows = report.rows(threshold.NAME)
    found = [threshold.pays_from(rows, "table/5"), threshold.pays_from(rows, "table/5", "metadata (JSON)")]
    parts = [
        f"{what} {f'from {size(least)} on' if least else 'of no measured size'}"
        for what, least in zip(("images", "metadata"), found, strict=True)
    ]
    return f"Compression pays for {listing(parts)}: the file becomes at least a tenth smaller."


def _conversion(report: Any) -> str:
    rows = report.rows(migration.NAME)
    if not all(row["is_right"] for row in rows):
        return "Not every way to convert an existing store has passed its checks; section 7 says which."
    forth, back = (
        [row["speed"] for row in rows if row["step"] == step] for step in ("compress old rows", "back to plain")
    )
    return (
        f"A store that exists is converted while its rows stay readable, at {number(min(forth))} MB/s or more, and "
        f"back at {number(min(back))} MB/s or more, with every value and the schema as before."
    )


def _scale(report: Any) -> str:
    by = {(row["method"], row["images"]): row for row in report.rows(scale.NAME)}
    largest, target = max(count for _, count in by), scale.TARGETS[-1]
    plain, ours = (by[name, largest]["file_size"] * target / largest for name in (scale.PLAIN, scale.OURS))
    return (
        f"A store of {target:,} images, computed from one of {largest:,}, takes {size(ours)} in place of {size(plain)}."
    )
