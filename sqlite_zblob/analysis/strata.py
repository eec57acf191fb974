"""Estimate a total from a sample, stratum by stratum, and say how far the truth may be from it. Knows no values.

Something is known of all members, and what is wanted was measured of some, which chance has chosen within each stratum.
What is wanted of the others is taken to be in the same proportion to what is known as in their stratum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, hypot, inf
from statistics import NormalDist
from typing import Any, NamedTuple

WIDEST_RANGE = 4  # times: a figure whose range is wider is left out
LEAST_MEASURED = 2  # members, without which nothing is known of an error
# A stratum is joined with its neighbour if fewer of its members were measured than a third of all that were, or than
# this number, as the spread among few members is not well known.
STRATUM_ENOUGH = 8


@dataclass(frozen=True)
class Estimate:
    """A figure, and the range that contains the true one with 95 % confidence. None: a single value has no range."""

    value: float
    low: float | None
    high: float | None

    @property
    def is_vague(self) -> bool:
        """Is the range so wide, or unknown, that the figure says nothing?"""
        return self.low is None or self.high is None or self.high > WIDEST_RANGE * self.low

    def scaled(self, factor: float, offset: float = 0.0, error: float = 0.0) -> Estimate:
        """`offset + factor * self`. `error` is half the width of another range, which is independent of this one."""
        value = offset + factor * self.value
        if self.low is None or self.high is None:
            return Estimate(value, None, None)
        below, above = (hypot(factor * (each - self.value), error) for each in (self.low, self.high))
        return Estimate(value, max(0.0, value - below), value + above)

    def inverse(self) -> Estimate:
        low = None if self.high is None else 1 / max(self.high, 1e-12)
        high = None if self.low is None else 1 / max(self.low, 1e-12)
        return Estimate(1 / max(self.value, 1e-12), low, high)


class Member(NamedTuple):
    stratum: tuple[Any, ...]  # neighbours in the order of these are the most alike
    known: float
    wanted: float | None  # None: not measured
    is_certain: bool = False  # measured, without having been drawn: it says nothing about others


class Error(NamedTuple):
    """How far an estimate may be from the truth."""

    relative: float  # standard error, as a share of the estimate
    freedom: float  # degrees of freedom that this error was estimated with

    def joined(self, other: Error) -> Error:
        """Of a product of two estimates that are independent of each other."""
        return _join([(self.relative**2, self.freedom), (other.relative**2, other.freedom)])

    def range_of(self, value: float) -> Estimate:
        """By Student's t on the logarithm, so that the range stays positive."""
        if self.relative == 0.0:
            return Estimate(value, value, value)
        factor = exp(min(50.0, t_quantile(self.freedom) * self.relative))
        return Estimate(value, value / factor, value * factor)


NO_ERROR = Error(0.0, inf)


class Projection(NamedTuple):
    predicted: list[float]  # of each member what is wanted: measured, or in proportion
    error: Error | None  # of their sum; None: too few were measured
    unseen: float  # the share of what is known that lies in strata of which nothing was measured

    @property
    def total(self) -> float:
        return sum(self.predicted)


def project(members: Sequence[Member], *, repeats: bool = True) -> Projection:
    """Estimate what is wanted of all members.

    :param members: if any is not certain, at least one of these was measured.
    :param repeats: what was measured is so whenever it is measured again, so that where all members were, no error is
        left. False for times.
    """
    predicted = [each.wanted or 0.0 if each.is_certain else 0.0 for each in members]
    variances: list[tuple[float, float]] = []
    is_judged = True
    overall = _ratio([each for each in members if not each.is_certain])
    for group in _groups(members):
        measured = [(members[i].known, members[i].wanted or 0.0) for i in group if members[i].wanted is not None]
        known = sum(each for each, _ in measured)
        ratio = _ratio([members[i] for i in group]) if known else overall
        for i in group:
            each = members[i]
            predicted[i] = ratio * each.known if each.wanted is None else each.wanted
        left = 1 - len(measured) / len(group) if repeats else 1.0
        if left and known:
            is_judged = is_judged and len(measured) >= LEAST_MEASURED
            off = sum((y - ratio * x) ** 2 for x, y in measured) / max(1, len(measured) - 1) * len(measured)
            whole = sum(members[i].known for i in group)
            variances.append((left * off * (whole / known) ** 2, max(1, len(measured) - 1)))
    total = sum(predicted)
    error = _join([(each / total**2, freedom) for each, freedom in variances]) if total else NO_ERROR
    return Projection(predicted, error if is_judged else None, _unseen(members))


