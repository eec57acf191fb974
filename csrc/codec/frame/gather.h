/* gather.h: decodes those parts of a frame's value that a reader asks for, from wherever the frame's bytes are. */
#ifndef ZBLOB_CODEC_FRAME_GATHER_H
#define ZBLOB_CODEC_FRAME_GATHER_H

#include "../../zblob.h"

/* Where a frame lies. */
struct frame_place {
    const struct zblob_source *source;
    uint64_t offset; /* of the frame within the source */
};

/* Copy `size` bytes of a source from `offset` on. */
enum zblob_result source_read(const struct zblob_source *source, uint64_t offset, void *dst, size_t size,
                              struct zblob_error *error);

/* Gather runs of the value of a frame, of which `decoder` is the open header. The runs lie within the value. */
enum zblob_result gather_from_frame(const struct zblob_decoder *decoder, uint32_t chunk_count,
                                    const struct frame_place *place, const struct zblob_runs *runs, unsigned threads,
                                    unsigned char *dst, struct zblob_error *error);

/* Gather runs of a plain value. */
enum zblob_result gather_from_plain(const struct zblob_source *source, const struct zblob_runs *runs,
                                    unsigned char *dst, struct zblob_error *error);

#endif
