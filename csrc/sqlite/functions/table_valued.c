/* table_valued.c: see table_valued.h. */
#include "table_valued.h"

#include "../values.h"

int
table_valued_plan(sqlite3_vtab *vtab, sqlite3_index_info *info, int value, const char *missing)
{
    bool is_given = false; /* perhaps by a term that this plan cannot use */
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].iColumn != value || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        is_given = true;
        if (!info->aConstraint[i].usable)
            continue;
        info->aConstraintUsage[i].argvIndex = 1;
        info->aConstraintUsage[i].omit = 1;
        info->estimatedCost = 10;
        info->estimatedRows = 10;
        info->orderByConsumed = info->nOrderBy == 1 && info->aOrderBy[0].iColumn <= 0 && !info->aOrderBy[0].desc;
        return SQLITE_OK;
    }
    if (is_given)
        return SQLITE_CONSTRAINT;
    sqlite3_free(vtab->zErrMsg);
    vtab->zErrMsg = sqlite3_mprintf("%s", missing);
    return SQLITE_ERROR;
}

int
table_valued_fail(sqlite3_vtab *vtab, const struct zblob_error *error)
{
    sqlite3_free(vtab->zErrMsg);
    vtab->zErrMsg = sqlite3_mprintf("%s", error->message);
    return value_result_code(error);
}
