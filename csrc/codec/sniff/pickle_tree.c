/*
 * pickle_tree.c: the pickle's stack machine, with nodes instead of objects. The size of a pickle limits the number of its
 * opcodes, so that a pickle of a million small things is given up early; the tables grow with the opcodes that were read.
 */
#include "pickle_tree.h"

#include "../base/bytes.h"
#include "pickle_ops.h"

#include <stdlib.h>

/* A pickle may have OPCODES_MIN opcodes, and one more for each BYTES_AN_OPCODE bytes: reading them then takes a small part
 * of the time that any codec takes. */
#define OPCODES_MIN 65536U
#define BYTES_AN_OPCODE 16
#define OPCODES_MAX (UINT32_C(1) << 28)
#define NO_NODE UINT32_MAX

struct machine {
    struct pickle_tree *tree;
    uint32_t *stack;
    uint32_t stack_size, stack_capacity;
    uint32_t *memo;
    uint32_t memo_capacity, memo_count; /* memo_count: the slot that MEMOIZE takes next */
    uint32_t opcode_count;
};

/* ---- Nodes and stack ------------------------------------------------------------------------- */

/* The array with room for `count` elements: itself, or its larger copy. NULL without memory; the array then stays as it
 * is. */
static void *
grown(void *array, uint32_t *capacity, uint32_t count, size_t size)
{
    if (count <= *capacity)
        return array;
    uint32_t wanted = count < 128 ? 256 : 2 * count;
    array = realloc(array, wanted * size);
    if (array)
        *capacity = wanted;
    return array;
}

static bool
push(struct machine *m, uint32_t number)
{
    uint32_t *stack = grown(m->stack, &m->stack_capacity, m->stack_size + 1, sizeof *stack);
    if (!stack)
        return false;
    m->stack = stack;
    stack[m->stack_size++] = number;
    return true;
}

static struct pickle_node *
push_node(struct machine *m, enum pickle_kind kind)
{
    struct pickle_tree *tree = m->tree;
    struct pickle_node *nodes = grown(tree->nodes, &tree->node_capacity, tree->node_count + 1, sizeof *nodes);
    if (!nodes)
        return NULL;
    tree->nodes = nodes;
    if (!push(m, tree->node_count))
        return NULL;
    nodes[tree->node_count] = (struct pickle_node){.kind = kind, .state = -1};
    return &nodes[tree->node_count++];
}

static bool
push_integer(struct machine *m, enum pickle_kind kind, int64_t integer)
{
    struct pickle_node *node = push_node(m, kind);
    if (node)
        node->integer = integer;
    return node != NULL;
}

static bool
push_bytes(struct machine *m, enum pickle_kind kind, const unsigned char *bytes, uint64_t byte_count)
{
    struct pickle_node *node = push_node(m, kind);
    if (node) {
        node->bytes = bytes;
        node->byte_count = byte_count;
    }
    return node != NULL;
}

static bool
push_long(struct machine *m, const struct pickle_op *op)
{
    if (op->argument_size > 8)
        return push_node(m, PICKLE_OTHER) != NULL;
    uint64_t value = load_le(op->argument, (size_t)op->argument_size);
    if (op->argument_size && op->argument_size < 8 && op->argument[op->argument_size - 1] & 0x80)
        value |= UINT64_MAX << (8 * op->argument_size); /* sign */
    return push_integer(m, PICKLE_INTEGER, (int64_t)value);
}

static bool
push_float(struct machine *m, const unsigned char *big_endian)
{
    unsigned char reversed[8];
    for (int i = 0; i < 8; i++)
        reversed[i] = big_endian[7 - i];
    struct pickle_node *node = push_node(m, PICKLE_FLOAT);
    if (node)
        node->real = load_le_double(reversed);
    return node != NULL;
}

static bool
is_mark(const struct machine *m, uint32_t depth)
{
    return m->tree->nodes[m->stack[depth]].kind == PICKLE_MARK;
}

/* Drop the top `count` entries, none of which may be a mark. */
static bool
drop(struct machine *m, uint32_t count)
{
    if (m->stack_size < count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (is_mark(m, m->stack_size - 1 - i))
            return false;
    }
    m->stack_size -= count;
    return true;
}

