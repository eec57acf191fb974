/* label_counts.c: see label_counts.h. Runs of one label along a row count at once. */
#include "label_counts.h"

#include <stdlib.h>
#include <string.h>

static bool
fail(struct zblob_error *error, enum zblob_result code, const char *message)
{
    error->code = code;
    sqlite3_snprintf(sizeof error->message, error->message, "%s", message);
    return false;
}

bool
label_is_integer(const struct zblob_image *image, const char *function, struct zblob_error *error)
{
    if (image->grid.components == 1 && image->grid.sample_type < ZBLOB_FLOAT16)
        return true;
    fail(error, ZBLOB_BAD_ARGUMENT, function);
    size_t at = strlen(error->message);
    sqlite3_snprintf((int)(sizeof error->message - at), error->message + at,
                     ": the image has floats or several components per pixel; labels are single integers");
    return false;
}

/* ---- A hash table of labels ------------------------------------------------------------------ */

static size_t
hash_of(const struct label_counts *counts, sqlite3_int64 label)
{
    uint64_t mixed = (uint64_t)label * UINT64_C(0x9E3779B97F4A7C15); /* 2^64 divided by the golden ratio */
    return (size_t)(mixed >> 32) & (counts->place_count - 1);
}

static void
enter(struct label_counts *counts, uint32_t number)
{
    size_t place = hash_of(counts, counts->list[number - 1].label);
    while (counts->places[place])
        place = (place + 1) & (counts->place_count - 1);
    counts->places[place] = number;
}

/* Room for twice as many labels, in a hash table that is at most half full. */
static bool
grow(struct label_counts *counts, struct zblob_error *error)
{
    size_t capacity = counts->capacity ? 2 * counts->capacity : 64;
    struct label_count *list = sqlite3_realloc64(counts->list, capacity * sizeof *list);
    if (!list)
        return fail(error, ZBLOB_NO_MEMORY, "out of memory");
    counts->list = list;
    counts->capacity = capacity;
    sqlite3_free(counts->places);
    counts->place_count = 2 * capacity;
    counts->places = sqlite3_malloc64(counts->place_count * sizeof *counts->places);
    if (!counts->places)
        return fail(error, ZBLOB_NO_MEMORY, "out of memory");
    memset(counts->places, 0, counts->place_count * sizeof *counts->places);
    for (size_t i = 0; i < counts->count; i++)
        enter(counts, (uint32_t)i + 1);
    return true;
}

/* The label's entry, which is new if it has no voxels yet; NULL: see *error. */
static struct label_count *
find(struct label_counts *counts, sqlite3_int64 label, struct zblob_error *error)
{
    size_t place = counts->place_count ? hash_of(counts, label) : 0;
    while (counts->place_count && counts->places[place]) {
        struct label_count *found = &counts->list[counts->places[place] - 1];
        if (found->label == label)
            return found;
        place = (place + 1) & (counts->place_count - 1);
    }
    if (counts->count == LABELS_MAX) {
        fail(error, ZBLOB_BAD_ARGUMENT, "zlabels: the image has more than 1048576 labels");
        return NULL;
    }
    if (counts->count == counts->capacity && !grow(counts, error))
        return NULL;
    counts->list[counts->count] = (struct label_count){.label = label};
    enter(counts, (uint32_t)++counts->count);
    return &counts->list[counts->count - 1];
}

/* ---- Voxels ---------------------------------------------------------------------------------- */

/* `length` voxels along the fastest axis, from `place` on. */
static void
count_run(struct label_count *label, uint32_t dimension, const uint64_t *place, uint64_t length)
{
    bool is_new = label->voxels == 0;
    label->voxels += length;
    for (uint32_t axis = 0; axis < dimension; axis++) {
        uint64_t last = place[axis] + (axis == 0 ? length - 1 : 0);
        if (is_new || place[axis] < label->first[axis])
            label->first[axis] = place[axis];
        if (is_new || last > label->last[axis])
            label->last[axis] = last;
    }
}

/* How many of `most` samples equal the first. */
static uint64_t
run_length(const unsigned char *src, uint32_t width, uint64_t most)
{
    uint64_t length = 1;
    if (width == 1)
        while (length < most && src[length] == src[0])
            length++;
    else
        while (length < most && memcmp(src + length * width, src, width) == 0)
            length++;
    return length;
}

/* Count `count` samples of a piece; `place` is that of the first, and afterwards of the one after the last. */
static bool
count_piece(struct label_counts *counts, const struct zblob_grid *grid, const unsigned char *src, uint64_t count,
            uint64_t *place, struct zblob_error *error)
{
    uint32_t width = zblob_sample_size(grid->sample_type);
    while (count > 0) {
        uint64_t in_row = grid->size[0] - place[0];
        uint64_t length = run_length(src, width, in_row < count ? in_row : count);
        struct label_count *label = find(counts, image_label(grid, src), error);
        if (!label)
            return false;
        count_run(label, grid->dimension, place, length);
        src += length * width;
        count -= length;
        place[0] += length;
        for (uint32_t axis = 0; place[axis] == grid->size[axis] && axis + 1 < grid->dimension; axis++) {
            place[axis] = 0;
            place[axis + 1]++;
        }
    }
    return true;
}

/* ---- All of an image ------------------------------------------------------------------------- */

static int
compare(const void *left, const void *right)
{
    const struct label_count *a = left, *b = right;
    return (a->label > b->label) - (a->label < b->label);
}

static bool
count_all(struct label_counts *counts, const struct opened_image *opened, unsigned char *piece, uint64_t piece_samples,
          struct zblob_error *error)
{
    uint64_t place[ZBLOB_DIMENSION_MAX] = {0};
    for (uint64_t first = 0; first < opened->sample_count; first += piece_samples) {
        uint64_t rest = opened->sample_count - first, count = rest < piece_samples ? rest : piece_samples;
        if (!image_gather(opened, first, count, piece, error) ||
            !count_piece(counts, &opened->image.grid, piece, count, place, error))
            return false;
    }
    return true;
}

bool
label_counts_make(struct label_counts *counts, const struct opened_image *opened, struct zblob_error *error)
{
    const struct zblob_grid *grid = &opened->image.grid;
    uint64_t width = zblob_sample_size(grid->sample_type), samples = IMAGE_PIECE_SIZE / width;
    if (!label_is_integer(&opened->image, "zlabels", error) ||
        !value_check_size(opened->db, opened->connection, opened->sample_count * width, error))
        return false;
    counts->dimension = grid->dimension;
    samples = samples < opened->sample_count ? samples : opened->sample_count;
    unsigned char *piece = sqlite3_malloc64(samples * width);
    if (!piece)
        return fail(error, ZBLOB_NO_MEMORY, "out of memory");
    bool good = count_all(counts, opened, piece, samples, error);
    sqlite3_free(piece);
    sqlite3_free(counts->places);
    counts->places = NULL;
    if (counts->count > 1)
        qsort(counts->list, counts->count, sizeof *counts->list, compare);
    return good;
}

void
label_counts_free(struct label_counts *counts)
{
    sqlite3_free(counts->list);
    sqlite3_free(counts->places);
    *counts = (struct label_counts){.count = 0};
}
