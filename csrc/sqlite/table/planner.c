/* planner.c: see planner.h. */
#include "planner.h"

#include <stdlib.h>
#include <string.h>

/* Costs in the unit of SQLite's own planner: about one step of a cursor. */
#define COST_ROW 3.0                     /* a row by way of the table */
#define COST_ROW_BY_INDEX 4.0            /* by way of an index */
#define IN_COUNT 5.0                     /* values of an IN: their number is not known */
#define ALL_COLUMNS (~(sqlite3_uint64)0) /* what SQLite passes for UPDATE */

/* ---- Terms ----------------------------------------------------------------------------------- */

static bool
is_collation(const struct column *column, const char *name)
{
    return sqlite3_stricmp(column->collation ? column->collation : "BINARY", name) == 0;
}

static int
comparison_of(unsigned char constraint)
{
    switch (constraint) {
    case SQLITE_INDEX_CONSTRAINT_EQ: return PLAN_EQUAL;
    case SQLITE_INDEX_CONSTRAINT_LT: return PLAN_LESS;
    case SQLITE_INDEX_CONSTRAINT_LE: return PLAN_LESS_EQUAL;
    case SQLITE_INDEX_CONSTRAINT_GT: return PLAN_GREATER;
    case SQLITE_INDEX_CONSTRAINT_GE: return PLAN_GREATER_EQUAL;
    case SQLITE_INDEX_CONSTRAINT_IS: return PLAN_IS;
    default: return 0;
    }
}

/* Is constraint i an IN? Otherwise SQLite comes with one value after the other, as with an equality. */
static bool
is_in(sqlite3_index_info *info, int i)
{
    return sqlite3_libversion_number() >= 3038000 && sqlite3_vtab_in(info, i, -1);
}

/* The relation for constraint i of the statement, or 0: leave it to SQLite. Of a compressed column the backing
 * table only knows whether it is NULL. */
static int
relation_of(const struct column_defs *defs, sqlite3_index_info *info, int i)
{
    const struct sqlite3_index_constraint *constraint = &info->aConstraint[i];
    int comparison = comparison_of(constraint->op);
    if (constraint->iColumn < 0)
        return comparison == PLAN_IS ? 0 : comparison;
    const struct column *column = &defs->columns[constraint->iColumn];
    if (constraint->op == SQLITE_INDEX_CONSTRAINT_ISNULL)
        return PLAN_IS_NULL;
    if (constraint->op == SQLITE_INDEX_CONSTRAINT_ISNOTNULL)
        return PLAN_IS_NOT_NULL;
    if (column->is_compressed)
        return 0;
    if (comparison && !is_collation(column, sqlite3_vtab_collation(info, i)))
        return 0;
    if (comparison)
        return column->affinity != AFFINITY_NUMERIC && is_in(info, i) ? PLAN_IN : comparison;
    bool has_ranges =
        column->affinity == AFFINITY_TEXT && (is_collation(column, "BINARY") || is_collation(column, "NOCASE"));
    if (constraint->op == SQLITE_INDEX_CONSTRAINT_GLOB && has_ranges)
        return PLAN_GLOB;
    return constraint->op == SQLITE_INDEX_CONSTRAINT_LIKE && has_ranges ? PLAN_LIKE : 0;
}

/* An INTEGER PRIMARY KEY and the rowid are one. */
static int
same_column(const struct column_defs *defs, int column)
{
    return column < 0 || column == defs->rowid_column ? COLUMN_ROWID : column;
}

/* With LIKE and GLOB, SQLite offers the range that they imply. It holds for texts, but BLOBs match patterns, too. */
static bool
is_implied_range(const sqlite3_index_info *info, int i, int relation)
{
    if (relation != PLAN_GREATER_EQUAL && relation != PLAN_LESS)
        return false;
    for (int k = 0; k < info->nConstraint; k++) {
        unsigned char op = info->aConstraint[k].op;
        if (info->aConstraint[k].iColumn == info->aConstraint[i].iColumn &&
            (op == SQLITE_INDEX_CONSTRAINT_LIKE || op == SQLITE_INDEX_CONSTRAINT_GLOB))
            return true;
    }
    return false;
}

/*
 * An IN on TEXT or untyped columns is taken as a whole, and SQLite checks it as a whole: value by value it would
 * compare with the column's affinity alone, which is wrong for the values of a subquery with another one. Only one
 * such term, as a second one would have to be crossed with it.
 */
