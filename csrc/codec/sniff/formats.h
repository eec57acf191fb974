/* formats.h: inside sniff/: one function per format that can hold images. images.c says in which order they are tried. */
#ifndef ZBLOB_CODEC_SNIFF_FORMATS_H
#define ZBLOB_CODEC_SNIFF_FORMATS_H

#include "../../zblob.h"

/* A whole .npy file of `src_size` bytes. */
bool sniff_npy(const unsigned char *src, size_t src_size, struct zblob_image *image);

/* Each of these returns the number of images, at most `capacity`, which is not 0, in ascending and disjoint ranges of the
 * value. Any bytes give such images or none, in a time that is a small part of what any codec takes. */
size_t sniff_npy_files(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_npz(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_torch(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_pickle(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_dicom(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_bare_dicom(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_nifti(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_nrrd(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_metaimage(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_mrc(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_tiff(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_pnm(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_bmp(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_fits(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);

/* The format's name with its compression, if these bytes are a file of that format which is compressed; otherwise NULL. */
const char *tiff_compression(const unsigned char *src, size_t src_size);
const char *nrrd_compression(const unsigned char *src, size_t src_size);
const char *metaimage_compression(const unsigned char *src, size_t src_size);

/* All of these but pickles, which may hold files themselves. */
size_t sniff_file(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
bool begins_as_file(const unsigned char *src, size_t src_size);

#endif
