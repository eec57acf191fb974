/*
 * pickle_formats.h: inside sniff/: one function for each class of objects that hold images in a pickle. Each says whether an
 * object of the pickle, a call, is one of that class whose samples lie in the value as they are, or as text, and if so
 * describes the image. pickle.c says in which order they are tried.
 */
#ifndef ZBLOB_CODEC_SNIFF_PICKLE_FORMATS_H
#define ZBLOB_CODEC_SNIFF_PICKLE_FORMATS_H

#include "pickle_values.h"

bool match_simpleitk(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src,
                     struct zblob_image *image);
/* itk.Image */
bool match_itk(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image);
/* An image whose samples are in memory. */
bool match_nibabel(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src,
                   struct zblob_image *image);
bool match_numpy(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image);
/* The elements of a masked array. */
bool match_numpy_masked(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src,
                        struct zblob_image *image);
/* Its second block: one bool for each of its elements. */
bool match_numpy_mask(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src,
                      struct zblob_image *image);
/* array.array */
bool match_array(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image);
bool match_joblib(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image);
/* A Dataset or FileDataset whose pixels are not compressed. */
bool match_pydicom(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src,
                   struct zblob_image *image);

/* A tensor of torch. */
bool match_torch(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image);

/* The samples follow a joblib object. Where they are aligned, one byte says how many others precede them. Returns how many
 * bytes that are no opcodes follow this object; `rest` bytes are left. */
uint64_t joblib_gap(const struct pickle_tree *tree, const struct pickle_node *object, const unsigned char *at,
                    size_t rest);

#endif
