/* cells.h: the cells that suit an image of wide samples. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_CELLS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_CELLS_H

#include "../model.h"

/* Chooses the cells of a model that was widened, and is cut into chunks already: differences stay within a chunk.
 * The numbers of all samples' cells, in *cells, take the samples' place; the model keeps them. *gain = false: no
 * cells suit. */
enum zblob_result voxel_choose_cells(struct voxel_model *model, const unsigned char *samples,
                                     const unsigned char **cells, bool *gain);

#endif