def _ratio(members: Sequence[Member]) -> float:
    """What was measured, to what was known of it; 0 if that is nothing: a clock may be too coarse for some times."""
    measured = [each for each in members if each.wanted is not None]
    known = sum(each.known for each in measured)
    return sum(each.wanted or 0.0 for each in measured) / known if known else 0.0


def _join(variances: Sequence[tuple[float, float]]) -> Error:
    """Add variances; the degrees of freedom are those that Satterthwaite found."""
    whole = sum(each for each, _ in variances)
    if not whole:
        return NO_ERROR
    return Error(whole**0.5, whole**2 / max(1e-300, sum(each**2 / freedom for each, freedom in variances)))


def _by_stratum(members: Sequence[Member]) -> list[list[int]]:
    """The members of each stratum, by their places; none that are certain."""
    strata: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    for i, each in enumerate(members):
        if not each.is_certain:
            strata[each.stratum].append(i)
    return [strata[name] for name in sorted(strata)]


def _unseen(members: Sequence[Member]) -> float:
    whole = sum(each.known for each in members)
    blind = (group for group in _by_stratum(members) if all(members[i].wanted is None for i in group))
    return sum(members[i].known for group in blind for i in group) / whole if whole else 0.0


def _groups(members: Sequence[Member]) -> list[list[int]]:
    """The strata. One of which too few members were measured is joined with its neighbour, unless all of them were."""
    count = sum(each.wanted is not None and not each.is_certain for each in members)
    enough = max(LEAST_MEASURED, min(count // 3, STRATUM_ENOUGH))
    groups: list[list[int]] = []
    rest: list[int] = []
    for stratum in _by_stratum(members):
        if all(members[i].wanted is not None for i in stratum):
            groups.append(stratum)
            continue
        rest += stratum
        if sum(members[i].wanted is not None for i in rest) >= enough:
            groups.append(rest)
            rest = []
    while rest and groups and sum(members[i].wanted is not None for i in rest) < enough:
        rest = groups.pop() + rest
    return [*groups, rest] if rest else groups


def evenly(strata: Sequence[tuple[Any, ...]], sizes: Sequence[float], costs: Sequence[float]) -> list[int]:
    """An order of some members in which, up to any place, each stratum has about the count that makes the error least.

    That count is in proportion to what the stratum holds, and to the inverse square root of what a member costs.

    :param strata: of each member, in random order.
    :param sizes: what each member holds.
    :param costs: of measuring each.
    :returns: the members' places.
    """
    places: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    for i, name in enumerate(strata):
        places[name].append(i)
    at = [0.0] * len(strata)
    for group in places.values():
        whole = sum(sizes[i] for i in group)
        cost = sum(costs[i] for i in group) / len(group)
        for rank, i in enumerate(group):
            at[i] = (rank + 0.5) * cost**0.5 / whole if whole else inf
    return sorted(range(len(at)), key=at.__getitem__)


_T_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def t_quantile(freedom: float) -> float:
    """The 97.5 % quantile of Student's distribution, to within 0.001; of a fraction, that of the number below."""
    if freedom < len(_T_QUANTILES) + 1:
        return _T_QUANTILES[max(1, int(freedom)) - 1]
    z = NormalDist().inv_cdf(0.975)
    if freedom > 1e6:  # values that are nearly alike leave any number, whose square need not be one
        return z
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
