/* keys.h: wide samples -> keys, which are integers in the samples' order, or their differences. */
#ifndef ZBLOB_CODEC_VOXEL_WIDE_KEYS_H
#define ZBLOB_CODEC_VOXEL_WIDE_KEYS_H

#include "../model.h"
#include "cells.h"

/* How samples become keys. */
enum key_order { ORDER_UNSIGNED, ORDER_SIGNED, ORDER_FLOAT };

enum key_order wide_order_of(enum zblob_sample_type type);

/* A box as its bytes lie in the image: rows and slices without regard to how they are coded. */
struct wide_layout {
    size_t slices, row, plane, count; /* samples in a row, in the box's share of a slice, in the box */
    size_t components;
};

struct wide_layout wide_layout_of(const struct voxel_model *model, struct voxel_box box);

/* Samples -> keys, `count` of them. */
void wide_load_keys(const struct voxel_wide *wide, const unsigned char *src, uint64_t *keys, size_t count);
/* A box's samples in the image's order -> keys, or their differences if the model has axes. */
void wide_load_box(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples, uint64_t *keys);

#endif
