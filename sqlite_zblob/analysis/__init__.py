"""Only look: what compression would bring, and what is stored."""
