/*
 * thumbnail.c: zthumbnail(X [, size]): a small picture of an image, as a PNG file, for programs that show BLOBs.
 *
 * X is a frame, an envelope or a plain value; its largest image counts, if it has two axes or more. The picture is the slice
 * along the two fastest axes in the middle of the others, at most `size` pixels wide and high (128 if not given): averages of
 * boxes of pixels. Grey runs from the darkest to the brightest hundredth of the averages; bytes of three or four components are
 * colours; of other components, and of complex pixels, the first is shown. NULL where there is no such image.
 */
#include "thumbnail.h"

#include "image.h"
#include "png.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXTENT_DEFAULT = 128, EXTENT_MIN = 1, EXTENT_MAX = 4096, HUNDREDTH = 100 };

struct thumbnail {
    const struct opened_image *opened;
    const unsigned char *plane; /* the slice's samples */
    uint64_t step;              /* a box is step x step pixels, less at the edges */
    uint32_t width, height, components;
    double *averages; /* width x height x components; NaN where a box has no number */
};

static bool
fail_memory(struct zblob_error *error)
{
    *error = (struct zblob_error){.code = ZBLOB_NO_MEMORY};
    return false;
}

/* The place of the slice's first pixel among all pixels. */
static uint64_t
middle(const struct zblob_grid *grid)
{
    uint64_t place = 0, pitch = grid->size[0] * grid->size[1];
    for (uint32_t axis = 2; axis < grid->dimension; axis++) {
        place += grid->size[axis] / 2 * pitch;
        pitch *= grid->size[axis];
    }
    return place;
}

static double
average(const struct thumbnail *t, uint32_t x, uint32_t y, uint32_t component)
{
    const struct zblob_grid *grid = &t->opened->image.grid;
    uint64_t sample_size = zblob_sample_size(grid->sample_type), pixel = grid->components * sample_size;
    uint64_t right = (x + 1) * t->step, bottom = (y + 1) * t->step, numbers = 0;
    double sum = 0;
    right = right < grid->size[0] ? right : grid->size[0];
    bottom = bottom < grid->size[1] ? bottom : grid->size[1];
    for (uint64_t row = y * t->step; row < bottom; row++) {
        for (uint64_t column = x * t->step; column < right; column++) {
            const unsigned char *at = t->plane + (row * grid->size[0] + column) * pixel + component * sample_size;
            double number = image_sample(grid, at);
            if (number - number == 0) { /* neither infinite nor NaN */
                sum += number;
                numbers++;
            }
        }
    }
    return numbers > 0 ? sum / (double)numbers : NAN;
}

static int
compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The averages that become black and white; false: there are no numbers, or no memory (*error). */
static bool
find_window(const struct thumbnail *t, double *black, double *white, struct zblob_error *error)
{
    size_t count = 0, all = (size_t)t->width * t->height;
    double *sorted = sqlite3_malloc64(all * sizeof *sorted);
    *black = *white = 0;
    if (!sorted)
        return fail_memory(error);
    for (size_t i = 0; i < all; i++) {
        if (t->averages[i] - t->averages[i] == 0)
            sorted[count++] = t->averages[i];
    }
    qsort(sorted, count, sizeof *sorted, compare);
    if (count > 0) {
        size_t edge = count / HUNDREDTH;
        bool is_flat = sorted[edge] == sorted[count - 1 - edge]; /* but for a few: a small object in a large nothing */
        *black = sorted[is_flat ? 0 : edge];
        *white = sorted[is_flat ? count - 1 : count - 1 - edge];
    }
    sqlite3_free(sorted);
    return true;
}

static unsigned char
shade(double number, double black, double white)
{
    if (!(number > black))
        return 0; /* NaN, too */
    return number >= white ? 255 : (unsigned char)((number - black) * (255 / (white - black)) + 0.5);
}

/* The PNG file of the averages as the result. */
static bool
return_picture(sqlite3_context *context, const struct thumbnail *t, struct zblob_error *error)
{
    double black = 0, white = 255;
    size_t count = (size_t)t->width * t->height * t->components, size = png_size(t->width, t->height, t->components);
    if (t->components == 1 && !find_window(t, &black, &white, error))
        return false;
    unsigned char *pixels = sqlite3_malloc64(count), *file = sqlite3_malloc64(size);
    bool good = pixels && file;
    if (good) {
        for (size_t i = 0; i < count; i++)
            pixels[i] = shade(t->averages[i], black, white);
        png_write(pixels, t->width, t->height, t->components, file);
        sqlite3_result_blob64(context, file, size, sqlite3_free);
        file = NULL;
    } else
        fail_memory(error);
    sqlite3_free(pixels);
    sqlite3_free(file);
    return good;
}

static bool
shrink(sqlite3_context *context, struct thumbnail *t, struct zblob_error *error)
{
    t->averages = sqlite3_malloc64((uint64_t)t->width * t->height * t->components * sizeof *t->averages);
    if (!t->averages)
        return fail_memory(error);
    double *average_at = t->averages;
    for (uint32_t y = 0; y < t->height; y++)
        for (uint32_t x = 0; x < t->width; x++)
            for (uint32_t component = 0; component < t->components; component++)
                *average_at++ = average(t, x, y, component);
    bool good = return_picture(context, t, error);
    sqlite3_free(t->averages);
    return good;
}

static bool
make_thumbnail(sqlite3_context *context, const struct opened_image *opened, uint64_t most, struct zblob_error *error)
{
    const struct zblob_grid *grid = &opened->image.grid;
    bool is_colour = grid->sample_type == ZBLOB_UINT8 && (grid->components == 3 || grid->components == 4);
    uint64_t longest = grid->size[0] > grid->size[1] ? grid->size[0] : grid->size[1];
    uint64_t step = (longest + most - 1) / most, samples = grid->size[0] * grid->size[1] * grid->components;
    struct thumbnail t = {.opened = opened, .step = step, .components = is_colour ? 3 : 1};
    t.width = (uint32_t)((grid->size[0] + step - 1) / step);
    t.height = (uint32_t)((grid->size[1] + step - 1) / step);
    uint64_t size = samples * zblob_sample_size(grid->sample_type);
    if (!value_check_size(opened->db, opened->connection, size, error))
        return false;
    unsigned char *plane = sqlite3_malloc64(size);
    if (!plane)
        return fail_memory(error);
    t.plane = plane;
    bool good =
        image_gather(opened, middle(grid) * grid->components, samples, plane, error) && shrink(context, &t, error);
    sqlite3_free(plane);
    return good;
}

void
zthumbnail(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct value value;
    struct opened_image opened;
    struct zblob_error error;
    sqlite3_int64 size = EXTENT_DEFAULT;
    if (sqlite3_value_type(arguments[0]) != SQLITE_BLOB || !value_take(context, arguments[0], &value))
        return;
    if (count > 1)
        size = sqlite3_value_int64(arguments[1]);
    if (size < EXTENT_MIN || size > EXTENT_MAX || (count > 1 && sqlite3_value_type(arguments[1]) != SQLITE_INTEGER)) {
        sqlite3_result_error(context, "zthumbnail takes an integer from 1 to 4096 for the size", -1);
        return;
    }
    sqlite3 *db = sqlite3_context_db_handle(context);
    if (!image_open(db, value_connection(context), &value, &opened, &error) ||
        (opened.is_there && opened.image.grid.dimension > 1 &&
         !make_thumbnail(context, &opened, (uint64_t)size, &error)))
        value_fail(context, &error);
    image_close(&opened);
}
