/*
 * mask.c: zmask(X, label): where a label map has this label, as one byte per voxel, 1 or 0, in the order of its voxels.
 *
 * X is a frame, an envelope or a plain value; its largest image counts, whose samples are integers. NULL where there is no
 * image. Voxels are looked at piece by piece, so that no more than the result and a piece are in memory.
 */
#include "mask.h"

#include "label_counts.h"

#include <string.h>

struct wanted {
    unsigned char sample[8]; /* the label as it lies in memory */
    uint32_t width;
    bool is_possible; /* samples of this type can have it */
};

static struct wanted
want(const struct zblob_grid *grid, sqlite3_int64 label)
{
    struct wanted wanted = {.width = zblob_sample_size(grid->sample_type)};
    for (uint32_t i = 0; i < wanted.width; i++)
        wanted.sample[grid->big_endian ? wanted.width - 1 - i : i] = (unsigned char)((uint64_t)label >> 8 * i);
    wanted.is_possible = image_label(grid, wanted.sample) == label;
    return wanted;
}

static void
compare_piece(const struct wanted *wanted, const unsigned char *src, uint64_t count, unsigned char *dst)
{
    if (wanted->width == 1)
        for (uint64_t i = 0; i < count; i++)
            dst[i] = src[i] == wanted->sample[0];
    else
        for (uint64_t i = 0; i < count; i++)
            dst[i] = memcmp(src + i * wanted->width, wanted->sample, wanted->width) == 0;
}

static bool
fill(const struct opened_image *opened, const struct wanted *wanted, unsigned char *dst, struct zblob_error *error)
{
    uint64_t samples = IMAGE_PIECE_SIZE / wanted->width;
    samples = samples < opened->sample_count ? samples : opened->sample_count;
    unsigned char *piece = sqlite3_malloc64(samples * wanted->width);
    bool good = piece;
    if (!piece)
        *error = (struct zblob_error){.code = ZBLOB_NO_MEMORY};
    for (uint64_t first = 0; good && first < opened->sample_count; first += samples) {
        uint64_t rest = opened->sample_count - first, count = rest < samples ? rest : samples;
        good = image_gather(opened, first, count, piece, error);
        if (good)
            compare_piece(wanted, piece, count, dst + first);
    }
    sqlite3_free(piece);
    return good;
}

static bool
make_mask(sqlite3_context *context, const struct opened_image *opened, sqlite3_int64 label, struct zblob_error *error)
{
    if (!label_is_integer(&opened->image, "zmask", error) ||
        !value_check_size(opened->db, opened->connection, opened->sample_count, error))
        return false;
    struct wanted wanted = want(&opened->image.grid, label);
    if (!wanted.is_possible) {
        sqlite3_result_zeroblob64(context, opened->sample_count);
        return true;
    }
    unsigned char *mask = sqlite3_malloc64(opened->sample_count);
    if (!mask) {
        *error = (struct zblob_error){.code = ZBLOB_NO_MEMORY};
        return false;
    }
    if (!fill(opened, &wanted, mask, error)) {
        sqlite3_free(mask);
        return false;
    }
    sqlite3_result_blob64(context, mask, opened->sample_count, sqlite3_free);
    return true;
}

void
zmask(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct value value;
    struct opened_image opened;
    struct zblob_error error;
    (void)count;
    if (sqlite3_value_type(arguments[0]) != SQLITE_BLOB || sqlite3_value_type(arguments[1]) == SQLITE_NULL ||
        !value_take(context, arguments[0], &value))
        return;
    if (sqlite3_value_type(arguments[1]) != SQLITE_INTEGER) {
        sqlite3_result_error(context, "zmask takes an integer for the label", -1);
        return;
    }
    sqlite3 *db = sqlite3_context_db_handle(context);
    if (!image_open(db, value_connection(context), &value, &opened, &error) ||
        (opened.is_there && !make_mask(context, &opened, sqlite3_value_int64(arguments[1]), &error)))
        value_fail(context, &error);
    image_close(&opened);
}
