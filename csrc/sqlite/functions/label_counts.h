/* label_counts.h: how many voxels each label of an image has, and in which box they lie. */
#ifndef ZBLOB_SQLITE_FUNCTIONS_LABEL_COUNTS_H
#define ZBLOB_SQLITE_FUNCTIONS_LABEL_COUNTS_H

#include "image.h"

#define label_counts_make ZBLOB_IN_SLOT(label_counts_make)
#define label_counts_free ZBLOB_IN_SLOT(label_counts_free)
#define label_is_integer ZBLOB_IN_SLOT(label_is_integer)

#define LABELS_MAX 1048576

struct label_count {
    sqlite3_int64 label;
    uint64_t voxels;
    uint64_t first[ZBLOB_DIMENSION_MAX], last[ZBLOB_DIMENSION_MAX]; /* along each axis, the fastest first */
};

struct label_counts {
    struct label_count *list; /* in ascending order once they are made */
    size_t count, capacity;
    uint32_t dimension;
    uint32_t *places; /* while they are made: a hash table of places in the list, from 1 on; 0: free */
    size_t place_count;
};

/* Of all voxels of an image that is there. BAD_ARGUMENT: its samples are no labels, or there are more than LABELS_MAX. Start
 * with zeros; free the counts even if it fails. */
bool label_counts_make(struct label_counts *counts, const struct opened_image *opened, struct zblob_error *error);
void label_counts_free(struct label_counts *counts);

/* Does the image have one integer per voxel? False: *error says what it has. */
bool label_is_integer(const struct zblob_image *image, const char *function, struct zblob_error *error);

#endif
