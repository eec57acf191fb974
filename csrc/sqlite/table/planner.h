/*
 * planner.h: what SQLite asks of a virtual table (xBestIndex) becomes a plan, and a plan becomes a SELECT on
 * the backing table, whose own planner then chooses indexes. Knows no cursor.
 *
 * A SELECT may give more rows than were asked for, never fewer: SQLite checks every constraint again.
 */
#ifndef ZBLOB_SQLITE_TABLE_PLANNER_H
#define ZBLOB_SQLITE_TABLE_PLANNER_H

#include "instance.h"

#define planner_best_index ZBLOB_IN_SLOT(planner_best_index)
#define plan_parse ZBLOB_IN_SLOT(plan_parse)
#define plan_sql ZBLOB_IN_SLOT(plan_sql)
#define plan_reads ZBLOB_IN_SLOT(plan_reads)

#if SQLITE_VERSION_NUMBER < 3038000 /* headers without them: then an IN comes value by value */
#define sqlite3_vtab_in(info, constraint, handle) ((void)(info), (void)(constraint), 0)
#define sqlite3_vtab_in_first(list, value) ((void)(list), *(value) = NULL, SQLITE_DONE)
#define sqlite3_vtab_in_next(list, value) ((void)(list), *(value) = NULL, SQLITE_DONE)
#endif

#define PLAN_TERMS_MAX 32
#define PLAN_ORDER_MAX 16

/* How a column is compared with the term's value. The letters stand in plans. */
enum plan_relation {
    PLAN_EQUAL = '=',
    PLAN_IN = '@',
    PLAN_IS = 'i',
    PLAN_LESS = '<',
    PLAN_LESS_EQUAL = 'l',
    PLAN_GREATER = '>',
    PLAN_GREATER_EQUAL = 'g',
    PLAN_IS_NULL = 'n',
    PLAN_IS_NOT_NULL = 'v',
    PLAN_GLOB = 'G',
    PLAN_LIKE = 'L',
};

struct plan_term {
    int column; /* or COLUMN_ROWID */
    enum plan_relation relation;
};

struct plan_order {
    int column;
    bool is_descending;
};

/* Term i has the SQL parameters PLAN_PARAMETER(i) and the one behind it: the prefix's range of a pattern. */
#define PLAN_PARAMETER(i) (2 * (i) + 1)

struct plan {
    int term_count, order_count;
    struct plan_term terms[PLAN_TERMS_MAX];
    struct plan_order order[PLAN_ORDER_MAX];
    sqlite3_uint64 columns; /* that the SELECT reads; bit 63: all from the 64th on. See plan_reads */
    bool is_widened;        /* the SELECT gives rows that nobody wants: set by whoever relaxes a term */
};

/* xBestIndex. The plan goes to the cursor as text in idxStr, which EXPLAIN QUERY PLAN shows. */
int planner_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info);

void plan_parse(struct plan *plan, const char *text);

/* Does the SELECT read this column? If not, a cursor fetches it when it is wanted. */
bool plan_reads(const struct plan *plan, const struct column_defs *defs, int column);

/* The SELECT: rowid first, then column i as result column i + 1, up to the last one that is read. Terms with
 * a true in `relaxed` are widened, so that no conversion of the value that SQLite may make loses a row. */
char *plan_sql(const struct plan *plan, const struct shadow *shadow, const bool *relaxed);

#endif
