"""Functions that only look: what compression would bring, and what is stored."""
