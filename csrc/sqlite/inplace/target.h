/* target.h: which row of which table a trigger of ours has fired for. */
#ifndef ZBLOB_SQLITE_INPLACE_TARGET_H
#define ZBLOB_SQLITE_INPLACE_TARGET_H

#include "call.h"
#include "known.h"

#define target_find ZBLOB_IN_SLOT(target_find)

/* Find the table that carries the trigger, wherever it has been renamed or attached to. False: there is none, or nobody
 * knows which one it is, or its other triggers may end the transaction, and the value is to stay as it was given. */
bool target_find(const struct store_call *call, struct target *target);

#endif