/* How many entries lie above the topmost mark; false without one. */
static bool
count_above_mark(const struct machine *m, uint32_t *count)
{
    for (*count = 0; *count < m->stack_size; ++*count) {
        if (is_mark(m, m->stack_size - 1 - *count))
            return true;
    }
    return false;
}

static bool
drop_to_mark(struct machine *m)
{
    uint32_t count;
    if (!count_above_mark(m, &count))
        return false;
    m->stack_size -= count + 1;
    return true;
}

/* Replace the top `count` entries by one node that holds them as items. */
static bool
gather(struct machine *m, enum pickle_kind kind, uint32_t count)
{
    struct pickle_tree *tree = m->tree;
    uint32_t first = tree->item_count;
    uint32_t *items = grown(tree->items, &tree->item_capacity, first + count, sizeof *items);
    if (count && !items)
        return false;
    tree->items = items;
    if (!drop(m, count))
        return false;
    for (uint32_t i = 0; i < count; i++)
        tree->items[tree->item_count++] = m->stack[m->stack_size + i];
    struct pickle_node *node = push_node(m, kind);
    if (node) {
        node->first_item = first;
        node->item_count = count;
    }
    return node != NULL;
}

static bool
gather_to_mark(struct machine *m)
{
    uint32_t count;
    if (!count_above_mark(m, &count) || !gather(m, PICKLE_TUPLE, count))
        return false;
    m->stack[m->stack_size - 2] = m->stack[m->stack_size - 1]; /* over the mark */
    m->stack_size--;
    return true;
}

/* Add `count` entries to a dict, and drop them; only the first ones are kept as its items. */
static bool
set_items(struct machine *m, uint32_t count)
{
    struct pickle_tree *tree = m->tree;
    uint32_t *items = grown(tree->items, &tree->item_capacity, tree->item_count + count, sizeof *items);
    if (count && !items)
        return false;
    tree->items = items;
    if (!drop(m, count) || m->stack_size == 0)
        return false;
    struct pickle_node *dict = &tree->nodes[m->stack[m->stack_size - 1]];
    if (dict->kind != PICKLE_DICT || dict->item_count > 0)
        return true;
    dict->first_item = tree->item_count;
    dict->item_count = count;
    for (uint32_t i = 0; i < count; i++)
        items[tree->item_count++] = m->stack[m->stack_size + i];
    return true;
}

/* The same for all entries above the topmost mark. */
static bool
set_items_to_mark(struct machine *m)
{
    uint32_t count;
    if (!count_above_mark(m, &count))
        return false;
    uint32_t mark = m->stack_size - 1 - count;
    memmove(m->stack + mark, m->stack + mark + 1, count * sizeof *m->stack);
    m->stack_size--;
    return set_items(m, count);
}

/* ---- Memo, globals, state -------------------------------------------------------------------- */

/* Picklers number their slots from 0 on, so no slot has a higher number than there were opcodes. */
static bool
put(struct machine *m, uint64_t slot)
{
    if (slot > m->opcode_count || m->stack_size == 0)
        return false;
    uint32_t before = m->memo_capacity;
    uint32_t *memo = grown(m->memo, &m->memo_capacity, (uint32_t)slot + 1, sizeof *memo);
    if (!memo)
        return false;
    m->memo = memo;
    for (uint32_t i = before; i < m->memo_capacity; i++)
        memo[i] = NO_NODE;
    memo[slot] = m->stack[m->stack_size - 1];
    m->memo_count++;
    return true;
}

static bool
get(struct machine *m, uint64_t slot)
{
    return slot < m->memo_capacity && m->memo[slot] != NO_NODE && push(m, m->memo[slot]);
}

static bool
push_global(struct machine *m, const struct pickle_op *op)
{
    return push_bytes(m, PICKLE_TEXT, op->argument, op->argument_size) &&
           push_bytes(m, PICKLE_TEXT, op->second, op->second_size) && gather(m, PICKLE_GLOBAL, 2);
}

