/*
 * zblob.h: the codec's public interface, and the only header that code outside csrc/codec includes.
 *
 * A *value* is the bytes of one SQL BLOB or TEXT. A *frame* is a compressed value: a header with an index, and chunks
 * that can each be decoded without the others (docs/format.md). The codec knows neither SQLite nor Python.
 *
 * Conventions: `_size` counts bytes, `_count` counts elements. A function that can fail returns an enum zblob_result and,
 * on failure, fills the zblob_error that the caller passed, which may be NULL. Unless its comment says otherwise, no
 * function keeps a pointer to its arguments after it returns. All functions may run in any number of threads at once, and
 * no input, however hostile, makes them read or write outside the given sizes.
 */
#ifndef ZBLOB_H
#define ZBLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the library exports beside the entry points for SQLite. The same mark does for those who only call it. */
#ifdef _WIN32
#define ZBLOB_API __declspec(dllexport)
#else
#define ZBLOB_API __attribute__((visibility("default")))
#endif

#define ZBLOB_VERSION "0.1.0"
#define ZBLOB_FORMAT_VERSION 1

#define ZBLOB_LEVEL_MIN 1
#define ZBLOB_LEVEL_MAX 9
#define ZBLOB_LEVEL_DEFAULT 5
#define ZBLOB_THREADS_MAX 64
#define ZBLOB_DIMENSION_MAX 8
#define ZBLOB_IMAGES_MAX 1024
#define ZBLOB_CHUNK_RAW_MAX 16777216 /* bytes that one chunk may decode to */
#define ZBLOB_DICTIONARY_ID_MAX 0xFFFFFF
#define ZBLOB_DICTIONARY_SIZE_MIN 256
#define ZBLOB_DICTIONARY_SIZE_MAX 1048576
#define ZBLOB_DICTIONARY_SIZE_DEFAULT 65536
#define ZBLOB_TRAIN_COUNT_MIN 10
#define ZBLOB_TRAIN_SAMPLE_MIN 8
#define ZBLOB_TRAIN_SAMPLE_MAX 65535

/* A frame is at most so many bytes larger than its value: 64, and 32 for each chunk after the first. */
#define ZBLOB_OVERHEAD_FIRST_CHUNK 64
#define ZBLOB_OVERHEAD_NEXT_CHUNK 32

/* ---- Results and errors ---------------------------------------------------------------------- */

enum zblob_result {
    ZBLOB_OK = 0,
    ZBLOB_DAMAGED,     /* the frame's bytes contradict its format or its checksums */
    ZBLOB_UNSUPPORTED, /* a newer format version, or a codec that this build does not know */
    ZBLOB_TOO_LARGE,   /* over a limit on sizes, of the caller or of the format */
    ZBLOB_NO_MEMORY,
    ZBLOB_BAD_ARGUMENT,     /* an option or argument is wrong; the message names it */
    ZBLOB_INTERRUPTED,      /* the caller's struct zblob_interrupt said so */
    ZBLOB_NEEDS_DICTIONARY, /* the frame was made with a dictionary that the caller has not given */
};

#define ZBLOB_MESSAGE_SIZE 256

struct zblob_error {
    enum zblob_result code;
    char message[ZBLOB_MESSAGE_SIZE]; /* what was wrong, where, and what to do; NUL-terminated UTF-8 */
};

/* Make a NUL-terminated text valid UTF-8, in place: leave out a character that was cut off, and put '?' for every
 * other byte that belongs to none. */
ZBLOB_API void zblob_mend_text(char *text);

/* ---- Interruption ---------------------------------------------------------------------------- */

/* How a caller stops a call that takes long: zblob_... asks it every few milliseconds, and returns
 * ZBLOB_INTERRUPTED soon after it has said yes. It is asked in the thread that made the call, and in no other. */
