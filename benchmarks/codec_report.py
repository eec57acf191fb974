"""Tables and plots of what benchmarks/codec.py measured: each volume, and geometric means of each class."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

OURS = "sqlite_zblob"


@dataclass(frozen=True)
class Row:
    volume: str
    kind: str  # the volume's class
    codec: str
    raw_size: int  # bytes
    size: int  # bytes
    ratio: float
    encode: float  # MB/s
    decode: float  # MB/s


# What a class is measured against: the codec of reference, and the one with the best ratios.
PEERS = {
    "scans": ("JPEG-LS", "JPEG XL e7"),
    "labels and masks": ("zstd 19", "JPEG XL e7"),
    "floats": ("pcodec 8", "zstd 19"),
    "vectors": ("pcodec 8", "zstd 19"),
    "colour": ("JPEG XL e3", "JPEG XL e7"),
}


def geometric_mean(values: list[float]) -> float:
    return statistics.geometric_mean(values) if values else float("nan")


def cells_of(values: list[float]) -> str:
    return " | ".join("-" if value != value else f"{value:.3f}" for value in values)


def table_by_volume(rows: list[Row]) -> list[str]:
    names = list(dict.fromkeys(row.codec for row in rows))
    lines = ["| volume | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for volume in dict.fromkeys(row.volume for row in rows):
        cells = {row.codec: row for row in rows if row.volume == volume}
        best = max(row.ratio for row in cells.values())
        texts = []
        for name in names:
            row = cells.get(name)
            text = f"{row.ratio:.2f}; {row.encode:.0f}; {row.decode:.0f}" if row else "-"
            texts.append(f"**{text}**" if row and row.ratio == best else text)
        lines.append(f"| {volume} | " + " | ".join(texts) + " |")
    return lines


def table_of_factors(rows: list[Row], reference: str, best: str) -> list[str]:
    """Geometric means over the volumes that both codecs can take; `any rival`: the best of them on each volume."""
    by = {(row.volume, row.codec): row for row in rows}
    most = {
        volume: max((row.ratio for row in rows if row.volume == volume and OURS not in row.codec), default=float("nan"))
        for volume in {row.volume for row in rows}
    }

    def factors(name: str, rival: str, field: str) -> list[float]:
        pairs = [(row, by.get((row.volume, rival))) for row in rows if row.codec == name]
        return [getattr(row, field) / getattr(other, field) for row, other in pairs if other]

    headings = ["codec", "volumes", "ratio", f"ratio / {reference}", f"ratio / {best}", "the least of these"]
    headings += ["ratio / any rival", "the least of these", f"encode / {reference}", f"decode / {reference}"]
    headings += ["encode MB/s", "decode MB/s"]
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    for name in dict.fromkeys(row.codec for row in rows):
        mine = [row for row in rows if row.codec == name]
        against_best, against_any = factors(name, best, "ratio"), [row.ratio / most[row.volume] for row in mine]
        cells = [geometric_mean([row.ratio for row in mine]), geometric_mean(factors(name, reference, "ratio"))]
        cells += [geometric_mean(against_best), min(against_best, default=float("nan"))]
        cells += [geometric_mean(against_any), min(against_any)]
        cells += [geometric_mean(factors(name, reference, field)) for field in ("encode", "decode")]
        speeds = " | ".join(
            f"{geometric_mean([getattr(row, field) for row in mine]):.0f}" for field in ("encode", "decode")
        )
        lines.append(f"| {name} | {len(mine)} | {cells_of(cells)} | {speeds} |")
    return lines


def points(rows: list[Row], field: str) -> dict[tuple[float, float], str]:
    """Geometric means of speed and ratio of the codecs that took every volume; levels that fall on one spot share a
    label."""
    found: dict[tuple[float, float], str] = {}
    volumes = len({row.volume for row in rows})
    for name in dict.fromkeys(row.codec for row in rows):
        mine = [row for row in rows if row.codec == name]
        if len(mine) < volumes:
            continue
        x, y = geometric_mean([getattr(row, field) for row in mine]), geometric_mean([row.ratio for row in mine])
        near = next((spot for spot in found if abs(spot[0] / x - 1) < 0.05 and abs(spot[1] / y - 1) < 0.005), None)
        if near:
            found[near] += f", {name.split()[-1]}"
        else:
            found[x, y] = name
    return found


def plot(rows: list[Row], kind: str, path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(13, 5.5), sharey=True, layout="constrained")
    for axis, field in zip(axes, ("encode", "decode"), strict=True):
        for (x, y), label in points(rows, field).items():
            is_ours = label.startswith(OURS)
            axis.plot(x, y, "o" if is_ours else "s", color="C3" if is_ours else "0.45", markersize=8)
            text, side = (label.removeprefix(OURS), (-4, 8)) if is_ours else (label, (7, 4))
            axis.annotate(text, (x, y), textcoords="offset points", xytext=side, fontsize=8)
        axis.set_xscale("log")
        left, right = axis.get_xlim()
        axis.set_xlim(left, right * 2.5)  # room for the labels
        axis.set_xlabel(f"{field}, MB/s, one thread")
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("ratio (geometric mean)")
    figure.suptitle(f"Lossless coding, {kind}: up and right is better; {OURS} by level in red")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def write_report(rows: list[Row], out: Path) -> None:
    """OUT.md with all tables; OUT.svg for scans, and OUT-CLASS.svg for each other class."""
    text = ["# Codecs by class of volume", "", "One thread, medians of interleaved rounds.", ""]
    for kind in dict.fromkeys(row.kind for row in rows):
        mine = [row for row in rows if row.kind == kind]
        factors = table_of_factors(mine, *PEERS[kind])
        text += [f"## {kind.capitalize()}", "", "Geometric means:", "", *factors, ""]
        text += ["Ratio; encode; decode in MB/s:", "", *table_by_volume(mine), ""]
        name = out.name if kind == "scans" else f"{out.name}-{kind.replace(' ', '-')}"
        plot(mine, kind, out.with_name(f"{name}.svg"))
        print("\n".join([kind, *factors]))
    out.with_suffix(".md").write_text("\n".join(text))
