/*
 * torch.c: finds tensors. In a pickle, one is _rebuild_tensor_v2(storage, offset, shape, strides, ...), or _v3 with the
 * type of its elements as the seventh argument.
 *
 * A file of torch.save is a ZIP archive (APPNOTE 6.3) of stored members: NAME/data.pkl is the pickle, in which the storage
 * is a persistent id ("storage", class, key, device, count), and NAME/data/KEY holds the storage's elements. Sizes stand
 * in the archive's directory alone.
 *
 * In other pickles the storage is _load_from_bytes(file), where the file is of the form that torch.save had before: some
 * short pickles, one of which names the class, then a count of 8 bytes and the elements, up to the end.
 */
#include "formats.h"

#include "../base/sample_types.h"
#include "pickle_formats.h"
#include "reader.h"

#include <stdlib.h>

enum directory {
    END_SIZE = 22, /* of the archive's last record, which has no comment here */
    END_AT_COUNT = 10,
    END_AT_OFFSET = 16,
    ENTRY_SIZE = 46,
    ENTRY_AT_METHOD = 10,
    ENTRY_AT_SIZE = 20,
    ENTRY_AT_RAW_SIZE = 24,
    ENTRY_AT_NAME_SIZE = 28,
    ENTRY_AT_EXTRA_SIZE = 30,
    ENTRY_AT_COMMENT_SIZE = 32,
    ENTRY_AT_LOCAL = 42,
    LOCAL_SIZE = 30,
    LOCAL_AT_NAME_SIZE = 26,
    LOCAL_AT_EXTRA_SIZE = 28,
    MEMBERS_MAX = 4096,
    LOOKS_MAX = 4096,  /* at objects that may be tensors */
    ARGUMENT_TYPE = 6, /* of a tensor */
    HEAD_MAX = 1024,   /* of a storage in a pickle: what precedes its elements */
    COUNT_SIZE = 8,
};

#define END_MAGIC "PK\5\6"
#define ENTRY_MAGIC "PK\1\2"
#define LOCAL_MAGIC "PK\3\4"
#define PICKLE_NAME "/data.pkl"
#define STORAGE_NAME "/data/"
#define ORDER_NAME "/byteorder"

/* A stored member. */
struct member {
    const unsigned char *name;
    uint64_t name_size, at, size;
};

struct archive {
    struct byte_reader reader;
    struct member *members;
    size_t count;
    struct pickle_tree tree;
    bool big_endian;
};

/* ---- The archive ----------------------------------------------------------------------------- */

/* The member of the directory's entry at `at`; false if it is not simply stored. */
static bool
read_entry(const struct byte_reader *r, uint64_t at, struct member *member)
{
    uint64_t local = read_unsigned(r, at + ENTRY_AT_LOCAL, 4);
    member->name_size = read_unsigned(r, at + ENTRY_AT_NAME_SIZE, 2);
    member->size = read_unsigned(r, at + ENTRY_AT_SIZE, 4);
    if (!reader_has(r, at + ENTRY_SIZE, member->name_size) || read_unsigned(r, at + ENTRY_AT_METHOD, 2) != 0 ||
        read_unsigned(r, at + ENTRY_AT_RAW_SIZE, 4) != member->size || !reader_sees(r, local, LOCAL_MAGIC, 4))
        return false;
    member->name = r->src + at + ENTRY_SIZE;
    member->at = local + LOCAL_SIZE + read_unsigned(r, local + LOCAL_AT_NAME_SIZE, 2) +
                 read_unsigned(r, local + LOCAL_AT_EXTRA_SIZE, 2);
    return reader_has(r, member->at, member->size);
}

