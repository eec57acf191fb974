/* file_formats.c: the table of file formats. Which of them do these bytes begin as, and what does its reader find? */
#include "formats.h"

#include "reader.h"

/* How the values of a format begin, and who reads them. */
struct format {
    const char *magic;
    uint8_t magic_size;
    uint16_t magic_offset;
    size_t (*sniff)(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
};

static const struct format formats[] = {
    {"\x93NUMPY", 6, 0, sniff_npy_files},
    {"PK\x03\x04", 4, 0, sniff_npz},
    {"PK\x03\x04", 4, 0, sniff_torch},
    {"DICM", 4, 128, sniff_dicom},
    /* without a preamble: meta information begins with its size, its version, a class or a transfer syntax */
    {"\2\0\0\0", 4, 0, sniff_dicom},
    {"\2\0\1\0", 4, 0, sniff_dicom},
    {"\2\0\2\0", 4, 0, sniff_dicom},
    {"\2\0\x10\0", 4, 0, sniff_dicom},
    /* a bare data set begins with the group's size, a character set, a type of image, a date or a class */
    {"\x08\0\0\0", 4, 0, sniff_bare_dicom},
    {"\x08\0\x05\0", 4, 0, sniff_bare_dicom},
    {"\x08\0\x08\0", 4, 0, sniff_bare_dicom},
    {"\x08\0\x12\0", 4, 0, sniff_bare_dicom},
    {"\x08\0\x16\0", 4, 0, sniff_bare_dicom},
    {"n+1", 4, 344, sniff_nifti},
    {"n+2", 4, 4, sniff_nifti},
    {"NRRD000", 7, 0, sniff_nrrd},
    {"ObjectType", 10, 0, sniff_metaimage},
    {"Comment", 7, 0, sniff_metaimage},
    {"NDims", 5, 0, sniff_metaimage},
    {"II", 2, 0, sniff_tiff},
    {"MM", 2, 0, sniff_tiff},
    {"BM", 2, 0, sniff_bmp},
    {"P5", 2, 0, sniff_pnm},
    {"P6", 2, 0, sniff_pnm},
    {"P7", 2, 0, sniff_pnm},
    {"SIMPLE  =", 9, 0, sniff_fits},
    {"MAP", 3, 208, sniff_mrc},
};

enum { FORMATS = sizeof formats / sizeof *formats };

static bool
begins_as(const struct byte_reader *r, const struct format *format)
{
    return reader_sees(r, format->magic_offset, format->magic, format->magic_size);
}

bool
begins_as_file(const unsigned char *src, size_t src_size)
{
    const struct byte_reader r = {src, src_size, false};
    for (size_t i = 0; i < FORMATS; i++) {
        if (begins_as(&r, &formats[i]))
            return true;
    }
    return false;
}

size_t
sniff_file(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    const struct byte_reader r = {src, src_size, false};
    size_t count = 0;
    for (size_t i = 0; i < FORMATS && count == 0 && capacity > 0; i++) {
        if (begins_as(&r, &formats[i]))
            count = formats[i].sniff(src, src_size, images, capacity);
    }
    return count;
}
