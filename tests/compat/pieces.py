"""Images in pieces, as docs/format.md, section 3, has them: which bytes of the value are samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bits import require


@dataclass(frozen=True)
class Pieces:
    """Numbers of an image: bytes of a pixel, pixels of a row, rows of a plane, planes of a slice, slices."""

    pixel: int
    width: int
    height: int
    planes: int
    slices: int
    tile_width: int
    tile_height: int
    first_gap: int
    gap: int

    @classmethod
    def of(cls, pixel: int, size: tuple[int, ...], fields: tuple[int, int, int, int]) -> Pieces:
        height = size[1] if len(size) > 1 else 1
        planes = int(np.prod(size[2:-1], dtype=object)) if len(size) > 3 else 1
        slices = size[-1] if len(size) > 2 else 1
        wide, high, first_gap, gap = fields
        require(any(fields) and (wide > 0) == (high > 0), "pieces")
        require((slices > 1 or not first_gap) and (slices > 2 or not gap), "gaps")
        return cls(pixel, size[0], height, planes, slices, wide or size[0], high or 1, first_gap, gap)

    @property
    def across(self) -> int:
        return -(-self.width // self.tile_width)

    @property
    def down(self) -> int:
        return -(-self.height // self.tile_height)

    @property
    def band(self) -> int:
        """Bytes of a row of tiles."""
        return self.across * self.tile_width * self.tile_height * self.pixel

    def gaps(self, slices: int) -> int:
        """Bytes between so many slices, and after the last of them if another follows."""
        count = min(slices, self.slices - 1)
        return self.first_gap + (count - 1) * self.gap if count else 0

    def place(self, row: int) -> int:
        """Where row `row` of all planes stands, with which a row of tiles begins."""
        plane, within = divmod(row, self.height)
        return (plane * self.down + within // self.tile_height) * self.band + self.gaps(plane // self.planes)

    @property
    def span(self) -> int:
        return self.place(self.height * self.planes * self.slices)

    def rows(self, offset: int, size: int) -> tuple[int, int]:
        """The rows of a chunk that has these bytes of the samples."""
        row = self.pixel * self.width
        for end in (offset, offset + size):
            require(end % row == 0 and end // row % self.height % self.tile_height == 0, "rows of a chunk")
        return offset // row, (offset + size) // row

    def mask(self, first: int, end: int) -> np.ndarray:
        """Of the value's bytes for these rows the number of the sample's byte, or -1 of the rest."""
        row, seen, made = self.pixel * self.width, 0, []
        while first < end:
            left = self.height - first % self.height
            high = min(left, self.tile_height)
            numbers = np.full((self.tile_height, self.across * self.tile_width * self.pixel), -1, np.int64)
            numbers[:high, :row] = seen + np.arange(high * row).reshape(high, row)
            tiles = numbers.reshape(self.tile_height, self.across, -1).swapaxes(0, 1)
            made.append(tiles.reshape(-1))
            first, seen = first + high, seen + high * row
            plane, within = divmod(first, self.height)
            if within == 0 and plane % self.planes == 0:
                slices = plane // self.planes
                made.append(np.full(self.gaps(slices) - self.gaps(slices - 1), -1, np.int64))
        return np.concatenate(made)


def join(samples: bytes, rest: bytes, mask: np.ndarray) -> bytes:
    raw = np.empty(len(mask), np.uint8)
    is_sample = mask >= 0
    raw[is_sample] = np.frombuffer(samples, np.uint8)[mask[is_sample]]
    raw[~is_sample] = np.frombuffer(rest, np.uint8)
    return raw.tobytes()
