"""Question 2: the ratio that each codec reaches, by modality, pixel type and content, and its speed in one thread."""

from __future__ import annotations

from typing import Any

from ...bench import codecs
from ..codecs import VERY_SLOW, Codec
from ..harness import geometric_mean, median, pinned, spread, timed
from ..inputs import Subject, central
from ..markdown import answer, listing, number, table
from ..results import Row

NAME = "codecs"
TITLE = "Which ratio is reached on medical images, and by which codec?"

OURS = "sqlite_zblob"
REFERENCE = f"{OURS} 5"
SMALLEST = f"{OURS} 9"
MOST_BYTES, VERY_SLOW_BYTES = 20_000_000, 1_000_000  # of a volume, for all codecs and for very slow ones
WARM_BYTES = 200_000
ONCE_SECONDS = 0.5  # to encode and decode: what takes longer is measured once
CONTENTS = ("scans", "floats", "labels")

# For the table by volume: the setting of each family that compresses best. The table below it has all settings.
_COLUMNS: tuple[tuple[str, ...], ...] = (
    ("zlib 9",),
    ("LZ4 HC 9",),
    ("Brotli 5",),
    ("zstd 19", "zstd 19 long"),
    ("lzma 6",),
    ("blosc2 shuffle", "blosc2 bitshuffle", "blosc2 bytedelta"),
    ("pcodec 8",),
    ("OpenZL",),
    ("DICOM RLE",),
    ("JPEG-LS",),
    ("JPEG 2000",),
    ("HTJ2K",),
    ("JPEG XL e7", "JPEG XL e3"),
    ("LERC",),
    ("fpzip",),
    ("crackle", "crackle + lzma", "compresso", "compressed-segmentation"),
    (f"{OURS} 1",),
    (REFERENCE,),
    (SMALLEST,),
)


def measure(bench: Any) -> tuple[list[Row], Row]:
    found = [codec for codec in codecs.available() if codec.name != "uncompressed"]
    if bench.quick:
        found = [codec for codec in found if codec.slowness < VERY_SLOW]
    rows: list[Row] = []
    refused: list[Row] = []
    for subject in bench.subjects:
        taken = bench.take(subject.name, len(bench.subjects), _measure_one, subject, found, bench.rounds)
        rows += taken["rows"]
        refused += taken["refused"]
    facts = {"rounds": bench.rounds, "refused": refused, "very_slow_bytes": VERY_SLOW_BYTES, "most_bytes": MOST_BYTES}
    facts["cut"] = [subject.name for subject in bench.subjects if subject.raw_size > MOST_BYTES]
    return rows, facts | {"once_seconds": ONCE_SECONDS}


def _measure_one(subject: Subject, found: list[Codec], rounds: int) -> dict[str, list[Row]]:
    array, components = central(subject.array(), MOST_BYTES), subject.image.components
    part = central(array, VERY_SLOW_BYTES)
    figures: dict[tuple[str, bool], list[tuple[int, int, float, float]]] = {}
    refused: dict[str, str] = {}
    once: set[str] = set()
    with pinned():
        for codec in found:
            if not codec.slowness:  # warm up: what is set up once must not count in the first round
                measure_codec(codec, central(part, WARM_BYTES), components)
        for _ in range(rounds):
            for codec in found:
                jobs = [] if codec.slowness == VERY_SLOW else [(array, False)]
                if codec.slowness == VERY_SLOW or codec.name == SMALLEST:
                    jobs.append((part, True))
                if codec.name in refused or codec.name in once:
                    continue
                for samples, is_part in jobs:
                    figure = measure_codec(codec, samples, components)
                    if isinstance(figure, str):
                        refused[codec.name] = figure
                        continue
                    figures.setdefault((codec.name, is_part), []).append((samples.nbytes, *figure))
                    if codec.slowness or sum(figure[1:]) > ONCE_SECONDS:
                        once.add(codec.name)
    about = {"volume": subject.name, "modality": subject.modality, "content": subject.content}
    about["pixel_type"] = subject.pixel_type
    return {
        "rows": [
            about | {"codec": name, "is_part": int(is_part)} | _row(taken) for (name, is_part), taken in figures.items()
        ],
        "refused": [{"volume": subject.name, "codec": name, "reason": reason} for name, reason in refused.items()],
    }


