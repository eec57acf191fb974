"""analyze, info, stats: the commands that only look."""

from __future__ import annotations

import errno
import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from .. import shards
from ..analysis.analyze import Analysis, ColumnAnalysis, KindShare, SettingEstimate
from ..analysis.analyze import analyze as run_analyze
from ..analysis.describe import ColumnInfo, DatabaseInfo, TableInfo, describe
from ..analysis.stats import ColumnStats, TableStats
from ..analysis.stats import stats as run_stats
from ..analysis.strata import Estimate
from ..codec import FrameInfo
from ..codec import info as frame_info
from ..errors import OptionError, ZblobError
from ..shards.layout import is_pattern
from . import render
from .options import column_argument, database_argument, hint_options, json_option, on_interrupt, table_argument
from .several import run_several

WORTH_A_RANGE = 0.01  # of the figure; narrower ranges are not shown
SAME_TIME = 1.5  # times: levels of the same ratio are one row if the slowest takes no longer

SQLITE_MAGIC = b"SQLite format 3\0"

# ---- analyze -----------------------------------------------------------------------------------------------


@click.command(short_help="Say what compression would bring.")
@database_argument
@table_argument(required=False)
@column_argument(required=False)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=20.0,
    show_default=True,
    metavar="S",
    help="About how long to look. More time gives narrower ranges.",
)
@click.option(
    "--workers",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Estimate times for this many threads. 0: one for each CPU.",
)
@hint_options
@click.option("--seed", type=int, metavar="N", help="With the same number, the same values are drawn again.")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Plot sizes and savings into this file: .svg, .png or .pdf.",
)
@json_option
def analyze(
    database: str, table: str | None, column: str | None, as_json: bool, plot: str | None, **options: Any
) -> None:
    """Say what compression would bring to a database: ratio, time and size for each level.

    The values of each BLOB and TEXT column are compressed in random order until the time is over, and ranges hold the
    figures of the whole column with 95 % confidence. Nothing is written, and other programs may read and write
    meanwhile. The command to run is printed at the end. Without TABLE and COLUMN, all columns are looked at.
    """
    on_interrupt("interrupted; nothing was changed")
    if is_pattern(database):
        if plot:
            raise click.UsageError("--plot draws one database: DB must not be a pattern")
        run_several("analyze", shards.analyze, database, (table, column), as_json=as_json, **options)
        return
    draw = _plotter(plot) if plot else None
    with render.progress_of_steps() as progress:
        analysis = run_analyze(database, table, column, progress=progress, **options)
    if draw:
        draw(analysis, plot)
    if as_json:
        render.print_json("analyze", analysis)
    else:
        _print_analysis(analysis)


def _plotter(path: str) -> Any:
    """To be called before the work, so that a missing package or folder is reported at once."""
    if Path(path).suffix.lower() not in (".svg", ".png", ".pdf"):
        raise click.UsageError(f"--plot makes .svg, .png or .pdf files, not {Path(path).name}")
    if not Path(path).absolute().parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no folder for the plot", path)
    try:
        from ..analysis.plot import draw_analysis
    except ImportError as error:
        raise ZblobError(f"--plot needs the extra: pip install 'sqlite_zblob[plot]' ({error})") from error
    return draw_analysis


def _print_analysis(analysis: Analysis) -> None:
    out = render.console()
    free = f", {render.size(analysis.free_size)} of it free" if analysis.free_size else ""
    out.print(f"{analysis.database}: {render.size(analysis.file_size)}{free}, journal {analysis.journal_mode}")
    if not analysis.columns:
        out.print("No BLOB or TEXT column holds enough to be worth compressing.")
        return
    render.print_table(out, _SUMMARY_HEADINGS, map(_summary, analysis.columns), left=3)
    for column in analysis.columns:
        if column.command:
            _print_column(out, column, analysis.workers)
        else:
            out.print()
            render.print_text(out, f"{column.table}.{column.column}: {'; '.join(column.why)}", hang=2)
    commands = [column.command for column in analysis.columns if column.command]
    if commands:
        out.print("\nTo do it:")
        for command in commands:
            render.print_command(out, command)
    else:
        out.print("\nNothing to do.")


_SUMMARY_HEADINGS = ("column", "holds", "advice", "values", "size", "then")


