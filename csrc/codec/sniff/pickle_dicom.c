/*
 * pickle_dicom.c: finds the image in a pydicom data set, whose state has a dict of elements by tag. An element is as the
 * file had it, RawDataElement(tag, VR, size, bytes, place, is implicit, is little-endian, ...), or DataElement with its
 * value in its state. Of the latter only integers and bytes are read: where geometry or the scale is something else, none is
 * given, and where the number of frames is, there is no image.
 */
#include "dicom.h"
#include "pickle_formats.h"

#include <string.h>

enum { RAW_VR = 1, RAW_VALUE = 3, RAW_IS_LITTLE = 6, NUMBER_SIZE = 2 };

#define FIRST_ITEM "\xfe\xff\x00\xe0" /* with which compressed pixels begin */

/* A data set on its way to an image. */
struct data_set {
    const struct pickle_tree *tree;
    struct byte_reader reader; /* the whole pickle */
    struct dicom dicom;
    struct dicom_element pixels; /* size 0: none */
    bool has_odd_space, has_odd_frames, has_odd_scale;
};

/* BaseTag(number) */
static uint32_t
tag_of(const struct pickle_tree *tree, pickle_ref key)
{
    if (!pickle_is_object(tree, key, "pydicom.tag", "BaseTag"))
        return 0;
    pickle_ref number = pickle_item(tree, pickle_item(tree, key, 1), 0);
    bool is_tag = number && number->kind == PICKLE_INTEGER && number->integer > 0 && number->integer <= UINT32_MAX;
    return is_tag ? (uint32_t)number->integer : 0;
}

static void
take_bytes(struct data_set *set, uint32_t tag, pickle_ref value, pickle_ref vr)
{
    struct dicom_element element = {.tag = tag, .at = (uint64_t)(value->bytes - set->reader.src)};
    if (value->byte_count < NUMBER_SIZE || value->byte_count >= DICOM_UNDEFINED)
        return;
    element.size = (uint32_t)value->byte_count;
    if (vr && vr->kind == PICKLE_TEXT && vr->byte_count == sizeof element.vr)
        memcpy(element.vr, vr->bytes, sizeof element.vr);
    if (dicom_is_pixels(tag))
        set->pixels = element;
    else
        dicom_take(&set->reader, &element, &set->dicom);
}

/* The integer that a value is, or holds if it is IS(integer): an integer that was text in the file. NULL: it is none. */
static pickle_ref
integer_of(const struct pickle_tree *tree, pickle_ref value)
{
    if (pickle_is_object(tree, value, "pydicom.valuerep", "IS"))
        value = pickle_item(tree, pickle_item(tree, value, 1), 0);
    return pickle_is_integer(value, 0, INT32_MAX) ? value : NULL;
}

static void
take_element(struct data_set *set, uint32_t tag, pickle_ref element)
{
    const struct pickle_tree *tree = set->tree;
    pickle_ref value = NULL, vr = NULL;
    if (pickle_is_object(tree, element, "pydicom.dataelem", "RawDataElement")) {
        pickle_ref arguments = pickle_item(tree, element, 1), order = pickle_item(tree, arguments, RAW_IS_LITTLE);
        value = pickle_item(tree, arguments, RAW_VALUE);
        vr = pickle_item(tree, arguments, RAW_VR);
        set->reader.big_endian = order && order->kind == PICKLE_BOOL && !order->integer;
    } else if (pickle_is_object(tree, element, "pydicom.dataelem", "DataElement")) {
        value = pickle_get(tree, pickle_state(tree, element), "_value");
        vr = pickle_get(tree, pickle_state(tree, element), "VR");
    }
    pickle_ref number = integer_of(tree, value);
    if (value && value->kind == PICKLE_BYTES) {
        take_bytes(set, tag, value, vr);
    } else if (number) {
        dicom_take_number(tag, (uint64_t)number->integer, &set->dicom);
    } else {
        set->has_odd_space = set->has_odd_space || dicom_is_space(tag);
        set->has_odd_frames = set->has_odd_frames || dicom_is_frames(tag);
        set->has_odd_scale = set->has_odd_scale || dicom_is_scale(tag);
    }
}

bool
match_pydicom(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image)
{
    bool is_set = pickle_is_object(tree, call, "pydicom.dataset", "FileDataset") ||
                  pickle_is_object(tree, call, "pydicom.dataset", "Dataset");
    pickle_ref elements = is_set && call->state >= 0 ? pickle_get(tree, pickle_state(tree, call), "_dict") : NULL;
    if (!elements || elements->kind != PICKLE_DICT)
        return false;
    struct data_set set = {.tree = tree, .reader = {src, SIZE_MAX, false}};
    for (uint32_t i = 0; i + 1 < elements->item_count; i += 2)
        take_element(&set, tag_of(tree, pickle_item(tree, elements, i)), pickle_item(tree, elements, i + 1));
    if (set.pixels.size < sizeof FIRST_ITEM || set.has_odd_frames ||
        memcmp(src + set.pixels.at, FIRST_ITEM, sizeof FIRST_ITEM - 1) == 0 ||
        !dicom_image(&set.reader, &set.dicom, &set.pixels, image))
        return false;
    image->has_space = image->has_space && !set.has_odd_space;
    image->has_scale = image->has_scale && !set.has_odd_scale;
    return true;
}
