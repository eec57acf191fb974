/*
 * rivals.c: tries codecs "planes" and "zstd" on an image's chunk that another codec has encoded or stored already.
 * Most chunks have no use for either, so the trials begin with what costs least: a few pieces of the chunk.
 */
#include "rivals.h"

#include "../base/kept.h"
#include "../chunk/planes.h"
#include "../chunk/zstd.h"
#include "../voxel/choose/repeats.h"
#include "../voxel/chunks.h"
#include "../voxel/model.h"
#include "header.h"
#include "model_section.h"

#include <stdlib.h>
#include <string.h>

static void
replace(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry, enum zblob_codec codec,
        const unsigned char *encoded, size_t size)
{
    memcpy(plan->scratch + chunk->slot, encoded, size);
    entry->codec = codec;
    entry->stored_size = (uint32_t)size;
}

/* The bytes that the header does without if this chunk, the only one of its image, does not need its model. */
static size_t
spared_by_rival(const struct chunk_place *place, const struct zblob_chunk *entry)
{
    if (entry->codec != ZBLOB_CODEC_VOXEL || voxel_chunk_count(place->model) > 1)
        return 0;
    return FRAME_SECTION_PREFIX_SIZE + model_section_size(place->model);
}

/* ---- Planes ---------------------------------------------------------------------------------- */

#define PLANES_SAMPLE_MIN 4 /* bytes of a sample */
#define PLANES_PIECE ((size_t)128 << 10)
#define PLANES_MARGIN 8  /* the whole may be smaller than its piece says, by an eighth */
#define PLANES_FIXED 512 /* bytes of a coded piece that do not grow with its size */
#define PLANES_RATIO                                                                                                   \
    64 /* a chunk that becomes smaller than by this factor is tried as a whole, whatever its piece says */

/* Wide samples that repeat to the last bit over flat areas can suit byte planes better. A piece from the middle of the
 * chunk shows whether the whole is worth trying. */
void
rival_planes(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry)
{
    const struct zblob_grid *grid = &chunk->place.image->grid;
    const unsigned char *src = plan->src + chunk->place.raw_offset;
    size_t raw_size = chunk->place.raw_size, piece = raw_size < PLANES_PIECE ? raw_size : PLANES_PIECE, size = 0;
    if (zblob_sample_size(grid->sample_type) < PLANES_SAMPLE_MIN)
        return;
    unsigned char *aside = kept_take(raw_size);
    if (!aside)
        return;
    size_t most = entry->stored_size + spared_by_rival(&chunk->place, entry);
    size_t from = (raw_size - piece) / 16 * 8; /* a multiple of every sample size */
    enum zblob_result result = planes_encode(ZBLOB_LEVEL_MIN, false, grid, src + from, piece, aside, piece, &size);
    uint64_t growing = size > 2 * PLANES_FIXED ? size - PLANES_FIXED : size / 2;
    bool is_close = (uint64_t)most * PLANES_RATIO < raw_size ||
                    (size && growing * raw_size < (uint64_t)piece * (most + most / PLANES_MARGIN));
    bool is_done = piece == raw_size && planes_are_same(plan->options->level, ZBLOB_LEVEL_MIN);
    if (result == ZBLOB_OK && is_close && !is_done)
        result = planes_encode(plan->options->level, false, grid, src, raw_size, aside, raw_size, &size);
    else if (!is_done)
        size = 0;
    if (result == ZBLOB_OK && size && size < most)
        replace(plan, chunk, entry, ZBLOB_CODEC_PLANES, aside, size);
    kept_return(aside);
}

/* ---- Zstd ------------------------------------------------------------------------------------ */

#define PIECES 16 /* of an excerpt: so many that background and object both have their share */
#define PIECE_MIN ((size_t)2 << 10)
#define PIECE_MAX ((size_t)8 << 10)
#define EXCERPT_SHARE 16         /* the part of the chunk that is tried, where this gives pieces of an allowed size */
#define FIXED_SIZE (PIECES * 64) /* what zstd spends on headers and on a first look at each piece, */
#define FIXED_SHARE 32           /* but no more than this part of what it is tried on */

/* Up to these levels, an excerpt is no more than this part of the chunk, unless its pieces become too small. */
#define QUICK_LEVEL 1
#define QUICK_SHARE 32
#define USUAL_LEVEL 6
#define USUAL_SHARE 16
#define QUICK_PIECE_MIN ((size_t)256)

#define LOWEST_ZSTD_LEVEL 1
#define QUICK_ZSTD_LEVEL 6  /* so quick that the whole chunk may be tried at once */
#define SAME_LEVEL_MARGIN 2 /* what the whole chunk can gain over an excerpt, in sixteenths, */
#define DEEPER_MARGIN 4     /* and what a higher level can gain; */
#define QUICK_MARGIN 0      /* the same at the quickest level, where a trial takes long beside the rest, */
#define LARGE_MARGIN (-1)   /* the more so of a chunk of so many bytes, whose excerpt is large */
#define LARGE_CHUNK ((size_t)1 << 20)

