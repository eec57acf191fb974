/* latin1.c: bytes to text and back. */
#include "latin1.h"

/* A character from 128 on: its first byte holds the upper two bits, its second byte the lower six. */
enum { LEAD = 0xC0, LEAD_OF_128 = 0xC2, LEAD_MAX = 0xC3, TRAIL = 0x80, TRAIL_MASK = 0xC0, TRAIL_BITS = 0x3F };

static bool
is_pair(unsigned char lead, unsigned char trail)
{
    return (lead == LEAD_OF_128 || lead == LEAD_MAX) && (trail & TRAIL_MASK) == TRAIL;
}

bool
latin1_is_text_of(const unsigned char *text, size_t text_size, size_t size)
{
    size_t at = 0, count = 0;
    for (; at < text_size && count < size; count++) {
        if (text[at] < 0x80)
            at++;
        else if (text_size - at > 1 && is_pair(text[at], text[at + 1]))
            at += 2;
        else
            return false;
    }
    return at == text_size && count == size;
}

void
latin1_narrow(const unsigned char *text, size_t text_size, unsigned char *dst)
{
    for (size_t at = 0; at < text_size; dst++) {
        bool is_wide = text[at] >= 0x80 && at + 1 < text_size;
        *dst = is_wide ? (unsigned char)(text[at] << 6 | (text[at + 1] & TRAIL_BITS)) : text[at];
        at += is_wide ? 2 : 1;
    }
}

size_t
latin1_text_size(const unsigned char *src, size_t src_size)
{
    size_t size = src_size;
    for (size_t i = 0; i < src_size; i++)
        size += src[i] >> 7;
    return size;
}

bool
latin1_widen(const unsigned char *src, size_t src_size, unsigned char *text, size_t text_size)
{
    if (latin1_text_size(src, src_size) != text_size)
        return false;
    for (size_t i = 0; i < src_size; i++) {
        if (src[i] >= 0x80) {
            *text++ = (unsigned char)(LEAD | src[i] >> 6);
            *text++ = (unsigned char)(TRAIL | (src[i] & TRAIL_BITS));
        } else
            *text++ = src[i];
    }
    return true;
}
