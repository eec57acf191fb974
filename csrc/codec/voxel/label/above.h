/* above.h: a row of labels, and the rows that it refers to. Section 3 of docs/label-format.md. */
#ifndef ZBLOB_CODEC_VOXEL_LABEL_ABOVE_H
#define ZBLOB_CODEC_VOXEL_LABEL_ABOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LABEL_GROUP = 4 }; /* slices whose rows are coded together */

/* What is known of a row besides its labels. */
struct label_state {
    bool is_constant; /* all labels are `value` */
    bool is_filled;   /* labels and edges are there; rows that are not constant always are */
    uint16_t value;
};

/* One row of the working planes. */
struct label_row {
    struct label_state *state;
    void *half[2];   /* its even labels, its odd ones */
    uint64_t *edges; /* bit i of the first words: label 2i = label 2i + 1; of the others: label 2i = label 2i - 1 */
};

/* The rows that a row refers to. In a chunk's first slice p, pn and ps are nn. */
struct label_above {
    struct label_row n, nn, p, pn, ps;
    bool is_first;
    size_t width; /* labels of each row */
    size_t place; /* of the slice in its group */
};

#endif
