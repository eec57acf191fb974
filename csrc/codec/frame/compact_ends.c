/*
 * compact_ends.c: what usually stands before and after the samples of an image: a dictionary that is part of the format
 * (docs/format.md, section 8). Not a byte of it may ever change.
 */
#include "compact_ends.h"

#include "../base/sync.h"
#include "../chunk/block.h"

#include <stdatomic.h>

/* What a .npy file and pickles of NumPy and SimpleITK consist of, but for their samples; the most usual ones last, to which
 * distances are short. */
static const char usual_ends[] =
    "\223NUMPY\001\000v\000{'descr': '<i2', 'fortran_order': False, 'shape': (64, 64), }                    \n\200"
    "\002cnumpy._core.multiarray\n_reconstruct\nq\000cnumpy\nndarray\nq\001K\000\205q\002c_codecs\nencode\nq\003X\001"
    "\000\000\000bq\004X\006\000\000\000latin1q\005\206q\006Rq\007\207q\010Rq\011(K\001K@K@\206q\ncnumpy\ndtype\nq"
    "\013X\002\000\000\000i2q\014\211\210\207q\015Rq\016(K\003X\001\000\000\000<q\017NNNJ\377\377\377\377J\377\377"
    "\377\377K\000tq\020b\211h\003X\000 \000\000q\021h\005\206q\022Rq\023tq\024b.\200\003cnumpy._core.multiarray\n_re"
    "construct\nq\000cnumpy\nndarray\nq\001K\000\205q\002C\001bq\003\207q\004Rq\005(K\001K@K@\206q\006cnumpy\ndtype\n"
    "q\007X\002\000\000\000i2q\010\211\210\207q\011Rq\n(K\003X\001\000\000\000<q\013NNNJ\377\377\377\377J\377\377\377"
    "\377K\000tq\014b\211B\000 \000\000q\015tq\016b.\200\002cSimpleITK.SimpleITK\nImage\nq\000K@K@K@\207q\001K\001K"
    "\001\207q\002Rq\003(K\000c_codecs\nencode\nq\004X\000\000\004\000q\005X\006\000\000\000latin1q\006\206q\007Rq"
    "\010G\000\000\000\000\000\000\000\000G\000\000\000\000\000\000\000\000G\000\000\000\000\000\000\000\000\207q\011"
    "G\077\360\000\000\000\000\000\000G\077\360\000\000\000\000\000\000G\077\360\000\000\000\000\000\000\207q\n(G\077"
    "\360\000\000\000\000\000\000G\000\000\000\000\000\000\000\000G\000\000\000\000\000\000\000\000G\000\000\000\000"
    "\000\000\000\000G\077\360\000\000\000\000\000\000G\000\000\000\000\000\000\000\000G\000\000\000\000\000\000\000"
    "\000G\000\000\000\000\000\000\000\000G\077\360\000\000\000\000\000\000tq\013}q\014tq\015b.\200\005\225v \000\000"
    "\000\000\000\000\214\023numpy._core.numeric\224\214\013_frombuffer\224\223\224(\226\000 \000\000\000\000\000\000"
    "\224\214\005numpy\224\214\005dtype\224\223\224\214\002i2\224\211\210\207\224R\224(K\003\214\001<\224NNNJ\377\377"
    "\377\377J\377\377\377\377K\000t\224bK@K@\206\224\214\001C\224t\224R\224.\200\004\225\216 \000\000\000\000\000"
    "\000\214\025numpy.core.multiarray\224\214\014_reconstruct\224\223\224\214\005numpy\200\004\2253\000\000\000\000"
    "\000\000\000\214\023SimpleITK.SimpleITK\224\214\005Image\224\223\224K@K@K@\207\224K\001K\001\207\224R\224(K\000B"
    "\000\000\004\000\225\225\000\000\000\000\000\000\000\224G\000\000\000\000\000\000\000\000G\000\000\000\000\000"
    "\000\000\000G\000\000\000\000\000\000\000\000\207\224G\077\360\000\000\000\000\000\000G\077\360\000\000\000\000"
    "\000\000G\077\360\000\000\000\000\000\000\207\224(G\077\360\000\000\000\000\000\000G\000\000\000\000\000\000\000"
    "\000G\000\000\000\000\000\000\000\000G\000\000\000\000\000\000\000\000G\077\360\000\000\000\000\000\000G\000\000"
    "\000\000\000\000\000\000G\000\000\000\000\000\000\000\000G\000\000\000\000\000\000\000\000G\077\360\000\000\000"
    "\000\000\000t\224}\224t\224b.\200\004\225\214 \000\000\000\000\000\000\214\023SimpleITK.SimpleITK\224\214\005Ima"
    "ge\224\223\224K@K@\206\224K\002K\001\207\224R\224(K\000B\000 \000\000\224G\000\000\000\000\000\000\000\000G\000"
    "\000\000\000\000\000\000\000\206\224G\077\360\000\000\000\000\000\000G\077\360\000\000\000\000\000\000\206\224(G"
    "\077\360\000\000\000\000\000\000G\000\000\000\000\000\000\000\000G\000\000\000\000\000\000\000\000G\077\360\000"
    "\000\000\000\000\000t\224}\224t\224b.\200\004\225\206\000\000\000\000\000\000\000\214\026numpy._core.multiarray"
    "\224\214\014_reconstruct\224\223\224\214\005numpy\224\214\007ndarray\224\223\224K\000\205\224C\001b\224\207\224R"
    "\224(K\001M\000\002M\000\002\206\224h\003\214\005dtype\224\223\224\214\002i2\224\211\210\207\224R\224(K\003\214"
    "\001<\224NNNJ\377\377\377\377J\377\377\377\377K\000t\224b\211B\000\000\010\000\225\005\000\000\000\000\000\000"
    "\000\224t\224b.\200\004\225\216 \000\000\000\000\000\000\214\026numpy._core.multiarray\224\214\014_reconstruct"
    "\224\223\224\214\005numpy\224\214\007ndarray\224\223\224K\000\205\224C\001b\224\207\224R\224(K\001K@K@\206\224h"
    "\003\214\005dtype\224\223\224\214\002i2\224\211\210\207\224R\224(K\003\214\001<\224NNNJ\377\377\377\377J\377\377"
    "\377\377K\000t\224b\211B\000 \000\000\224t\224b.";

