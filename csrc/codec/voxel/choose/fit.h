/*
 * fit.h: the numerical part of training: weighted least squares. It knows matrices, not images.
 */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_FIT_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_FIT_H

#include "../kernels/ops.h"

struct voxel_fit;

struct voxel_fit *voxel_fit_new(const struct voxel_kernels *kernels, size_t capacity);
void voxel_fit_free(struct voxel_fit *fit);

/* Rows hold taps - 1 differences and the target; one set of Q12 weights per class, towards least
 * absolute residuals. */
void voxel_fit_weights(struct voxel_fit *fit, const float (*rows)[VOXEL_TAPS_MAX], const uint8_t *class_of,
                       size_t count, int taps, int classes, int rounds, int16_t weights[VOXEL_TAPS_MAX][VOXEL_CLASSES]);

/* Rows hold errors, then directions, then the error to expect; non-negative Q16 weights. */
void voxel_fit_energy(struct voxel_fit *fit, const float (*rows)[VOXEL_TAPS_MAX], size_t count, int errors,
                      int directions, int rounds, uint16_t weights[VOXEL_FEATURES_MAX]);

#endif
