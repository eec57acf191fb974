/* rans_few.c: as many states as keep a CPU busy without vectors. */
#include "rans_few.h"

#include "rans_plain.h"

void
voxel_rans_encode_few(struct voxel_encoder *encoder, const uint16_t *symbols, const uint16_t *codes, size_t count)
{
    plain_encode(encoder, symbols, codes, count, VOXEL_FEW_STATES);
}

void
voxel_rans_decode_few(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, size_t count)
{
    plain_decode(decoder, tables, codes, count, VOXEL_FEW_STATES);
}
