/*
 * latin1.h: bytes that stand as text: each byte is the character of that number, and the text is in UTF-8. Bytes below
 * 128 stay as they are, the others take two bytes. Pickles of protocol 2 hold bytes in this form.
 */
#ifndef ZBLOB_CODEC_BASE_LATIN1_H
#define ZBLOB_CODEC_BASE_LATIN1_H

#include <stdbool.h>
#include <stddef.h>

/* Does the text consist of exactly `size` such characters, each in its only valid form? */
bool latin1_is_text_of(const unsigned char *text, size_t text_size, size_t size);

/* The bytes of such a text, into dst, which has room for all of them. */
void latin1_narrow(const unsigned char *text, size_t text_size, unsigned char *dst);

/* The size of the text of these bytes. */
size_t latin1_text_size(const unsigned char *src, size_t src_size);

/* The text of these bytes; false if it does not have exactly `text_size` bytes. */
bool latin1_widen(const unsigned char *src, size_t src_size, unsigned char *text, size_t text_size);

#endif
