"""Sizes as people read them: one unit everywhere."""

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def size_text(count: float) -> str:
    """Bytes, in powers of 1000."""
    count = max(0, round(count))
    if count < 1000:
        return f"{count:,} byte{'' if count == 1 else 's'}"
    value = float(count)
    for unit in _UNITS:
        value /= 1000
        if value < 999.95 or unit == _UNITS[-1]:
            break
    return f"{value:,.1f} {unit}"