#define WANTED_MARGIN 32 /* what the whole can gain over what excerpts promise of a higher level: this part */

#define DEEP_PIECE_MIN ((size_t)64 << 10)
#define DEEP_SHARE 32 /* the part of the chunk on which a slow level is tried, */
#define DEEP_GAIN 128 /* and what it has to gain: this part of what it makes */

/* Copy pieces from all over the chunk to dst, one after the other. Returns their size. */
static size_t
gather_excerpt(const struct plan *plan, const struct chunk_place *place, unsigned char *dst)
{
    const unsigned char *src = plan->src + place->raw_offset;
    size_t piece = place->raw_size / (PIECES * EXCERPT_SHARE);
    piece = piece < PIECE_MIN ? PIECE_MIN : piece > PIECE_MAX ? PIECE_MAX : piece;
    size_t share = plan->options->level <= QUICK_LEVEL ? QUICK_SHARE : USUAL_SHARE;
    if (plan->options->level <= USUAL_LEVEL && piece > place->raw_size / (PIECES * share)) {
        piece = place->raw_size / (PIECES * share);
        piece = piece < QUICK_PIECE_MIN ? QUICK_PIECE_MIN : piece;
    }
    if (place->raw_size <= PIECES * piece) {
        memcpy(dst, src, place->raw_size);
        return place->raw_size;
    }
    for (size_t i = 0; i < PIECES; i++)
        memcpy(dst + i * piece, src + (place->raw_size - piece) / (PIECES - 1) * i, piece);
    return PIECES * piece;
}

/* Did zstd make so few bytes of `size` that it may, with a margin in sixteenths, beat the chunk's present encoding?
 * What does not grow with the chunk is left out. */
static bool
comes_close(size_t encoded, size_t size, const struct zblob_chunk *entry, int margin)
{
    size_t fixed = size / FIXED_SHARE < FIXED_SIZE ? size / FIXED_SHARE : FIXED_SIZE;
    size_t growing = encoded > fixed ? encoded - fixed : 1;
    return encoded &&
           (uint64_t)growing * 16 * entry->raw_size < (uint64_t)size * (uint64_t)(16 + margin) * entry->stored_size;
}

/* Is a slow level worth its time on the whole chunk, of which the lowest level made `encoded` bytes? Both levels on a
 * piece from the chunk's middle show by how much the slow one is better. */
static bool
deeper_pays(int zstd_level, const unsigned char *src, const struct zblob_chunk *entry, size_t encoded)
{
    size_t piece = entry->raw_size / DEEP_SHARE < DEEP_PIECE_MIN ? DEEP_PIECE_MIN : entry->raw_size / DEEP_SHARE;
    size_t low = 0, deep = 0, size = piece < entry->raw_size ? piece : entry->raw_size;
    size_t capacity = zstd_bound(size);
    unsigned char *dst = kept_take(capacity);
    if (!dst)
        return false;
    src += (entry->raw_size - size) / 2;
    zstd_encode(LOWEST_ZSTD_LEVEL, src, size, dst, capacity, &low);
    zstd_encode(zstd_level, src, size, dst, capacity, &deep);
    kept_return(dst);
    uint64_t expected = low ? (uint64_t)encoded * deep / low : entry->raw_size;
    return expected + expected / DEEP_GAIN < entry->stored_size && expected * 128 < (uint64_t)entry->raw_size * 127;
}

/* What two levels made of an excerpt. */
struct excerpt_sizes {
    size_t lowest, wanted;
};

/* Does zstd come close on an excerpt: at the lowest level with a wide margin, and then at the wanted one? */
static bool
excerpt_comes_close(const struct plan *plan, const struct plan_chunk *chunk, const struct zblob_chunk *entry,
                    int margin, unsigned char *aside, size_t capacity, struct zstd_trial *trial,
                    struct excerpt_sizes *sizes)
{
    unsigned char *excerpt = aside + capacity;
    size_t size = gather_excerpt(plan, &chunk->place, excerpt), encoded = 0;
    int level = plan->options->level;
    zstd_encode(LOWEST_ZSTD_LEVEL, excerpt, size, aside, capacity, &encoded);
    sizes->lowest = encoded;
    if (level > QUICK_LEVEL && level <= QUICK_ZSTD_LEVEL && comes_close(encoded, size, entry, DEEPER_MARGIN)) {
        zstd_encode(level, excerpt, size, aside, capacity, &encoded);
        margin = SAME_LEVEL_MARGIN;
    }
    sizes->wanted = encoded;
    trial->size = (uint32_t)((uint64_t)encoded * entry->raw_size / size);
    return comes_close(encoded, size, entry, margin);
}

#define REPEATS_ROWS 512
#define QUICK_REPEATS_ROWS 128

