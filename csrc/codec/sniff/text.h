/* text.h: inside sniff/: takes lines, words and numbers from the text headers of files, the same in every locale. */
#ifndef ZBLOB_CODEC_SNIFF_TEXT_H
#define ZBLOB_CODEC_SNIFF_TEXT_H

#include "../../zblob.h"

/* A piece of a file, without a NUL at its end. What is taken from it is cut off at its beginning. */
struct text {
    const char *at;
    size_t size;
};

struct text text_of(const unsigned char *bytes, size_t size);

/* Take one line; its end, "\n" or "\r\n", is not part of it. False at the end, or if the last line has none. */
bool text_line(struct text *text, struct text *line);

/* Take what precedes `mark` in the line, and the mark; `name` has no white space around it, and neither has the line
 * that is left. False, and nothing is taken, without the mark. */
bool text_name(struct text *line, const char *mark, struct text *name);

/* Take a word: all up to white space, a comma or a parenthesis; what separates it from others is dropped. */
bool text_word(struct text *text, struct text *word);

/* Is it this text? Letters count the same in both cases. */
bool text_is(const struct text *text, const char *other);

/* The sample type that a format calls by this text; 0: there is none in the table. */
struct type_name {
    const char *name;
    enum zblob_sample_type type;
};
enum zblob_sample_type text_sample_type(const struct text *text, const struct type_name *names, size_t count);

/* Take a number; false, and what was taken before is lost, where the next word is none. */
bool text_unsigned(struct text *text, uint64_t *number);
bool text_real(struct text *text, double *number);

/* Take up to `most` numbers; returns how many there were. */
uint32_t text_reals(struct text *text, double *numbers, uint32_t most);
uint32_t text_extents(struct text *text, uint64_t *extents, uint32_t most);

#endif
