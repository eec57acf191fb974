/*
 * short_block.h: a block whose literals are few and raw, or coded by the dictionary's table, with a head of two bytes in
 * place of three to five. The layout's reference is docs/format.md, section 8.
 */
#ifndef ZBLOB_CODEC_CHUNK_SHORT_BLOCK_H
#define ZBLOB_CODEC_CHUNK_SHORT_BLOCK_H

#include <stddef.h>

/* The largest difference in bytes between a block and its short form. */
#define SHORT_BLOCK_SAVES_MAX 3

/* Shorten a block where it is. Its size is then the result; 0: it stays, because it is of another kind or gains nothing. */
size_t block_shorten(unsigned char *block, size_t size);

/* The block of a short form, into a buffer of size + SHORT_BLOCK_SAVES_MAX bytes. Returns its size; 0: it is none. */
size_t block_expand(const unsigned char *src, size_t size, unsigned char *dst);

#endif
