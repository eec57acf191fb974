"""A `BinaryField` whose values are frames."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.lookups import IsNull

from ...codec import DEFAULT_LEVEL
from ...column.virtual import DEFAULT_MIN_SIZE
from ...errors import OptionError, WrongTypeError
from ..values import check_settings, pack, unpack


class CompressedBinaryField(models.BinaryField):  # type: ignore[type-arg, misc, unused-ignore]
    """Values that were stored before a `BinaryField` became this one stay readable, and no migration of rows is needed.

    The database cannot compare what it stores: `isnull` is the only lookup.

    :param level: 1 (fastest) to 9 (smallest).
    :param min_size: smaller values are stored as they come; in bytes.
    :raises OptionError: one of them is out of range; when a value is stored that is a frame itself.
    """

    description = "Compressed binary data"

    def __init__(
        self, *args: Any, level: int = DEFAULT_LEVEL, min_size: int = DEFAULT_MIN_SIZE, **settings: Any
    ) -> None:
        self.level, self.min_size = check_settings(level, min_size)
        super().__init__(*args, **settings)

    def deconstruct(self) -> Any:
        name, path, args, settings = super().deconstruct()
        for setting, default in (("level", DEFAULT_LEVEL), ("min_size", DEFAULT_MIN_SIZE)):
            if getattr(self, setting) != default:
                settings[setting] = getattr(self, setting)
        return name, path.replace(".fields.", "."), args, settings

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None and not hasattr(value, "resolve_expression"):
            try:
                value = pack(value, self.level, self.min_size)
            except (OptionError, WrongTypeError) as error:
                raise type(error)(f"{self}: {_reason(value, error)}") from error
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> bytes | None:
        return None if value is None else unpack(value)

    def get_lookup(self, lookup_name: str) -> Any:
        """`isnull`, and `exact` of None, which Django makes an `isnull` of."""
        found = super().get_lookup(lookup_name)
        if found is None or found is IsNull or lookup_name == "exact":
            return found
        raise FieldError(f"{self} {_NO_LOOKUP}, not {lookup_name}")


@CompressedBinaryField.register_lookup
class _Exact(models.lookups.Exact):  # type: ignore[type-arg, misc, unused-ignore]
    """Django asks for `exact` before it makes `isnull` of `= None`; nothing else may be asked for."""

    def get_prep_lookup(self) -> Any:
        if self.rhs is None:
            return None
        raise FieldError(f"{self.lhs.output_field} {_NO_LOOKUP}")


_NO_LOOKUP = "holds compressed values, which SQL cannot compare: use isnull"


def _reason(value: Any, error: Exception) -> str:
    return "it takes bytes, not str: encode the text" if isinstance(value, str) else f"{error}"
