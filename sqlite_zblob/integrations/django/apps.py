"""The app: signals of connections and of migrations."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from ...errors import ZblobError, ZblobWarning
from ..mending import is_rename, mend, names
from ..opening import expect_connections, set_up

_NAMES = "zblob_names"  # an attribute of connections
DEFAULTS = {"decode_rows": True, "keep": True}


class ZblobConfig(AppConfig):  # type: ignore[misc]
    """Its settings stand in `ZBLOB`, a dictionary. `decode_rows` (True): rows come decompressed. `keep` (True): columns
    whose table a migration has made anew are enabled again."""

    name = "sqlite_zblob.integrations.django"
    label = "sqlite_zblob"
    verbose_name = "Compression in SQLite"

    def ready(self) -> None:
        read_settings()
        expect_connections()
        connection_created.connect(_opened, dispatch_uid="sqlite_zblob")
        post_migrate.connect(_migrated, dispatch_uid="sqlite_zblob")
        for connection in connections.all(initialized_only=True):
            if connection.connection is not None:
                _opened(type(connection), connection)


def read_settings() -> dict[str, bool]:
    """:raises ImproperlyConfigured: `ZBLOB` holds what is no setting of ours."""
    given = getattr(settings, "ZBLOB", {})
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise ImproperlyConfigured(f"ZBLOB has no setting {', '.join(unknown)}: it has {', '.join(DEFAULTS)}")
    return {**DEFAULTS, **given}


def _opened(sender: Any, connection: Any, **_: Any) -> None:
    if connection.vendor == "sqlite":
        chosen = read_settings()
        set_up(connection.connection, decodes=chosen["decode_rows"], keeps=chosen["keep"])
        if chosen["keep"] and _executed not in connection.execute_wrappers:
            connection.execute_wrappers.append(_executed)


def _executed(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Keep the new names of columns: a later migration may make their table anew before `_migrated` is called."""
    found = execute(sql, params, many, context)
    if is_rename(str(sql)):
        with suppress(ZblobError):
            vars(context["connection"]).setdefault(_NAMES, {}).update(names(context["connection"].connection))
    return found


def _migrated(sender: Any, using: str, **_: Any) -> None:
    """After each app's migrations; to look costs little."""
    connection = connections[using]
    if connection.vendor != "sqlite" or not read_settings()["keep"]:
        return
    connection.ensure_connection()
    try:
        mend(connection.connection, getattr(connection, _NAMES, None))
    except ZblobError as error:
        warnings.warn(f"a column is not compressed any more: {error}", ZblobWarning, stacklevel=2)
