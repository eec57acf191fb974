/* general.h: could codec "zstd" make less of a whole value than the chunks of its images take? */
#ifndef ZBLOB_CODEC_FRAME_GENERAL_H
#define ZBLOB_CODEC_FRAME_GENERAL_H

#include "plan.h"

/* Asked once all chunks of a plan are encoded. `frame_size` is what they and the header take together. */
bool general_may_win(const struct plan *plan, uint64_t frame_size);

#endif
