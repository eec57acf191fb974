"""Question 5: caches, slow storage and the network: what is gained if fewer bytes are read and sent.

The cache that matters to large values is the operating system's: SQLite reads their pages without its own. A VFS stands
for it and for the medium below it (throttle.py), with a size between the compressed and the uncompressed store.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from ...bench import methods
from ..harness import median, timed
from ..inputs import Subject
from ..markdown import answer, number, percent, table
from ..results import Row
from ..throttle import PAGE_SIZE, VFS_NAME, ThrottledVFS
from .store import choose

NAME = "cache"
TITLE = "What do caches, slow storage and networks change?"

METHODS = ("application/uncompressed", "application/zstd 3", "functions/1", "functions/5")
PLAIN = METHODS[0]
MOST_BYTES = 60_000_000  # of images in the store
BANDWIDTHS = (0, 1000, 400, 100, 25)  # MB/s; 0: as fast as this machine's cache
CACHED_SHARE = 0.6  # of the uncompressed store, that fits the cache
READS = 120
SQLITE_CACHE_PAGES = 500  # its default of 2 MB
FACTORS = (0.5, 2.0)  # of the break-even bandwidth, to check it at


def measure(bench: Any) -> tuple[list[Row], Row]:
    subjects = choose(bench.subjects, MOST_BYTES)
    vfs = ThrottledVFS()
    installed = [name for name in METHODS if name in methods.method_names()]
    bandwidths = (0, 100) if bench.quick else BANDWIDTHS
    steps = len(installed) * (1 + len(bandwidths)) + 1
    stores: dict[str, Path] = {}
    facts: Row = {"images": [subject.name for subject in subjects], "stores": {}}
    for name in installed:
        stores[name] = _build(name, subjects, bench.work)
        facts["stores"][name] = bench.take(f"{name}: bytes", steps, _shipped, stores[name])
    rows: list[Row] = []
    cache_size = int(CACHED_SHARE * facts["stores"][PLAIN]["file_size"])
    reads = 20 if bench.quick else READS
    for bandwidth in bandwidths:
        for name in installed:
            key = f"{name}, {bandwidth or 'unlimited'} MB/s"
            taken = bench.take(
                key,
                steps,
                _read,
                *(name, stores[name], subjects, vfs, bandwidth * 1e6, cache_size, reads),
            )
            rows.append({"method": name, "bandwidth": bandwidth} | taken)
    facts |= {"cache_size": cache_size, "reads": reads, "rounds": 3}
    facts["page_cache"] = {name: _page_cache(name, stores[name], subjects, vfs) for name in (PLAIN, installed[-1])}
    facts["break_even"] = bench.take(
        "break-even bandwidth", steps, lambda: [_break_even(name, stores, subjects, vfs) for name in installed[1:]]
    )
    return rows, facts


def _build(name: str, subjects: list[Subject], work: Path) -> Path:
    method = methods.find_method(name)
    path = work / f"{name.replace('/', '-')}.db"
    connection = methods.open_store(method, str(path))
    connection.execute("PRAGMA wal_autocheckpoint=0")
    for subject in subjects:
        value = subject.value()
        bindings = (subject.name, method.compress(value), "image", len(value))
        connection.execute(methods.INSERT.format(method.write_sql), bindings)
    wal = Path(f"{path}-wal").stat().st_size
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    path.with_suffix(".wal-bytes").write_text(str(wal))
    return path


def _shipped(path: Path) -> Row:
    """Bytes over a network: of the log, to a replica that follows each commit, and of the pages, to a backup."""
    source, target = apsw.Connection(str(path)), apsw.Connection(":memory:")
    pages = 0
    with target.backup("main", source, "main") as backup:
        while not backup.done:
            backup.step(1000)
        pages = backup.page_count
    return {
        "file_size": path.stat().st_size,
        "wal": int(path.with_suffix(".wal-bytes").read_text()),
        "backup": pages * PAGE_SIZE,
    }


def _read(
    name: str, path: Path, subjects: list[Subject], vfs: ThrottledVFS, bandwidth: float, cache_size: int, reads: int
) -> Row:
    """Read at random through a cache of this size; return its hit rate, and the seconds of each read."""
    method = methods.find_method(name)
    connection = methods.open_store(method, str(path), SQLITE_CACHE_PAGES, VFS_NAME)
    vfs.reset(0.0, cache_size)
    for subject in subjects:  # warm up, as a program that has run for a while
        _one(method, connection, subject, vfs)
    vfs.bandwidth = bandwidth
    vfs.forget_counts()
    seconds = [_one(method, connection, subject, vfs) for subject in random.Random(7).choices(subjects, k=reads)]
    connection.close()
    milliseconds = np.array(seconds) * 1e3
    result: Row = {"hit_rate": vfs.hits / max(1, vfs.hits + vfs.misses), "bytes_read": vfs.misses * PAGE_SIZE}
    result |= {"bytes_asked": (vfs.hits + vfs.misses) * PAGE_SIZE, "mean": float(milliseconds.mean())}
    return result | {f"p{share}": float(np.percentile(milliseconds, share)) for share in (*range(0, 101, 5), 99)}


def _page_cache(name: str, path: Path, subjects: list[Subject], vfs: ThrottledVFS) -> float:
    """The share of the bytes of a second pass that SQLite's own cache has, when it is large enough for everything."""
    method = methods.find_method(name)
    file_size = path.stat().st_size
    connection = methods.open_store(method, str(path), 2 * file_size // PAGE_SIZE, VFS_NAME)
    vfs.reset(0.0, 0)
    for _ in range(2):
        vfs.forget_counts()
        for subject in subjects:
            _one(method, connection, subject, vfs)
    connection.close()
    return max(0.0, 1 - vfs.misses * PAGE_SIZE / file_size)


def _one(method: methods.Method, connection: apsw.Connection, subject: Subject, vfs: ThrottledVFS) -> float:
    def read() -> bytes:
        vfs.start()
        ((found,),) = methods.query(connection, methods.SELECT.format(method.read_sql), subject.name)
        vfs.settle()
        return method.decompress(found)

    value, seconds = timed(read)
    if value != subject.value():
        raise SystemExit(f"{method.label} did not return what {subject.name} holds")
    return seconds


def _all(name: str, path: Path, subjects: list[Subject], vfs: ThrottledVFS, bandwidth: float) -> tuple[float, int]:
    """Read every image once without a cache; return the seconds, and the bytes that were read."""
    method = methods.find_method(name)
    connection = methods.open_store(method, str(path), SQLITE_CACHE_PAGES, VFS_NAME)
    _one(method, connection, subjects[0], vfs)
    vfs.reset(bandwidth, 0)
    seconds = sum(_one(method, connection, subject, vfs) for subject in subjects)
    connection.close()
    return seconds, vfs.misses * PAGE_SIZE


def _break_even(name: str, stores: dict[str, Path], subjects: list[Subject], vfs: ThrottledVFS) -> Row:
    """Find the bandwidth below which reading the compressed store is faster, and check it below and above.

    Decoding is added to the time of the medium, so the bandwidth is the bytes saved / the seconds of decoding.
    """
    plain, ours = ([_all(which, stores[which], subjects, vfs, 0.0) for _ in range(3)] for which in (PLAIN, name))
    saved = plain[0][1] - ours[0][1]
    reading = median([seconds for seconds, _ in plain]) * ours[0][1] / plain[0][1]
    decoding = median([seconds for seconds, _ in ours]) - reading
    row: Row = {"method": name, "saved_bytes": saved, "decoding": decoding, "bandwidth": 0.0, "checks": []}
    if decoding <= 0 or saved <= 0:
        return row
    row["bandwidth"] = saved / decoding / 1e6
    for factor in FACTORS:
        bandwidth = row["bandwidth"] * 1e6 * factor
        times = [
            median([_all(which, stores[which], subjects, vfs, bandwidth)[0] for _ in range(3)])
            for which in (PLAIN, name)
        ]
        row["checks"].append({"bandwidth": bandwidth / 1e6, "plain": times[0], "compressed": times[1]})
    return row


def render(report: Any) -> list[str]:
    rows, facts = report.rows(NAME), report.facts(NAME)
    labels = {name: _label(name) for name in facts["stores"]}
    _plot(report, rows, labels)
    cached = facts["cache_size"] / 1e6
    return [
        *answer(_answer(rows, facts, labels)),
        *report.image(NAME, "Distribution of the time of a random SELECT, by the bandwidth of the medium"),
        f"{len(facts['images'])} images; a cache of {number(cached)} MB, {percent(CACHED_SHARE)} of the uncompressed "
        f"store, that drops what was used least recently; {facts['reads']} random reads after a warm-up. It stands "
        "for the operating system's cache and the medium behind it. Unlimited means as fast as memory. "
        f"{_of_page_cache(facts, labels)}",
        "",
        *table(
            ("store", "medium MB/s", "hit rate", "read MB", "p50 ms", "p95 ms", "p99 ms", "mean ms"),
            [_line(row, labels) for row in rows],
        ),
        "**Break-even**: every image is read once, without a cache. The bandwidth is computed from the bytes that are "
        "saved and the time that decoding takes; then reads are measured at half and at twice that bandwidth.",
        "",
        *table(
            ("store", "break-even MB/s", *(f"measured at {factor:g} x: plain; compressed, ms" for factor in FACTORS)),
            [_break_even_line(one, labels) for one in facts["break_even"]],
        ),
        "**Sent over a network**: the write-ahead log of the INSERTs, as a replica that follows each commit receives "
        "it, and a backup.",
        "",
        *table(
            ("store", "file MB", "log MB", "backup MB"),
            [
                (labels[name], *(number(sizes[part] / 1e6) for part in ("file_size", "wal", "backup")))
                for name, sizes in facts["stores"].items()
            ],
        ),
    ]


def _label(name: str) -> str:
    place, _, detail = name.partition("/")
    return detail if place == "application" else f"zcompress {detail}"


def _of_page_cache(facts: Row, labels: dict[str, str]) -> str:
    shares = facts["page_cache"]
    told = " and ".join(f"{percent(share)} ({labels[name]})" for name, share in shares.items())
    begin = "SQLite's own page cache does not matter" if max(shares.values()) < 0.1 else "SQLite's own page cache helps"
    return f"{begin}: large enough for the whole file, it had {told} of the bytes of a second pass."


def _line(row: Row, labels: dict[str, str]) -> list[str]:
    figures = [row["bytes_read"] / 1e6, row["p50"], row["p95"], row["p99"], row["mean"]]
    return [
        labels[row["method"]],
        str(row["bandwidth"] or "unlimited"),
        percent(row["hit_rate"]),
        *map(number, figures),
    ]


def _break_even_line(one: Row, labels: dict[str, str]) -> list[str]:
    if not one["checks"]:
        return [labels[one["method"]], "any: never slower", *("" for _ in FACTORS)]
    checks = [f"{number(check['plain'] * 1e3)}; {number(check['compressed'] * 1e3)}" for check in one["checks"]]
    return [labels[one["method"]], number(one["bandwidth"]), *checks]


def default_break_even(facts: Row) -> Row:
    found: Row = next(one for one in facts["break_even"] if one["method"] == METHODS[-1])
    return found


def _answer(rows: list[Row], facts: Row, labels: dict[str, str]) -> str:
    ours, slowest = METHODS[-1], min(row["bandwidth"] for row in rows if row["bandwidth"])
    by = {(row["method"], row["bandwidth"]): row for row in rows}
    plain_row, our_row = by[PLAIN, slowest], by[ours, slowest]
    one = default_break_even(facts)
    if one["checks"]:
        held = "confirmed" if _is_confirmed(one) else "not confirmed"
        limit = f"reading is faster compressed below {number(one['bandwidth'])} MB/s ({held} at half and twice that)"
    else:
        limit = "reading is never slower compressed"
    stores = facts["stores"]
    return (
        f"With a cache of {percent(CACHED_SHARE)} of the uncompressed store its hit rate is "
        f"{percent(plain_row['hit_rate'])} uncompressed and {percent(our_row['hit_rate'])} with {labels[ours]}, and "
        f"on a medium of {slowest} MB/s a random SELECT takes {number(plain_row['mean'])} and "
        f"{number(our_row['mean'])} ms on average; without a cache {limit}; a replica receives "
        f"{number(stores[PLAIN]['wal'] / stores[ours]['wal'])} times fewer bytes."
    )


def _is_confirmed(one: Row) -> bool:
    below, above = one["checks"]
    return bool(below["compressed"] < below["plain"] and above["compressed"] > above["plain"])


def _plot(report: Any, rows: list[Row], labels: dict[str, str]) -> None:
    bandwidths = list(dict.fromkeys(row["bandwidth"] for row in rows))
    shares = list(range(0, 101, 5))
    with report.figure(NAME, columns=len(bandwidths), width=2.3 * len(bandwidths) + 1, height=3.6) as (figure, axes):
        for axis, bandwidth in zip(axes, bandwidths, strict=True):
            for row in (row for row in rows if row["bandwidth"] == bandwidth):
                label = labels[row["method"]]
                milliseconds = [max(row[f"p{share}"], 0.1) for share in shares]
                axis.plot(milliseconds, shares, color=report.color(label), label=label, linewidth=2)
            axis.set_xscale("log")
            report.plain_log_ticks(axis.xaxis)
            axis.set_title(f"{bandwidth} MB/s" if bandwidth else "not limited", fontsize=10)
            axis.set_xlabel("ms")
        axes[0].set_ylabel("% of the reads take less")
        for axis in axes[1:]:
            axis.set_yticklabels([])
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False)
