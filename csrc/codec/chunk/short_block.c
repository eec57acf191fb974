/* short_block.c: see short_block.h. The numbers are those of RFC 8878, section 3.1.1.3. */
#include "short_block.h"

#include "../base/bytes.h"

#include <stdbool.h>
#include <string.h>

enum { RAW_LITERALS = 0, TREELESS_LITERALS = 3 };
enum { LITERALS_TYPE_BITS = 2, SIZE_FORMAT_BITS = 2 };
enum { TABLES_ARE_REPEATED = 0xFC }; /* of literal lengths, offsets and match lengths: all are the dictionary's */

/* The head: the number of literals, by how many bytes their compressed form is shorter (0: they are raw), and what
 * follows them. With LONG_HEAD a third byte has the upper bits of the two numbers. */
enum { COUNT_BITS = 7, SAVED_BITS = 5, UPPER_COUNT_BITS = 3, HEAD_SIZE = 2, LONG_HEAD_SIZE = 3 };
enum { COUNT_MAX = (1 << (COUNT_BITS + UPPER_COUNT_BITS)) - 1 };
enum what_follows {
    WHOLE_SECTION = 0, /* of sequences, as it is */
    /* 1 to 14: that many sequences, whose tables are the dictionary's: neither number nor modes are there */
    LONG_HEAD = 15, /* the number of sequences, whose tables are the dictionary's */
};

struct literals {
    bool is_raw;
    size_t header_size, count, stored_size;
};

/* The header of a block's literals; false if they are of a kind that the short form has no room for. */
static bool
read_literals(struct literals *literals, const unsigned char *p, size_t size)
{
    unsigned type = p[0] & 3, size_format = p[0] >> LITERALS_TYPE_BITS & 3;
    literals->is_raw = type == RAW_LITERALS;
    if (type == RAW_LITERALS) {
        literals->header_size = size_format == 1 ? 2 : 1;
        if (size_format == 3 || size < literals->header_size)
            return false;
        literals->count = size_format == 1 ? (p[0] | (size_t)p[1] << 8) >> 4 : (size_t)p[0] >> 3;
        literals->stored_size = literals->count;
    } else {
        literals->header_size = 3;
        if (type != TREELESS_LITERALS || size_format != 0 || size < literals->header_size)
            return false;
        size_t sizes = (p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16) >> (LITERALS_TYPE_BITS + SIZE_FORMAT_BITS);
        literals->count = sizes & 1023;
        literals->stored_size = sizes >> 10;
    }
    bool is_shorter = literals->stored_size > 0 && literals->stored_size < literals->count;
    return literals->count <= COUNT_MAX && (literals->is_raw || is_shorter);
}

static size_t
write_literals_header(unsigned char *dst, size_t count, size_t compressed_size)
{
    if (compressed_size) {
        size_t header = TREELESS_LITERALS | count << 4 | compressed_size << 14;
        dst[0] = (unsigned char)header;
        dst[1] = (unsigned char)(header >> 8);
        dst[2] = (unsigned char)(header >> 16);
        return 3;
    }
    if (count < 32) {
        dst[0] = (unsigned char)(count << 3);
        return 1;
    }
    dst[0] = (unsigned char)(count << 4 | 1 << LITERALS_TYPE_BITS);
    dst[1] = (unsigned char)(count >> 4);
    return 2;
}

/* How many bytes hold the number of sequences; 0 if there are none, and then no table modes either. */
static size_t
bytes_of_count(unsigned first)
{
    return first == 0 ? 0 : first < 128 ? 1 : first < 255 ? 2 : 3;
}

/* Do both numbers fit into a head without upper bits? */
static bool
has_small_numbers(const struct literals *literals)
{
    return literals->count >> COUNT_BITS == 0 && (literals->count - literals->stored_size) >> SAVED_BITS == 0;
}

/* What is to follow the literals of a block whose section of sequences this is, of at least one byte. */
static enum what_follows
choose(const struct literals *literals, const unsigned char *sequences, size_t size)
{
    size_t count_size = bytes_of_count(sequences[0]);
    bool is_repeated = count_size && count_size < size && sequences[count_size] == TABLES_ARE_REPEATED;
    if (!is_repeated || size < count_size + 2)
        return WHOLE_SECTION;
    return has_small_numbers(literals) && sequences[0] < LONG_HEAD ? (enum what_follows)sequences[0] : LONG_HEAD;
}