/* All stored members; false if there is no directory. */
static bool
read_directory(struct archive *archive)
{
    const struct byte_reader *r = &archive->reader;
    uint64_t end = r->size >= END_SIZE ? r->size - END_SIZE : 0;
    size_t count = (size_t)read_unsigned(r, end + END_AT_COUNT, 2);
    uint64_t at = read_unsigned(r, end + END_AT_OFFSET, 4);
    if (!reader_sees(r, end, END_MAGIC, 4) || count == 0 || count > MEMBERS_MAX)
        return false;
    archive->members = malloc(count * sizeof *archive->members);
    if (!archive->members)
        return false;
    for (size_t i = 0; i < count && reader_sees(r, at, ENTRY_MAGIC, 4); i++) {
        archive->count += read_entry(r, at, &archive->members[archive->count]);
        at += ENTRY_SIZE + read_unsigned(r, at + ENTRY_AT_NAME_SIZE, 2) +
              read_unsigned(r, at + ENTRY_AT_EXTRA_SIZE, 2) + read_unsigned(r, at + ENTRY_AT_COMMENT_SIZE, 2);
    }
    return true;
}

/* The member whose name is the archive's own, then `folder`, then `key_size` bytes of `key`. */
static const struct member *
find_member(const struct archive *archive, const char *folder, const unsigned char *key, uint64_t key_size)
{
    size_t folder_size = strlen(folder);
    for (size_t i = 0; i < archive->count; i++) {
        const struct member *each = &archive->members[i];
        if (each->name_size < folder_size + key_size)
            continue;
        const unsigned char *tail = each->name + (each->name_size - folder_size - key_size);
        if (memcmp(tail, folder, folder_size) == 0 &&
            (key_size == 0 || memcmp(tail + folder_size, key, (size_t)key_size) == 0))
            return each;
    }
    return NULL;
}

static void
read_byte_order(struct archive *archive)
{
    const struct member *order = find_member(archive, ORDER_NAME, NULL, 0);
    archive->big_endian = order && order->size == 3 && memcmp(archive->reader.src + order->at, "big", 3) == 0;
}

/* ---- Tensors --------------------------------------------------------------------------------- */

/* The class of a storage, and the type of its elements. */
static const char *const types[][2] = {
    {"FloatStorage", "float32"},
    {"DoubleStorage", "float64"},
    {"HalfStorage", "float16"},
    {"BFloat16Storage", "bfloat16"},
    {"ByteStorage", "uint8"},
    {"CharStorage", "int8"},
    {"ShortStorage", "int16"},
    {"IntStorage", "int32"},
    {"LongStorage", "int64"},
    {"UInt16Storage", "uint16"},
    {"UInt32Storage", "uint32"},
    {"UInt64Storage", "uint64"},
    {"BoolStorage", "bool"},
    {"ComplexFloatStorage", "complex64"},
    {"ComplexDoubleStorage", "complex128"},
};

enum { TYPES = sizeof types / sizeof *types };

/* Numbers of bfloat16 are the upper halves of floats. There is no such sample type: they are coded as integers. */
static bool
set_type(size_t type, struct zblob_image *image)
{
    bool is_half = strcmp(types[type][1], "bfloat16") == 0;
    image->source = is_half ? ZBLOB_SOURCE_GUESS : ZBLOB_SOURCE_TORCH;
    return pixel_type_parse(is_half ? "uint16" : types[type][1], image);
}

static bool
is_tensor(const struct pickle_tree *tree, pickle_ref call)
{
    return pickle_is_object(tree, call, "torch._utils", "_rebuild_tensor_v2") ||
           pickle_is_object(tree, call, "torch._utils", "_rebuild_tensor_v3");
}

/* The type that a tensor's own arguments name: that of a storage without one. */
static bool
read_own_type(const struct pickle_tree *tree, pickle_ref arguments, struct zblob_image *image)
{
    pickle_ref type = pickle_item(tree, arguments, ARGUMENT_TYPE);
    for (size_t i = 0; i < TYPES; i++) {
        if (pickle_is_global(tree, type, "torch", types[i][1]))
            return set_type(i, image);
    }
    return false;
}

static bool
read_storage_class(const struct pickle_tree *tree, pickle_ref class, pickle_ref arguments, struct zblob_image *image)
{
    if (pickle_is_global(tree, class, "torch.storage", "UntypedStorage"))
        return read_own_type(tree, arguments, image);
    for (size_t i = 0; i < TYPES; i++) {
        if (pickle_is_global(tree, class, "torch", types[i][0]))
            return set_type(i, image);
    }
    return false;
}

