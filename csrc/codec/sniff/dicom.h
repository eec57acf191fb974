/* dicom.h: inside sniff/: what DICOM data elements say about an image, wherever they come from. */
#ifndef ZBLOB_CODEC_SNIFF_DICOM_H
#define ZBLOB_CODEC_SNIFF_DICOM_H

#include "dicom_elements.h"

/* The elements that say the spacing within a plane. Which of them counts depends on the class of the data set. */
enum dicom_spacing {
    DICOM_PIXEL_SPACING,
    DICOM_IMAGER_SPACING,  /* of X-rays: where they meet the detector */
    DICOM_NOMINAL_SPACING, /* of scanned paper */
    DICOM_PLANE_SPACING,   /* of images for radiotherapy */
    DICOM_SPACINGS,
};

/* What a data set says; counts are 0 where it says nothing. */
struct dicom {
    uint64_t rows, columns, samples, planar, bits, bits_stored, is_signed, frames;
    enum dicom_spacing spacing;
    double spacings[DICOM_SPACINGS][2]; /* of rows, of columns */
    double slope, intercept;
    double positions[2][3]; /* of the first two frames */
    double orientation[6];  /* of a row, of a column */
    double frame_offsets[2];
    double slice_spacing;
    uint32_t spacing_counts[DICOM_SPACINGS];
    uint32_t position_count, orientation_count, frame_offset_count, slope_count, intercept_count;
};

/* Does an element of this tag hold pixels, or say how many frames they are, or where they are in space? */
bool dicom_is_pixels(uint32_t tag);
bool dicom_is_frames(uint32_t tag);
bool dicom_is_space(uint32_t tag);
bool dicom_is_scale(uint32_t tag); /* a slope, an intercept */

/* Take what an element says; others than those that are needed are ignored. */
void dicom_take(const struct byte_reader *r, const struct dicom_element *element, struct dicom *dicom);

/* The same for one whose value is this number. */
void dicom_take_number(uint32_t tag, uint64_t number, struct dicom *dicom);

/* The image in an element of pixels; false if these are compressed or do not fit what the data set says. */
bool dicom_image(const struct byte_reader *r, struct dicom *dicom, const struct dicom_element *pixels,
                 struct zblob_image *image);

/* The name of the compression of a DICOM file's transfer syntax; NULL if it has none, and for everything else. */
const char *dicom_compression(const unsigned char *src, size_t src_size);

#endif