/* zstd's level at which ends are searched, whatever the value's own. Of levels 1, 3, 12 and 19 it leaves the least of pickles of
 * SimpleITK, and of NumPy's at most three bytes more than the best. */
#define ENDS_LEVEL 12

static sync_mutex mutex = SYNC_MUTEX_INITIALIZER; /* held while the dictionary is opened */
static struct zblob_dictionary *_Atomic opened;   /* kept for as long as the library is */

/* NULL: out of memory, so that the next call tries again. */
static struct zblob_dictionary *
dictionary_of_ends(void)
{
    if (!opened) {
        struct zblob_dictionary *made = NULL;
        sync_mutex_lock(&mutex);
        if (!opened && zblob_dictionary_open(&made, usual_ends, sizeof usual_ends - 1, NULL) == ZBLOB_OK)
            opened = made;
        sync_mutex_unlock(&mutex);
    }
    return opened;
}

enum zblob_result
compact_ends_encode(const void *src, size_t src_size, unsigned char *dst, size_t *dst_size)
{
    struct zblob_dictionary *dictionary = dictionary_of_ends();
    return dictionary ? block_encode_at(ENDS_LEVEL, dictionary, src, src_size, dst, dst_size) : ZBLOB_NO_MEMORY;
}

enum zblob_result
compact_ends_decode(const void *src, size_t src_size, void *dst, size_t dst_size)
{
    struct zblob_dictionary *dictionary = dictionary_of_ends();
    return dictionary ? block_decode(dictionary, false, src, src_size, dst, dst_size) : ZBLOB_NO_MEMORY;
}
