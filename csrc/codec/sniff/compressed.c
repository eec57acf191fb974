/*
 * compressed.c: recognises formats with a compression of their own by how they begin: another codec gains next to nothing
 * on them.
 */
#include "dicom.h"
#include "formats.h"
#include "reader.h"

struct signature {
    const char *bytes;
    uint8_t size, offset;
    const char *name;
};

/* By the formats' specifications. */
static const struct signature signatures[] = {
    {"\xff\xd8\xff", 3, 0, "JPEG"},
    {"\x89PNG\r\n\x1a\n", 8, 0, "PNG"},
    {"GIF8", 4, 0, "GIF"},
    {"WEBP", 4, 8, "WebP"},
    {"\x00\x00\x00\x0cjP  \r\n", 10, 0, "JPEG 2000"},
    {"\xff\x4f\xff\x51", 4, 0, "JPEG 2000"},
    {"\x00\x00\x00\x0cJXL \r\n", 10, 0, "JPEG XL"},
    {"\xff\x0a", 2, 0, "JPEG XL"},
    {"ftyp", 4, 4, "MP4, HEIF or AVIF"},
    {"\x1f\x8b", 2, 0, "gzip"},
    {"BZh", 3, 0, "bzip2"},
    {"\xfd"
     "7zXZ\x00",
     6, 0, "xz"},
    {"7z\xbc\xaf\x27\x1c", 6, 0, "7z"},
    {"\x28\xb5\x2f\xfd", 4, 0, "zstd"},
    {"\x04\x22\x4d\x18", 4, 0, "LZ4"},
    {"OggS", 4, 0, "Ogg"},
    {"fLaC", 4, 0, "FLAC"},
    {"\x1a\x45\xdf\xa3", 4, 0, "Matroska or WebM"},
    {"PAR1", 4, 0, "Parquet"},
};

/* RFC 1950: method 8, a window of 32 KB, no dictionary, and a check over the first two bytes. */
static bool
is_zlib(const unsigned char *src, size_t src_size)
{
    return src_size > 8 && src[0] == 0x78 && (src[0] << 8 | src[1]) % 31 == 0 && !(src[1] & 0x20);
}

/* An archive whose first member is stored holds stored ones, except where that member only names a document's format. */
static bool
is_deflated_zip(const struct byte_reader *r)
{
    enum { AT_METHOD = 8, AT_NAME = 30 };
    return reader_sees(r, 0, "PK\x03\x04", 4) &&
           (read_unsigned(r, AT_METHOD, 2) != 0 || reader_sees(r, AT_NAME, "mimetype", 8));
}

/* Files of images say in their headers that these are compressed. DICOM's may begin as TIFF files, in their preamble. */
static const char *
compressed_image(const struct byte_reader *r)
{
    const char *dicom = dicom_compression(r->src, r->size);
    if (dicom)
        return dicom;
    if (reader_sees(r, 0, "II", 2) || reader_sees(r, 0, "MM", 2))
        return tiff_compression(r->src, r->size);
    if (reader_sees(r, 0, "NRRD000", 7))
        return nrrd_compression(r->src, r->size);
    if (reader_sees(r, 0, "ObjectType", 10) || reader_sees(r, 0, "NDims", 5) || reader_sees(r, 0, "Comment", 7))
        return metaimage_compression(r->src, r->size);
    return NULL;
}

const char *
zblob_compressed_format(const void *src, size_t src_size)
{
    const struct byte_reader r = {src, src_size, false};
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const struct signature *each = &signatures[i];
        if (reader_sees(&r, each->offset, each->bytes, each->size))
            return each->name;
    }
    return is_zlib(src, src_size) ? "zlib" : is_deflated_zip(&r) ? "zip" : compressed_image(&r);
}
