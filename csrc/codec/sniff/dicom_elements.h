/*
 * dicom_elements.h: inside sniff/: the data elements of a DICOM file (PS3.5 and PS3.10), one after another, in explicit
 * and implicit VR. Sequences are stepped over, except those whose tags the caller wants to look into.
 */
#ifndef ZBLOB_CODEC_SNIFF_DICOM_ELEMENTS_H
#define ZBLOB_CODEC_SNIFF_DICOM_ELEMENTS_H

#include "reader.h"

enum { DICOM_START = 132, DICOM_DEPTH_MAX = 16 };

#define DICOM_UNDEFINED UINT32_MAX

/* A sequence or an item in which the walk is. */
struct dicom_level {
    uint64_t end; /* UINT64_MAX: a delimiter ends it */
    bool is_implicit, is_wanted;
};

struct dicom_walk {
    struct byte_reader reader;
    uint64_t at;
    uint32_t depth, element_count;
    struct dicom_level levels[DICOM_DEPTH_MAX + 1]; /* number 0 is the file */
    bool (*is_wanted)(uint32_t tag);                /* sequences to look into */
};

struct dicom_element {
    uint32_t tag;   /* group and number: 0x7FE00010 */
    char vr[2];     /* "??" in implicit VR */
    uint64_t at;    /* of the value */
    uint32_t size;  /* DICOM_UNDEFINED: encapsulated */
    bool is_wanted; /* it lies in no sequence, or only in wanted ones */
};

/* Is this a DICOM file, with its preamble or without? Then the walk is through its file meta information. */
bool dicom_start(struct dicom_walk *walk, const unsigned char *src, size_t src_size);

/* May this be a data set without file meta information, little-endian? Then the walk is through the data set. */
bool dicom_start_bare(struct dicom_walk *walk, const unsigned char *src, size_t src_size);

/* From here on the elements are coded so. */
void dicom_set_coding(struct dicom_walk *walk, bool is_implicit, bool big_endian);

/* The next element that is no sequence, item or delimiter. False at the end, or where the bytes make no sense. An element
 * of undefined size is only returned if it is none of a sequence. */
bool dicom_next(struct dicom_walk *walk, struct dicom_element *element);

#endif
