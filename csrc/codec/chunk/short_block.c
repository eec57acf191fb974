/* short_block.c: see short_block.h. The numbers are those of RFC 8878, section 3.1.1.3. */
#include "short_block.h"

#include <stdbool.h>
#include <string.h>

enum { RAW_LITERALS = 0, TREELESS_LITERALS = 3 };
enum { LITERALS_TYPE_BITS = 2, SIZE_FORMAT_BITS = 2 };
enum { TABLES_ARE_REPEATED = 0xFC }; /* of literal lengths, offsets and match lengths: all are the dictionary's */

/* The short form: the number of compressed bytes of the literals, 0 for raw ones; the number of literals; the literals'
 * bytes; and the section of sequences without its byte of table modes. */
enum { AT_COMPRESSED_SIZE, AT_LITERAL_COUNT, HEAD_SIZE };

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
    return literals->count < 256 && literals->stored_size < 256 && (literals->is_raw || literals->stored_size > 0);
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

size_t
block_shorten(unsigned char *block, size_t size)
{
    struct literals literals;
    if (size == 0 || !read_literals(&literals, block, size) || literals.header_size + literals.stored_size >= size)
        return 0;
    unsigned char *sequences = block + literals.header_size + literals.stored_size;
    size_t count_size = bytes_of_count(sequences[0]), left = (size_t)(block + size - sequences);
    if (count_size == 0 || count_size >= left || sequences[count_size] != TABLES_ARE_REPEATED ||
        literals.header_size + 1 <= HEAD_SIZE)
        return 0;
    unsigned char *p = block;
    p[AT_COMPRESSED_SIZE] = (unsigned char)(literals.is_raw ? 0 : literals.stored_size);
    p[AT_LITERAL_COUNT] = (unsigned char)literals.count;
    p += HEAD_SIZE;
    memmove(p, block + literals.header_size, literals.stored_size + count_size);
    p += literals.stored_size + count_size;
    left -= count_size + 1;
    memmove(p, sequences + count_size + 1, left);
    return (size_t)(p + left - block);
}

size_t
block_expand(const unsigned char *src, size_t size, unsigned char *dst)
{
    if (size < HEAD_SIZE)
        return 0;
    size_t compressed_size = src[AT_COMPRESSED_SIZE], count = src[AT_LITERAL_COUNT];
    size_t literals_size = compressed_size ? compressed_size : count;
    const unsigned char *sequences = src + HEAD_SIZE + literals_size, *end = src + size;
    if (literals_size + HEAD_SIZE >= size || bytes_of_count(sequences[0]) == 0 ||
        (size_t)(end - sequences) <= bytes_of_count(sequences[0]))
        return 0;
    size_t count_size = bytes_of_count(sequences[0]);
    unsigned char *p = dst + write_literals_header(dst, count, compressed_size);
    memcpy(p, src + HEAD_SIZE, literals_size + count_size);
    p += literals_size + count_size;
    *p++ = TABLES_ARE_REPEATED;
    sequences += count_size;
    memcpy(p, sequences, (size_t)(end - sequences));
    return (size_t)(p - dst) + (size_t)(end - sequences);
}
