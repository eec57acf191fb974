/* part.h: what functions that return a part of a value read it from: a value in memory, or one that lies in a table. */
#ifndef ZBLOB_SQLITE_FUNCTIONS_PART_H
#define ZBLOB_SQLITE_FUNCTIONS_PART_H

#include "../stored.h"
#include "../values.h"

#define part_open ZBLOB_IN_SLOT(part_open)
#define part_open_at ZBLOB_IN_SLOT(part_open_at)
#define part_close ZBLOB_IN_SLOT(part_close)
#define part_gather ZBLOB_IN_SLOT(part_gather)
#define part_raw_size ZBLOB_IN_SLOT(part_raw_size)

struct part {
    bool is_stored;
    struct stored stored;       /* if so */
    struct zblob_source source; /* otherwise */
    unsigned char *own_frame; /* a program's own frame in a virtual table, which is read instead; NULL: there is none */
    struct zblob_reader *reader;
    const struct zblob_frame *frame; /* NULL: a plain value */
};

/* Open a value in memory, which must outlive the part. False: an error result is set. Close it even then. */
bool part_open(sqlite3_context *context, const struct value *value, struct part *part);

/* Open the value that the first STORED_PLACE_COUNT arguments name, if incremental I/O can read it and it is a BLOB. False:
 * a result is set, which may be NULL, an error, or what `expression` gives in a SELECT (stored_select) with the arguments
 * after the place. Close it even then. */
bool part_open_at(sqlite3_context *context, int count, sqlite3_value **arguments, const char *expression,
                  struct part *part);

void part_close(struct part *part);

/* Bytes of the original value. */
uint64_t part_raw_size(const struct part *part);

/* Runs of the original value in a new block (sqlite3_free) with a terminator after them; NULL: an error result is set. */
unsigned char *part_gather(sqlite3_context *context, const struct part *part, const struct zblob_runs *runs);

#endif
