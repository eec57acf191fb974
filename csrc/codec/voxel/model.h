/*
 * model.h: a *model* is what all chunks of one image share: chosen parameters, weights, thresholds. The encoder builds
 * it from the samples (choose/build.h) and writes it into the frame's header; it is read back before any chunk is
 * decoded. Sections 4 and 5 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_MODEL_H
#define ZBLOB_CODEC_VOXEL_MODEL_H

#include "presets.h"
#include "ranks.h"
#include "raster/codec.h"
#include "shape.h"

enum {
    VOXEL_CLASSES = 32,
    VOXEL_KINDS_MAX = 5, /* 0: no reference plane; 1 + min(component, 3) otherwise */
    VOXEL_CHANNELS_MAX = 4,
    VOXEL_SHIFT_MAX = 6,
    VOXEL_ENERGY_SHIFT_MAX = 10,
    VOXEL_WEIGHT_BITS = 12,
    VOXEL_WEIGHT_LIMIT = 16000,     /* of one weight */
    VOXEL_WEIGHT_SUM_LIMIT = 60000, /* of their absolute sum: the accumulator stays in 32 bits */
};

/* Parameters of one kind of plane, for one parity. */
struct voxel_predictor {
    uint16_t activity[3];                           /* thresholds of the activity classes */
    int16_t weights[VOXEL_TAPS_MAX][VOXEL_CLASSES]; /* Q12; each class sums to 4096 */
    uint16_t context_weights[VOXEL_FEATURES_MAX];   /* Q16: errors, then three directions */
};

struct voxel_kind {
    bool single_class;
    struct voxel_predictor parity[2];
};

/* What a plane holds where components are not coded as they are: one of them, less another one, plus an offset that
 * gives all planes the same modal value. */
struct voxel_channel {
    uint8_t component;
    uint8_t minus; /* 1 + the plane (an earlier one) whose component is subtracted; 0: none */
    uint16_t offset;
    bool use_floor; /* this and the range replace those of the model in this plane */
    int16_t low, high;
};

struct voxel_wide; /* wide/cells.h */

struct voxel_model {
    struct zblob_grid grid; /* of what is coded: uint16 where the image's samples are wide */
    struct voxel_shape shape;
    struct voxel_wide *wide; /* cells, which all floats and samples of 32 or 64 bits have; NULL: there are none */
    uint32_t ranks_count;    /* of rank maps: 0; 1, for all components; or as many as components */
    struct voxel_ranks ranks[VOXEL_CHANNELS_MAX];
    bool is_folded;        /* `shape` was made from an image of one row; pixels that fill no slice are not coded */
    bool is_transposed;    /* rows of `shape` are columns of the image; only with whole-slice chunks */
    uint32_t chunk_slices; /* slices in a chunk; 0: chunks are bands of chunk_rows rows */
    uint32_t chunk_rows;
    bool is_label;  /* label/codec.h codes the chunks, and nothing below matters */
    bool is_mixed;  /* mixed/codec.h does so in its place; only with is_label */
    bool is_raster; /* raster/codec.h does, and nothing below matters but: */
    uint8_t way;    /* enum raster_way; with RASTER_PREDICTED there may be ranks, and `low` and `high` matter */
    int16_t raster_weights[RASTER_WEIGHTS];
    uint8_t preset;         /* enum voxel_preset */
    uint8_t shift;          /* scale of stored errors */
    bool use_reference;     /* false: every plane is predicted from itself alone */
    bool is_apart;          /* components do not refer to each other */
    bool has_few_states;    /* of the entropy coder, and short headers of chunks: for small images */
    bool use_margins;       /* the modal value at both ends of a row is not coded */
    bool has_no_plateaus;   /* they are not tried; only in an encoder */
    uint32_t plateau_count; /* of tables where many samples equal a neighbour; 0: no such contexts */
    uint8_t
        plateau_map[VOXEL_PLATEAU_CELLS_ALL]; /* cell -> 1 + the number of its table; 0: a table as without plateaus */
    uint64_t rough_size;    /* bytes that simple predictions leave; only in an encoder, and at levels that ask for it */
    bool use_floor;         /* many values are `low`: contexts depend on how near a prediction is to it */
    int16_t low, high;      /* predictions are clamped to this range */
    int16_t modal;          /* the most frequent value: that of flat rows, and of rows outside the image */
    uint32_t channel_count; /* as many as components; 0: planes hold the components as they are */
    struct voxel_channel channels[VOXEL_CHANNELS_MAX];
    uint32_t distance; /* to the slice of reference: 1, or the slices of a volume in a series of volumes */
    uint32_t kind_count;
    uint8_t energy_shift;               /* energies >> this are steps of the lower half */
    uint8_t thresholds[VOXEL_BINS_MAX]; /* steps, from 1 on; they do not decrease */
    uint16_t bin_of[VOXEL_STEPS_MAX];   /* step -> bin, which follows from the thresholds */
    struct voxel_kind *kinds;           /* kind_count of them */
    unsigned char *packed;              /* its serialized form; only in an encoder */
    size_t packed_size;
    unsigned char *coded; /* its only chunk, if that was coded while choosing; NULL: it was not; only in an encoder */
    size_t coded_size;
};

/* Are chunks coded as whole pixels, rather than as planes of intensities? */
static inline bool
voxel_has_pixels(const struct voxel_model *model)
{
    return model->is_label || model->is_raster;
}

/* Samples of the image that are in chunks. */
static inline uint64_t
voxel_sample_count(const struct voxel_model *model)
{
    const struct voxel_shape *shape = &model->shape;
    return shape->slices * shape->height * shape->width * shape->components;
}

/* Can this codec take such samples at all? */
bool voxel_accepts(const struct zblob_grid *grid);

/* A model of the grid's shape that nothing was chosen for yet. NULL: no memory. */
struct voxel_model *voxel_model_new(const struct zblob_grid *grid);
void voxel_model_free(struct voxel_model *model);

/* Forget what a trial has made of the only chunk, if anything. */
void voxel_drop_code(struct voxel_model *model);

/* Bytes that a model which was read takes. */
size_t voxel_model_memory(const struct voxel_model *model);

/* Samples will be coded as the numbers of their cells: from here on the model's grid is of those. Wide samples always
 * are, others if slices have maps of values. False: no memory. */
bool voxel_widen_model(struct voxel_model *model);

/* Tables without those of plateaus, which come after them; and all. */
int voxel_plain_tables(const struct voxel_model *model);
int voxel_table_count(const struct voxel_model *model);

/* Fills bin_of from the thresholds. */
void voxel_index_bins(struct voxel_model *model);

/* Once everything is chosen: serialize the model. False: no memory. */
bool voxel_model_pack(struct voxel_model *model);

/* The serialized form of a model that was packed: its size, and writing it (exactly that many bytes). */
size_t voxel_model_size(const struct voxel_model *model);
void voxel_model_write(const struct voxel_model *model, unsigned char *dst);

/* Parse and validate a serialized model. The bytes are hostile. */
enum zblob_result voxel_model_read(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *src,
                                   size_t src_size);

#endif
