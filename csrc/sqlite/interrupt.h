/* interrupt.h: sqlite3_interrupt() stops the codec, too. */
#ifndef ZBLOB_SQLITE_INTERRUPT_H
#define ZBLOB_SQLITE_INTERRUPT_H

#include "slot.h"

#define interrupt_of ZBLOB_IN_SLOT(interrupt_of)

/* What a call of the codec asks, which a statement of this connection makes. */
struct zblob_interrupt interrupt_of(sqlite3 *db);

#endif
