"""Sizes and times as people read them: one way everywhere."""

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def size_text(count: float) -> str:
    """Bytes, in powers of 1000."""
    count = max(0, round(count))
    if count < 1000:
        return count_text(int(count), "byte")
    value = float(count)
    for unit in _UNITS:
        value /= 1000
        if value < 999.95 or unit == _UNITS[-1]:
            break
    return f"{value:,.1f} {unit}"


def count_text(number: int, noun: str) -> str:
    """A number of things, whose plural ends in s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration_text(seconds: float) -> str:
    if seconds < 0.1:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"