static bool
take_in(struct plan *plan, sqlite3_index_info *info, int i)
{
    for (int k = 0; k < plan->term_count; k++) {
        if (plan->terms[k].relation == PLAN_IN)
            return false;
    }
    return sqlite3_vtab_in(info, i, 1);
}

static void
collect_terms(const struct column_defs *defs, sqlite3_index_info *info, struct plan *plan)
{
    for (int i = 0; i < info->nConstraint && plan->term_count < PLAN_TERMS_MAX; i++) {
        int relation = info->aConstraint[i].usable ? relation_of(defs, info, i) : 0;
        if (!relation || is_implied_range(info, i, relation) || (relation == PLAN_IN && !take_in(plan, info, i)))
            continue;
        plan->terms[plan->term_count] =
            (struct plan_term){.column = info->aConstraint[i].iColumn, .relation = (enum plan_relation)relation};
        info->aConstraintUsage[i].argvIndex = ++plan->term_count;
        /* exact, and checking it again would read the value */
        info->aConstraintUsage[i].omit = relation == PLAN_IS_NULL || relation == PLAN_IS_NOT_NULL;
    }
}

/* How many terms on that column have one of these relations? */
static int
count_terms(const struct plan *plan, const struct column_defs *defs, int column, const char *relations)
{
    int count = 0;
    for (int i = 0; i < plan->term_count; i++)
        count += same_column(defs, plan->terms[i].column) == column && strchr(relations, plan->terms[i].relation);
    return count;
}

/* ---- Order ----------------------------------------------------------------------------------- */

/* The values of an IN are looked up one after the other: no order goes across them. */
static bool
collect_order(const struct column_defs *defs, const sqlite3_index_info *info, struct plan *plan)
{
    if (info->nOrderBy == 0 || info->nOrderBy > PLAN_ORDER_MAX)
        return false;
    for (int i = 0; i < plan->term_count; i++) {
        if (plan->terms[i].relation == PLAN_IN)
            return false;
    }
    for (int i = 0; i < info->nOrderBy; i++) {
        int column = info->aOrderBy[i].iColumn;
        if (column >= 0 && defs->columns[column].is_compressed)
            return false;
        plan->order[i] = (struct plan_order){.column = column, .is_descending = info->aOrderBy[i].desc};
    }
    plan->order_count = info->nOrderBy;
    return true;
}

/* Do the index's rows come in the plan's order, once its equalities are fixed? */
static bool
serves_order(const struct index *index, const struct plan *plan, const struct column_defs *defs)
{
    int at = 0, reverse = -1; /* not known yet */
    for (int i = 0; i < plan->order_count; i++) {
        int column = same_column(defs, plan->order[i].column);
        if (count_terms(plan, defs, column, "="))
            continue;
        while (at < index->column_count && count_terms(plan, defs, index->columns[at].column, "="))
            at++;
        /* behind its columns every index has the rowid */
        struct index_column next = {.column = COLUMN_ROWID};
        if (at < index->column_count)
            next = index->columns[at];
        int direction = plan->order[i].is_descending != next.is_descending;
        if (next.column != column || (reverse >= 0 && direction != reverse))
            return false;
        if (column == COLUMN_ROWID)
            return true; /* unique: what follows has no say */
        reverse = direction;
        at++;
    }
    return true;
}

/* ---- Choice ---------------------------------------------------------------------------------- */

struct choice {
    const struct index *index;
    double rows, cost, sort_cost;
    int equal_count; /* columns of the index that are fixed */
    bool is_single;  /* at most one row */
    bool has_range, serves_order;
};

static double
logarithm(double rows)
{
    double result = 1;
    for (; rows > 2; rows /= 2)
        result++;
    return result;
}

