/*
 * rans_template.h: the entropy coder in plain C: rANS with 64 states, of which step s of a half-row takes the 32 of
 * bank s & 1, and the raw bits that follow large tokens. Included once by target_template.h for each target.
 *
 * Encoding goes backwards: words are appended upwards and read downwards, raw bits the other way round.
 */

/* The target's file has its own rans_encode(...) and rans_decode(...). */
#ifndef VOXEL_HAS_RANS_ENCODE
#define VOXEL_HAS_RANS_ENCODE 0
#endif
#ifndef VOXEL_HAS_RANS_DECODE
#define VOXEL_HAS_RANS_DECODE 0
#endif

#if !VOXEL_HAS_RANS_ENCODE || !VOXEL_HAS_RANS_DECODE
#include "rans_plain.h"
#endif

#if !VOXEL_HAS_RANS_ENCODE
static void
rans_encode(struct voxel_encoder *encoder, const uint16_t *symbols, const uint16_t *codes, size_t count)
{
    plain_encode(encoder, symbols, codes, count, VOXEL_STATES);
}
#endif

#if !VOXEL_HAS_RANS_DECODE
static void
rans_decode(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, size_t count)
{
    plain_decode(decoder, tables, codes, count, VOXEL_STATES);
}
#endif
