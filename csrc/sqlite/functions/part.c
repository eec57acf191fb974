/* part.c: see part.h. */
#include "part.h"

#include "../dictionaries.h"

static bool
open_reader(sqlite3_context *context, struct part *part, const struct zblob_source *source)
{
    struct zblob_error error;
    if (zblob_reader_open(&part->reader, source, &error) != ZBLOB_OK) {
        stored_fail(context, part->is_stored ? &part->stored : NULL, &error);
        return false;
    }
    part->frame = zblob_reader_frame(part->reader);
    if (!part->frame || !part->frame->dictionary_id)
        return true;
    struct zblob_frame named = *part->frame;
    if (!dictionaries_complete(sqlite3_context_db_handle(context), value_connection(context), &named, &error)) {
        stored_fail(context, part->is_stored ? &part->stored : NULL, &error);
        return false;
    }
    zblob_reader_set_dictionary(part->reader, named.dictionary);
    return true;
}

bool
part_open(sqlite3_context *context, const struct value *value, struct part *part)
{
    *part = (struct part){.source = {.bytes = value->bytes, .size = value->size}};
    return open_reader(context, part, &part->source);
}

static unsigned char *
gather_first(sqlite3_context *context, const struct part *part, uint64_t size)
{
    struct zblob_runs first = {.run = size, .pitch = size, .count = 1};
    return part_gather(context, part, &first);
}

/* A virtual table may hold a program's own frame, compressed like any other value. What it gives back is that frame, whose
 * parts are those of the value that is in it. */
static bool
open_own_frame(sqlite3_context *context, struct part *part)
{
    const struct zblob_frame *frame = part->frame;
    if (!part->stored.is_ours || !frame || !frame->for_column || frame->image_count || frame->value_type != ZBLOB_BLOB)
        return true;
    uint64_t size = frame->raw_size, head_size = size < ZBLOB_HEAD_PREFIX_SIZE ? size : ZBLOB_HEAD_PREFIX_SIZE;
    unsigned char *head = gather_first(context, part, head_size);
    bool is_marked = head && zblob_is_marked(head, (size_t)head_size);
    sqlite3_free(head);
    if (!is_marked)
        return head != NULL;
    part->own_frame = gather_first(context, part, size);
    if (!part->own_frame)
        return false;
    zblob_reader_close(part->reader);
    part->reader = NULL;
    part->source = (struct zblob_source){.bytes = part->own_frame, .size = size};
    return open_reader(context, part, &part->source);
}

bool
part_open_at(sqlite3_context *context, int count, sqlite3_value **arguments, const char *expression, struct part *part)
{
    *part = (struct part){.is_stored = false};
    for (int i = 0; i < count; i++)
        if (sqlite3_value_type(arguments[i]) == SQLITE_NULL)
            return false;
    part->is_stored = true;
    if (!stored_open(context, arguments, false, &part->stored) || part->stored.kind == STORED_NOTHING)
        return false;
    if (part->stored.kind == STORED_BLOB)
        return open_reader(context, part, &part->stored.source) && open_own_frame(context, part);
    stored_select(context, &part->stored, expression, count - STORED_PLACE_COUNT, arguments + STORED_PLACE_COUNT);
    return false;
}

void
part_close(struct part *part)
{
    zblob_reader_close(part->reader);
    sqlite3_free(part->own_frame);
    if (part->is_stored)
        stored_close(&part->stored);
}

uint64_t
part_raw_size(const struct part *part)
{
    return part->frame ? part->frame->raw_size : part->is_stored ? part->stored.source.size : part->source.size;
}

unsigned char *
part_gather(sqlite3_context *context, const struct part *part, const struct zblob_runs *runs)
{
    struct zblob_error error;
    unsigned char *bytes = value_gather(context, part->reader, runs, &error);
    if (!bytes)
        stored_fail(context, part->is_stored ? &part->stored : NULL, &error);
    return bytes;
}
