/*
 * zblob.h: the codec's public interface, and the only header that code outside csrc/codec includes.
 *
 * A *value* is the bytes of one SQL BLOB or TEXT. A *frame* is a compressed value: header, chunk index
 * and independently decodable chunks (docs/format.md). Nothing here knows SQLite or Python.
 *
 * Conventions: `_size` counts bytes, `_count` counts elements. A function that can fail returns an
 * enum zblob_result and, on failure, fills the zblob_error that the caller passed. No function keeps a
 * pointer to its arguments after it returns, all of them may run in any number of threads at once, and
 * no input, however hostile, makes them read or write outside the given sizes.
 */
#ifndef ZBLOB_H
#define ZBLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZBLOB_VERSION "0.1.0"
#define ZBLOB_FORMAT_VERSION 1

#define ZBLOB_LEVEL_MIN 1
#define ZBLOB_LEVEL_MAX 9
#define ZBLOB_LEVEL_DEFAULT 5
#define ZBLOB_THREADS_MAX 64
#define ZBLOB_DIMENSION_MAX 8
#define ZBLOB_IMAGES_MAX 1024
#define ZBLOB_CHUNK_RAW_MAX 16777216 /* bytes that one chunk may decode to */

/* What a frame may cost: at most this much more than the value itself. */
#define ZBLOB_OVERHEAD_FIRST_CHUNK 64
#define ZBLOB_OVERHEAD_NEXT_CHUNK 32

/* ---- Results and errors ---------------------------------------------------------------------- */

enum zblob_result {
    ZBLOB_OK = 0,
    ZBLOB_DAMAGED,     /* the frame's bytes contradict its format or its checksums */
    ZBLOB_UNSUPPORTED, /* a newer format version, or a codec that this build does not know */
    ZBLOB_TOO_LARGE,   /* over a size limit: of the caller, or of the format */
    ZBLOB_NO_MEMORY,
    ZBLOB_BAD_ARGUMENT, /* an option or argument; the message names it */
};

#define ZBLOB_MESSAGE_SIZE 256

struct zblob_error {
    enum zblob_result code;
    char message[ZBLOB_MESSAGE_SIZE]; /* what was wrong, where, and what to do; NUL-terminated ASCII */
};

/* ---- Images ---------------------------------------------------------------------------------- */

/* The type of one sample. A complex pixel is two float samples. Values are format constants. */
enum zblob_sample_type {
    ZBLOB_UINT8 = 1,
    ZBLOB_INT8 = 2,
    ZBLOB_UINT16 = 3,
    ZBLOB_INT16 = 4,
    ZBLOB_UINT32 = 5,
    ZBLOB_INT32 = 6,
    ZBLOB_UINT64 = 7,
    ZBLOB_INT64 = 8,
    ZBLOB_FLOAT16 = 9,
    ZBLOB_FLOAT32 = 10,
    ZBLOB_FLOAT64 = 11,
};

/* A block of samples: components interleaved in a pixel, pixels in rows, the fastest axis first. */
struct zblob_grid {
    enum zblob_sample_type sample_type;
    bool big_endian;
    uint32_t dimension;                 /* 1 .. ZBLOB_DIMENSION_MAX; 0 means "no grid" */
    uint32_t components;                /* samples a pixel, >= 1 */
    uint64_t size[ZBLOB_DIMENSION_MAX]; /* pixels along each axis, the fastest axis first */
};

/* Where an image was found. Values are format constants. */
enum zblob_image_source {
    ZBLOB_SOURCE_OPTIONS = 0, /* raw samples, described by the options "dtype" and "shape" */
    ZBLOB_SOURCE_SIMPLEITK = 1,
    ZBLOB_SOURCE_NUMPY = 2,
    ZBLOB_SOURCE_NPY = 3,   /* a .npy value, or one stored in an .npz value */
    ZBLOB_SOURCE_ARRAY = 4, /* array.array of the standard library */
    ZBLOB_SOURCE_GUESS = 5, /* raw samples without a description: a guess, good for compression alone */
};

/* One image inside a value. */
struct zblob_image {
    enum zblob_image_source source;
    bool is_complex;       /* pairs of components are real and imaginary parts */
    bool is_bool;          /* uint8 samples that only hold 0 and 1 by NumPy's contract */
    bool is_fortran;       /* a NumPy array in Fortran order: its first axis is the fastest */
    bool is_permuted;      /* a NumPy array whose axes lie in memory in another order still */
    bool has_space;        /* spacing, origin and direction are known */
    uint64_t value_offset; /* of the first sample within the value */
    struct zblob_grid grid;
    double spacing[ZBLOB_DIMENSION_MAX];
    double origin[ZBLOB_DIMENSION_MAX];
    double direction[ZBLOB_DIMENSION_MAX * ZBLOB_DIMENSION_MAX]; /* row-major cosines */
};

/* ---- Frames ---------------------------------------------------------------------------------- */

/* What SQL type a frame gives back. Values are format constants. */
enum zblob_value_type {
    ZBLOB_BLOB = 0,
    ZBLOB_TEXT_UTF8 = 1,
    ZBLOB_TEXT_UTF16LE = 2,
};

