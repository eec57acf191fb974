/*
 * column_defs.h: the arguments of `CREATE VIRTUAL TABLE t USING zblob(...)`: column definitions, table
 * constraints and settings. Knows what they mean, but opens no table.
 */
#ifndef ZBLOB_SQLITE_TABLE_COLUMN_DEFS_H
#define ZBLOB_SQLITE_TABLE_COLUMN_DEFS_H

#include "../slot.h"

#define column_defs_parse ZBLOB_IN_SLOT(column_defs_parse)
#define column_defs_free ZBLOB_IN_SLOT(column_defs_free)
#define column_defs_find ZBLOB_IN_SLOT(column_defs_find)

/* Values smaller than this are not worth a frame, unless min_size= says otherwise; the second: with a dictionary. */
#define COLUMN_MIN_SIZE_DEFAULT 512
#define COLUMN_MIN_SIZE_WITH_DICTIONARY 64

enum column_affinity {
    AFFINITY_BLOB,
    AFFINITY_TEXT,
    AFFINITY_NUMERIC, /* or INTEGER, or REAL: they compare alike */
};

struct column {
    char *name;
    char *definition;  /* for CREATE TABLE: everything but COMPRESSED */
    char *declaration; /* for sqlite3_declare_vtab: name, type, COLLATE, NOT NULL */
    char *collation;   /* NULL: BINARY */
    enum column_affinity affinity;
    bool is_compressed;
    bool is_not_null;
    bool has_default; /* other than NULL */
};

struct column_defs {
    struct column *columns;
    int column_count;
    char **constraints; /* of the table, for CREATE TABLE */
    int constraint_count;
    int rowid_column;  /* the INTEGER PRIMARY KEY, or -1 */
    bool adopts;       /* takes over a backing table that exists already */
    bool has_min_size; /* min_size= was given */
    bool has_level;    /* level= was given; otherwise zblob_config's applies when a value is written */
    char *
        dtype_from; /* an SQL expression over a row's columns, which says what its raw voxels are; NULL: nothing does */
    char *shape_from;
    char *hint;                   /* the beginning of the statement that both are asked by (row_hint.h) */
    bool takes_newest_dictionary; /* dictionary=auto: each column's own */
    unsigned settings;            /* a bit for each that was given */
    const char *repeated;         /* a setting that was given twice, of which the last one counts; NULL: none was */
    struct zblob_options options;
};

/* Parse `count` arguments. On failure *message names the argument and what is wrong with it. */
int column_defs_parse(struct column_defs *defs, int count, const char *const *arguments, char **message);
void column_defs_free(struct column_defs *defs);

/* The column of that name, or -1. */
int column_defs_find(const struct column_defs *defs, const char *name);

#endif