static bool
build(struct machine *m)
{
    if (!drop(m, 1) || m->stack_size == 0)
        return false;
    struct pickle_node *object = &m->tree->nodes[m->stack[m->stack_size - 1]];
    object->state = (int32_t)m->stack[m->stack_size];
    return object->kind != PICKLE_MARK;
}

static bool
dup(struct machine *m)
{
    return m->stack_size > 0 && push(m, m->stack[m->stack_size - 1]);
}

static bool
pop(struct machine *m)
{
    if (m->stack_size == 0)
        return false;
    m->stack_size--;
    return true;
}

/* ---- Opcodes --------------------------------------------------------------------------------- */

static bool
execute(struct machine *m, const struct pickle_op *op)
{
    const unsigned char *a = op->argument;
    switch (op->opcode) {
    case OP_PROTO:
    case OP_FRAME: return true;
    case OP_MARK: return push_node(m, PICKLE_MARK) != NULL;
    case OP_POP: return pop(m);
    case OP_POP_MARK: return drop_to_mark(m);
    case OP_DUP: return dup(m);
    case OP_NONE: return push_node(m, PICKLE_NONE) != NULL;
    case OP_NEWTRUE: return push_integer(m, PICKLE_BOOL, 1);
    case OP_NEWFALSE: return push_integer(m, PICKLE_BOOL, 0);
    case OP_BININT: return push_integer(m, PICKLE_INTEGER, (int32_t)load_le32(a));
    case OP_BININT1: return push_integer(m, PICKLE_INTEGER, a[0]);
    case OP_BININT2: return push_integer(m, PICKLE_INTEGER, load_le16(a));
    case OP_LONG1:
    case OP_LONG4: return push_long(m, op);
    case OP_BINFLOAT: return push_float(m, a);
    case OP_BINUNICODE:
    case OP_SHORT_BINUNICODE:
    case OP_BINUNICODE8: return push_bytes(m, PICKLE_TEXT, a, op->argument_size);
    case OP_BINBYTES:
    case OP_SHORT_BINBYTES:
    case OP_BINBYTES8:
    case OP_BYTEARRAY8: return push_bytes(m, PICKLE_BYTES, a, op->argument_size);
    case OP_EMPTY_DICT: return push_node(m, PICKLE_DICT) != NULL;
    case OP_EMPTY_LIST:
    case OP_EMPTY_SET: return push_node(m, PICKLE_OTHER) != NULL;
    case OP_FROZENSET: return drop_to_mark(m) && push_node(m, PICKLE_OTHER) != NULL;
    case OP_APPEND: return drop(m, 1) && m->stack_size > 0;
    case OP_SETITEM: return set_items(m, 2);
    case OP_SETITEMS: return set_items_to_mark(m);
    case OP_APPENDS:
    case OP_ADDITEMS: return drop_to_mark(m) && m->stack_size > 0;
    case OP_EMPTY_TUPLE: return gather(m, PICKLE_TUPLE, 0);
    case OP_TUPLE1: return gather(m, PICKLE_TUPLE, 1);
    case OP_TUPLE2: return gather(m, PICKLE_TUPLE, 2);
    case OP_TUPLE3: return gather(m, PICKLE_TUPLE, 3);
    case OP_TUPLE: return gather_to_mark(m);
    case OP_BINGET: return get(m, a[0]);
    case OP_LONG_BINGET: return get(m, load_le32(a));
    case OP_BINPUT: return put(m, a[0]);
    case OP_LONG_BINPUT: return put(m, load_le32(a));
    case OP_MEMOIZE: return put(m, m->memo_count);
    case OP_GLOBAL: return push_global(m, op);
    case OP_STACK_GLOBAL: return gather(m, PICKLE_GLOBAL, 2);
    case OP_REDUCE:
    case OP_NEWOBJ: return gather(m, PICKLE_CALL, 2);
    case OP_NEWOBJ_EX: return drop(m, 3) && push_node(m, PICKLE_OTHER) != NULL;
    case OP_BUILD: return build(m);
    case OP_BINPERSID: return gather(m, PICKLE_PERSISTENT, 1);
    default: return false;
    }
}