def measure_codec(codec: Codec, array: Any, components: int, threads: int = 1) -> tuple[int, float, float] | str:
    """Bytes, and seconds to encode and to decode; or why not: the kind of samples, or wrong bytes after decoding."""
    subjects = codec.subjects(array, components)
    if subjects is None:
        return "takes no such samples"
    try:
        coded, encode = timed(codec.encode_all, subjects, threads)
        decoded, decode = timed(codec.decode_all, coded, threads)
    except (ValueError, RuntimeError, TypeError, KeyError, OverflowError) as error:
        return str(error).strip().splitlines()[0][:160]
    if any(codecs.bytes_of(back) != codecs.bytes_of(one) for back, one in zip(decoded, subjects, strict=True)):
        return "does not give the bytes back"
    return sum(map(len, coded)), encode, decode


def _row(taken: list[tuple[int, int, float, float]]) -> Row:
    raw, coded = taken[0][:2]
    encode, decode = [figure[2] for figure in taken], [figure[3] for figure in taken]
    return {
        "raw_size": raw,
        "size": coded,
        "ratio": raw / coded,
        "encode": raw / 1e6 / median(encode),
        "decode": raw / 1e6 / median(decode),
        "encode_spread": spread(encode),
        "decode_spread": spread(decode),
    }


def whole(rows: list[Row]) -> dict[tuple[str, str], Row]:
    """By volume and codec, without the measurements on parts."""
    return {(row["volume"], row["codec"]): row for row in rows if not row["is_part"]}


def render(report: Any) -> list[str]:
    rows, facts = report.rows(NAME), report.facts(NAME)
    by = whole(rows)
    volumes = {row["volume"]: row for row in rows}
    columns = [column for column in _COLUMNS if any((volume, name) in by for volume in volumes for name in column)]
    _plot(report, volumes, by)
    return [
        *answer(_answer(by, volumes)),
        *report.image(NAME, "Size by modality: our codec and well-known others"),
        "Ratio by volume, best of each family's settings, **the best in bold**. A dash (-) means that the codec does "
        f"not take such samples.{_of_cuts(facts)}",
        "",
        *table(
            ("volume", "modality", "type", *(_heading(column) for column in columns)),
            _by_volume(by, volumes, columns),
            3,
        ),
        "Geometric means of the ratio by content, over the volumes that the codec takes; "
        f"`x` is the factor by which {SMALLEST} is smaller on the same samples (below 1: larger).",
        "",
        *table(("codec", *(f"{content}, ratio; x; volumes" for content in CONTENTS)), _by_content(rows)),
        f"† on the central {number(facts['very_slow_bytes'] / 1e6)} MB of each volume only.",
        "",
        *_losses(by, volumes),
    ]


def _of_cuts(facts: Row) -> str:
    """A sentence on the volumes that were too large to be given to every codec as a whole."""
    if not facts.get("cut"):
        return ""
    most = number(facts["most_bytes"] / 1e6)
    return f" Of {listing(facts['cut'])}, all codecs were given the central {most} MB, of other volumes everything."


def _heading(column: tuple[str, ...]) -> str:
    if len(column) == 1:
        return column[0].replace(OURS, "ours")
    family = column[0].rpartition(" ")[0] or "label codecs"
    return f"{family}, best"


def _best(by: dict[tuple[str, str], Row], volume: str, names: tuple[str, ...]) -> float | None:
    return max((by[volume, name]["ratio"] for name in names if (volume, name) in by), default=None)


def _by_volume(by: dict[tuple[str, str], Row], volumes: dict[str, Row], columns: list[tuple[str, ...]]) -> list[Any]:
    lines = []
    for volume, about in volumes.items():
        ratios = [_best(by, volume, column) for column in columns]
        top = max(ratio for ratio in ratios if ratio is not None)
        cells = [f"**{number(ratio)}**" if ratio == top else number(ratio) for ratio in ratios]
        lines.append((volume, about["modality"], about["pixel_type"], *cells))
    return lines