static size_t
write_head(unsigned char *dst, const struct literals *literals, enum what_follows follows)
{
    size_t count = literals->count, saved = literals->count - literals->stored_size;
    size_t lower_count = count & ((1 << COUNT_BITS) - 1), lower_saved = saved & ((1 << SAVED_BITS) - 1);
    store_le16(dst, (uint16_t)(lower_count | lower_saved << COUNT_BITS | (size_t)follows << (COUNT_BITS + SAVED_BITS)));
    if (follows != LONG_HEAD)
        return HEAD_SIZE;
    dst[HEAD_SIZE] = (unsigned char)(count >> COUNT_BITS | saved >> SAVED_BITS << UPPER_COUNT_BITS);
    return LONG_HEAD_SIZE;
}

size_t
block_shorten(unsigned char *block, size_t size)
{
    struct literals literals;
    unsigned char head[LONG_HEAD_SIZE];
    if (size == 0 || !read_literals(&literals, block, size) || literals.header_size + literals.stored_size >= size)
        return 0;
    unsigned char *sequences = block + literals.header_size + literals.stored_size;
    size_t left = (size_t)(block + size - sequences), count_size = bytes_of_count(sequences[0]);
    enum what_follows follows = choose(&literals, sequences, left);
    size_t kept = follows == LONG_HEAD ? count_size : 0; /* the bytes of the number of sequences */
    size_t skipped = follows == WHOLE_SECTION ? 0 : count_size + 1;
    size_t head_size = write_head(head, &literals, follows), short_size = head_size + literals.stored_size;
    if ((follows == WHOLE_SECTION && !has_small_numbers(&literals)) || short_size + kept + left - skipped >= size)
        return 0;
    unsigned char number[3];
    memcpy(number, sequences, kept);
    memmove(block + head_size, block + literals.header_size, literals.stored_size);
    memcpy(block, head, head_size);
    memcpy(block + short_size, number, kept);
    memmove(block + short_size + kept, sequences + skipped, left - skipped);
    return short_size + kept + left - skipped;
}

/* Read the head. Returns its size; 0: it is cut off, or contradicts itself. */
static size_t
read_head(struct literals *literals, enum what_follows *follows, const unsigned char *src, size_t size)
{
    if (size < HEAD_SIZE)
        return 0;
    size_t head = load_le16(src), saved = head >> COUNT_BITS & ((1 << SAVED_BITS) - 1);
    literals->count = head & ((1 << COUNT_BITS) - 1);
    *follows = (enum what_follows)(head >> (COUNT_BITS + SAVED_BITS));
    if (*follows == LONG_HEAD) {
        if (size < LONG_HEAD_SIZE)
            return 0;
        literals->count |= (size_t)(src[HEAD_SIZE] & ((1 << UPPER_COUNT_BITS) - 1)) << COUNT_BITS;
        saved |= (size_t)(src[HEAD_SIZE] >> UPPER_COUNT_BITS) << SAVED_BITS;
    }
    if (saved && saved >= literals->count)
        return 0;
    literals->is_raw = saved == 0;
    literals->stored_size = literals->count - saved;
    return *follows == LONG_HEAD ? LONG_HEAD_SIZE : HEAD_SIZE;
}

size_t
block_expand(const unsigned char *src, size_t size, unsigned char *dst)
{
    struct literals literals;
    enum what_follows follows;
    size_t head_size = read_head(&literals, &follows, src, size);
    if (head_size == 0 || head_size + literals.stored_size >= size)
        return 0;
    const unsigned char *sequences = src + head_size + literals.stored_size, *end = src + size;
    unsigned char *p = dst + write_literals_header(dst, literals.count, literals.is_raw ? 0 : literals.stored_size);
    memcpy(p, src + head_size, literals.stored_size);
    p += literals.stored_size;
    if (follows == LONG_HEAD) {
        size_t count_size = bytes_of_count(sequences[0]);
        if (count_size == 0 || (size_t)(end - sequences) <= count_size)
            return 0;
        memcpy(p, sequences, count_size);
        p += count_size;
        sequences += count_size;
    } else if (follows != WHOLE_SECTION) {
        *p++ = (unsigned char)follows;
    }
    if (follows != WHOLE_SECTION)
        *p++ = TABLES_ARE_REPEATED;
    memcpy(p, sequences, (size_t)(end - sequences));
    return (size_t)(p - dst) + (size_t)(end - sequences);
}
