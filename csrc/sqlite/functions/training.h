/* training.h: the SQL aggregate ztrain(X [, SIZE [, ROWS]]): a dictionary of at most SIZE bytes for values like these. */
#ifndef ZBLOB_SQLITE_FUNCTIONS_TRAINING_H
#define ZBLOB_SQLITE_FUNCTIONS_TRAINING_H

#include "../slot.h"

#define ztrain_step ZBLOB_IN_SLOT(ztrain_step)
#define ztrain_final ZBLOB_IN_SLOT(ztrain_final)

void ztrain_step(sqlite3_context *context, int count, sqlite3_value **arguments);
void ztrain_final(sqlite3_context *context);

#endif