/* How a chunk, or a whole frame, is coded. Values are format constants, but for AUTO. */
enum zblob_codec {
    ZBLOB_CODEC_STORE = 0,
    ZBLOB_CODEC_ZSTD = 1,
    ZBLOB_CODEC_PLANES = 2, /* prediction and byte planes before zstd */
    ZBLOB_CODEC_VOXEL = 3,  /* the voxel codec */
    ZBLOB_CODEC_AUTO = 255, /* in options only: decide by the data */
};

/* What encoding may choose. Start from zblob_options_init, then set by name or by field. */
struct zblob_options {
    int level;                /* ZBLOB_LEVEL_MIN (fastest) .. ZBLOB_LEVEL_MAX (smallest) */
    enum zblob_codec codec;   /* AUTO, STORE, ZSTD, PLANES or VOXEL */
    unsigned threads;         /* 0: as many as the process may use */
    uint64_t min_size;        /* smaller values are not worth a frame: for callers to honour */
    struct zblob_grid grid;   /* raw samples without a header; dimension 0 where there are none */
    bool is_complex, is_bool; /* and what they are, as in struct zblob_image */
};

void zblob_options_init(struct zblob_options *options);

/* Set one option by its public name. BAD_ARGUMENT names the option, the value and what is allowed. */
enum zblob_result zblob_options_set_integer(struct zblob_options *options, const char *name, int64_t value,
                                            struct zblob_error *error);
enum zblob_result zblob_options_set_text(struct zblob_options *options, const char *name, const char *value,
                                         struct zblob_error *error);
/* The error for a known option that was `given` a value of the wrong kind, or for an unknown option. */
enum zblob_result zblob_options_refuse(const char *name, const char *given, struct zblob_error *error);
/* "shape" in NumPy's order: the slowest axis first. */
enum zblob_result zblob_options_set_shape(struct zblob_options *options, const int64_t *extents, size_t count,
                                          struct zblob_error *error);

/* A validated header. Points into the caller's bytes, which must outlive it. */
struct zblob_frame {
    const unsigned char *header; /* header_size bytes */
    size_t header_size;
    uint64_t frame_size; /* header and all stored chunks */
    uint64_t raw_size;   /* of the value before compression */
    enum zblob_value_type value_type;
    enum zblob_codec codec; /* the richest codec among the chunks */
    uint32_t version;
    uint32_t level;
    uint32_t dictionary_id; /* 0: none */
    uint32_t chunk_count;
    uint32_t image_count;
};

struct zblob_chunk {
    uint64_t raw_offset;
    uint64_t stored_offset; /* from the frame's first byte */
    uint32_t raw_size;
    uint32_t stored_size;
    uint64_t checksum; /* XXH64 of the raw bytes */
    enum zblob_codec codec;
};

/* Enough bytes of a value to tell whether it carries the magic, and how long its header is. */
#define ZBLOB_PREFIX_SIZE 16

/* Do these bytes carry the magic? Such a value is a frame, or a damaged one. */
bool zblob_has_magic(const void *src, size_t src_size);

/* Length of the whole header, from its first ZBLOB_PREFIX_SIZE bytes. 0 without magic. */
uint64_t zblob_header_size(const void *src, size_t src_size);

/* Magic and valid header checksum? Looks at nothing behind the header. */
bool zblob_is_frame(const void *src, size_t src_size);

/* Validate the header in src (src_size bytes, at least the whole header) of a value that is value_size
 * bytes long. UNSUPPORTED for a newer version, DAMAGED for everything else that is wrong. */
enum zblob_result zblob_frame_open(struct zblob_frame *frame, const void *src, size_t src_size, uint64_t value_size,
                                   struct zblob_error *error);

/* Entry `index` < chunk_count of the chunk index. Costs O(index). */
void zblob_frame_chunk(const struct zblob_frame *frame, uint32_t index, struct zblob_chunk *chunk);

/* The same for index >= 1, given the entry before it (which may be *chunk itself), at once. */
void zblob_frame_next_chunk(const struct zblob_frame *frame, uint32_t index, const struct zblob_chunk *previous,
                            struct zblob_chunk *chunk);

/* Image `index` < image_count. */
void zblob_frame_image(const struct zblob_frame *frame, uint32_t index, struct zblob_image *image);

/* ---- Whole values ---------------------------------------------------------------------------- */

/* Compress a value (frames included: framing twice is the caller's business). On OK *frame is a new
 * block of *frame_size bytes, to be released with zblob_free. At most ZBLOB_OVERHEAD_* larger. */
enum zblob_result zblob_compress(const struct zblob_options *options, enum zblob_value_type value_type, const void *src,
                                 size_t src_size, unsigned char **frame, size_t *frame_size, struct zblob_error *error);

/* Decompress a whole frame into dst, which holds exactly the header's raw_size bytes. */
enum zblob_result zblob_decompress(const void *src, size_t src_size, unsigned threads, void *dst, uint64_t dst_size,
                                   struct zblob_error *error);

/* Decompress `count` bytes of the value from byte `offset` on; decodes only the chunks they touch.
 * The range must lie inside the value. */
