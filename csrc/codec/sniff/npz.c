/*
 * npz.c: recognises the arrays that lie uncompressed in an .npz value, as numpy.savez makes it: a ZIP archive
 * (APPNOTE 6.3, sections 4.3 and 4.5) of .npy files. It goes from one local header to the next and does not need the
 * directory at the archive's end.
 */
#include "formats.h"

#include "../base/bytes.h"

enum local_header {
    LOCAL_MAGIC = 0x04034b50,
    LOCAL_SIZE = 30,
    AT_FLAGS = 6,
    AT_METHOD = 8,
    AT_STORED_SIZE = 18,
    AT_NAME_SIZE = 26,
    AT_EXTRA_SIZE = 28,
    FLAGS_REFUSED = 1 | 8, /* the member is encrypted; its sizes follow the data */
    METHOD_STORED = 0,
    EXTRA_ZIP64 = 1,
};

struct member {
    size_t offset; /* of its bytes in the value */
    uint64_t size;
    bool is_stored;
};

/* The stored size from the extra field of 64-bit sizes, in which it is the second number. */
static bool
read_zip64(const unsigned char *extra, size_t extra_size, uint64_t *size)
{
    while (extra_size >= 4) {
        size_t body = load_le16(extra + 2);
        if (body > extra_size - 4)
            return false;
        if (load_le16(extra) == EXTRA_ZIP64 && body >= 16) {
            *size = load_le64(extra + 12);
            return true;
        }
        extra += 4 + body;
        extra_size -= 4 + body;
    }
    return false;
}

/* The member whose local header starts at `at`. */
static bool
read_member(const unsigned char *src, size_t src_size, size_t at, struct member *member)
{
    const unsigned char *p = src + at;
    if (src_size - at < LOCAL_SIZE || load_le32(p) != LOCAL_MAGIC || load_le16(p + AT_FLAGS) & FLAGS_REFUSED)
        return false;
    size_t name_size = load_le16(p + AT_NAME_SIZE), extra_size = load_le16(p + AT_EXTRA_SIZE);
    if (name_size + extra_size > src_size - at - LOCAL_SIZE)
        return false;
    member->offset = at + LOCAL_SIZE + name_size + extra_size;
    member->size = load_le32(p + AT_STORED_SIZE);
    member->is_stored = load_le16(p + AT_METHOD) == METHOD_STORED;
    if (member->size == UINT32_MAX && !read_zip64(p + LOCAL_SIZE + name_size, extra_size, &member->size))
        return false;
    return member->size <= src_size - member->offset;
}

size_t
sniff_npz(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    struct member member;
    size_t count = 0;
    for (size_t at = 0; count < capacity && read_member(src, src_size, at, &member);) {
        if (member.is_stored && sniff_npy(src + member.offset, (size_t)member.size, &images[count])) {
            images[count].value_offset += member.offset;
            count++;
        }
        at = member.offset + (size_t)member.size;
    }
    return count;
}
