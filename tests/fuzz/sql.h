/* sql.h: databases in memory for fuzz targets, with this extension in them, and bounded in what they may do. */
#ifndef ZBLOB_TESTS_FUZZ_SQL_H
#define ZBLOB_TESTS_FUZZ_SQL_H

#include "target.h"

#include <sqlite3.h>

sqlite3 *fuzz_open(void);
/* Whatever went wrong before, a connection closes: no statement of ours is left open. */
void fuzz_close(sqlite3 *db);

/* Run statements and drop their rows. Returns SQLite's extended result code. */
int fuzz_run(sqlite3 *db, const char *sql);
/* Run one statement with up to two bytes' values bound. */
int fuzz_run_bound(sqlite3 *db, const char *sql, const void *first, size_t first_size, const void *second,
                   size_t second_size);
/* All rows of a statement as one text, to be released with free; values of BLOBs and texts in hexadecimal. */
char *fuzz_rows(sqlite3 *db, const char *sql, int *code);

#endif