struct zblob_interrupt {
    bool (*is_requested)(void *context); /* NULL: never */
    void *context;
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

/* A block of samples. Those of one pixel, its components, lie side by side; then come the pixels along the first axis. */
struct zblob_grid {
    enum zblob_sample_type sample_type;
    bool big_endian;
    uint32_t dimension;                 /* 1 .. ZBLOB_DIMENSION_MAX; 0 means "no grid" */
    uint32_t components;                /* samples per pixel, at least 1 */
    uint64_t size[ZBLOB_DIMENSION_MAX]; /* pixels along each axis, the fastest axis first */
};

/* Where an image was found. Values are format constants. */
enum zblob_image_source {
    ZBLOB_SOURCE_OPTIONS = 0, /* raw samples, described by the options "dtype" and "shape" */
    ZBLOB_SOURCE_SIMPLEITK = 1,
    ZBLOB_SOURCE_NUMPY = 2,
    ZBLOB_SOURCE_NPY = 3,   /* a .npy value, or one stored in an .npz value */
    ZBLOB_SOURCE_ARRAY = 4, /* array.array of the standard library */
    ZBLOB_SOURCE_GUESS = 5, /* a guess: no description says so, and only the codec may rely on it */
    /* files */
    ZBLOB_SOURCE_DICOM = 6,
    ZBLOB_SOURCE_NIFTI = 7,
    ZBLOB_SOURCE_NRRD = 8,
    ZBLOB_SOURCE_METAIMAGE = 9,
    ZBLOB_SOURCE_MRC = 10,
    ZBLOB_SOURCE_TIFF = 11,
    ZBLOB_SOURCE_PNM = 12,
    ZBLOB_SOURCE_BMP = 13,
    ZBLOB_SOURCE_FITS = 14,
    ZBLOB_SOURCE_TORCH = 15, /* a tensor in a file of torch.save */
    ZBLOB_SOURCE_ITK = 16,   /* a pickled itk.Image */
    ZBLOB_SOURCE_OTHER = 17, /* something that a later version knows; otherwise an image like any other */
    ZBLOB_SOURCE_END,
};

/* One image inside a value. */
struct zblob_image {
    enum zblob_image_source source;
    bool is_complex;       /* pairs of components are real and imaginary parts */
    bool is_bool;          /* uint8 samples that NumPy calls bool: they should only be 0 or 1 */
    bool is_fortran;       /* a NumPy array in Fortran order: its first axis is the fastest */
    bool is_permuted;      /* a NumPy array whose axes lie in memory in neither C nor Fortran order */
    bool has_space;        /* spacing, origin and direction are known */
    uint64_t value_offset; /* from the value's first byte to the first sample */
    uint64_t text_size; /* 0: the samples stand in the value as they are; otherwise their bytes stand there as Latin-1
                            * characters in UTF-8, which take this many bytes: more than the samples, at most twice as many */
    /* bytes, all of them zeros, that stand in the value after each row; 0 where text_size is not */
    uint32_t row_padding;
    /* of images in tiles: pixels of each. In the value stand its tiles one after another, row by row, all of them whole:
     * what of them lies outside of the image is no part of it. 0: there are none */
    uint32_t tile_width, tile_height;
    /* bytes in the value after the first slice along the last of at least three axes, and after each of the others but the
     * last */
    uint32_t first_gap, gap;
    /* what the file says of integers: their lowest `bits` bits count, of which the highest is the sign of signed types;
     * 0: all bits */
    uint8_t bits;
    uint8_t vector_axis; /* of the grid's axes, the one along which a pixel's components lie; 0: none */
    bool is_mirrored;    /* x and y of its vectors have the other sign in SimpleITK's coordinates */
    bool has_scale;      /* the file says that a sample stands for slope * sample + intercept */
    double slope, intercept;
    struct zblob_grid grid;
    double spacing[ZBLOB_DIMENSION_MAX];
    double origin[ZBLOB_DIMENSION_MAX];
    double direction[ZBLOB_DIMENSION_MAX * ZBLOB_DIMENSION_MAX]; /* a matrix of cosines, row by row */
};

/* ---- Frames ---------------------------------------------------------------------------------- */

/* The SQL type of the value in a frame. Values are format constants. */
enum zblob_value_type {
    ZBLOB_BLOB = 0,
    ZBLOB_TEXT_UTF8 = 1,
    ZBLOB_TEXT_UTF16LE = 2,
};

/* How a chunk is coded. Values are format constants, except AUTO. What each codec does stands in one row of
 * codec/frame/codecs.c. */
enum zblob_codec {
    ZBLOB_CODEC_STORE = 0,
    ZBLOB_CODEC_ZSTD = 1,
    ZBLOB_CODEC_PLANES = 2, /* differences between neighbours, split in byte planes, through zstd */
    ZBLOB_CODEC_VOXEL = 3,  /* the voxel codec: docs/voxel-format.md */
    ZBLOB_CODEC_AUTO = 255, /* in options only: the data decide */
};

/* The encoder's options. Start with zblob_options_init, then set them by name or by field. */
struct zblob_options {
    int level; /* ZBLOB_LEVEL_MIN (fastest) .. ZBLOB_LEVEL_MAX (smallest) */
    enum zblob_codec codec;
    unsigned threads;         /* 0: as many as the process may use */
    uint64_t min_size;        /* callers leave smaller values as they are; the codec does not look at it */
    struct zblob_grid grid;   /* if the value is raw samples: what they are; otherwise dimension 0 */
    bool is_complex, is_bool; /* of raw samples, as in struct zblob_image */
    bool is_hint;             /* what is said of raw samples may be wrong: the samples decide */
    bool for_column;          /* a compressed column makes the frame, not the program that stores the value */
    uint32_t dictionary_id;   /* which dictionary callers are to put into the next field; 0: none */
    struct zblob_dictionary *dictionary; /* for small values; NULL: none. The codec looks at no other field for it */
    struct zblob_interrupt interrupt;
};

ZBLOB_API void zblob_options_init(struct zblob_options *options);

/* Set one option by its public name. BAD_ARGUMENT names the option, the value and what is allowed. */
ZBLOB_API enum zblob_result zblob_options_set_integer(struct zblob_options *options, const char *name, int64_t value,
                                                      struct zblob_error *error);
ZBLOB_API enum zblob_result zblob_options_set_text(struct zblob_options *options, const char *name, const char *value,
                                                   struct zblob_error *error);
/* The error for an option that does not exist, or that does not take the kind of value that was `given`: "text"... */
ZBLOB_API enum zblob_result zblob_options_refuse(const char *name, const char *given, struct zblob_error *error);
/* "shape" in NumPy's order: the slowest axis first. */
ZBLOB_API enum zblob_result zblob_options_set_shape(struct zblob_options *options, const int64_t *extents, size_t count,
                                                    struct zblob_error *error);
/* Set "dtype" and "shape" from texts that stand beside a value of raw samples in C order, such as "uint8" or "<i2" and
 * "[188, 256, 190]", "(188, 256, 190)" or "188x256x190". False, and the options are unchanged: one of the texts makes no
 * sense, or together they describe another number of bytes. */
ZBLOB_API bool zblob_options_hint(struct zblob_options *options, const char *dtype, const char *shape,
                                  uint64_t value_size);

/* A validated header. Points into the caller's bytes, which must outlive it. A *compact* frame, which small values are in,
 * has one chunk (an empty value: none) and at most one image, and is validated as a whole. */
struct zblob_frame {
    const unsigned char *header; /* header_size bytes */
    size_t header_size;
    uint64_t frame_size; /* header and all stored chunks */
    uint64_t raw_size;   /* of the value before compression */
    enum zblob_value_type value_type;
    enum zblob_codec codec; /* the one with the largest number among the chunks' codecs */
    uint32_t version;
    uint32_t level;
    bool for_column; /* as in struct zblob_options */
    bool is_compact;
    uint32_t dictionary_id;              /* 0: none */
    struct zblob_dictionary *dictionary; /* set by the caller, where there is such an id, before anything is decoded */
    uint32_t chunk_count;
    uint32_t image_count;
};

struct zblob_chunk {
    uint64_t raw_offset;
    uint64_t stored_offset; /* from the frame's first byte */
    uint32_t raw_size;
    uint32_t stored_size;
    uint64_t checksum; /* XXH3 of the raw bytes; in a compact frame 32 bits of that of header and stored bytes */
    enum zblob_codec codec;
};

/* So many bytes of a value show whether it carries the magic, and how long its header is. */
#define ZBLOB_PREFIX_SIZE 16

/* Do these bytes carry a magic? Such a value is a frame, or a damaged one. */
ZBLOB_API bool zblob_has_magic(const void *src, size_t src_size);

/* From its first ZBLOB_PREFIX_SIZE bytes, how many bytes zblob_frame_open needs, or all, if the value has fewer: those
 * of the header, or of the longest compact frame that begins so. 0 without magic. */
ZBLOB_API uint64_t zblob_header_size(const void *src, size_t src_size);

/* Does it carry the magic, and is the header's checksum right? What follows the header is not looked at; a compact frame
 * has one checksum for all of it. */
ZBLOB_API bool zblob_is_frame(const void *src, size_t src_size);

/* Validate the header in src (src_size bytes, at least those of zblob_header_size, or all) of a value that is value_size
 * bytes long. UNSUPPORTED for a newer version, DAMAGED for everything else that is wrong. */
ZBLOB_API enum zblob_result zblob_frame_open(struct zblob_frame *frame, const void *src, size_t src_size,
                                             uint64_t value_size, struct zblob_error *error);

/* Entry `index` < chunk_count of the chunk index. It takes time proportional to `index`. */
ZBLOB_API void zblob_frame_chunk(const struct zblob_frame *frame, uint32_t index, struct zblob_chunk *chunk);

/* The same for index >= 1, at once, if the entry before it is given, which may lie at *chunk itself. */
ZBLOB_API void zblob_frame_next_chunk(const struct zblob_frame *frame, uint32_t index,
                                      const struct zblob_chunk *previous, struct zblob_chunk *chunk);

/* Image `index` < image_count. */
ZBLOB_API void zblob_frame_image(const struct zblob_frame *frame, uint32_t index, struct zblob_image *image);

/* ---- Whole values ---------------------------------------------------------------------------- */

/* Compress a value, even if it is a frame already. On OK *frame is a new block of *frame_size bytes, to be released with
 * zblob_free; ZBLOB_OVERHEAD_* says how much larger than the value it can be. */
ZBLOB_API enum zblob_result zblob_compress(const struct zblob_options *options, enum zblob_value_type value_type,
                                           const void *src, size_t src_size, unsigned char **frame, size_t *frame_size,
                                           struct zblob_error *error);

/* Where the stored chunks of a frame go, one after the other. Called in the thread that made the call. */
struct zblob_sink {
    enum zblob_result (*write)(void *context, const void *bytes, size_t size, struct zblob_error *error);
    enum zblob_result (*restart)(void *context,
                                 struct zblob_error *error); /* forget all that was written: it begins anew */
    void *context;
};

/* Compress a large value: beside src, which may be a mapped file, memory holds a batch of chunks, and not the frame. What
 * the sink has got in the end follows *header, a new block to be released with zblob_free. The codec of every chunk is chosen as
 * zblob_compress does it, but not whether zstd alone would make the whole value smaller. */
ZBLOB_API enum zblob_result zblob_compress_to(const struct zblob_options *options, enum zblob_value_type value_type,
                                              const void *src, size_t src_size, const struct zblob_sink *sink,
                                              unsigned char **header, size_t *header_size, struct zblob_error *error);

/* Decompress a whole value into dst, which has room for raw_size bytes. The frame is open, src_size and value_size having
 * been those of all of it, and its dictionary is set. Here and below, `interrupt` may be NULL. */
ZBLOB_API enum zblob_result zblob_decompress(const struct zblob_frame *frame, unsigned threads, void *dst,
                                             const struct zblob_interrupt *interrupt, struct zblob_error *error);

/* Decode every chunk and drop the result: OK, or what is wrong with the first damaged chunk. *damaged_count is the number
 * of damaged chunks. The frame as above. */
ZBLOB_API enum zblob_result zblob_verify(const struct zblob_frame *frame, uint32_t *damaged_count,
                                         const struct zblob_interrupt *interrupt, struct zblob_error *error);

/* XXH3 with seed 0, as the chunk index holds it for each chunk. */
ZBLOB_API uint64_t zblob_checksum(const void *src, size_t src_size);

ZBLOB_API void zblob_free(void *block);

/* ---- Dictionaries ---------------------------------------------------------------------------- */

/* A *dictionary* is what many small values have in common: bytes of zstd's dictionary format, or any bytes. Frames made
 * with it name it by its id, which is a hash of its bytes, and cannot be decoded without it. Any number of threads may
 * share one. */
struct zblob_dictionary;

/* The bytes are copied. BAD_ARGUMENT: too few or too many, or tables of zstd's that cannot be right. */
ZBLOB_API enum zblob_result zblob_dictionary_open(struct zblob_dictionary **dictionary, const void *src,
                                                  size_t src_size, struct zblob_error *error);
ZBLOB_API void zblob_dictionary_close(struct zblob_dictionary *dictionary);

/* Never 0. */
ZBLOB_API uint32_t zblob_dictionary_id(const struct zblob_dictionary *dictionary);
ZBLOB_API uint32_t zblob_dictionary_id_of(const void *src, size_t src_size);

/* Train a dictionary of at most `capacity` bytes from `count` samples, which lie in `samples` one after the other. With
 * `rows`, it gets the size by which so many values like these and the dictionary itself take the fewest bytes. On OK
 * *dictionary is a new block, to be released with zblob_free. */
ZBLOB_API enum zblob_result zblob_train(const void *samples, const size_t *sizes, size_t count, size_t capacity,
                                        uint64_t rows, unsigned char **dictionary, size_t *dictionary_size,
                                        const struct zblob_interrupt *interrupt, struct zblob_error *error);

/* ---- Envelopes: frames that are pickles ------------------------------------------------------ */

/* An *envelope* is a pickle of protocol 4 around the frame of another pickle: whoever loads it gets the object of that
 * other pickle. The functions above take frames alone: readers of stored values call zblob_find_frame first. */
#define ZBLOB_ENVELOPE_PREFIX_SIZE 44
#define ZBLOB_ENVELOPE_OVERHEAD 47

/* Does it begin as an envelope does? Such a value is an envelope, or a damaged one. */
ZBLOB_API bool zblob_is_envelope(const void *src, size_t src_size);

/* The frame that a value is, or holds if it is an envelope; *frame = NULL if the value is plain. DAMAGED for an envelope
 * that is cut off or holds no frame, and for a frame or an envelope whose first bytes are wrong, but which its header's
 * checksum proves to be one. Apart from that the frame's header is not checked. */
ZBLOB_API enum zblob_result zblob_find_frame(const void *src, size_t src_size, const unsigned char **frame,
                                             size_t *frame_size, struct zblob_error *error);

/* The same of a value of value_size bytes, given only the first src_size of them, at least to the end of its frame's header
 * (zblob_head_size). *size = 0 if the value is plain. What an envelope has after its frame is not looked at: SQLite would
 * have to read the whole value for it. */
ZBLOB_API enum zblob_result zblob_locate_frame(const void *src, size_t src_size, uint64_t value_size, uint64_t *offset,
                                               uint64_t *size, struct zblob_error *error);

/* Is it a frame or an envelope, whole or damaged? Everything else is a plain value, in which zblob_find_frame finds no
 * frame. src holds the value, or its frame's header and all that precedes it. */
ZBLOB_API bool zblob_is_marked(const void *src, size_t src_size);

/* How many bytes of a value reach to the end of its frame's header; 0 for a plain value. src holds the first
 * ZBLOB_HEAD_PREFIX_SIZE bytes of the value or more, or all of it. A plain value may begin so much like a frame without
 * magic that the result is not 0: given as many bytes, zblob_is_marked knows. */
#define ZBLOB_HEAD_PREFIX_SIZE 60
ZBLOB_API uint64_t zblob_head_size(const void *src, size_t src_size);

/* Has a compressed column made the frame or envelope of which these are the first ZBLOB_HEAD_PREFIX_SIZE bytes? Checks
 * nothing. */
ZBLOB_API bool zblob_is_for_column(const void *src, size_t src_size);

/* Is it a frame or an envelope, with a valid header checksum? Then it need not be compressed. */
ZBLOB_API bool zblob_is_compressed(const void *src, size_t src_size);

/* Is it one complete pickle (zblob_is_complete_pickle), but no envelope? Fails only if it is interrupted. */
ZBLOB_API enum zblob_result zblob_check_plain_pickle(const void *src, size_t src_size, bool *is_plain_pickle,
                                                     const struct zblob_interrupt *interrupt,
                                                     struct zblob_error *error);

/* Compress a plain pickle into an envelope: a new block, to be released with zblob_free. At most
 * ZBLOB_ENVELOPE_OVERHEAD larger than its frame. */
ZBLOB_API enum zblob_result zblob_compress_pickle(const struct zblob_options *options, const void *src, size_t src_size,
                                                  unsigned char **envelope, size_t *envelope_size,
                                                  struct zblob_error *error);

/* What an envelope has before and after a frame of so many bytes: prefix takes ZBLOB_ENVELOPE_PREFIX_SIZE bytes, suffix the
 * rest of ZBLOB_ENVELOPE_OVERHEAD. */
ZBLOB_API void zblob_envelope_ends(uint64_t frame_size, unsigned char *prefix, unsigned char *suffix);

/* ---- Parts of a value, for readers that do not hold the whole frame -------------------------- */

/* Bytes of a value: `count` runs of `run` bytes each. From the start of one run to that of the next there are `pitch`
 * bytes, at least `run` of them. Gathered, the runs follow one another without gaps. */
struct zblob_runs {
    uint64_t offset; /* of the first run, within the value */
    uint64_t run, pitch, count;
    /* one in whose samples the runs lie, and that has no tiles: all places are counted as if there were no gaps between
     * its slices; or NULL */
    const struct zblob_image *image;
};

/* Where the bytes of a stored value come from: a frame, an envelope, or a plain value. */
struct zblob_source {
    const unsigned char *bytes; /* all of them; or NULL: `read` hands them out piece by piece */
    uint64_t size;
    /* Copy `size` bytes from `offset` on, which the source has. It is called in the thread that made the call. */
    enum zblob_result (*read)(void *context, uint64_t offset, void *dst, size_t size, struct zblob_error *error);
    void *context;
};

struct zblob_reader; /* a source whose header has been read */

/* Reads no more of the source than the header. The source must outlive the reader. Close the reader even if opening
 * failed. DAMAGED for a damaged frame or envelope. */
ZBLOB_API enum zblob_result zblob_reader_open(struct zblob_reader **reader, const struct zblob_source *source,
                                              struct zblob_error *error);
ZBLOB_API void zblob_reader_close(struct zblob_reader *reader);

/* The header of the frame that the source is or holds; NULL: the source is a plain value. */
ZBLOB_API const struct zblob_frame *zblob_reader_frame(const struct zblob_reader *reader);

/* Where that frame names a dictionary, to be called before anything is gathered. The dictionary must outlive the reader. */
ZBLOB_API void zblob_reader_set_dictionary(struct zblob_reader *reader, struct zblob_dictionary *dictionary);

/* Gather runs of the original value into run * count bytes at dst. Only the chunks that they touch are read and decoded,
 * and beside the result no more is held than a few chunks. BAD_ARGUMENT for runs that do not lie within the value. */
ZBLOB_API enum zblob_result zblob_reader_gather(struct zblob_reader *reader, const struct zblob_runs *runs,
                                                unsigned threads, void *dst, const struct zblob_interrupt *interrupt,
                                                struct zblob_error *error);

struct zblob_decoder; /* a frame's header, parsed: what is needed to decode any chunk */

/* The frame's header bytes must outlive the decoder. Close it even if opening failed. */
ZBLOB_API enum zblob_result zblob_decoder_open(struct zblob_decoder **decoder, const struct zblob_frame *frame,
                                               struct zblob_error *error);
ZBLOB_API void zblob_decoder_close(struct zblob_decoder *decoder);

/* Chunk `index` < chunk_count, as zblob_frame_chunk gives it, but at once. */
ZBLOB_API void zblob_decoder_locate(const struct zblob_decoder *decoder, uint32_t index, struct zblob_chunk *chunk);

/* Decode one chunk from its stored bytes (chunk.stored_size of them) into chunk.raw_size bytes, and
 * check them against the checksum. Any number of threads may share a decoder. */
ZBLOB_API enum zblob_result zblob_decoder_chunk(const struct zblob_decoder *decoder, uint32_t index, const void *stored,
                                                void *dst, const struct zblob_interrupt *interrupt,
                                                struct zblob_error *error);

/* One chunk of several that are decoded at once. */
struct zblob_chunk_job {
    uint32_t index;
    const void *stored; /* the chunk's stored bytes */
    void *dst;          /* room for its raw_size bytes */
};

/* Decode several chunks in parallel. The error is that of the first of them that fails. */
ZBLOB_API enum zblob_result zblob_decoder_chunks(const struct zblob_decoder *decoder,
                                                 const struct zblob_chunk_job *jobs, size_t count, unsigned threads,
                                                 const struct zblob_interrupt *interrupt, struct zblob_error *error);

/* ---- Descriptions ---------------------------------------------------------------------------- */

/* Find the images in a plain value (no frame), without unpickling, in ascending and disjoint ranges of the value. Returns
 * their number, at most `capacity`; of a pickle that holds more images, the largest are found. */
ZBLOB_API size_t zblob_sniff(const void *src, size_t src_size, struct zblob_image *images, size_t capacity);

/* Does a value begin as one of those in which zblob_sniff may find images? src holds its first ZBLOB_SNIFF_PREFIX_SIZE
 * bytes, or all of them. */
#define ZBLOB_SNIFF_PREFIX_SIZE 512
ZBLOB_API bool zblob_may_have_images(const void *src, size_t src_size);

/* The name of a value's format ("gzip", "DICOM (JPEG 2000)") if that has a compression of its own; NULL for everything else.
 * Only the beginning of the value is looked at, and the directory of a TIFF file. */
ZBLOB_API const char *zblob_compressed_format(const void *src, size_t src_size);

/* Is this one complete pickle that ends at the value's last byte, without persistent ids, extension
 * codes or out-of-band buffers? */
ZBLOB_API bool zblob_is_complete_pickle(const void *src, size_t src_size);

/* JSON text that describes a value: a frame or an envelope by its header alone, everything else by zblob_sniff. *json is
 * NUL-terminated and is to be released with zblob_free. */
ZBLOB_API enum zblob_result zblob_describe(const void *src, size_t src_size, enum zblob_value_type value_type,
                                           char **json, const struct zblob_interrupt *interrupt,
                                           struct zblob_error *error);

/* The same, and of a plain value in which zblob_sniff finds no image, the one that codec "auto" guesses: what it would code,
 * and nothing that a reader may rely on. */
ZBLOB_API enum zblob_result zblob_describe_guess(const void *src, size_t src_size, enum zblob_value_type value_type,
                                                 char **json, const struct zblob_interrupt *interrupt,
                                                 struct zblob_error *error);

/* The same for a frame or an envelope of value_size bytes, given only its first src_size bytes, at least zblob_head_size
 * of them. Images in a value that is stored as it is are left out: its header does not list them. */
ZBLOB_API enum zblob_result zblob_describe_head(const void *src, size_t src_size, uint64_t value_size, char **json,
                                                struct zblob_error *error);

ZBLOB_API size_t zblob_sample_size(enum zblob_sample_type type); /* in bytes; 0: there is no such type */
/* Bytes of all samples. False if 64 bits do not hold the number, or if the grid is empty or invalid. */
ZBLOB_API bool zblob_grid_size(const struct zblob_grid *grid, uint64_t *size);

/* The bytes that an image's samples take in the value: those of the grid, or those of its text. False if the grid is not
 * valid, or the text's size is none that the text of these samples can have. */
ZBLOB_API bool zblob_image_span(const struct zblob_image *image, uint64_t *span);

/* Do the samples stand in the value as they are, one after another? */
ZBLOB_API bool zblob_image_is_plain(const struct zblob_image *image);

/* Do they stand in pieces: in tiles, or as slices with other bytes between them? */
ZBLOB_API bool zblob_image_has_pieces(const struct zblob_image *image);

/* Give `size` bytes of the image's samples, a whole number of them, the upper bits that their lowest `bits` stand for. */
ZBLOB_API void zblob_image_extend(const struct zblob_image *image, void *samples, size_t size);
ZBLOB_API const char *zblob_codec_name(enum zblob_codec codec);
ZBLOB_API const char *zblob_library_version(void); /* ZBLOB_VERSION of the build */

#endif
