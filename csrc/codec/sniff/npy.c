/* npy.c: recognises .npy files (NumPy enhancement proposal 1), also several of them one after another. */
#include "formats.h"

#include "../base/bytes.h"
#include "../base/sample_types.h"

#include <stdlib.h>

#define NPY_MAGIC "\x93NUMPY"
#define NPY_HEADER_MAX 1024 /* a plain array's header is one line */

struct npy_header {
    char text[NPY_HEADER_MAX + 1];
    size_t data_offset;
};

static bool
read_npy_header(const unsigned char *src, size_t src_size, struct npy_header *header)
{
    if (src_size < 12 || memcmp(src, NPY_MAGIC, 6) != 0 || src[6] < 1 || src[6] > 3 || src[7] != 0)
        return false;
    size_t prefix = src[6] == 1 ? 10 : 12;
    size_t size = src[6] == 1 ? load_le16(src + 8) : load_le32(src + 8);
    if (size > NPY_HEADER_MAX || size > src_size - prefix)
        return false;
    memcpy(header->text, src + prefix, size);
    header->text[size] = '\0';
    header->data_offset = prefix + size;
    return strlen(header->text) == size;
}

/* Step over `literal` in *text; false where something else stands there. */
static bool
expect(const char **text, const char *literal)
{
    size_t size = strlen(literal);
    if (strncmp(*text, literal, size) != 0)
        return false;
    *text += size;
    return true;
}

static bool
parse_dtype(const char **text, struct zblob_image *image)
{
    char name[8];
    size_t size = strcspn(*text, "'");
    if (size < 3 || size >= sizeof name || (*text)[size] != '\'')
        return false;
    memcpy(name, *text, size);
    name[size] = '\0';
    *text += size;
    return pixel_type_parse(name, image);
}

/* "61, 512, 512), }": the slowest axis first, except in Fortran order. */
static bool
parse_shape(const char **text, struct zblob_grid *grid, bool is_fortran)
{
    uint64_t extents[ZBLOB_DIMENSION_MAX];
    uint32_t count = 0;
    while (**text >= '0' && **text <= '9' && count < ZBLOB_DIMENSION_MAX) {
        char *end;
        extents[count++] = strtoull(*text, &end, 10);
        *text = end;
        if (!expect(text, ","))
            break;
        expect(text, " ");
    }
    grid->dimension = count;
    for (uint32_t axis = 0; axis < count; axis++)
        grid->size[axis] = extents[is_fortran ? axis : count - 1 - axis];
    return count > 0 && expect(text, ")");
}

/* A file at the beginning of `src_size` bytes; *end is where it ends. */
static bool
read_npy(const unsigned char *src, size_t src_size, struct zblob_image *image, size_t *end)
{
    struct npy_header header;
    uint64_t size;
    *image = (struct zblob_image){.source = ZBLOB_SOURCE_NPY};
    if (!read_npy_header(src, src_size, &header))
        return false;
    const char *text = header.text;
    if (!expect(&text, "{'descr': '") || !parse_dtype(&text, image) || !expect(&text, "', 'fortran_order': "))
        return false;
    image->is_fortran = expect(&text, "True");
    if ((!image->is_fortran && !expect(&text, "False")) || !expect(&text, ", 'shape': (") ||
        !parse_shape(&text, &image->grid, image->is_fortran))
        return false;
    image->value_offset = header.data_offset;
    if (!zblob_grid_size(&image->grid, &size) || size > src_size - header.data_offset)
        return false;
    *end = header.data_offset + (size_t)size;
    return true;
}

bool
sniff_npy(const unsigned char *src, size_t src_size, struct zblob_image *image)
{
    size_t end;
    return read_npy(src, src_size, image, &end) && end == src_size;
}

size_t
sniff_npy_files(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    size_t count = 0, at = 0, end;
    while (count < capacity && read_npy(src + at, src_size - at, &images[count], &end)) {
        images[count++].value_offset += at;
        at += end;
    }
    return at == src_size || count == capacity ? count : 0;
}
