/* pickle_ops.c: the opcodes' arguments, in one table. */
#include "pickle_ops.h"

#include "../base/bytes.h"
#include "../base/interrupt.h"

#include <string.h>

/* How many opcodes are read before one asks whether to go on. */
#define OPCODES_A_QUESTION 1024

/* The low half of a byte is a width. An argument has that many bytes (FIXED); or it begins with its own size, a number of
 * that many bytes (COUNTED). */
enum { REFUSED = 0, FIXED = 0x10, COUNTED = 0x20, TWO_LINES = 0x30, KIND = 0xf0, WIDTH = 0x0f };

static const unsigned char argument_kinds[256] = {
    [OP_MARK] = FIXED,
    [OP_STOP] = FIXED,
    [OP_POP] = FIXED,
    [OP_POP_MARK] = FIXED,
    [OP_DUP] = FIXED,
    [OP_BINFLOAT] = FIXED | 8,
    [OP_BININT] = FIXED | 4,
    [OP_BININT1] = FIXED | 1,
    [OP_BININT2] = FIXED | 2,
    [OP_LONG1] = COUNTED | 1,
    [OP_LONG4] = COUNTED | 4,
    [OP_NONE] = FIXED,
    [OP_NEWTRUE] = FIXED,
    [OP_NEWFALSE] = FIXED,
    [OP_BINUNICODE] = COUNTED | 4,
    [OP_SHORT_BINUNICODE] = COUNTED | 1,
    [OP_BINUNICODE8] = COUNTED | 8,
    [OP_BINBYTES] = COUNTED | 4,
    [OP_SHORT_BINBYTES] = COUNTED | 1,
    [OP_BINBYTES8] = COUNTED | 8,
    [OP_BYTEARRAY8] = COUNTED | 8,
    [OP_EMPTY_LIST] = FIXED,
    [OP_APPEND] = FIXED,
    [OP_APPENDS] = FIXED,
    [OP_EMPTY_TUPLE] = FIXED,
    [OP_TUPLE] = FIXED,
    [OP_TUPLE1] = FIXED,
    [OP_TUPLE2] = FIXED,
    [OP_TUPLE3] = FIXED,
    [OP_EMPTY_DICT] = FIXED,
    [OP_SETITEM] = FIXED,
    [OP_SETITEMS] = FIXED,
    [OP_EMPTY_SET] = FIXED,
    [OP_ADDITEMS] = FIXED,
    [OP_FROZENSET] = FIXED,
    [OP_BINGET] = FIXED | 1,
    [OP_LONG_BINGET] = FIXED | 4,
    [OP_BINPUT] = FIXED | 1,
    [OP_LONG_BINPUT] = FIXED | 4,
    [OP_MEMOIZE] = FIXED,
    [OP_GLOBAL] = TWO_LINES,
    [OP_STACK_GLOBAL] = FIXED,
    [OP_REDUCE] = FIXED,
    [OP_BUILD] = FIXED,
    [OP_NEWOBJ] = FIXED,
    [OP_NEWOBJ_EX] = FIXED,
    [OP_PROTO] = FIXED | 1,
    [OP_FRAME] = FIXED | 8,
    [OP_BINPERSID] = FIXED,
};

static size_t
left(const struct pickle_reader *reader)
{
    return reader->size - reader->at;
}

static bool
take(struct pickle_reader *reader, uint64_t size, const unsigned char **bytes)
{
    if (size > left(reader))
        return false;
    *bytes = reader->src + reader->at;
    reader->at += (size_t)size;
    return true;
}

static bool
take_line(struct pickle_reader *reader, const unsigned char **line, uint64_t *size)
{
    const unsigned char *start = reader->src + reader->at;
    const unsigned char *end = left(reader) ? memchr(start, '\n', left(reader)) : NULL;
    if (!end)
        return false;
    *line = start;
    *size = (uint64_t)(end - start);
    reader->at += (size_t)*size + 1;
    return true;
}

bool
pickle_reader_start(struct pickle_reader *reader, const void *src, size_t src_size)
{
    const unsigned char *p = src;
    *reader = (struct pickle_reader){.src = p, .size = src_size, .at = 2};
    return src_size > 2 && p[0] == OP_PROTO && p[1] >= 2 && p[1] <= 5;
}

bool
pickle_reader_next(struct pickle_reader *reader, struct pickle_op *op)
{
    const unsigned char *bytes;
    if (++reader->op_count % OPCODES_A_QUESTION == 0 && interrupt_is_set())
        return false;
    if (!take(reader, 1, &bytes))
        return false;
    *op = (struct pickle_op){.opcode = *bytes};
    if (op->opcode == OP_BINPERSID && !reader->has_persistent_ids)
        return false;
    unsigned kind = argument_kinds[op->opcode], width = kind & WIDTH;
    switch (kind & KIND) {
    case FIXED: op->argument_size = width; return take(reader, width, &op->argument);
    case COUNTED:
        if (!take(reader, width, &bytes))
            return false;
        op->argument_size = load_le(bytes, width);
        return take(reader, op->argument_size, &op->argument);
    case TWO_LINES:
        return take_line(reader, &op->argument, &op->argument_size) && take_line(reader, &op->second, &op->second_size);
    default: return false;
    }
}

bool
zblob_is_complete_pickle(const void *src, size_t src_size)
{
    struct pickle_reader reader;
    struct pickle_op op;
    if (!pickle_reader_start(&reader, src, src_size))
        return false;
    do {
        if (!pickle_reader_next(&reader, &op))
            return false;
    } while (op.opcode != OP_STOP);
    return reader.at == src_size;
}

#define JOBLIB "joblib."

bool
pickle_may_hold_array(const void *src, size_t src_size, uint64_t least)
{
    struct pickle_reader reader;
    struct pickle_op op;
    if (!pickle_reader_start(&reader, src, src_size))
        return true;
    do {
        if (!pickle_reader_next(&reader, &op) || op.argument_size >= least)
            return true;
        if (op.argument_size > sizeof JOBLIB && memcmp(op.argument, JOBLIB, sizeof JOBLIB - 1) == 0)
            return true;
    } while (op.opcode != OP_STOP);
    return reader.at != src_size;
}
