"""Programs that write what is committed: documents made from code, fixtures of a release."""