def _summary(column: ColumnAnalysis) -> tuple[str, ...]:
    kinds = ", ".join(f"{_share(each)} {each.kind}" if each.share < 1 else each.kind for each in column.kinds[:3])
    best = column.recommended
    then = "-" if best is None or column.mode is None else _size_then(best.size)
    if column.size_with_dictionary is not None:
        then = render.size(column.size_with_dictionary)
    about = "" if column.is_exact else "~"
    advice = column.mode or "leave it"
    if column.enabled:
        advice = "migrate the rest" if column.command else "done"
        advice = advice if column.size_with_dictionary is None else "a dictionary"
    name = f"{column.table}.{column.column}"
    return name, kinds or "-", advice, f"{about}{column.rows:,}", f"{about}{render.size(column.bytes)}", then


def _size_then(size: Estimate) -> str:
    if not size.is_vague:
        return render.size(size.value)
    if size.low is None or size.high is None:
        return "?"
    return f"{render.size(size.low)} to {render.size(size.high)}"


def _share(kind: KindShare) -> str:
    return "<1%" if kind.share < 0.005 else f"{kind.share:.0%}"


_LEVEL_HEADINGS = ("codec", "level", "ratio", "file then", "time", "in/out MB/s")


def _print_column(out: Console, column: ColumnAnalysis, workers: int) -> None:
    sampled = max((each.sampled_count for each in column.settings), default=0)
    out.print(f"\n{column.table}.{column.column}: {render.count(sampled, 'value')} sampled")
    for kind in column.kinds:
        details = f": {'; '.join(kind.details)}" if kind.details else ""
        render.print_text(out, f"  {_share(kind)} {kind.kind}{details}", hang=4)
    groups = _distinct(column)
    known = [each for each in groups if not each[0].ratio.is_vague]
    rows = [_level_row(each, column.level) for each in known]
    if rows:
        render.print_table(out, _LEVEL_HEADINGS, rows)
        render.print_text(
            out,
            f"* advised. Time: compress and verify, {render.count(workers, 'thread')}, without waiting for disks; "
            "MB/s: one thread. Size of the file after VACUUM.",
            hang=2,
        )
    if len(known) < len(groups):
        left_out = _listed([each for group in groups if group not in known for each in group])
        text = f"Too little was seen to say what these would bring: {left_out}. Give more --seconds."
        render.print_text(out, text, hang=2)
    for reason in column.why:
        render.print_text(out, f"- {reason}", hang=2)


def _listed(settings: list[SettingEstimate]) -> str:
    """As "auto 1, 2, 9; zstd 5"."""
    levels: dict[str, list[str]] = {}
    for each in settings:
        levels.setdefault(each.codec, []).append(str(each.level))
    return "; ".join(f"{codec} {', '.join(each)}" for codec, each in levels.items())


def _distinct(column: ColumnAnalysis) -> list[list[SettingEstimate]]:
    """Group neighbouring levels that reach the same ratio in about the same time.

    zstd is left out where it reaches the ratio of "auto".
    """
    groups: list[list[SettingEstimate]] = []
    for setting in column.settings:
        same = column.setting("auto", setting.level)
        if setting.codec == "zstd" and same and setting.is_like(same):
            continue
        first = groups[-1][0] if groups and groups[-1][0].ratio.is_vague == setting.ratio.is_vague else None
        is_as_fast = first is not None and setting.seconds.value <= SAME_TIME * first.seconds.value
        if first and first.codec == setting.codec and first.is_like(setting) and is_as_fast:
            groups[-1].append(setting)
        else:
            groups.append([setting])
    return groups


def _level_row(group: list[SettingEstimate], advised: int) -> tuple[str, ...]:
    shown = next((each for each in group if each.level == advised), group[0])
    is_advised = shown.codec == "auto" and shown.level == advised
    first, last = group[0].level, group[-1].level
    levels = f"{first}" if first == last else f"{first}-{last}"
    return (
        shown.codec + (" *" if is_advised else ""),
        f"{levels} ({advised})" if is_advised and first != last else levels,
        _range(shown.ratio, 1, ""),
        _range(shown.file_size, *_unit(shown.file_size.value)),
        render.duration(shown.seconds.value),
        f"{shown.compress_rate / 1e6:.0f}/{shown.decompress_rate / 1e6:.0f}" if shown.compress_rate else "-",
    )


def _unit(count: float) -> tuple[float, str]:
    """The unit in which this number of bytes is short to write: its factor and its name."""
    for factor, name in ((1e12, " TB"), (1e9, " GB"), (1e6, " MB"), (1e3, " kB")):
        if count >= factor:
            return factor, name
    return 1, " B"