static struct choice
evaluate(const struct index *index, const struct plan *plan, const struct column_defs *defs)
{
    struct choice choice = {.index = index};
    while (choice.equal_count < index->column_count &&
           count_terms(plan, defs, index->columns[choice.equal_count].column, "=in@"))
        choice.equal_count++;
    choice.rows = index->rows[choice.equal_count];
    for (int i = 0; i < choice.equal_count; i++)
        choice.rows *= count_terms(plan, defs, index->columns[i].column, "@") ? IN_COUNT : 1;
    choice.is_single = index->is_unique && choice.equal_count == index->column_count;
    for (int i = 0; i < choice.equal_count; i++) /* NULLs may be many */
        choice.is_single &= count_terms(plan, defs, index->columns[i].column, "=") > 0;
    if (choice.equal_count < index->column_count) {
        int column = index->columns[choice.equal_count].column;
        int bounds = count_terms(plan, defs, column, "<l") + count_terms(plan, defs, column, ">g") +
                     2 * count_terms(plan, defs, column, "GL");
        choice.has_range = bounds > 0;
        choice.rows /= bounds > 1 ? 64 : bounds ? 4 : 1;
    }
    if (choice.rows < 1)
        choice.rows = 1;
    bool is_table = index->columns[0].column == COLUMN_ROWID;
    choice.cost = choice.rows * (is_table ? COST_ROW : COST_ROW_BY_INDEX) + logarithm(index->rows[0]);
    choice.serves_order = plan->order_count > 0 && (choice.is_single || serves_order(index, plan, defs));
    if (plan->order_count > 0 && !choice.serves_order)
        choice.sort_cost = choice.rows * logarithm(choice.rows);
    return choice;
}

static struct choice
choose(const struct indexes *indexes, const struct plan *plan, const struct column_defs *defs)
{
    struct choice best = evaluate(&indexes->list[0], plan, defs);
    for (int i = 1; i < indexes->count; i++) {
        struct choice other = evaluate(&indexes->list[i], plan, defs);
        bool is_useful = other.equal_count > 0 || other.has_range || other.serves_order;
        if (is_useful && other.cost + other.sort_cost < best.cost + best.sort_cost)
            best = other;
    }
    return best;
}

/* May SQLite stop after one row? Only where the term gives no row too many: numbers are compared as they are,
 * but a term on TEXT may be relaxed. */
static bool
is_exactly_single(const struct choice *choice, const struct column_defs *defs)
{
    if (!choice->is_single)
        return false;
    for (int i = 0; i < choice->index->column_count; i++) {
        int column = choice->index->columns[i].column;
        if (column >= 0 && defs->columns[column].affinity != AFFINITY_NUMERIC)
            return false;
    }
    return true;
}

/* ---- Columns --------------------------------------------------------------------------------- */

static sqlite3_uint64
column_bit(int column)
{
    return (sqlite3_uint64)1 << (column < 63 ? column : 63);
}

bool
plan_reads(const struct plan *plan, const struct column_defs *defs, int column)
{
    bool is_optional = defs->columns[column].is_compressed && (column >= 63 || plan->is_widened);
    return (plan->columns & column_bit(column)) && !is_optional;
}

/* A compressed column is read along with the row only if that is cheap, or the row is certainly wanted: if there is
 * one at most, or nothing else is used that could still reject it. An UPDATE wants it only if it says so. */
static sqlite3_uint64
columns_to_read(const struct column_defs *defs, const struct plan *plan, bool is_wanted, sqlite3_uint64 used)
{
    sqlite3_uint64 compressed = 0, fixed = 0;
    for (int i = 0; i < defs->column_count; i++) {
        if (defs->columns[i].is_compressed && i < 63)
            compressed |= column_bit(i);
        if (i < 63 && count_terms(plan, defs, i, "="))
            fixed |= column_bit(i);
    }
    is_wanted |= (used & ~compressed & ~fixed) == 0;
    return used == ALL_COLUMNS || !is_wanted ? used & ~compressed : used;
}

/* ---- The plan as text ------------------------------------------------------------------------ */

static const char *
column_name(const struct shadow *shadow, int column)
{
    return column < 0 ? shadow->rowid : shadow->defs.columns[column].name;
}

static const char *
relation_sql(enum plan_relation relation)
{
    switch (relation) {
    case PLAN_EQUAL:
    case PLAN_IN: return "=";
    case PLAN_IS: return " IS ";
    case PLAN_LESS: return "<";
    case PLAN_LESS_EQUAL: return "<=";
    case PLAN_GREATER: return ">";
    case PLAN_GREATER_EQUAL: return ">=";
    case PLAN_IS_NULL: return " IS NULL";
    case PLAN_IS_NOT_NULL: return " IS NOT NULL";
    case PLAN_GLOB: return " GLOB ";
    case PLAN_LIKE: return " LIKE ";
    }
    return "";
}

