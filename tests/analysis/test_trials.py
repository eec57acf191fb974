"""What is estimated from part of the values: how often the ranges hold the truth. No clock decides what is tried."""

from __future__ import annotations

import json
import math
import pickle
import random
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sqlite_zblob as zb
from sqlite_zblob import codec
from sqlite_zblob.analysis import trial as trial_module
from sqlite_zblob.analysis import trials as trials_module
from sqlite_zblob.analysis.beside import propose_hint
from sqlite_zblob.analysis.strata import Member, evenly, project, t_quantile
from sqlite_zblob.analysis.trial import SETTINGS
from sqlite_zblob.analysis.trials import Pace, Trials
from sqlite_zblob.column.hint import NO_HINT
from sqlite_zblob.column.schema import look_at_table
from sqlite_zblob.migration.values import place_of

from ..conftest import open_apsw
from .words import text

SEEDS = 20
MEASURED: dict[tuple[Any, ...], float] = {}


class Counted(Pace):
    """So many values are looked at, and so many are compressed as a whole; then each is tried with every setting."""

    def __init__(self, looks: int, tries: int) -> None:
        super().__init__(0)
        self.looks, self.tries = looks, tries

    def may_look(self, count: int) -> bool:
        return count < self.looks

    def may_try(self, count: int, cost: float) -> bool:
        self.tries -= 1
        return self.tries >= 0

    def is_over(self) -> bool:
        return self.tries < -1