def _by_content(rows: list[Row]) -> list[Any]:
    ours = {(row["volume"], row["is_part"]): row["ratio"] for row in rows if row["codec"] == SMALLEST}
    lines = []
    for name in dict.fromkeys(row["codec"] for row in rows):
        mine = [row for row in rows if row["codec"] == name]
        is_part = all(row["is_part"] for row in mine)
        mine = [row for row in mine if row["is_part"] == int(is_part)]
        cells = []
        for content in CONTENTS:
            here = [row for row in mine if row["content"] == content]
            factor = geometric_mean([ours[row["volume"], row["is_part"]] / row["ratio"] for row in here])
            ratio = geometric_mean([row["ratio"] for row in here])
            cells.append(f"{number(ratio)}; {number(factor)}; {len(here)}" if here else "-")
        lines.append((name + (" †" if is_part else ""), *cells))
    return lines


def best_rival(by: dict[tuple[str, str], Row], volume: str) -> tuple[str, float]:
    rivals = {name: row["ratio"] for (there, name), row in by.items() if there == volume and not name.startswith(OURS)}
    name = max(rivals, key=lambda name: rivals[name])
    return name, rivals[name]


def _answer(by: dict[tuple[str, str], Row], volumes: dict[str, Row]) -> str:
    parts = []
    for content in CONTENTS:
        here = [volume for volume, about in volumes.items() if about["content"] == content]
        if here:
            ours = geometric_mean([by[volume, REFERENCE]["ratio"] for volume in here])
            rivals = geometric_mean([best_rival(by, volume)[1] for volume in here])
            parts.append(f"{number(ours)} on {content} (the best rival of each volume: {number(rivals)})")
    won = sum(_wins(by, volume) for volume in volumes)
    return (
        f"The default level reaches {listing(parts)}, as geometric means; on {won} of {len(volumes)} volumes "
        f"one of our levels is the smallest of all that were measured on the whole volume."
    )


def _wins(by: dict[tuple[str, str], Row], volume: str) -> bool:
    ours = max(row["ratio"] for (there, name), row in by.items() if there == volume and name.startswith(OURS))
    return bool(ours >= best_rival(by, volume)[1])


def _losses(by: dict[tuple[str, str], Row], volumes: dict[str, Row]) -> list[str]:
    lines = []
    for volume, about in volumes.items():
        name, ratio = best_rival(by, volume)
        ours = by[volume, SMALLEST]["ratio"]
        if ratio > ours:
            speed = by[volume, SMALLEST]["encode"] / by[volume, name]["encode"]
            lines.append((volume, about["modality"], name, f"{number(100 * ours / ratio)} %", number(speed)))
    if not lines:
        return [f"No rival is smaller than {SMALLEST} on any volume.", ""]
    headings = (
        "where we lose",
        "modality",
        "to",
        f"its size, of {SMALLEST}'s",
        f"{SMALLEST} encodes as fast, times",
    )
    return table(headings, lines, 3)


def _plot(report: Any, volumes: dict[str, Row], by: dict[tuple[str, str], Row]) -> None:
    order = sorted(volumes, key=lambda volume: -by[volume, REFERENCE]["ratio"])
    labels = [f"{volumes[volume]['modality']} · {volumes[volume]['pixel_type']}" for volume in order]
    series = (
        (("zlib 6",), "zlib 6", "|"),
        (("zstd 19", "zstd 19 long"), "zstd 19", "x"),
        (("JPEG-LS",), "JPEG-LS", "s"),
        (("JPEG XL e7", "JPEG XL e3"), "JPEG XL", "^"),
        ((REFERENCE,), REFERENCE, "o"),
    )
    with report.figure(NAME, height=1.4 + 0.33 * len(order)) as (figure, (axes,)):
        for names, label, marker in series:
            ratios = [_best(by, volume, names) for volume in order]
            spots = [(100 / ratio, i) for i, ratio in enumerate(ratios) if ratio is not None]
            if spots:
                axes.scatter(*zip(*spots, strict=True), marker=marker, s=44, color=report.color(label), label=label)
        axes.set_yticks(range(len(order)), [f"{label}" for label in labels])
        axes.set_xlim(left=0)
        axes.invert_yaxis()
        axes.set_xlabel("bytes after compression, % of those before; left is better")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=len(series))
