/* streams.h: the streams of a chunk: what its header counts, and how many bytes each of them has. */
#ifndef ZBLOB_CODEC_VOXEL_SWIFT_STREAMS_H
#define ZBLOB_CODEC_VOXEL_SWIFT_STREAMS_H

#include "../../base/integers.h"
#include "rows.h"

/* In the order of the header and of the chunk, in which the fields come first. */
enum swift_stream { SWIFT_ROWS, SWIFT_CHANGES, SWIFT_CLASSES, SWIFT_DIGITS, SWIFT_NIBBLES, SWIFT_CODES, SWIFT_STREAMS };

enum { SWIFT_HEADER_MAX = SWIFT_STREAMS * VARINT_SIZE_MAX };

static const uint8_t swift_item_bits[SWIFT_STREAMS] = {1, 2, 4, 2, 4, 16};

/* The bytes that `count` items of a stream take. */
static inline size_t
swift_stream_size(enum swift_stream stream, size_t count)
{
    return (count * swift_item_bits[stream] + 7) / 8;
}

/* The predictor of a half-row of the plane. */
static inline struct swift_predictor
swift_predictor_of(const struct voxel_model *model, const struct voxel_plane_cursor *cursor, int parity)
{
    const struct voxel_model *ranged = model->channel_count ? &cursor->ranged : model;
    const struct voxel_predictor *from = &cursor->kind->parity[parity];
    struct swift_predictor predictor = {cursor->layout[parity]->tap_count / 2, {0}, ranged->low, ranged->high};
    for (int i = 0; i < predictor.pairs; i++)
        predictor.weights[i] = (uint16_t)from->weights[2 * i][0] | (uint32_t)(uint16_t)from->weights[2 * i + 1][0]
                                                                       << 16;
    return predictor;
}

static inline size_t
swift_groups(size_t count)
{
    return (count + SWIFT_GROUP - 1) / SWIFT_GROUP;
}

#endif
