/* pickle_dicom.h: inside sniff/: images in pickled pydicom data sets. */
#ifndef ZBLOB_CODEC_SNIFF_PICKLE_DICOM_H
#define ZBLOB_CODEC_SNIFF_PICKLE_DICOM_H

#include "pickle_tree.h"

/* Is this object a Dataset or FileDataset with pixels that are not compressed? */
bool match_pydicom(const struct pickle_tree *tree, const struct pickle_node *call, const unsigned char *src,
                   struct zblob_image *image);

#endif