static bool
read_extent(pickle_ref node, uint64_t *extent)
{
    *extent = node && node->kind == PICKLE_INTEGER && node->integer > 0 ? (uint64_t)node->integer : 0;
    return *extent > 0;
}

/* Shape and strides, in elements. The axes are sorted by their strides: the grid is that of the memory. False if elements
 * lie apart or on one another. */
static bool
read_layout(const struct pickle_tree *tree, pickle_ref shape, pickle_ref strides, struct zblob_image *image)
{
    struct zblob_grid *grid = &image->grid;
    uint64_t steps[ZBLOB_DIMENSION_MAX], extent, step, expected = 1;
    uint32_t count = shape && shape->kind == PICKLE_TUPLE ? shape->item_count : 0;
    if (count < 1 || count > ZBLOB_DIMENSION_MAX || !strides || strides->kind != PICKLE_TUPLE ||
        strides->item_count != count)
        return false;
    for (uint32_t i = 0; i < count; i++) { /* from the last axis on, which is the fastest of most tensors */
        uint32_t place = i;
        if (!read_extent(pickle_item(tree, shape, count - 1 - i), &extent) ||
            !read_extent(pickle_item(tree, strides, count - 1 - i), &step))
            return false;
        for (; place > 0 && extent > 1 && grid->size[place - 1] > 1 && steps[place - 1] > step; place--) {
            steps[place] = steps[place - 1];
            grid->size[place] = grid->size[place - 1];
            image->is_permuted = true;
        }
        steps[place] = step;
        grid->size[place] = extent;
    }
    grid->dimension = count;
    for (uint32_t i = 0; i < count; i++) {
        if (grid->size[i] > 1 && steps[i] != expected)
            return false;
        expected *= grid->size[i];
    }
    return true;
}

/* The image whose type is known gets its grid, and its place in a storage that lies at `at` in the value. */
static bool
place_tensor(const struct pickle_tree *tree, pickle_ref arguments, uint64_t at, uint64_t storage_size,
             struct zblob_image *image)
{
    pickle_ref offset = pickle_item(tree, arguments, 1);
    uint64_t pixel = (uint64_t)zblob_sample_size(image->grid.sample_type) * image->grid.components, size;
    if (!pickle_is_integer(offset, 0, INT32_MAX) ||
        !read_layout(tree, pickle_item(tree, arguments, 2), pickle_item(tree, arguments, 3), image))
        return false;
    uint64_t skipped = (uint64_t)offset->integer * pixel;
    image->value_offset = at + skipped;
    return zblob_grid_size(&image->grid, &size) && skipped <= storage_size && size <= storage_size - skipped;
}

static bool
match_member(const struct archive *archive, pickle_ref call, struct zblob_image *image)
{
    const struct pickle_tree *tree = &archive->tree;
    pickle_ref arguments = pickle_item(tree, call, 1), persistent = pickle_item(tree, arguments, 0);
    if (!persistent || persistent->kind != PICKLE_PERSISTENT)
        return false;
    pickle_ref id = pickle_item(tree, persistent, 0), key = pickle_item(tree, id, 2);
    *image = (struct zblob_image){0};
    if (!pickle_text_is(pickle_item(tree, id, 0), "storage") || !key || key->kind != PICKLE_TEXT ||
        !read_storage_class(tree, pickle_item(tree, id, 1), arguments, image))
        return false;
    image->grid.big_endian = archive->big_endian;
    const struct member *storage = find_member(archive, STORAGE_NAME, key->bytes, key->byte_count);
    return storage && place_tensor(tree, arguments, storage->at, storage->size, image) &&
           image_settle(image, archive->reader.size);
}

