/* doubt.h: inside frame/: what a row says of its voxels may be wrong, though the number of bytes is right. */
#ifndef ZBLOB_CODEC_FRAME_DOUBT_H
#define ZBLOB_CODEC_FRAME_DOUBT_H

#include "../../zblob.h"

enum doubt {
    DOUBT_NONE,     /* the image may be as it is said */
    DOUBT_REVERSED, /* its axes are said in the opposite order, and are now turned */
    DOUBT_ALL,      /* the image is now a guess */
};

/* Hold an image that is said to fill these bytes against what can be seen in them. */
enum doubt doubt_image(const unsigned char *src, size_t src_size, struct zblob_image *image);

#endif
