/* dicom.h: inside sniff/: what DICOM data elements say about an image, wherever they come from. */
#ifndef ZBLOB_CODEC_SNIFF_DICOM_H
#define ZBLOB_CODEC_SNIFF_DICOM_H

#include "dicom_elements.h"

/* What a data set says; counts are 0 where it says nothing. */
struct dicom {
    uint64_t rows, columns, samples, planar, bits, is_signed, frames;
    double pixel_spacing[2]; /* of rows, of columns */
    double imager_spacing[2];
    double positions[2][3]; /* of the first two frames */
    double orientation[6];  /* of a row, of a column */
    double frame_offsets[2];
    double slice_spacing;
    uint32_t pixel_spacing_count, imager_spacing_count, position_count, orientation_count, frame_offset_count;
};

/* Does an element of this tag hold pixels, or say how many frames they are, or where they are in space? */
bool dicom_is_pixels(uint32_t tag);
bool dicom_is_frames(uint32_t tag);
bool dicom_is_space(uint32_t tag);

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
