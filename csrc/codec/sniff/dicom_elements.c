/* dicom_elements.c: steps from one data element to the next. */
#include "dicom_elements.h"

#define ELEMENTS_MAX (1U << 20)

/* A data set without meta information begins with this group, and with a short element. */
enum { META_GROUP = 2, FIRST_GROUP = 8, FIRST_SIZE_MAX = 64 };

enum dicom_tag {
    TAG_ITEM = 0xFFFEE000,
    TAG_ITEM_END = 0xFFFEE00D,
    TAG_SEQUENCE_END = 0xFFFEE0DD,
    TAG_PIXELS = 0x7FE00010,
};

static void
start_at(struct dicom_walk *walk, const unsigned char *src, size_t src_size, uint64_t at)
{
    *walk = (struct dicom_walk){.reader = {src, src_size, false}, .at = at};
    walk->levels[0].end = UINT64_MAX;
    walk->levels[0].is_wanted = true;
}

static bool
is_capital(uint64_t letter)
{
    return letter >= 'A' && letter <= 'Z';
}

/* The element at the start names its VR. */
static bool
begins_explicitly(const struct byte_reader *r)
{
    return is_capital(read_unsigned(r, 4, 1)) && is_capital(read_unsigned(r, 5, 1));
}

bool
dicom_start(struct dicom_walk *walk, const unsigned char *src, size_t src_size)
{
    start_at(walk, src, src_size, DICOM_START);
    if (reader_sees(&walk->reader, DICOM_START - 4, "DICM", 4))
        return true;
    walk->at = 0; /* some files have no preamble, and perhaps not the size of the meta information either */
    return read_unsigned(&walk->reader, 0, 2) == META_GROUP && begins_explicitly(&walk->reader);
}

bool
dicom_start_bare(struct dicom_walk *walk, const unsigned char *src, size_t src_size)
{
    start_at(walk, src, src_size, 0);
    const struct byte_reader *r = &walk->reader;
    bool is_explicit = begins_explicitly(r);
    walk->levels[0].is_implicit = !is_explicit;
    return read_unsigned(r, 0, 2) == FIRST_GROUP && (is_explicit || read_unsigned(r, 4, 4) <= FIRST_SIZE_MAX);
}

void
dicom_set_coding(struct dicom_walk *walk, bool is_implicit, bool big_endian)
{
    walk->levels[0].is_implicit = is_implicit;
    walk->reader.big_endian = big_endian;
}

/* Do these elements have a size of 4 bytes, after 2 bytes that are 0? */
static bool
has_long_size(const char *vr)
{
    static const char names[] = "OBODOFOLOVOWSQSVUCUNURUTUV";
    for (size_t i = 0; i + 1 < sizeof names; i += 2) {
        if (memcmp(names + i, vr, 2) == 0)
            return true;
    }
    return false;
}

/* Read the element's beginning, and step over it to its value. */
static bool
read_element(struct dicom_walk *walk, struct dicom_element *element)
{
    const struct byte_reader *r = &walk->reader;
    const struct dicom_level *level = &walk->levels[walk->depth];
    if (!reader_has(r, walk->at, 8) || ++walk->element_count > ELEMENTS_MAX)
        return false;
    element->tag = (uint32_t)(read_unsigned(r, walk->at, 2) << 16 | read_unsigned(r, walk->at + 2, 2));
    memcpy(element->vr, "??", 2);
    bool is_explicit = !level->is_implicit && element->tag >> 16 != 0xFFFE;
    if (is_explicit)
        memcpy(element->vr, r->src + walk->at + 4, 2);
    bool is_long = is_explicit && has_long_size(element->vr);
    element->at = walk->at + (is_long ? 12 : 8);
    element->size = (uint32_t)(!is_explicit ? read_unsigned(r, walk->at + 4, 4)
                               : is_long    ? read_unsigned(r, walk->at + 8, 4)
                                            : read_unsigned(r, walk->at + 6, 2));
    element->is_wanted = level->is_wanted;
    walk->at = element->at;
    return element->at <= r->size && (element->size == DICOM_UNDEFINED || reader_has(r, element->at, element->size));
}

/* Go into a sequence or an item. What has VR UN and no size is in implicit VR. */
static bool
enter(struct dicom_walk *walk, const struct dicom_element *element, bool is_wanted)
{
    const struct dicom_level *outer = &walk->levels[walk->depth];
    struct dicom_level inner = {
        .end = element->size == DICOM_UNDEFINED ? UINT64_MAX : element->at + element->size,
        .is_implicit = outer->is_implicit || memcmp(element->vr, "UN", 2) == 0,
        .is_wanted = outer->is_wanted && is_wanted,
    };
    if (walk->depth == DICOM_DEPTH_MAX)
        return false;
    walk->levels[++walk->depth] = inner;
    return true;
}

static bool
leave(struct dicom_walk *walk)
{
    if (walk->depth == 0)
        return false;
    walk->depth--;
    return true;
}

bool
dicom_next(struct dicom_walk *walk, struct dicom_element *element)
{
    for (;;) {
        while (walk->depth > 0 && walk->at >= walk->levels[walk->depth].end)
            walk->depth--;
        if (!read_element(walk, element))
            return false;
        bool is_open = element->size == DICOM_UNDEFINED, is_sequence = memcmp(element->vr, "SQ", 2) == 0;
        bool is_wanted = walk->is_wanted && walk->is_wanted(element->tag);
        bool is_entered = true;
        if (element->tag == TAG_ITEM)
            is_entered = enter(walk, element, true);
        else if (element->tag == TAG_ITEM_END || element->tag == TAG_SEQUENCE_END)
            is_entered = leave(walk);
        else if (element->tag == TAG_PIXELS && walk->depth == 0)
            return true;
        else if (is_open || is_wanted)
            is_entered = enter(walk, element, is_wanted);
        else {
            walk->at += element->size;
            if (!is_sequence)
                return true;
        }
        if (!is_entered)
            return false;
    }
}
