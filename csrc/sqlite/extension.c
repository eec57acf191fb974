/*
 * extension.c: the extension's entry points, and which SQLite library has which slot.
 * Calls SQLite only through the table that an entry point is given.
 */
#include "slot.h"

#include "../zblob.h"

#include <sqlite3ext.h>
#include <stdatomic.h>
#include <stddef.h>

#undef sqlite3_mprintf
#undef sqlite3_auto_extension

typedef int (*register_function)(sqlite3 *db, char **message, const sqlite3_api_routines *api);

int slot_register_slot0(sqlite3 *db, char **message, const sqlite3_api_routines *api);
int slot_register_slot1(sqlite3 *db, char **message, const sqlite3_api_routines *api);
int slot_register_slot2(sqlite3 *db, char **message, const sqlite3_api_routines *api);
int slot_register_slot3(sqlite3 *db, char **message, const sqlite3_api_routines *api);

static const register_function slot_registers[ZBLOB_SLOT_COUNT] = {
    slot_register_slot0,
    slot_register_slot1,
    slot_register_slot2,
    slot_register_slot3,
};

ZBLOB_API int sqlite3_zblob_init(sqlite3 *db, char **message, const sqlite3_api_routines *api);
ZBLOB_API int sqlite3_zblob_auto_init(sqlite3 *db, char **message, const sqlite3_api_routines *api);

/* A library is known by its table's address, which is static in every SQLite. Taken without a lock, which
 * another thread could hold while this one forks. */
static _Atomic(const sqlite3_api_routines *) slot_apis[ZBLOB_SLOT_COUNT];

static int
take_slot(const sqlite3_api_routines *api)
{
    for (int slot = 0; slot < ZBLOB_SLOT_COUNT; slot++) {
        const sqlite3_api_routines *owner = NULL;
        if (atomic_compare_exchange_strong(&slot_apis[slot], &owner, api) || owner == api)
            return slot;
    }
    return ZBLOB_SLOT_COUNT;
}

int
sqlite3_zblob_init(sqlite3 *db, char **message, const sqlite3_api_routines *api)
{
    if (!api) /* an SQLite built without extension loading calls auto-extensions so */
        return SQLITE_MISUSE;
    int slot = take_slot(api);
    if (slot == ZBLOB_SLOT_COUNT) {
        *message = api->mprintf("zblob: this process holds more than %d SQLite libraries", ZBLOB_SLOT_COUNT);
        return SQLITE_ERROR;
    }
    return slot_registers[slot](db, message, api);
}

/* For embedders that cannot load a file into each connection: this connection and all that are opened
 * later in the process get everything. */
int
sqlite3_zblob_auto_init(sqlite3 *db, char **message, const sqlite3_api_routines *api)
{
    int result = sqlite3_zblob_init(db, message, api);
    if (result == SQLITE_OK)
        result = api->auto_extension((void (*)(void))sqlite3_zblob_init);
    return result == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : result;
}
