/* raw_bits.h: the encoder's stream of raw bits, which grows downwards. Included by a target's file after it has named
 * its instructions to the compiler, so that this is inlined. */
#ifndef ZBLOB_CODEC_VOXEL_KERNELS_RAW_BITS_H
#define ZBLOB_CODEC_VOXEL_KERNELS_RAW_BITS_H

#include "ops.h"

#include <string.h>

/* At most 57 bits, in front of those that were put before. */
static inline void
put_raw(struct voxel_encoder *encoder, uint64_t bits, unsigned count)
{
    uint64_t pending = encoder->raw_pending << count | bits;
    unsigned total = encoder->raw_pending_count + count;
    uint64_t top = total ? pending << (64 - total) : 0;
    memcpy(encoder->raw - sizeof top, &top, sizeof top);
    encoder->raw -= total >> 3;
    encoder->raw_pending_count = total & 7;
    encoder->raw_pending = pending & ((1u << (total & 7)) - 1);
}

#endif
