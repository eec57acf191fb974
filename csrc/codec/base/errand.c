/* errand.c: see errand.h. */
#include "errand.h"

#include "threads.h"

void
errand_release(struct errand *errand)
{
    sync_condition_destroy(&errand->changed);
    sync_mutex_destroy(&errand->mutex);
    errand->release(errand);
}

/* The last one releases: this thread, if the caller has left. */
static void *
errand_main(void *argument)
{
    struct errand *errand = argument;
    interrupt_lend(&errand->scope);
    errand->run(errand);
    interrupt_lend(NULL);
    sync_mutex_lock(&errand->mutex);
    errand->is_done = true;
    bool is_last = errand->is_left;
    sync_condition_signal(&errand->changed);
    sync_mutex_unlock(&errand->mutex);
    if (is_last)
        errand_release(errand);
    return NULL;
}

/* With the mutex held: wait for the end, or for an interruption. */
static void
wait_for_end(struct errand *errand)
{
    while (!errand->is_done && !errand->is_left) {
        threads_wait_a_moment(&errand->changed, &errand->mutex);
        if (errand->is_done)
            return;
        sync_mutex_unlock(&errand->mutex);
        bool is_interrupted = interrupt_is_set();
        sync_mutex_lock(&errand->mutex);
        errand->is_left = is_interrupted && !errand->is_done;
    }
}

bool
errand_run(struct errand *errand)
{
    errand->is_done = errand->is_left = false;
    atomic_init(&errand->scope.is_set, false);
    sync_mutex_init(&errand->mutex);
    sync_condition_init(&errand->changed);
    if (!sync_thread_start(errand_main, errand)) {
        errand->run(errand);
        return true;
    }
    sync_mutex_lock(&errand->mutex);
    wait_for_end(errand);
    bool is_left = errand->is_left;
    if (is_left) /* before the mutex is given back: the thread may release the errand then */
        atomic_store_explicit(&errand->scope.is_set, true, memory_order_release);
    sync_mutex_unlock(&errand->mutex);
    return !is_left;
}
