"""Rows of small values, as programs store them: the same each time."""

from __future__ import annotations

import json
import random
import uuid

_WORDS = (
    "red",
    "blue",
    "large",
    "small",
    "wooden",
    "steel",
    "chair",
    "table",
    "lamp",
    "desk",
    "shelf",
    "soft",
    "cotton",
)


def events(count: int, seed: int = 1) -> list[bytes]:
    """JSON of about 280 bytes."""
    dice = random.Random(seed)
    rows = []
    for _ in range(count):
        event = {
            "id": str(uuid.UUID(int=dice.getrandbits(128))),
            "time": f"2026-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}T{dice.randint(0, 23):02d}:00:00Z",
            "kind": dice.choice(["login", "logout", "purchase", "view", "click", "error"]),
            "user": {"name": f"user{dice.randint(1, 5000)}@example.com", "id": dice.randint(1, 99999)},
            "amount": round(dice.random() * 1000, 2),
            "words": dice.sample(_WORDS, 6),
            "ok": dice.random() < 0.9,
        }
        rows.append(json.dumps(event).encode())
    return rows
