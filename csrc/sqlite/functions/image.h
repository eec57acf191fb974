/*
 * image.h: the largest image of a value in memory, which is a frame, an envelope or plain: what functions on images work on.
 * A guess is none, nor is an image whose samples stand in the value as text, in rows with padding, or in tiles.
 */
#ifndef ZBLOB_SQLITE_FUNCTIONS_IMAGE_H
#define ZBLOB_SQLITE_FUNCTIONS_IMAGE_H

#include "../values.h"

#define image_of_frame ZBLOB_IN_SLOT(image_of_frame)
#define image_of_plain ZBLOB_IN_SLOT(image_of_plain)
#define image_with_gaps ZBLOB_IN_SLOT(image_with_gaps)
#define image_open ZBLOB_IN_SLOT(image_open)
#define image_close ZBLOB_IN_SLOT(image_close)
#define image_gather ZBLOB_IN_SLOT(image_gather)
#define image_sample ZBLOB_IN_SLOT(image_sample)
#define image_label ZBLOB_IN_SLOT(image_label)

/* The image that a frame's header tells of, or that a plain value has. False: there is none. */
bool image_of_frame(const struct zblob_frame *frame, struct zblob_image *image);
bool image_of_plain(const unsigned char *src, size_t src_size, struct zblob_image *image);

/* For struct zblob_runs: the image, if there are gaps between its slices; otherwise NULL. */
const struct zblob_image *image_with_gaps(const struct zblob_image *image);

/* What functions that look at all samples have in memory at a time: large against a chunk, of which each piece may cut two. */
#define IMAGE_PIECE_SIZE ((uint64_t)1 << 24)

struct opened_image {
    sqlite3 *db;
    struct zblob_connection *connection;
    bool is_there; /* false: the value has no image, and the rest is not set */
    struct zblob_image image;
    uint64_t sample_count;
    struct zblob_reader *reader;
    struct zblob_source source; /* of the reader */
    unsigned char *unpacked;    /* of a frame that says nothing of its images */
};

/* The value must outlive the image. False: see *error. Close it even then. */
bool image_open(sqlite3 *db, struct zblob_connection *connection, const struct value *value,
                struct opened_image *opened, struct zblob_error *error);
void image_close(struct opened_image *opened);

/* `count` samples from sample `first` on, as they lie in memory, into dst. False: see *error. */
bool image_gather(const struct opened_image *opened, uint64_t first, uint64_t count, void *dst,
                  struct zblob_error *error);

/* A sample as a number. */
double image_sample(const struct zblob_grid *grid, const unsigned char *src);

/* A sample of integers as SQLite's integer; unsigned ones from 2^63 on have its bits. */
sqlite3_int64 image_label(const struct zblob_grid *grid, const unsigned char *src);

#endif
