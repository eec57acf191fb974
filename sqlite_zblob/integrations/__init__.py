"""Adapters to other libraries, one small file each. Nothing imports them unasked: their dependencies are extras."""