def uneven() -> list[bytes]:
    """Most values are small, most bytes are in few values, and a third of these cannot become smaller."""
    rng = random.Random(3)
    sizes = [int(rng.lognormvariate(9, 1.5)) + 1 for _ in range(400)]
    return [rng.randbytes(size) if rng.random() < 0.3 else text(rng, size // 9).encode() for size in sizes]


def of_many_kinds() -> list[bytes]:
    rng = np.random.default_rng(1)
    values: list[bytes] = []
    for n in range(40):
        shape = (int(rng.integers(8, 28)), 128, 128)
        scan = (rng.normal(0, 2 + n % 5, shape).cumsum(axis=2) + 1000).astype("<i2")
        made: list[Any] = [scan, (scan > 1000).astype("u1"), (scan * 0.1 * n).astype("<f4"), {"n": n}]
        values.append(pickle.dumps(made[n % 4]))
    return [
        value if len(value) > 99 else value + json.dumps(text(random.Random(n), 50)).encode()
        for n, value in enumerate(values)
    ]


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes as they are, once for each piece, and times that do not depend on the machine; one other setting."""
    measure = trial_module._measure

    def steadily(setting: Any, piece: bytes, options: dict[str, Any]) -> trial_module.Trial:
        key = (setting, piece, str(options))
        if key not in MEASURED:
            MEASURED[key] = measure(setting, piece, options).fraction
        return trial_module.Trial(MEASURED[key], 1e-8, 1e-8)

    monkeypatch.setattr(trial_module, "_measure", steadily)
    monkeypatch.setattr(trials_module, "OTHERS", (("auto", 1),))


def tried(values: Sequence[bytes], looks: int, tries: int, seed: int, *, is_drawn: bool) -> Trials:
    keys: list[tuple[Any, ...]] = [(n,) for n in range(len(values))]
    sizes: list[int] | None = [len(each) for each in values]
    if is_drawn:
        keys, sizes = random.Random(seed).choices(keys, sizes, k=200), None
    pace = Counted(looks, tries)
    trials = Trials(
        *(keys, sizes, lambda key: (values[key[0]], None)),
        min_size=512,
        pace=pace,
        seed=seed,
        threads=1,
        piece_size=1 << 17,
    )
    trials.run()
    return trials


@pytest.mark.usefixtures("steady")
@pytest.mark.parametrize(
    ("make", "looks", "tries", "is_drawn"),
    [(uneven, 60, 60, False), (uneven, 60, 60, True), (of_many_kinds, 40, 6, False), (of_many_kinds, 12, 6, False)],
    ids=["a part looked at", "drawn", "all looked at, few tried", "few looked at and tried"],
)
def test_ranges_hold_the_truth(make: Any, looks: int, tries: int, is_drawn: bool) -> None:
    """With 95 % confidence: in more than nine of ten runs, level by level."""
    values = make()
    truth = {level: sum(len(zb.compress(each, level, threads=1, min_size=512)) for each in values) for level in (1, 5)}
    whole = sum(map(len, values))
    hits = dict.fromkeys(truth, 0)
    widths = []
    for seed in range(SEEDS):
        trials = tried(values, looks, tries, seed, is_drawn=is_drawn)
        for level, size in truth.items():
            found = trials.fraction(("auto", level))
            assert found.low is not None and found.high is not None
            hits[level] += found.low * 0.9999 <= size / whole <= found.high * 1.0001
            widths.append(found.high / found.low)
    assert all(each >= 0.9 * SEEDS for each in hits.values()), (hits, sorted(widths))
    assert sorted(widths)[len(widths) // 2] < 2.5


def test_strata_with_few_measured_are_joined() -> None:
    """Nothing is said without two that were measured; where all were, nothing is left to chance."""
    one = [Member(("a",), 1.0, 2.0), Member(("b",), 1.0, None)]
    assert project(one).error is None and project(one).total == 4.0 and project(one).unseen == 0.5
    two = [Member(("a",), 1.0, 2.0), Member(("b",), 1.0, 4.0), Member(("c",), 2.0, None)]
    assert project(two).total == 12.0
    error = project(two).error
    assert error is not None and error.relative > 0.1
    everything = [Member((n,), 1.0, float(n)) for n in range(5)]
    assert project(everything).total == 10.0
    assert project(everything).error == (0.0, float("inf"))
    assert project(everything, repeats=False).error != (0.0, float("inf"))


def test_the_order_meets_what_holds_most_first() -> None:
    strata = [("large",)] * 4 + [("small",)] * 400
    sizes = [1000.0] * 4 + [10.0] * 400
    order = evenly(strata, sizes, [1.0] * 404)
    assert sorted(order) == list(range(404))
    assert sum(i < 4 for i in order[:8]) == 4


def test_the_pace_stops_before_what_would_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that the test sets: a busy machine changes nothing."""
    now = [100.0]
    monkeypatch.setattr("sqlite_zblob.analysis.trials.time.monotonic", lambda: now[0])
    pace = Pace(10)
    assert pace.may_look(50) and pace.may_try(50, cost=9.9) and not pace.is_over()
    assert not pace.may_try(50, cost=10.1)
    now[0] += 5
    assert not pace.may_look(50)
    assert pace.may_look(2)  # a few in any case
    assert pace.may_try(50, cost=4.9) and not pace.may_try(50, cost=5.1)
    now[0] += 11
    assert pace.is_over() and not pace.may_try(0, cost=0) and not pace.may_look(1)
    assert pace.may_look(0)  # one in any case


def test_values_that_are_nearly_alike_have_a_quantile() -> None:
    """Their freedom may be any number."""
    for freedom in (1e6, 1e7, 1e155, 1e300, math.inf):
        assert abs(t_quantile(freedom) - 1.96) < 0.001


@pytest.mark.usefixtures("steady")
def test_values_that_stay_as_they_are_say_nothing_of_others() -> None:
    """Where time was left for a look at two large values, and for nothing else, ten tiny ones need no trial."""
    large = [text(random.Random(n), 9_000).encode() * 40 for n in range(2)]
    trials = tried([*large, *(b"tiny %d" % n for n in range(10))], 12, 0, 1, is_drawn=False)
    assert trials.trial_count(("auto", 5)) == 12
    assert trials.trial_count(("auto", 1)) == 0
    compressing, decompressing = trials.rates(("auto", 5))
    assert compressing == pytest.approx(1e8, rel=0.1) and decompressing == pytest.approx(1e8, rel=0.1)
    found = trials.fraction(("auto", 5))
    assert found.low is not None and found.high is not None and found.high > 1.2 * found.low


def test_members_that_are_certain_stay_out_of_the_others_estimate() -> None:
    tiny = [Member(("a",), 0.0, 0.0, is_certain=True), Member(("b",), 1.0, 1.0, is_certain=True)]
    large = [Member(("b",), 1.0, 2.0), Member(("b",), 1.0, 4.0), Member(("b",), 2.0, None)]
    assert project([*tiny, *large]).total == 13.0
    assert project(tiny).total == 1.0 and project(tiny).error == (0.0, float("inf"))


def test_pieces_of_values_that_nothing_describes_are_images_where_the_codec_guesses_one() -> None:
    """A piece from the middle would be no image to the codec, and say that the value hardly becomes smaller."""
    axes = np.ogrid[0:1:40j, -1:1:160j, -1:1:160j]
    ball = 900 * np.exp(-4 * sum(axis * axis for axis in axes))
    scan = (ball + np.random.default_rng(1).normal(0, 4, ball.shape)).astype("<i2")
    value = b"a header " * 30 + scan.tobytes()
    assert codec.info(value).images == ()
    (image,) = codec.guess(value).images
    assert (image.source, image.pixel_type, image.size[:2]) == ("guess", "int16", (160, 160))
    known = trial_module.look(value, None, min_size=512, piece_size=1 << 18, seed=1)
    whole, is_in_part = trial_module.try_whole(value, None, 1)
    assert not is_in_part
    assert known.guessed == (image,) and known.piece.fraction == pytest.approx(whole.fraction, rel=0.1)
    assert codec.guess(b"no image at all. " * 20_000).images == ()
    assert codec.guess(zb.compress(value)).frame


def test_planes_that_stand_for_a_large_image_leave_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """What all planes become is not what some of them do, so the range must say so, until the time allows for all."""
    monkeypatch.setattr(trial_module, "WHOLE_SIZE", 1 << 17)
    monkeypatch.setattr(trials_module, "CENSUS_BYTES", 0)
    rng = np.random.default_rng(2)
    scans = {(n,): pickle.dumps(rng.normal(900, 4 + n, (48, 96, 96)).astype("<i2")) for n in range(3)}
    sizes = [len(each) for each in scans.values()]
    truth = sum(len(zb.compress(each)) for each in scans.values()) / sum(sizes)

    def estimated(setting: Any, tries: int) -> Any:
        pace = Counted(3, tries)
        trials = Trials(
            list(scans), sizes, lambda key: (scans[key], None), min_size=512, pace=pace, seed=1, piece_size=1 << 16
        )
        trials.run()
        return trials.fraction(setting)

    in_part, in_all = estimated(("auto", 5), 3), estimated(("auto", 5), 9)
    assert in_part.low < truth < in_part.high
    assert in_all.low == in_all.value == in_all.high == pytest.approx(truth)
    other = estimated(("auto", 1), 9)
    assert other.low < other.value < other.high  # pieces stand for whole values there


def test_rows_are_asked_for_no_longer_than_there_is_time() -> None:
    """Columns behind large values are expensive to read."""
    connection = open_apsw()
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, dtype TEXT, shape TEXT)")
    rows = [(bytes(8000), "uint8", "80x100" if n else "") for n in range(9)]
    connection.executemany("INSERT INTO t(data, dtype, shape) VALUES (?, ?, ?)", rows)
    table = look_at_table(connection, "t")
    place, keys = place_of(table, table.column("data")), [(n,) for n in range(1, 10)]
    assert propose_hint(connection, place, table, keys, seconds=60).dtype_from == 'NEW."dtype"'
    assert propose_hint(connection, place, table, keys, seconds=0) == NO_HINT  # the first row says nothing


@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_an_enabled_column_is_told_that_its_rows_say_what_they_hold(mode: Any, tmp_path: Path) -> None:
    """Until they are asked."""
    path = str(tmp_path / "t.db")
    voxels = np.random.default_rng(1).integers(0, 99, (9, 30, 40), "<i2")
    with closing(open_apsw(path)) as connection:
        connection.execute("CREATE TABLE t(id TEXT PRIMARY KEY, data BLOB, dtype TEXT, shape TEXT)")
        zb.enable(connection, "t", "data", mode=mode)
        rows = [(str(n), (voxels + n).tobytes(), "int16", "9x30x40") for n in range(9)]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
    (found,) = zb.analyze(path, seed=1).columns
    assert found.command is not None and found.mode == mode
    assert "--recompress" in found.command and '--dtype-from=NEW."dtype"' in found.command
    zb.migrate(path, "t", "data", recompress=True, dtype_from="dtype", shape_from="shape")
    (found,) = zb.analyze(path, seed=1).columns
    assert found.command is None


def test_nothing_is_said_to_grow() -> None:
    """Pieces with zstd may, in relation to others; what would grow is stored as it is."""
    rng = random.Random(1)
    values = [rng.randbytes(1 << 20) + text(rng, 4000).encode() for _ in range(6)]
    trials = tried(values, 6, 3, 1, is_drawn=False)
    assert all(trials.fraction(each).value <= 1 for each in SETTINGS if trials.trial_count(each))
