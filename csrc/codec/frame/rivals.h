/* rivals.h: could another codec make less of an image's chunk than the one that has encoded (or stored) it? */
#ifndef ZBLOB_CODEC_FRAME_RIVALS_H
#define ZBLOB_CODEC_FRAME_RIVALS_H

#include "plan.h"

/* Each looks at excerpts first, encodes the chunk only if they promise something, and replaces slot and entry only if
 * the result is smaller. Without memory for it nothing is replaced. *trial, at first all 0, is what zstd makes of the
 * chunk. */
void rival_planes(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry);
void rival_zstd(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry,
                struct zstd_trial *trial);

#endif
