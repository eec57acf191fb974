/*
 * torch.c: finds the tensors in a file of torch.save: a ZIP archive (APPNOTE 6.3) of stored members. NAME/data.pkl is a
 * pickle in which a tensor is _rebuild_tensor_v2(storage, offset, shape, strides, ...), where the storage is a persistent
 * id ("storage", class, key, device, count), and NAME/data/KEY holds the storage's elements. Sizes stand in the archive's
 * directory alone.
 */
#include "formats.h"

#include "../base/sample_types.h"
#include "pickle_tree.h"
#include "reader.h"

#include <stdlib.h>

typedef const struct pickle_node *node_ref;

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
    LOOKS_MAX = 4096, /* at objects that may be tensors */
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

static bool
read_storage_class(const struct pickle_tree *tree, node_ref class, struct zblob_image *image)
{
    static const char *const classes[][2] = {
        {"FloatStorage", "float32"},
        {"DoubleStorage", "float64"},
        {"HalfStorage", "float16"},
        {"ByteStorage", "uint8"},
        {"CharStorage", "int8"},
        {"ShortStorage", "int16"},
        {"IntStorage", "int32"},
        {"LongStorage", "int64"},
        {"UInt16Storage", "uint16"},
        {"BoolStorage", "bool"},
        {"ComplexFloatStorage", "complex64"},
        {"ComplexDoubleStorage", "complex128"},
    };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (pickle_is_global(tree, class, "torch", classes[i][0]))
            return pixel_type_parse(classes[i][1], image);
    }
    return false;
}

static bool
read_extent(node_ref node, uint64_t *extent)
{
    *extent = node && node->kind == PICKLE_INTEGER && node->integer > 0 ? (uint64_t)node->integer : 0;
    return *extent > 0;
}

/* Shape and strides, in elements. The axes are sorted by their strides: the grid is that of the memory. False if elements
 * lie apart or on one another. */
static bool
read_layout(const struct pickle_tree *tree, node_ref shape, node_ref strides, struct zblob_image *image)
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

static bool
match_tensor(const struct archive *archive, node_ref call, struct zblob_image *image)
{
    const struct pickle_tree *tree = &archive->tree;
    node_ref arguments = pickle_item(tree, call, 1), persistent = pickle_item(tree, arguments, 0);
    if (!persistent || persistent->kind != PICKLE_PERSISTENT)
        return false;
    node_ref id = pickle_item(tree, persistent, 0), key = pickle_item(tree, id, 2);
    node_ref offset = pickle_item(tree, arguments, 1);
    *image = (struct zblob_image){.source = ZBLOB_SOURCE_TORCH};
    if (!pickle_text_is(pickle_item(tree, id, 0), "storage") || !key || key->kind != PICKLE_TEXT || !offset ||
        offset->kind != PICKLE_INTEGER || offset->integer < 0 || offset->integer > INT32_MAX ||
        !read_storage_class(tree, pickle_item(tree, id, 1), image) ||
        !read_layout(tree, pickle_item(tree, arguments, 2), pickle_item(tree, arguments, 3), image))
        return false;
    image->grid.big_endian = archive->big_endian;
    const struct member *storage = find_member(archive, STORAGE_NAME, key->bytes, key->byte_count);
    uint64_t pixel = (uint64_t)zblob_sample_size(image->grid.sample_type) * image->grid.components, size;
    uint64_t skipped = (uint64_t)offset->integer * pixel;
    if (!storage || !zblob_grid_size(&image->grid, &size) || skipped > storage->size || size > storage->size - skipped)
        return false;
    image->value_offset = storage->at + skipped;
    return image_settle(image, archive->reader.size);
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
        node_ref node = &archive->tree.nodes[i];
        if (!pickle_is_object(&archive->tree, node, "torch._utils", "_rebuild_tensor_v2"))
            continue;
        looks++;
        if (match_tensor(archive, node, &image))
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
