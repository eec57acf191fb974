/* pickle.c: finds all images in a pickle, whichever library they are of, also those of files that bytes objects hold. */
#include "formats.h"

#include "../base/latin1.h"
#include "pickle_formats.h"

#include <stdlib.h>

/* Does the text, if the image is one, have as many characters as the grid has bytes? */
static bool
text_suits(const struct zblob_image *image, const unsigned char *src)
{
    uint64_t size;
    return image->text_size == 0 ||
           (zblob_grid_size(&image->grid, &size) &&
            latin1_is_text_of(src + image->value_offset, (size_t)image->text_size, (size_t)size));
}

/* What several of them find is the first one's: an image, and not the array in it. */
static const struct {
    bool (*match)(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image);
    const char *geometry; /* the attribute with an array that belongs to the geometry and is no image; or NULL */
} classes[] = {
    {match_simpleitk, NULL}, {match_itk, "direction"},   {match_nibabel, "_affine"}, {match_numpy, NULL},
    {match_array, NULL},     {match_numpy_masked, NULL}, {match_numpy_mask, NULL},   {match_joblib, NULL},
    {match_pydicom, NULL},   {match_torch, NULL},
};

enum {
    CLASSES = sizeof classes / sizeof *classes,
    A_FILE = CLASSES,     /* the kind of a finding: a bytes object that is a file with images */
    FILE_SIZE_MIN = 1024, /* smaller ones are not worth a look */
};

/* An image that was found: small, because a pickle may hold very many. Its call is matched again if the image is wanted. */
struct finding {
    uint64_t offset, size;
    uint32_t call, kind;
};

struct findings {
    struct finding *list;
    size_t count, capacity;
};

/* False without memory. */
static bool
add_finding(struct findings *found, struct finding finding)
{
    if (found->count == found->capacity) {
        size_t capacity = 2 * found->capacity + 16;
        struct finding *list = realloc(found->list, capacity * sizeof *list);
        if (!list)
            return false;
        found->list = list;
        found->capacity = capacity;
    }
    found->list[found->count++] = finding;
    return true;
}

static bool
match(const struct pickle_tree *tree, uint32_t call, uint32_t kind, const unsigned char *src, struct zblob_image *image)
{
    *image = (struct zblob_image){0};
    return classes[kind].match(tree, &tree->nodes[call], src, image);
}

/* An array that says where another one's voxels lie is no image itself. */
static void
set_geometry_aside(struct pickle_tree *tree, const struct pickle_node *object, const char *name)
{
    const struct pickle_node *array = name ? pickle_get(tree, pickle_state(tree, object), name) : NULL;
    if (array)
        tree->nodes[array - tree->nodes].is_geometry = true;
}

/* The images of the file that a bytes object may be; pickles in pickles are not looked into. Places in it become places in the value. */
static size_t
sniff_bytes(const struct pickle_node *node, const unsigned char *src, struct zblob_image *images, size_t capacity)
{
    if (node->kind != PICKLE_BYTES || node->byte_count < FILE_SIZE_MIN)
        return 0;
    size_t count = sniff_file(node->bytes, (size_t)node->byte_count, images, capacity);
    for (size_t i = 0; i < count; i++)
        images[i].value_offset += (uint64_t)(node->bytes - src);
    return count;
}

static bool
add_file(const struct pickle_tree *tree, uint32_t place, const unsigned char *src, struct findings *found)
{
    const struct pickle_node *node = &tree->nodes[place];
    struct zblob_image image;
    if (sniff_bytes(node, src, &image, 1) == 0)
        return true;
    struct finding finding = {(uint64_t)(node->bytes - src), node->byte_count, place, A_FILE};
    return add_finding(found, finding);
}

static bool
find_all(struct pickle_tree *tree, const unsigned char *src, struct findings *found)
{
    struct zblob_image image;
    for (uint32_t i = 0; i < tree->node_count; i++) {
        const struct pickle_node *node = &tree->nodes[i];
        for (uint32_t kind = 0; node->kind == PICKLE_CALL && !node->is_geometry && kind < CLASSES; kind++) {
            struct finding finding = {.call = i, .kind = kind};
            if (!match(tree, i, kind, src, &image))
                continue;
            set_geometry_aside(tree, node, classes[kind].geometry);
            finding.offset = image.value_offset;
            zblob_image_span(&image, &finding.size);
            if (!add_finding(found, finding))
                return false;
        }
        if (!add_file(tree, i, src, found))
            return false;
    }
    return true;
}

static int
compare_offsets(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    if ((a->kind == A_FILE) != (b->kind == A_FILE))
        return a->kind == A_FILE ? 1 : -1; /* what an object says of its bytes counts more than how they begin */
    return (a->call > b->call) - (a->call < b->call);
}

static int
compare_sizes(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return compare_offsets(left, right);
}

/* Sort the findings by their places in the value, and keep the `capacity` largest. Several calls may share one bytes
 * object, or parts of it, through the memo: it counts as the first one's. */
static void
select_findings(struct findings *found, size_t capacity)
{
    size_t kept = 0;
    uint64_t end = 0;
    qsort(found->list, found->count, sizeof *found->list, compare_offsets);
    for (size_t i = 0; i < found->count; i++) {
        if (kept > 0 && found->list[i].offset < end)
            continue;
        end = found->list[i].offset + found->list[i].size;
        found->list[kept++] = found->list[i];
    }
    if (kept > capacity) {
        qsort(found->list, kept, sizeof *found->list, compare_sizes);
        kept = capacity;
        qsort(found->list, kept, sizeof *found->list, compare_offsets);
    }
    found->count = kept;
}

size_t
sniff_pickle(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    struct pickle_tree tree;
    struct findings found = {0};
    if (pickle_tree_read(&tree, src, src_size, joblib_gap) && find_all(&tree, src, &found) && found.count)
        select_findings(&found, capacity);
    else
        found.count = 0;
    size_t count = 0;
    for (size_t i = 0; i < found.count && count < capacity; i++) {
        if (found.list[i].kind == A_FILE) {
            count += sniff_bytes(&tree.nodes[found.list[i].call], src, images + count, capacity - count);
            continue;
        }
        match(&tree, found.list[i].call, found.list[i].kind, src, &images[count]);
        count += text_suits(&images[count], src);
    }
    pickle_tree_free(&tree);
    free(found.list);
    return count;
}
