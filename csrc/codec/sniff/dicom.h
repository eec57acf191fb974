/* dicom.h: inside sniff/: how a DICOM file codes its pixels. */
#ifndef ZBLOB_CODEC_SNIFF_DICOM_H
#define ZBLOB_CODEC_SNIFF_DICOM_H

#include "../../zblob.h"

/* The name of the compression of a DICOM file's transfer syntax; NULL if it has none, and for everything else. */
const char *dicom_compression(const unsigned char *src, size_t src_size);

#endif
