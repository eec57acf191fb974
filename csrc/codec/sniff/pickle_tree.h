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
    PICKLE_DICT,       /* items: keys and values by turns, as many as its first opcode adds */
    PICKLE_GLOBAL,     /* items: module, name */
    PICKLE_CALL,       /* items: callable, arguments */
    PICKLE_PERSISTENT, /* item: the id of an object outside the pickle */
    PICKLE_MARK,
};

struct pickle_node {
    uint8_t kind;                    /* enum pickle_kind; small, because a pickle may have millions of nodes */
    bool is_geometry;                /* for pickle.c: an array that belongs to the geometry of an image */
    uint32_t first_item, item_count; /* of a tuple, dict, global, call or persistent id: places in pickle_tree.items */
    int32_t state;                   /* the number of the node that BUILD gave to this one; -1: none */
    union {
        int64_t integer; /* and bool */
        double real;
        const unsigned char *bytes; /* text and bytes; of a call, what follows it in the value but is no opcode */
    };
    uint64_t byte_count;
};

struct pickle_tree {
    struct pickle_node *nodes;
    uint32_t node_count, node_capacity;
    uint32_t *items; /* node numbers */
    uint32_t item_count, item_capacity;
};

/* How many bytes that are no opcodes follow an object whose state has just been set? `rest` bytes are left. */
typedef uint64_t pickle_gap(const struct pickle_tree *tree, const struct pickle_node *object, const unsigned char *at,
                            size_t rest);

/* Read one whole pickle that ends at the last byte. False for everything else: opcodes that the reader refuses, errors of
 * the stack, no memory, or so many opcodes that the pickle holds no large things. Free the tree in either case. Without
 * `gap`, all bytes are opcodes, and the pickle may have persistent ids. */
bool pickle_tree_read(struct pickle_tree *tree, const void *src, size_t src_size, pickle_gap *gap);
void pickle_tree_free(struct pickle_tree *tree);

/* Item `index` of a tuple, dict, global or call; NULL where there is none. */
const struct pickle_node *pickle_item(const struct pickle_tree *tree, const struct pickle_node *node, uint32_t index);

/* What a dict of an object's attributes holds under a name; NULL where it is no dict, or there is nothing. Only the first
 * 64 names are looked at: objects have few, and many may share one dict. */
const struct pickle_node *pickle_get(const struct pickle_tree *tree, const struct pickle_node *dict, const char *key);

/* The state that BUILD gave to an object; NULL without one. */
const struct pickle_node *pickle_state(const struct pickle_tree *tree, const struct pickle_node *object);

bool pickle_is_global(const struct pickle_tree *tree, const struct pickle_node *node, const char *module,
                      const char *name);

/* Is it an object of this class? */
bool pickle_is_object(const struct pickle_tree *tree, const struct pickle_node *node, const char *module,
                      const char *name);

/* Is it an object of a class whose module's name begins so? */
bool pickle_is_of_package(const struct pickle_tree *tree, const struct pickle_node *node, const char *package);

bool pickle_text_is(const struct pickle_node *node, const char *text);

#endif