/* The type of a storage's elements, whose class stands in its file's head as "ctorch", line feed, name, line feed. */
static bool
read_head_class(const struct byte_reader *head, const struct pickle_tree *tree, pickle_ref arguments,
                struct zblob_image *image, bool *is_untyped)
{
    static const char module[] = "ctorch\n", untyped[] = "ctorch.storage\nUntypedStorage\n";
    for (uint64_t at = 0; at < head->size; at++) {
        *is_untyped = reader_sees(head, at, untyped, sizeof untyped - 1);
        if (*is_untyped)
            return read_own_type(tree, arguments, image);
        for (size_t i = 0; i < TYPES && reader_sees(head, at, module, sizeof module - 1); i++) {
            uint64_t name = at + sizeof module - 1, size = strlen(types[i][0]);
            if (reader_sees(head, name, types[i][0], (size_t)size) && reader_sees(head, name + size, "\n", 1))
                return set_type(i, image);
        }
    }
    return false;
}

bool
match_torch(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image)
{
    pickle_ref arguments = is_tensor(tree, call) ? pickle_item(tree, call, 1) : NULL;
    pickle_ref storage = pickle_item(tree, arguments, 0);
    if (!storage || !pickle_is_object(tree, storage, "torch.storage", "_load_from_bytes"))
        return false;
    pickle_ref file = pickle_item(tree, pickle_item(tree, storage, 1), 0);
    bool is_untyped = false;
    if (!file || file->kind != PICKLE_BYTES)
        return false;
    const struct byte_reader r = {file->bytes, (size_t)file->byte_count, false};
    const struct byte_reader head = {r.src, r.size < HEAD_MAX ? r.size : HEAD_MAX, false};
    if (!read_head_class(&head, tree, arguments, image, &is_untyped))
        return false;
    uint64_t item = is_untyped ? 1 : (uint64_t)zblob_sample_size(image->grid.sample_type) * image->grid.components;
    for (uint64_t at = COUNT_SIZE; at <= head.size; at++) { /* the count suits what follows it */
        uint64_t count = read_unsigned(&r, at - COUNT_SIZE, COUNT_SIZE);
        if (count == (r.size - at) / item && count * item == r.size - at)
            return place_tensor(tree, arguments, (uint64_t)(r.src - src) + at, r.size - at, image) &&
                   image_settle(image, SIZE_MAX);
    }
    return false;
}

/* Put an image in its place among others; one that has bytes in common with another is left out. */
static size_t
add_image(struct zblob_image *images, size_t count, const struct zblob_image *image)
{
    uint64_t size, other;
    size_t place = count;
    zblob_grid_size(&image->grid, &size);
    while (place > 0 && images[place - 1].value_offset > image->value_offset)
        place--;
    if (place > 0 && zblob_grid_size(&images[place - 1].grid, &other) &&
        images[place - 1].value_offset + other > image->value_offset)
        return count;
    if (place < count && image->value_offset + size > images[place].value_offset)
        return count;
    memmove(images + place + 1, images + place, (count - place) * sizeof *images);
    images[place] = *image;
    return count + 1;
}

static size_t
find_tensors(struct archive *archive, struct zblob_image *images, size_t capacity)
{
    struct zblob_image image;
    size_t count = 0, looks = 0;
    for (uint32_t i = 0; i < archive->tree.node_count && count < capacity && looks < LOOKS_MAX; i++) {
        pickle_ref node = &archive->tree.nodes[i];
        if (!is_tensor(&archive->tree, node))
            continue;
        looks++;
        if (match_member(archive, node, &image))
            count = add_image(images, count, &image);
    }
    return count;
}

size_t
sniff_torch(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    struct archive archive = {.reader = {src, src_size, false}};
    const struct member *pickle = read_directory(&archive) ? find_member(&archive, PICKLE_NAME, NULL, 0) : NULL;
    size_t count = 0;
    if (pickle && pickle_tree_read(&archive.tree, src + pickle->at, (size_t)pickle->size, NULL)) {
        read_byte_order(&archive);
        count = find_tensors(&archive, images, capacity);
    }
    pickle_tree_free(&archive.tree);
    free(archive.members);
    return count;
}