/* Step over what follows an object but is no opcode. */
static bool
skip_gap(struct machine *m, struct pickle_reader *reader, pickle_gap *gap)
{
    struct pickle_node *object = &m->tree->nodes[m->stack[m->stack_size - 1]];
    const unsigned char *at = reader->src + reader->at;
    size_t rest = reader->size - reader->at;
    if (object->kind != PICKLE_CALL)
        return true;
    uint64_t size = gap(m->tree, object, at, rest);
    if (size > rest)
        return false;
    object->bytes = at;
    object->byte_count = size;
    reader->at += (size_t)size;
    return true;
}

bool
pickle_tree_read(struct pickle_tree *tree, const void *src, size_t src_size, pickle_gap *gap)
{
    struct pickle_reader reader;
    struct pickle_op op;
    struct machine m = {.tree = tree};
    size_t share = src_size / BYTES_AN_OPCODE;
    uint32_t most = share < OPCODES_MAX ? OPCODES_MIN + (uint32_t)share : OPCODES_MAX;
    *tree = (struct pickle_tree){0};
    bool good = pickle_reader_start(&reader, src, src_size);
    reader.has_persistent_ids = gap == NULL;
    while (good) {
        good = m.opcode_count++ < most && pickle_reader_next(&reader, &op);
        if (good && op.opcode == OP_STOP)
            break;
        good = good && execute(&m, &op);
        if (good && gap && op.opcode == OP_BUILD)
            good = skip_gap(&m, &reader, gap);
    }
    good = good && reader.at == src_size && m.stack_size == 1;
    free(m.stack);
    free(m.memo);
    return good;
}

void
pickle_tree_free(struct pickle_tree *tree)
{
    free(tree->nodes);
    free(tree->items);
}

const struct pickle_node *
pickle_item(const struct pickle_tree *tree, const struct pickle_node *node, uint32_t index)
{
    bool has_items = node && index < node->item_count;
    return has_items ? &tree->nodes[tree->items[node->first_item + index]] : NULL;
}

const struct pickle_node *
pickle_get(const struct pickle_tree *tree, const struct pickle_node *dict, const char *key)
{
    enum { NAMES_MAX = 64 };
    for (uint32_t i = 0; dict && dict->kind == PICKLE_DICT && i + 1 < dict->item_count && i < 2 * NAMES_MAX; i += 2) {
        if (pickle_text_is(pickle_item(tree, dict, i), key))
            return pickle_item(tree, dict, i + 1);
    }
    return NULL;
}

const struct pickle_node *
pickle_state(const struct pickle_tree *tree, const struct pickle_node *object)
{
    return object->state < 0 ? NULL : &tree->nodes[object->state];
}

bool
pickle_is_global(const struct pickle_tree *tree, const struct pickle_node *node, const char *module, const char *name)
{
    return node && node->kind == PICKLE_GLOBAL && pickle_text_is(pickle_item(tree, node, 0), module) &&
           pickle_text_is(pickle_item(tree, node, 1), name);
}

bool
pickle_is_object(const struct pickle_tree *tree, const struct pickle_node *node, const char *module, const char *name)
{
    return node && node->kind == PICKLE_CALL && pickle_is_global(tree, pickle_item(tree, node, 0), module, name);
}

bool
pickle_is_of_package(const struct pickle_tree *tree, const struct pickle_node *node, const char *package)
{
    const struct pickle_node *class = node && node->kind == PICKLE_CALL ? pickle_item(tree, node, 0) : NULL;
    const struct pickle_node *module = class && class->kind == PICKLE_GLOBAL ? pickle_item(tree, class, 0) : NULL;
    return module && module->kind == PICKLE_TEXT && module->byte_count >= strlen(package) &&
           memcmp(module->bytes, package, strlen(package)) == 0;
}

bool
pickle_text_is(const struct pickle_node *node, const char *text)
{
    return node && node->kind == PICKLE_TEXT && node->byte_count == strlen(text) &&
           memcmp(node->bytes, text, (size_t)node->byte_count) == 0;
}
