/*
 * pickle_ops.h: reads one pickle opcode after the other, without executing any.
 * Knows the opcodes' lengths and arguments (protocols 2 to 5), not their meaning.
 */
#ifndef ZBLOB_CODEC_SNIFF_PICKLE_OPS_H
#define ZBLOB_CODEC_SNIFF_PICKLE_OPS_H

#include "../../zblob.h"

/* The opcodes that other files speak of; the names are those of Python's pickletools. */
enum pickle_opcode {
    OP_MARK = '(',
    OP_STOP = '.',
    OP_POP = '0',
    OP_POP_MARK = '1',
    OP_DUP = '2',
    OP_BINFLOAT = 'G',
    OP_BININT = 'J',
    OP_BININT1 = 'K',
    OP_BININT2 = 'M',
    OP_LONG1 = 0x8a,
    OP_LONG4 = 0x8b,
    OP_NONE = 'N',
    OP_NEWTRUE = 0x88,
    OP_NEWFALSE = 0x89,
    OP_BINUNICODE = 'X',
    OP_SHORT_BINUNICODE = 0x8c,
    OP_BINUNICODE8 = 0x8d,
    OP_BINBYTES = 'B',
    OP_SHORT_BINBYTES = 'C',
    OP_BINBYTES8 = 0x8e,
    OP_BYTEARRAY8 = 0x96,
    OP_EMPTY_LIST = ']',
    OP_APPEND = 'a',
    OP_APPENDS = 'e',
    OP_EMPTY_TUPLE = ')',
    OP_TUPLE = 't',
    OP_TUPLE1 = 0x85,
    OP_TUPLE2 = 0x86,
    OP_TUPLE3 = 0x87,
    OP_EMPTY_DICT = '}',
    OP_SETITEM = 's',
    OP_SETITEMS = 'u',
    OP_EMPTY_SET = 0x8f,
    OP_ADDITEMS = 0x90,
    OP_FROZENSET = 0x91,
    OP_BINGET = 'h',
    OP_LONG_BINGET = 'j',
    OP_BINPUT = 'q',
    OP_LONG_BINPUT = 'r',
    OP_MEMOIZE = 0x94,
    OP_GLOBAL = 'c',
    OP_STACK_GLOBAL = 0x93,
    OP_REDUCE = 'R',
    OP_BUILD = 'b',
    OP_NEWOBJ = 0x81,
    OP_NEWOBJ_EX = 0x92,
    OP_PROTO = 0x80,
    OP_FRAME = 0x95,
    OP_BINPERSID = 'Q',
};

struct pickle_reader {
    const unsigned char *src;
    size_t size;
    size_t at;
    size_t op_count;         /* read so far */
    bool has_persistent_ids; /* opcodes that name objects outside the pickle are allowed */
};

struct pickle_op {
    unsigned char opcode;
    const unsigned char *argument; /* without its length prefix */
    uint64_t argument_size;
    const unsigned char *second; /* of GLOBAL alone: the name, after the module as argument; both without line ends */
    uint64_t second_size;
};

/* Start at a pickle's PROTO opcode; false if src is no pickle of protocol 2 to 5. */
bool pickle_reader_start(struct pickle_reader *reader, const void *src, size_t src_size);

/* The next opcode. False at a byte that is none of the above opcodes (persistent ids, extension codes, out-of-band
 * buffers and those of protocol 0 are not among them, except BINPERSID where it is allowed), or if the argument runs over the end. */
bool pickle_reader_next(struct pickle_reader *reader, struct pickle_op *op);

/* Can a value hold an array of at least `least` bytes, if it is a pickle? Much faster than to look for one. True for all
 * else that begins as a pickle but does not end as one, and for pickles of joblib's, which have arrays between opcodes. */
bool pickle_may_hold_array(const void *src, size_t src_size, uint64_t least);

#endif