def _range(estimate: Estimate, factor: float, unit: str) -> str:
    """The figure, with its range unless that is narrow. Where the range is too wide, the range alone."""
    value = f"{_short(estimate.value / factor)}{unit}"
    if estimate.low is None or estimate.high is None:
        return "?"
    if estimate.high - estimate.low < WORTH_A_RANGE * estimate.value:
        return value
    range_ = f"{_short(estimate.low / factor)}-{_short(estimate.high / factor)}"
    return f"{range_}{unit}" if estimate.is_vague else f"{value} ({range_})"


def _short(number: float) -> str:
    """With three digits, or all digits before the point."""
    return f"{number:.2f}" if number < 10 else f"{number:.1f}" if number < 100 else f"{number:.0f}"


# ---- info --------------------------------------------------------------------------------------------------


@click.command(short_help="Say what a database, a table, a value or a file holds.")
@click.argument("file", type=click.Path(readable=False))
@click.argument("place", nargs=-1, metavar="[TABLE [COLUMN KEY...]]")
@json_option
def info(file: str, place: tuple[str, ...], as_json: bool) -> None:
    """Say what a database, a table, a value or a file holds. Nothing is decoded or unpickled.

    \b
    info results.db                  the database
    info results.db results          a table, and its columns
    info results.db results data a1  the value with that key
    info value.zst                   a value in a file

    KEY is the primary key of the row, as many words as that has columns, or the rowid of a table without one. A BLOB is
    written as SQL does: "x'53514c'".
    """
    if len(place) == 2:
        raise click.UsageError("give the file alone, or TABLE after it, or TABLE, COLUMN and KEY")
    is_file = not place and not _is_database(file)
    about: Any = frame_info(Path(file).read_bytes()) if is_file else _describe(file, place)
    if as_json:
        render.print_json("info", about)
    else:
        _PRINTERS[type(about)](about)


def _describe(file: str, place: tuple[str, ...]) -> Any:
    if len(place) < 3:
        return describe(file, *place)
    table, column, *words = place
    parts = tuple(_key_part(word) for word in words)
    return describe(file, table, column, parts if len(parts) > 1 else parts[0])


def _key_part(word: str) -> str | bytes:
    match = re.fullmatch(r"[xX]'((?:[0-9a-fA-F]{2})*)'", word)
    return bytes.fromhex(match[1]) if match else word


def _is_database(path: str) -> bool:
    if path.startswith("file:"):
        return True
    with Path(path).open("rb") as file:
        head = file.read(len(SQLITE_MAGIC))
    return head == SQLITE_MAGIC or not head


def _print_database(about: DatabaseInfo) -> None:
    out = render.console()
    facts = (
        ("file", about.path),
        ("size", f"{render.size(about.file_size)}, {render.size(about.free_size)} of it free"),
        ("pages", f"{about.page_size} bytes each"),
        ("journal", about.journal_mode),
        ("auto_vacuum", about.auto_vacuum),
        ("text", about.encoding),
        ("tables", ", ".join(about.tables) or "none"),
    )
    _print_facts(facts)
    if not about.enabled and not about.migrations:
        out.print("No column is compressed: sqlite-zblob analyze says what that would bring.")
        return
    rows: list[tuple[str, ...]] = [
        (f"{each.table}.{each.column}", each.mode, each.envelope, f"{each.level}", f"{each.min_size}")
        for each in about.enabled
    ]
    # A restoration begins with switching the column off.
    rows += [
        (f"{each.table}.{each.column}", each.mode, each.envelope, f"{each.level}", f"{each.min_size}")
        for each in about.migrations
        if each.is_running and not any(one.is_column(each.table, each.column) for one in about.enabled)
    ]
    if rows:
        render.print_table(out, ("compressed column", "mode", "envelope", "level", "min_size"), rows, left=3)
    for broken in (each for each in about.enabled if not each.is_intact):
        out.print(f"{broken.table}.{broken.column}: {'; '.join(broken.problems)}: migrate or enable it again")
    for each in about.migrations:
        name, rows_done = f"{each.table}.{each.column}", f"{each.rows_done:,} of {each.rows_total:,} rows"
        if each.problem:
            out.print(f"{name}: {each.problem}", soft_wrap=True)
        if each.is_running:
            again = shlex.join(["sqlite-zblob", each.operation, about.path, each.table, each.column])
            out.print(f"{name}: {each.operation} is running or was interrupted, {rows_done} done; {again} goes on")
        if each.failure_count:
            out.print(f"{name}: {render.count(each.failure_count, 'value')} could not be {each.operation}d")