/* For people, and behind '#' for plan_parse: terms; order; columns. No '#' follows the last one. */
static char *
plan_text(const struct plan *plan, const struct shadow *shadow, const struct choice *choice)
{
    sqlite3_str *text = sqlite3_str_new(shadow->db);
    bool is_scan = choice->equal_count == 0 && !choice->has_range && choice->index->columns[0].column == COLUMN_ROWID;
    sqlite3_str_appendf(text, "%s", is_scan ? "scan" : choice->index->name);
    for (int i = 0; i < plan->term_count; i++) {
        const struct plan_term *term = &plan->terms[i];
        bool has_value = term->relation != PLAN_IS_NULL && term->relation != PLAN_IS_NOT_NULL;
        sqlite3_str_appendf(text, "%s%s%s%s", i ? " AND " : " (", column_name(shadow, term->column),
                            term->relation == PLAN_IN ? " IN " : relation_sql(term->relation), has_value ? "?" : "");
    }
    sqlite3_str_appendall(text, plan->term_count ? ")" : "");
    for (int i = 0; i < plan->order_count; i++)
        sqlite3_str_appendf(text, "%s%s%s", i ? ", " : " ORDER BY ", column_name(shadow, plan->order[i].column),
                            plan->order[i].is_descending ? " DESC" : "");
    sqlite3_str_appendall(text, " #");
    for (int i = 0; i < plan->term_count; i++)
        sqlite3_str_appendf(text, "%d%c", plan->terms[i].column, plan->terms[i].relation);
    sqlite3_str_appendall(text, ";");
    for (int i = 0; i < plan->order_count; i++)
        sqlite3_str_appendf(text, "%d%c", plan->order[i].column, plan->order[i].is_descending ? '-' : '+');
    sqlite3_str_appendf(text, ";%llx", plan->columns);
    return sqlite3_str_finish(text);
}

void
plan_parse(struct plan *plan, const char *text)
{
    char *p = (char *)strrchr(text, '#') + 1;
    *plan = (struct plan){.term_count = 0};
    for (; *p != ';'; plan->term_count++) {
        plan->terms[plan->term_count].column = (int)strtol(p, &p, 10);
        plan->terms[plan->term_count].relation = (enum plan_relation) * p++;
    }
    for (p++; *p != ';'; plan->order_count++) {
        plan->order[plan->order_count].column = (int)strtol(p, &p, 10);
        plan->order[plan->order_count].is_descending = *p++ == '-';
    }
    plan->columns = strtoull(p + 1, NULL, 16);
}

/* ---- xBestIndex ------------------------------------------------------------------------------ */

/* In what order the rows come where none is asked for: that of the rowid, unless an index narrows the rows down.
 * Without any column this is count(*), for which the smallest index will do. */
static void
set_default_order(struct plan *plan, const struct choice *choice, sqlite3_uint64 used)
{
    plan->order_count = 0;
    if (choice->index->columns[0].column == COLUMN_ROWID && !choice->is_single && (used || plan->term_count))
        plan->order[plan->order_count++] = (struct plan_order){.column = COLUMN_ROWID};
}

int
planner_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    struct table *table = (struct table *)vtab;
    const struct column_defs *defs = &table->shadow.defs;
    struct plan plan = {.term_count = 0};
    char *message = NULL;
    const struct source source = {&table->shadow, table->connection, &table->statements};
    int result = indexes_refresh(&table->indexes, &source, &message);
    if (result != SQLITE_OK)
        return table_fail(table, result, message);
    collect_terms(defs, info, &plan);
    bool has_order = collect_order(defs, info, &plan);
    struct choice choice = choose(&table->indexes, &plan, defs);
    info->orderByConsumed = has_order && choice.serves_order;
    if (!info->orderByConsumed)
        set_default_order(&plan, &choice, info->colUsed);
    plan.columns = columns_to_read(defs, &plan, choice.is_single || table->indexes.has_small_rows, info->colUsed);
    info->estimatedRows = (sqlite3_int64)choice.rows;
    info->estimatedCost = choice.cost;
    if (is_exactly_single(&choice, defs))
        info->idxFlags |= SQLITE_INDEX_SCAN_UNIQUE;
    info->idxStr = plan_text(&plan, &table->shadow, &choice);
    info->needToFreeIdxStr = 1;
    return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

