/* hint.c: what a row says of raw voxels beside them. Taken where it can be true; no text is an error. */
#include "../base/sample_types.h"

#include <string.h>

#define DTYPE_SIZE_MAX 32

static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *
skip_space(const char *text)
{
    while (is_space(*text))
        text++;
    return text;
}

/* ---- The dtype ------------------------------------------------------------------------------- */

/* The name alone, without blank space around it, and without a library's name: of "torch.float32" what follows the dot. */
static bool
take_dtype(struct zblob_options *options, const char *text)
{
    char name[DTYPE_SIZE_MAX];
    const char *dot = strrchr(text, '.');
    text = skip_space(dot ? dot + 1 : text);
    size_t size = strlen(text);
    while (size > 0 && is_space(text[size - 1]))
        size--;
    if (size == 0 || size >= sizeof name)
        return false;
    memcpy(name, text, size);
    name[size] = 0;
    return zblob_options_set_text(options, "dtype", name, NULL) == ZBLOB_OK;
}

/* ---- The shape ------------------------------------------------------------------------------- */

/* One extent; moves *text to what follows it. */
static bool
take_extent(const char **text, int64_t *extent)
{
    const char *p = *text;
    *extent = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (*extent > (INT64_MAX - 9) / 10)
            return false;
        *extent = 10 * *extent + (*p - '0');
    }
    bool has_digits = p != *text;
    *text = p;
    return has_digits && *extent > 0;
}

/* Move over what separates two extents: a comma, an x, or blank space alone. False: there is nothing of that kind. */
static bool
skip_separator(const char **text)
{
    const char *p = skip_space(*text);
    bool is_found = p != *text;
    if (*p == ',' || *p == 'x' || *p == 'X') {
        p = skip_space(p + 1);
        is_found = true;
    }
    *text = p;
    return is_found;
}

/* The bracket that must close the shape, if one opens it; moves *text over the opening one. */
static char
take_bracket(const char **text)
{
    char close = **text == '[' ? ']' : **text == '(' ? ')' : '\0';
    if (close)
        *text = skip_space(*text + 1);
    return close;
}

/* "[188, 256, 190]", "(188, 256, 190)", "(190,)", "188,256,190", "188x256x190" */
static bool
take_shape(struct zblob_options *options, const char *text)
{
    int64_t extents[ZBLOB_DIMENSION_MAX];
    size_t count = 0;
    text = skip_space(text);
    char close = take_bracket(&text);
    do {
        if (close && count > 0 && *text == close)
            break; /* after the last comma of a tuple */
        if (count == ZBLOB_DIMENSION_MAX || !take_extent(&text, &extents[count]))
            return false;
        count++;
    } while (skip_separator(&text) && *text);
    if (close && *text++ != close)
        return false;
    return *skip_space(text) == 0 && zblob_options_set_shape(options, extents, count, NULL) == ZBLOB_OK;
}

/* ---- Both ------------------------------------------------------------------------------------ */

bool
zblob_options_hint(struct zblob_options *options, const char *dtype, const char *shape, uint64_t value_size)
{
    struct zblob_options hinted = *options;
    uint64_t size;
    if (!take_dtype(&hinted, dtype) || !take_shape(&hinted, shape))
        return false;
    struct zblob_grid grid = hinted.grid;
    grid.components = hinted.is_complex ? 2 : 1;
    if (!zblob_grid_size(&grid, &size) || size != value_size)
        return false;
    *options = hinted;
    options->is_hint = true;
    return true;
}
