/* cells_format.h: the cells' part of a serialized model. */
#ifndef ZBLOB_CODEC_VOXEL_WIDE_CELLS_FORMAT_H
#define ZBLOB_CODEC_VOXEL_WIDE_CELLS_FORMAT_H

#include "../../base/bits.h"
#include "cells.h"

void wide_write_cells(struct bit_writer *writer, const struct voxel_wide *wide);
/* Into a `wide` that is new. False: the bits contradict themselves, or list more values than the image has samples. */
bool wide_read_cells(struct bit_reader *reader, struct voxel_wide *wide, uint64_t sample_count);

#endif
