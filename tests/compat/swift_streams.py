"""Section 11 of docs/voxel-format.md: the streams of a chunk of the swift preset."""

from __future__ import annotations

from .bits import Bits, DamagedError

WIDTHS = (1, 2, 4, 2, 4, 16)  # bits of an item of rows, changes, classes, digits, nibbles, codes


def varint_at(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    value = shift = 0
    while True:
        if at >= len(data) or shift >= 63:
            raise DamagedError("varint")
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


class Stream:
    def __init__(self, data: bytes, width: int, count: int) -> None:
        self.bits, self.width, self.left = Bits(data), width, count

    def take(self) -> int:
        if self.left == 0:
            raise DamagedError("a stream ends too early")
        self.left -= 1
        return self.bits.take(self.width)


class Streams:
    def __init__(self, data: bytes) -> None:
        counts, at = [], 0
        for _ in WIDTHS:
            count, at = varint_at(data, at)
            counts.append(count)
        sizes = [(count * width + 7) // 8 for count, width in zip(counts, WIDTHS, strict=True)]
        end = len(data) - sum(sizes)
        if end < at:
            raise DamagedError("streams are longer than the chunk")
        self.fields, streams = Bits(data[at:end]), []
        for count, width, size in zip(counts, WIDTHS, sizes, strict=True):
            streams.append(Stream(data[end : end + size], width, count))
            end += size
        self.rows, self.changes, self.classes, self.digits, self.nibbles, self.codes = self.all = streams

    def pair(self) -> tuple[list[int], int]:
        """Which halves of a pair of rows have classes, and whether it is flat."""
        has = [self.rows.take(), self.rows.take()]
        return has, 0 if any(has) else self.rows.take()

    def classes_of(self, above: list[int]) -> list[int]:
        classes = []
        for previous in above:
            change = self.changes.take()
            classes.append(self.classes.take() if change == 3 else previous + (0, 1, -1)[change])
        if min(classes) < 0 or max(classes) > 14:
            raise DamagedError("class")
        return classes

    def codes_of(self, group: int) -> list[int]:
        """The eight codes of a group of that class."""
        fields = [self.fields.take(group) for _ in range(8)]
        limit = 3 << group - 2 if group > 1 else 1
        return [field if field < limit else self.escape(field, max(group - 2, 0)) for field in fields]

    def escape(self, field: int, shift: int) -> int:
        over = self.digits.take()
        if over == 3:
            nibble = self.nibbles.take()
            if nibble == 15:
                return self.codes.take()
            over += nibble
        return field + (over << shift) & 0xFFFF

    def check_end(self) -> None:
        for stream in self.all:
            if stream.left or any(stream.bits.take(1) for _ in range(8 * len(stream.bits.data) - stream.bits.at)):
                raise DamagedError("a stream is not used up")
        if self.fields.at != 8 * len(self.fields.data):
            raise DamagedError("fields are left")
