/*
 * pickle_tree.h: what a pickle would build, as a tree of nodes, without building it.
 * It knows what opcodes mean, not what classes mean. Nothing is imported, called or copied: the bytes of a node lie in
 * the pickle.
 */
#ifndef ZBLOB_CODEC_SNIFF_PICKLE_TREE_H
#define ZBLOB_CODEC_SNIFF_PICKLE_TREE_H

#include "../../zblob.h"

enum pickle_kind {
    PICKLE_OTHER, /* containers whose contents do not matter here, and integers of more than 64 bits */
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INTEGER,
    PICKLE_FLOAT,
    PICKLE_TEXT,
    PICKLE_BYTES,
    PICKLE_TUPLE,
    PICKLE_GLOBAL, /* items: module, name */
    PICKLE_CALL,   /* items: callable, arguments */
    PICKLE_MARK,
};

struct pickle_node {
    enum pickle_kind kind;
    uint32_t first_item, item_count; /* of a tuple, global or call: places in pickle_tree.items */
    int32_t state;                   /* the number of the node that BUILD gave to this one; -1: none */
    union {
        int64_t integer; /* and bool */
        double real;
        const unsigned char *bytes; /* text and bytes */
    };
    uint64_t byte_count;
};

struct pickle_tree {
    struct pickle_node *nodes;
    uint32_t node_count, node_capacity;
    uint32_t *items; /* node numbers */
    uint32_t item_count, item_capacity;
};

/* Read one whole pickle that ends at the last byte. False for everything else: opcodes that the reader refuses, errors of
 * the stack, no memory, or so many opcodes that the pickle holds no large things. Free the tree in either case. */
bool pickle_tree_read(struct pickle_tree *tree, const void *src, size_t src_size);
void pickle_tree_free(struct pickle_tree *tree);

/* Item `index` of a tuple, global or call; NULL where there is none. */
const struct pickle_node *pickle_item(const struct pickle_tree *tree, const struct pickle_node *node, uint32_t index);

bool pickle_text_is(const struct pickle_node *node, const char *text);

#endif
