"""The logger of the package, `logging.getLogger("sqlite_zblob")`: what long operations do, and what they fall back to.

Steps are of level INFO, and fallbacks that lose nothing but time of level WARNING. Without a configuration of the
program, Python shows the latter on standard error.
"""

import logging

log = logging.getLogger("sqlite_zblob")
