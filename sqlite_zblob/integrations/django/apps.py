"""The app: signals of connections and of migrations."""

from __future__ import annotations

import warnings
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from ...errors import ZblobError, ZblobWarning
from ..mending import follow, mend
from ..opening import expect_connections, set_up
from ..trail import Trail

_TRAIL = "zblob_trail"  # an attribute of connections
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
    """Keep in mind where columns go: migrations may rename them, and make their tables anew, before `_migrated`."""
    found = execute(sql, params, many, context)
    statement = str(sql)
    if Trail.heeds(statement):
        trail = vars(context["connection"]).setdefault(_TRAIL, Trail())
        follow(context["connection"].connection, trail, statement)
    return found


def _migrated(sender: Any, using: str, **_: Any) -> None:
    """After each app's migrations; to look costs little."""
    connection = connections[using]
    if connection.vendor != "sqlite" or not read_settings()["keep"]:
        return
    connection.ensure_connection()
    try:
        mend(connection.connection, vars(connection).pop(_TRAIL, None))
    except ZblobError as error:
        warnings.warn(f"a column is not compressed any more: {error}", ZblobWarning, stacklevel=2)