static bool
has_repeats(const struct plan *plan, const struct chunk_place *place)
{
    size_t rows = plan->options->level <= QUICK_LEVEL ? QUICK_REPEATS_ROWS : REPEATS_ROWS;
    struct repeats seen = {.varied = 0};
    if (!zblob_image_is_plain(place->image))
        return false; /* its bytes are not the samples */
    repeats_look(&seen, &place->image->grid, plan->src + place->raw_offset, place->raw_size, rows);
    return repeats_are_many(&seen);
}

/* At the lower levels, codec "zstd" takes levels of zstd's that are lower than ours, as they are quicker. An image is held
 * against zstd's level of the same number, if a piece from the chunk's middle shows that it pays, or if rows repeat. */
static int
rival_level_of(int level, bool repeats, const unsigned char *src, size_t raw_size)
{
    int usual = zstd_level_of(level);
    size_t piece = raw_size / DEEP_SHARE < DEEP_PIECE_MIN ? DEEP_PIECE_MIN : raw_size / DEEP_SHARE;
    size_t size = piece < raw_size ? piece : raw_size, capacity = zstd_bound(size), quick = 0, slow = 0;
    if (usual >= level || repeats)
        return usual > level ? usual : level;
    unsigned char *dst = kept_take(capacity);
    if (!dst)
        return usual;
    src += (raw_size - size) / 2;
    zstd_encode(usual, src, size, dst, capacity, &quick);
    zstd_encode(level, src, size, dst, capacity, &slow);
    kept_return(dst);
    return slow + slow / DEEP_GAIN < quick ? level : usual;
}

/* The lowest level has made `encoded` bytes of the whole. Does the wanted one win if it gains on it as on the excerpt? That
 * of a small chunk is too small to say so. */
static bool
wanted_may_win(struct excerpt_sizes sizes, const struct zblob_chunk *entry, size_t encoded)
{
    if (entry->raw_size < LARGE_CHUNK)
        return true;
    uint64_t expected = sizes.lowest ? (uint64_t)encoded * sizes.wanted / sizes.lowest : encoded;
    return expected < (uint64_t)entry->stored_size + entry->stored_size / WANTED_MARGIN;
}

/* What zstd makes of the chunk, in `aside`: 0 where excerpts show that it makes more than the chunk takes now. */
static size_t
encode_if_close(const struct plan *plan, const struct plan_chunk *chunk, const struct zblob_chunk *entry,
                unsigned char *aside, size_t capacity, struct zstd_trial *trial)
{
    const unsigned char *src = plan->src + chunk->place.raw_offset;
    size_t raw_size = chunk->place.raw_size, encoded = 0;
    int level = plan->options->level, usual = zstd_level_of(level), margin = DEEPER_MARGIN;
    if (level <= QUICK_LEVEL)
        margin = raw_size >= LARGE_CHUNK ? LARGE_MARGIN : QUICK_MARGIN;
    bool repeats = has_repeats(plan, &chunk->place);
    struct excerpt_sizes sizes = {0};
    if (!repeats && !excerpt_comes_close(plan, chunk, entry, margin, aside, capacity, trial, &sizes))
        return 0;
    bool goes_deeper = repeats;
    if (!repeats) {
        zstd_encode(LOWEST_ZSTD_LEVEL, src, raw_size, aside, capacity, &encoded);
        goes_deeper = level > QUICK_LEVEL && comes_close(encoded, raw_size, entry, margin) &&
                      (usual <= QUICK_ZSTD_LEVEL ? wanted_may_win(sizes, entry, encoded)
                                                 : deeper_pays(usual, src, entry, encoded));
    }
    if (goes_deeper)
        zstd_encode_best(rival_level_of(level, repeats, src, raw_size), repeats ? ZSTD_REPEATS : ZSTD_IMAGE, src,
                         raw_size, aside, capacity, &encoded);
    *trial = (struct zstd_trial){.size = (uint32_t)encoded, .is_wanted = goes_deeper};
    return encoded;
}

/* Repetitive images can suit a byte matcher better than any predictor. Where rows repeat, the wanted level is tried on the
 * whole chunk. Otherwise an excerpt is tried first, then the whole chunk at the lowest level, then the wanted one, if it is
 * slow, on a piece, and only then that level on the whole. */
void
rival_zstd(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry, struct zstd_trial *trial)
{
    size_t capacity = zstd_bound(chunk->place.raw_size);
    unsigned char *aside = kept_take(capacity + PIECES * PIECE_MAX);
    if (!aside)
        return;
    size_t encoded = encode_if_close(plan, chunk, entry, aside, capacity, trial);
    if (encoded && encoded < entry->stored_size + spared_by_rival(&chunk->place, entry))
        replace(plan, chunk, entry, ZBLOB_CODEC_ZSTD, aside, encoded);
    kept_return(aside);
}
