"""A column's compression: what its table looks like, switching it on and off, and which mode fits."""
