/* interrupt.c: see interrupt.h. */
#include "interrupt.h"

#include "error.h"
#include "sync.h"

/* How often the caller is asked, in nanoseconds. A tenth of what it may have to wait. */
#define ASK_INTERVAL UINT64_C(5000000)

static _Thread_local struct {
    struct interrupt_scope *scope;
    bool is_lent; /* another thread has opened it, and asks the caller */
} here;

void
interrupt_open(struct interrupt_scope *scope, const struct zblob_interrupt *request)
{
    scope->request = request;
    scope->outer = here.scope;
    scope->outer_is_lent = here.is_lent;
    atomic_init(&scope->is_set, false);
    if (!request || !request->is_requested)
        return;
    scope->next_ask = sync_nanoseconds() + ASK_INTERVAL;
    here.scope = scope;
    here.is_lent = false;
}

enum zblob_result
interrupt_close(struct interrupt_scope *scope, enum zblob_result result, struct zblob_error *error)
{
    bool is_set = here.scope && atomic_load_explicit(&here.scope->is_set, memory_order_acquire);
    here.scope = scope->outer;
    here.is_lent = scope->outer_is_lent;
    if (!is_set)
        return result;
    return zblob_fail(error, ZBLOB_INTERRUPTED, "interrupted");
}

static bool
ask(struct interrupt_scope *scope)
{
    uint64_t time = sync_nanoseconds();
    if (time < scope->next_ask)
        return false;
    bool is_requested = scope->request->is_requested(scope->request->context);
    if (is_requested)
        atomic_store_explicit(&scope->is_set, true, memory_order_release);
    scope->next_ask = sync_nanoseconds() + ASK_INTERVAL;
    return is_requested;
}

bool
interrupt_is_set(void)
{
    struct interrupt_scope *scope = here.scope;
    if (!scope)
        return false;
    return atomic_load_explicit(&scope->is_set, memory_order_relaxed) || (!here.is_lent && ask(scope));
}

struct interrupt_scope *
interrupt_scope(void)
{
    return here.scope;
}

void
interrupt_lend(struct interrupt_scope *scope)
{
    here.scope = scope;
    here.is_lent = true;
}
