/*
 * slot.h: included first by every file that calls SQLite.
 *
 * One process may hold several SQLite libraries (the sqlite3 module's and APSW's), and each hands its
 * extensions its own table of API routines. sqlite3ext.h keeps one table a loaded file, so that a call
 * on behalf of one library would land in another. Therefore these files are compiled ZBLOB_SLOT_COUNT
 * times, with ZBLOB_SLOT = 0, 1, ...: each copy has a table and symbols of its own, and extension.c
 * gives each library one of the copies.
 */
#ifndef ZBLOB_SQLITE_SLOT_H
#define ZBLOB_SQLITE_SLOT_H

#define ZBLOB_SLOT_COUNT 4

#ifdef ZBLOB_SLOT

/* Every name that one file of a slot offers another gets the slot's number. */
#define ZBLOB_PASTE(name, slot) name##_slot##slot
#define ZBLOB_EXPAND(name, slot) ZBLOB_PASTE(name, slot)
#define ZBLOB_IN_SLOT(name) ZBLOB_EXPAND(name, ZBLOB_SLOT)

#define sqlite3_api ZBLOB_IN_SLOT(sqlite3_api)
#include <sqlite3ext.h>
extern const sqlite3_api_routines *sqlite3_api;

#include "../zblob.h"

/* What zblob_config sets: one for each connection, shared by all that is registered with it. */
struct zblob_connection {
    struct zblob_options options;
    sqlite3_int64 max_size;               /* of a decoded value, in bytes; 0: SQLite's own limit alone */
    struct store_call *store_calls;       /* of sqlite_zblob_store(), whose UPDATE is running; the innermost first */
    struct keeper *keeper;                /* of sqlite_zblob_store(): statements and tables; NULL: it keeps nothing */
    struct kept_dictionary *dictionaries; /* that frames have needed: dictionaries.h */
    uint64_t attached;                    /* a hash of the databases that were attached when these were found */
    struct kept_options *kept_options;    /* that the last options text meant: functions/scalar.c; one block, or NULL */
    int failure; /* of a statement of ours, that ends the caller's, too: statements.h. SQLITE_OK: there is none */
    unsigned references;
    unsigned write_depth; /* writes to virtual tables that are under way, one inside the other */
    unsigned read_depth;  /* the same of values in tables that are being read: stored.c */
};

#define connection_release ZBLOB_IN_SLOT(connection_release)
void connection_release(struct zblob_connection *connection);

#define functions_register ZBLOB_IN_SLOT(functions_register)
int functions_register(sqlite3 *db, struct zblob_connection *connection);

#define table_register ZBLOB_IN_SLOT(table_register)
int table_register(sqlite3 *db, struct zblob_connection *connection);

#define labels_register ZBLOB_IN_SLOT(labels_register)
int labels_register(sqlite3 *db, struct zblob_connection *connection);

#define chunks_register ZBLOB_IN_SLOT(chunks_register)
int chunks_register(sqlite3 *db);

#define keeper_register ZBLOB_IN_SLOT(keeper_register)
int keeper_register(sqlite3 *db, struct zblob_connection *connection);

#define slot_register ZBLOB_IN_SLOT(slot_register)
int slot_register(sqlite3 *db, char **message, const sqlite3_api_routines *api);

#endif
#endif