/* ---- The SELECT ------------------------------------------------------------------------------ */

static void
append_column(sqlite3_str *sql, const struct shadow *shadow, int column)
{
    if (column < 0)
        sqlite3_str_appendf(sql, "t.%s", shadow->rowid);
    else
        sqlite3_str_appendf(sql, "t.\"%w\"", shadow->defs.columns[column].name);
}

/* All texts that can be numbers lie below ':': they start with a digit, a sign, a point or blank space. */
static void
append_relaxed(sqlite3_str *sql, const struct shadow *shadow, const struct plan_term *term, int parameter)
{
    const struct column *column = &shadow->defs.columns[term->column];
    bool is_ordered = is_collation(column, "BINARY") || is_collation(column, "NOCASE") || is_collation(column, "RTRIM");
    bool is_equal = term->relation == PLAN_EQUAL || term->relation == PLAN_IS;
    bool is_less = term->relation == PLAN_LESS || term->relation == PLAN_LESS_EQUAL;
    if (is_ordered && is_equal)
        sqlite3_str_appendf(sql, "(t.\"%w\"=?%d OR (t.\"%w\">='' AND t.\"%w\"<':'))", column->name, parameter,
                            column->name, column->name);
    else if (is_ordered && is_less)
        sqlite3_str_appendf(sql, "t.\"%w\"<':'", column->name);
    else
        sqlite3_str_appendall(sql, "1");
}

/* A BLOB matches a pattern by its bytes, and BLOBs come after all texts. */
static void
append_pattern(sqlite3_str *sql, const char *column, int parameter)
{
    sqlite3_str_appendf(sql, "((t.\"%w\">=?%d AND t.\"%w\"<?%d) OR t.\"%w\">=x'')", column, parameter, column,
                        parameter + 1, column);
}

/* Only a term on a column can be relaxed, or a pattern. */
static void
append_term(sqlite3_str *sql, const struct shadow *shadow, const struct plan_term *term, int parameter, bool relaxed)
{
    if (relaxed) {
        append_relaxed(sql, shadow, term, parameter);
    } else if (term->relation == PLAN_GLOB || term->relation == PLAN_LIKE) {
        append_pattern(sql, shadow->defs.columns[term->column].name, parameter);
    } else {
        append_column(sql, shadow, term->column);
        sqlite3_str_appendall(sql, relation_sql(term->relation));
        if (term->relation != PLAN_IS_NULL && term->relation != PLAN_IS_NOT_NULL)
            sqlite3_str_appendf(sql, "?%d", parameter);
    }
}

static void
append_columns(sqlite3_str *sql, const struct plan *plan, const struct shadow *shadow)
{
    int last = shadow->defs.column_count - 1;
    while (last >= 0 && !plan_reads(plan, &shadow->defs, last))
        last--;
    append_column(sql, shadow, COLUMN_ROWID);
    for (int i = 0; i <= last; i++) {
        sqlite3_str_appendall(sql, ", ");
        if (plan_reads(plan, &shadow->defs, i))
            append_column(sql, shadow, i);
        else
            sqlite3_str_appendall(sql, "NULL");
    }
}

char *
plan_sql(const struct plan *plan, const struct shadow *shadow, const bool *relaxed)
{
    sqlite3_str *sql = sqlite3_str_new(shadow->db);
    sqlite3_str_appendall(sql, "SELECT ");
    append_columns(sql, plan, shadow);
    sqlite3_str_appendall(sql, " FROM ");
    shadow_append_name(sql, shadow);
    sqlite3_str_appendall(sql, " AS t");
    for (int i = 0; i < plan->term_count; i++) {
        sqlite3_str_appendall(sql, i ? " AND " : " WHERE ");
        append_term(sql, shadow, &plan->terms[i], PLAN_PARAMETER(i), relaxed[i]);
    }
    for (int i = 0; i < plan->order_count; i++) {
        sqlite3_str_appendall(sql, i ? ", " : " ORDER BY ");
        append_column(sql, shadow, plan->order[i].column);
        sqlite3_str_appendall(sql, plan->order[i].is_descending ? " DESC" : "");
    }
    return sqlite3_str_finish(sql);
}