enum zblob_result zblob_decompress_range(const void *src, size_t src_size, unsigned threads, uint64_t offset, void *dst,
                                         uint64_t count, struct zblob_error *error);

/* Decode every chunk and drop the result: OK, or what is wrong with the first damaged chunk, and how
 * many chunks are damaged (0 where the header already is). */
enum zblob_result zblob_verify(const void *src, size_t src_size, uint32_t *damaged_count, struct zblob_error *error);

/* XXH64, seed 0: what the chunk index holds of each chunk. */
uint64_t zblob_checksum(const void *src, size_t src_size);

void zblob_free(void *block);

/* ---- Envelopes: frames that are pickles ------------------------------------------------------ */

/* A pickle of protocol 4 around a frame: whoever loads it gets the object that the framed pickle holds.
 * The functions above know frames alone; readers of stored values look for the frame in them first. */
#define ZBLOB_ENVELOPE_PREFIX_SIZE 44
#define ZBLOB_ENVELOPE_OVERHEAD 47

/* Does it begin as an envelope does? Such a value is one, or a damaged one. */
bool zblob_is_envelope(const void *src, size_t src_size);

/* The frame that a value is, or that it holds as an envelope; *frame is NULL in a plain value. DAMAGED for
 * an envelope that is cut off or holds something else; what the frame's header says is not looked at. */
enum zblob_result zblob_find_frame(const void *src, size_t src_size, const unsigned char **frame, size_t *frame_size,
                                   struct zblob_error *error);

/* Where the frame's header ends in a value that begins with these bytes, at least ZBLOB_HEAD_PREFIX_SIZE or
 * all there are; 0 in a plain value. */
#define ZBLOB_HEAD_PREFIX_SIZE 60
uint64_t zblob_head_size(const void *src, size_t src_size);

/* A frame or an envelope, with a valid header checksum: nothing to compress any more. */
bool zblob_is_compressed(const void *src, size_t src_size);

/* One complete pickle (zblob_is_complete_pickle) that is no envelope yet. */
bool zblob_is_plain_pickle(const void *src, size_t src_size);

/* Compress a plain pickle into an envelope: a new block, to be released with zblob_free. At most
 * ZBLOB_ENVELOPE_OVERHEAD larger than its frame. */
enum zblob_result zblob_compress_pickle(const struct zblob_options *options, const void *src, size_t src_size,
                                        unsigned char **envelope, size_t *envelope_size, struct zblob_error *error);

/* ---- Parts of a value, for readers that do not hold the whole frame -------------------------- */

struct zblob_decoder; /* a frame's header, parsed: what every chunk's decoding needs */

/* The frame's header bytes must outlive the decoder. Close it even where opening failed. */
enum zblob_result zblob_decoder_open(struct zblob_decoder **decoder, const struct zblob_frame *frame,
                                     struct zblob_error *error);
void zblob_decoder_close(struct zblob_decoder *decoder);

/* Chunk `index` < chunk_count, as zblob_frame_chunk gives it, at the same cost for each. */
void zblob_decoder_locate(const struct zblob_decoder *decoder, uint32_t index, struct zblob_chunk *chunk);

/* Decode one chunk from its stored bytes (chunk.stored_size of them) into chunk.raw_size bytes, and
 * check them against the checksum. Any number of threads may share a decoder. */
enum zblob_result zblob_decoder_chunk(const struct zblob_decoder *decoder, uint32_t index, const void *stored,
                                      void *dst, struct zblob_error *error);

/* ---- Descriptions ---------------------------------------------------------------------------- */

/* Images in a plain value (no frame), found without unpickling: at most `capacity`, the largest of a
 * pickle that holds more. The count is returned. */
size_t zblob_sniff(const void *src, size_t src_size, struct zblob_image *images, size_t capacity);

/* Is this one complete pickle that ends at the value's last byte, without persistent ids, extension
 * codes or out-of-band buffers? */
bool zblob_is_complete_pickle(const void *src, size_t src_size);

/* JSON text that describes a value: a frame or an envelope from the header alone, all else by sniffing.
 * *json is NUL-terminated, to be released with zblob_free. */
enum zblob_result zblob_describe(const void *src, size_t src_size, enum zblob_value_type value_type, char **json,
                                 struct zblob_error *error);

/* The same for a frame or an envelope of value_size bytes of which only the first src_size are at hand, at
 * least zblob_head_size of them. Images that only a stored value itself would show are left out. */
enum zblob_result zblob_describe_head(const void *src, size_t src_size, uint64_t value_size, char **json,
                                      struct zblob_error *error);

/* "uint8", "float32", ...; "complex64" and the like where the image says so. */
const char *zblob_sample_type_name(enum zblob_sample_type type);
size_t zblob_sample_size(enum zblob_sample_type type); /* in bytes; 0: there is no such type */
/* Bytes of all samples. False where 64 bits do not hold the number, or the grid is empty or invalid. */
bool zblob_grid_size(const struct zblob_grid *grid, uint64_t *size);
const char *zblob_codec_name(enum zblob_codec codec);
const char *zblob_library_version(void); /* ZBLOB_VERSION of the build */

#endif
