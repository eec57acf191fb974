"""The end of a migration or a restoration: walk until nothing is left, with the last look in the final transaction.

While a walk goes on, others move rows to where it has been, and copy values. So there is another walk, until one has
found little; what is left then is done in the final transaction itself, under its lock. Where nobody has written since
the walk began, nothing has to be looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf

from .batches import Rewriter
from .values import PAGE_ROWS, Entry, Key, page
from .workers import Outcome

# Bytes before compression that the final transaction replaces at most, as long as another walk may help.
MOST_LOCKED = 8_000_000

# So many walks there are while others write, even if they find little: after the first one, they are fast.
LEAST_WALKS = 3

MOST_WALKS = 10


class AgainError(Exception):
    """Too much is left for the final transaction: it is rolled back, and there is another walk."""


Finish = Callable[[Callable[[], None]], None]


class Ending:
    def __init__(self, rewriter: Rewriter) -> None:
        self.rewriter, self.target = rewriter, rewriter.target
        self.failed: list[tuple[Key, str]] = []  # in the final transaction

    def complete(self, finish: Finish) -> None:
        """:param finish: makes the final transaction, in which it first calls the function that it is given."""
        rewriter = self.rewriter
        while True:
            rewriter.walk()
            found_much = rewriter.walks < LEAST_WALKS or rewriter.replaced_bytes > MOST_LOCKED
            if found_much and not rewriter.is_quiet and self._may_go_on:
                continue
            rewriter.meter.enter("finish")
            try:
                finish(self.look)
                return
            except AgainError:
                rewriter.meter.enter("rows")
            finally:
                rewriter.is_final = False

    @property
    def _may_go_on(self) -> bool:
        return self.rewriter.walks < MOST_WALKS

    @property
    def _most_bytes(self) -> float:
        if self.rewriter.way.nested == "later":
            return inf
        return MOST_LOCKED if self._may_go_on else max(MOST_LOCKED, self.rewriter.work.batch_size)

    def look(self) -> None:
        """The last look. `counts.missed`: rows that are left, because others write faster than they are done."""
        rewriter, counts = self.rewriter, self.rewriter.record.counts
        rewriter.follow()
        rewriter.require_dictionary()
        rewriter.dictionary = None  # others may have written with one that was trained since the walk began
        rewriter.is_final, self.failed = True, []
        if rewriter.is_quiet:
            counts.take(rewriter.tally)
            for entry in rewriter.later:
                self._settle(entry)
            return
        missed, done = 0, 0  # done: bytes
        for entry in self._left():
            is_too_much = done > 0 and done + entry.raw_size > self._most_bytes
            if is_too_much and self._may_go_on:
                raise AgainError
            missed += is_too_much
            if not is_too_much:
                done += entry.raw_size
                rewriter.tally.stored_bytes += self._settle(entry) - entry.size
        # A walk may have counted less of a row that has changed since: the sum is about right, and no size is negative.
        rewriter.tally.stored_bytes = max(0, rewriter.tally.stored_bytes)
        counts.take(rewriter.tally)
        counts.missed = missed

    def _left(self) -> Iterator[Entry]:
        """The rows that no walk has settled."""
        rewriter, place, after = self.rewriter, self.target.place, None
        way = rewriter.way
        while entries := page(self.target.connection, place, after, PAGE_ROWS, parses=way.parses):
            for entry in entries:
                if (
                    way.wants(entry)
                    and not way.is_foreign(place, entry)
                    and not rewriter.is_examined(entry)
                    and not rewriter.spared.has_failed(entry.key)
                ):
                    yield entry
            after = entries[-1].key

    def _settle(self, entry: Entry) -> int:
        """What a worker would do, here and now. Returns bytes stored."""
        outcome = self.rewriter.do_now(entry)
        if outcome.kind == "gone":  # it cannot be: this is the transaction that it was seen in
            outcome = Outcome("failed", reason="SQLite gives another size for it than its value has")
        if outcome.kind == "failed":
            self.failed.append((entry.key, outcome.reason))
        return self.rewriter.settle(entry, outcome)
