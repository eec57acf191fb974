/*
 * pnm.c: recognises binary PGM and PPM images and PAM images, also several of them one after another. Samples of 16 bits
 * are big-endian.
 */
#include "formats.h"

#include "reader.h"
#include "text.h"

#define HEADER_MAX 4096
#define MAXVAL_MAX 65535

/* What a header says. */
struct pnm {
    uint64_t width, height, depth, maxval;
};

static void
skip_comment(struct text *text)
{
    struct text line;
    while (text->size && (*text->at == ' ' || (*text->at >= '\t' && *text->at <= '\r') || *text->at == '#')) {
        if (*text->at == '#') {
            if (!text_line(text, &line))
                text->size = 0;
            continue;
        }
        text->at++;
        text->size--;
    }
}

/* "P5 512 512 255" with any white space, of which one character precedes the samples. */
static bool
read_pnm(struct text *text, struct pnm *pnm)
{
    uint64_t *const numbers[] = {&pnm->width, &pnm->height, &pnm->maxval};
    for (size_t i = 0; i < 3; i++) {
        skip_comment(text);
        if (!text_unsigned(text, numbers[i]))
            return false;
    }
    if (text->size == 0)
        return false;
    text->at++;
    text->size--;
    return true;
}

/* Lines of a name and a value, up to "ENDHDR". */
static bool
read_pam(struct text *text, struct pnm *pnm)
{
    struct text line, word;
    while (text_line(text, &line)) {
        if (!text_word(&line, &word) || *word.at == '#')
            continue;
        if (text_is(&word, "ENDHDR"))
            return true;
        uint64_t *number = text_is(&word, "WIDTH")    ? &pnm->width
                           : text_is(&word, "HEIGHT") ? &pnm->height
                           : text_is(&word, "DEPTH")  ? &pnm->depth
                           : text_is(&word, "MAXVAL") ? &pnm->maxval
                                                      : NULL;
        if (number && !text_unsigned(&line, number))
            return false;
    }
    return false;
}

static bool
read_image(const unsigned char *src, size_t src_size, struct zblob_image *image)
{
    struct pnm pnm = {0};
    struct text text = text_of(src, src_size < HEADER_MAX ? src_size : HEADER_MAX);
    if (text.size < 3 || src[0] != 'P')
        return false;
    text.at += 2;
    text.size -= 2;
    pnm.depth = src[1] == '6' ? 3 : 1;
    bool is_read = src[1] == '7' ? read_pam(&text, &pnm) : (src[1] == '5' || src[1] == '6') && read_pnm(&text, &pnm);
    if (!is_read || pnm.maxval < 1 || pnm.maxval > MAXVAL_MAX || pnm.depth < 1 || pnm.depth > UINT16_MAX)
        return false;
    *image = (struct zblob_image){.source = ZBLOB_SOURCE_PNM};
    image->grid.sample_type = pnm.maxval < 256 ? ZBLOB_UINT8 : ZBLOB_UINT16;
    image->grid.big_endian = true;
    image->grid.components = (uint32_t)pnm.depth;
    image->grid.dimension = 2;
    image->grid.size[0] = pnm.width;
    image->grid.size[1] = pnm.height;
    image->value_offset = (uint64_t)(text.at - (const char *)src);
    return image_settle(image, src_size);
}

size_t
sniff_pnm(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    size_t count = 0, at = 0;
    uint64_t size;
    while (count < capacity && read_image(src + at, src_size - at, &images[count])) {
        zblob_grid_size(&images[count].grid, &size);
        images[count].value_offset += at;
        at = (size_t)(images[count].value_offset + size);
        count++;
    }
    return count;
}
