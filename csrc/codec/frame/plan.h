/*
 * plan.h: how a value becomes a frame: which images lie in it, how it is cut in chunks, and, once encoded, what
 * became of each chunk. compress.c makes a plan (plan.c), has its chunks encoded (encode.c) and assembles them.
 */
#ifndef ZBLOB_CODEC_FRAME_PLAN_H
#define ZBLOB_CODEC_FRAME_PLAN_H

#include "../voxel/codec.h"

#define NO_IMAGE UINT32_MAX
#define NO_ORDINAL SIZE_MAX

struct plan_chunk {
    uint64_t raw_offset;
    size_t raw_size;
    uint32_t image; /* or NO_IMAGE */
    size_t ordinal; /* among its model's chunks, or NO_ORDINAL */
    size_t slot;    /* where its encoding goes, in the scratch block */
};

struct plan {
    const struct zblob_options *options;
    const unsigned char *src;
    uint64_t src_size;
    struct zblob_image *images;
    struct voxel_model **models; /* one an image; NULL where it has none */
    size_t image_count;
    uint64_t general_estimate; /* where the image is a guess: what the general path would make of the value */
    bool has_image_chunks;
    struct plan_chunk *chunks;
    struct zblob_chunk *index; /* the frame's, one entry a chunk */
    size_t chunk_count;
    unsigned char *scratch;
    enum zblob_result *results; /* of each chunk's encoding */
};

/* Plan for options, src and src_size, which are set. Free the plan in either case. */
enum zblob_result plan_make(struct plan *plan, struct zblob_error *error);
void plan_free(struct plan *plan);

/* Encode all chunks, in parallel, into their slots and index entries. */
enum zblob_result plan_encode(struct plan *plan, struct zblob_error *error);

#endif
