/*
 * dictionaries.c: hostile dictionaries, and hostile compact frames that are read with them. The input is the size of the
 * dictionary in two bytes, the dictionary, and the frame.
 */
#include "target.h"

enum { SIZE_BYTES = 2, AT_KIND = 8, AT_RAW_SIZE = 9, ID_SIZE = 3, COMPACT_MIN = 10 };

struct parts {
    uint8_t *dictionary, *frame;
    size_t dictionary_size, frame_size;
};

static bool
take_parts(struct parts *parts, uint8_t *data, size_t size)
{
    if (size < SIZE_BYTES)
        return false;
    size_t named = data[0] | (size_t)data[1] << 8, left = size - SIZE_BYTES;
    parts->dictionary = data + SIZE_BYTES;
    parts->dictionary_size = named < left ? named : left;
    parts->frame = parts->dictionary + parts->dictionary_size;
    parts->frame_size = left - parts->dictionary_size;
    return true;
}

/* The frame names its dictionary, and has its checksum. */
void
fuzz_mend_dictionary(uint8_t *data, size_t size)
{
    struct parts parts;
    if (!take_parts(&parts, data, size) || parts.frame_size < COMPACT_MIN)
        return;
    unsigned first = parts.frame[AT_RAW_SIZE], kind = parts.frame[AT_KIND];
    size_t at = AT_RAW_SIZE + (first < 240 ? 1 : first < 255 ? 2 : 3);
    if (kind % 4 >= 2 && at + ID_SIZE <= parts.frame_size) {
        uint32_t id = zblob_dictionary_id_of(parts.dictionary, parts.dictionary_size);
        for (size_t i = 0; i < ID_SIZE; i++)
            parts.frame[at + i] = (uint8_t)(id >> 8 * i);
    }
    fuzz_mend_frame(parts.frame, parts.frame_size);
}

void
fuzz_dictionaries(const uint8_t *data, size_t size)
{
    struct zblob_dictionary *dictionary = NULL;
    struct zblob_error error;
    struct parts parts;
    uint8_t *copy = fuzz_copy(data, size);
    if (take_parts(&parts, copy, size)) {
        uint8_t *exact = fuzz_copy(parts.dictionary, parts.dictionary_size);
        if (zblob_dictionary_open(&dictionary, exact, parts.dictionary_size, &error) == ZBLOB_OK) {
            free(exact); /* it is copied */
            fuzz_read_frame(parts.frame, parts.frame_size, dictionary);
            zblob_dictionary_close(dictionary);
        } else {
            free(exact);
        }
    }
    free(copy);
}