def _print_table(about: TableInfo) -> None:
    named = (("key", about.primary_key), ("indexes", about.indexes), ("triggers", about.triggers))
    _print_facts([("table", about.name), *((name, ", ".join(items) or "none") for name, items in named)])
    rows = [(each.name, each.declared_type, _state(each)) for each in about.columns]
    render.print_table(render.console(), ("column", "type", "compression"), rows, left=3)


def _state(column: ColumnInfo) -> str:
    if column.migration and column.migration.is_running:
        return f"{column.migration.operation} is running or was interrupted"
    if column.enabled:
        return f"on: {column.enabled.mode}, {column.enabled.envelope}, level {column.enabled.level}"
    return f"impossible: {'; '.join(column.obstacles)}" if column.obstacles else "off"


def _print_value(about: FrameInfo) -> None:
    facts: list[tuple[str, Any]] = [("frame", "yes" if about.frame else "no: a plain value")]
    if about.frame:
        facts += [("envelope", about.envelope or "none"), ("version", about.version), ("type", about.value_type)]
        facts += [("codec", about.codec), ("level", about.level), ("before", f"{about.raw_size:,} bytes")]
        facts += [("after", f"{about.frame_size:,} bytes"), ("ratio", render.ratio(about.ratio))]
        facts += [("chunks", about.chunk_count), ("checksum", about.checksum)]
    else:
        facts += [("size", f"{about.raw_size:,} bytes")]
    for image in about.images:
        extent = " x ".join(map(str, image.size))
        components = f", {image.components} components" if image.components > 1 else ""
        facts.append(("image", f"{image.source}, {image.pixel_type}, {extent}{components}"))
        if image.spacing:
            facts.append(("spacing", " x ".join(f"{each:g}" for each in image.spacing)))
    _print_facts(facts)


_PRINTERS: dict[type, Callable[[Any], None]] = {
    DatabaseInfo: _print_database,
    TableInfo: _print_table,
    FrameInfo: _print_value,
}


def _print_facts(facts: Iterable[tuple[str, Any]]) -> None:
    out = render.console()
    for name, value in facts:
        render.print_text(out, f"{name + ':':13}{value}", hang=13)


# ---- stats -------------------------------------------------------------------------------------------------


@click.command(short_help="Add up what is stored, by table, by column and by codec.")
@database_argument
@table_argument(required=False)
@column_argument(required=False)
@json_option
def stats(database: str, table: str | None, column: str | None, as_json: bool) -> None:
    """Add up what is stored: rows, sizes and ratio, by table, by column and by codec.

    Reads the headers of all values. Without TABLE and COLUMN, of all columns whose compression is on.
    """
    on_interrupt("interrupted; nothing was changed")
    if is_pattern(database):
        run_several("stats", shards.stats, database, (table, column), as_json=as_json)
        return
    with render.progress_of_steps() as progress:
        found = run_stats(database, table, column, progress=progress)
    if not found:
        where = f"of table {table} " if table else ""
        raise OptionError(f"no column {where}is compressed: name one, or see sqlite-zblob analyze")
    if as_json:
        render.print_json("stats", found)
    else:
        _print_stats(found)


def _print_stats(found: list[TableStats]) -> None:
    out = render.console()
    rows = []
    for table in found:
        for column in table.columns:
            rows += _rows(f"{table.table}.{column.column}", column)
        if len(table.columns) > 1:
            rows += _rows(table.table, table)
    render.print_table(out, ("column", "codec", "values", "before", "stored", "ratio"), rows, left=2)
    for column in (each for table in found for each in table.columns):
        if column.damaged_rows:
            values = render.count(column.damaged_rows, "value")
            out.print(f"{column.table}.{column.column}: {values} with a damaged header; sqlite-zblob verify names them")


def _rows(name: str, about: ColumnStats | TableStats) -> list[tuple[str, ...]]:
    parts: list[tuple[str, Any]] = [(each.codec, each) for each in about.codecs]
    if len(parts) != 1:
        parts.append(("all", about))
    return [(name, codec, f"{each.rows:,}", *_sizes(each)) for codec, each in parts]


def _sizes(each: Any) -> tuple[str, str, str]:
    return render.size(each.raw_bytes), render.size(each.stored_bytes), render.ratio(each.ratio)
