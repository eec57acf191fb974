"""Section 8 of docs/voxel-format.md: the tables of a chunk of intensities, and the codes that they give."""

from __future__ import annotations

import numpy as np

from .bits import Bits, DamagedError, require

Table = tuple[list[int], list[int], list[int]]  # token of each slot; first slot and frequency of each token


def read_tables(count: int, data: bytes) -> list[Table]:
    bits, tables = Bits(data), []
    for _ in range(count):
        frequencies = [0] * 225
        last = bits.take(8)
        require(last <= 224, "table")
        if last == 0:
            frequencies[224] = 2048
        else:
            frequencies[224] = bits.golomb(0)
            previous = [256, 256]
            for t in range(last):
                frequencies[t] = bits.golomb(max(0, previous[t & 1].bit_length() - 2))
                previous[t & 1] = frequencies[t]
        if sum(frequencies) != 2048:
            raise DamagedError("table")
        starts = np.concatenate(([0], np.cumsum(frequencies)))
        tables.append((np.repeat(np.arange(225), frequencies).tolist(), starts.tolist(), frequencies))
    bits.require_end()
    return tables


class Rans:
    def __init__(self, tables: list[Table], states: list[int], words: list[int], raw: bytes, raw_count: int) -> None:
        self.tables, self.states, self.words, self.raw = tables, states, words, Bits(raw)
        require(self.raw.take(-raw_count % 8) == 0, "unused raw bits")

    def half_row(self, tables: list[int]) -> list[int]:
        """z of each sample."""
        tokens: list[int] = []
        for start in range(0, len(tables), 32):
            step = [
                self.token((start + lane) % len(self.states), table)
                for lane, table in reversed(list(enumerate(tables[start : start + 32])))
            ]
            tokens += reversed(step)
        return [self.finish(token) for token in tokens]

    def token(self, lane: int, table: int) -> int:
        slots, starts, frequencies = self.tables[table]
        state = self.states[lane]
        slot = state & 2047
        token = slots[slot]
        state = frequencies[token] * (state >> 11) + slot - starts[token] & 0xFFFFFFFF
        if state < 65536:
            if not self.words:
                raise DamagedError("words")
            state = state << 16 | self.words.pop()
        self.states[lane] = state
        return token

    def check_end(self) -> None:
        if self.words or set(self.states) != {65536} or self.raw.at != 8 * len(self.raw.data):
            raise DamagedError("states, words or raw bits are left")

    def finish(self, token: int) -> int:
        if token < 64:
            return token
        if token == 224:
            return self.raw.take(16)
        k = (token >> 4) - 2
        return 2 * ((token >> 1) - 8 * (k + 1) << k | self.raw.take(k)) + (token & 1)
