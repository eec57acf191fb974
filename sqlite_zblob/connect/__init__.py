"""Connections: open them, load the extension, run statements on either kind, decode rows as they are read."""
