/*
 * plan.h: how a value becomes a frame: which images lie in it, how it is cut in chunks, which codec is tried on each,
 * and, once encoded, what became of it. compress.c makes a plan (plan.c), has its chunks encoded (encode.c, rivals.c)
 * and assembles them.
 */
#ifndef ZBLOB_CODEC_FRAME_PLAN_H
#define ZBLOB_CODEC_FRAME_PLAN_H

#include "codecs.h"

/* Smaller images are not coded as images. */
#define PLAN_IMAGE_SIZE_MIN 1024

struct plan_chunk {
    struct chunk_place place;
    enum zblob_codec codec; /* the first to be tried */
    size_t slot;            /* where its encoding goes in the scratch block */
};

/* What zstd makes of a chunk of an image. */
struct zstd_trial {
    uint32_t size;  /* about; 0: unknown */
    bool is_wanted; /* seen on the whole chunk, at the level that the options ask for */
};

struct plan {
    const struct zblob_options *options;
    const unsigned char *src;
    uint64_t src_size;
    size_t size_limit; /* of a large value: chunks that take more bytes end the encoding; 0: none do */
    struct zblob_image *images;
    struct voxel_model **models; /* one per image; NULL for an image without a model */
    unsigned char **standing;    /* one per image: its samples, unless they stand in the value as they are: then NULL */
    size_t image_count;
    uint64_t zstd_estimate; /* with guesses among the images: about what zstd would make of the value; otherwise 0 */
    bool has_image_chunks;
    bool is_stored; /* the value is compressed already: no codec is tried */
    struct plan_chunk *chunks;
    struct zblob_chunk *index; /* the frame's, one entry per chunk */
    struct zstd_trial *trials; /* one per chunk */
    size_t chunk_count;
    unsigned char *scratch;
    enum zblob_result *results; /* of encoding each chunk */
};

/* Make the plan; its options, src, src_size and size_limit are set, everything else is 0. Free the plan even if this fails. */
enum zblob_result plan_make(struct plan *plan, struct zblob_error *error);
void plan_free(struct plan *plan);

#define PLAN_BATCH_SIZE ((size_t)32 << 20) /* raw bytes; one chunk may be larger */

/* Give chunks from `first` on, a batch of them, slots in the scratch block from `slot` on. Returns the number after the last. */
size_t plan_take_batch(struct plan *plan, size_t first, size_t slot);

/* Encode `count` chunks from `first` on, in parallel, into their slots and index entries, and nothing else. */
enum zblob_result plan_encode_some(struct plan *plan, size_t first, size_t count, struct zblob_error *error);

/* When all are encoded: a model is written into the header only where a chunk needs it to be decoded. */
void plan_drop_unused_models(struct plan *plan);

/* Are some chunks zstd frames, and all others stored? A frame has none of one kind or chunks of a third. */
bool plan_is_mixed(const struct plan *plan);

/* Would a value in which no image is found be coded as one that is guessed? *image is set if so. */
bool plan_guess(const void *src, size_t src_size, struct zblob_image *image);

/* An image's samples; NULL: they stand in the value as text, and no other form was made of it. */
const unsigned char *plan_samples(const struct plan *plan, const struct zblob_image *image);

/* Encode all chunks, in parallel, into their slots and index entries. */
enum zblob_result plan_encode(struct plan *plan, struct zblob_error *error);

/* The larger a value, the more its memory matters: are encoded chunks to lie side by side, and become the frame in place? */
bool plan_is_packed(const struct plan *plan);

/* Move what chunks from `first` to `end` became down to `slot`, side by side. Returns the place after them. */
size_t plan_pack(struct plan *plan, size_t first, size_t end, size_t slot);

#endif
