/*
 * threads.c: a queue of jobs. A job lies on the stack of the thread that waits for it to be done. Workers take one index
 * of one job at a time, so that several connections share the pool fairly.
 */
#include "threads.h"

#include "interrupt.h"

/* For how long a thread waits for others before it asks its caller whether to go on, in milliseconds. */
#define MOMENT 5

struct job {
    struct job *next;
    void (*task)(void *context, size_t index);
    void *context;
    struct interrupt_scope *scope; /* or NULL: nothing interrupts it */
    size_t count;
    size_t taken;     /* indices handed out */
    size_t finished;  /* calls that returned */
    unsigned helpers; /* workers that may still join */
    sync_condition done;
};

static sync_mutex mutex = SYNC_MUTEX_INITIALIZER;
static sync_condition work_arrived = SYNC_CONDITION_INITIALIZER;
static sync_once fork_handlers_once = SYNC_ONCE_INITIALIZER;
static struct job *jobs;      /* those with indices left to take */
static unsigned worker_count; /* threads that exist */

/* How many threads the process may use at once. */
static unsigned
threads_available(void)
{
    unsigned count = sync_cpu_count();
    return count > ZBLOB_THREADS_MAX ? ZBLOB_THREADS_MAX : count;
}

static void
lock_before_fork(void)
{
    sync_mutex_lock(&mutex);
}

static void
unlock_in_parent(void)
{
    sync_mutex_unlock(&mutex);
}

/* In the child only the thread that called fork lives on. There are no workers, and no jobs: that thread was not inside
 * threads_run. */
static void
reset_in_child(void)
{
    sync_mutex_init(&mutex);
    sync_condition_init(&work_arrived);
    jobs = NULL;
    worker_count = 0;
}

static void
install_fork_handlers(void)
{
    sync_at_fork(lock_before_fork, unlock_in_parent, reset_in_child);
}

static void
append_job(struct job *job)
{
    struct job **link = &jobs;
    while (*link)
        link = &(*link)->next;
    *link = job;
}

static void
remove_job(struct job *job)
{
    for (struct job **link = &jobs; *link; link = &(*link)->next) {
        if (*link == job) {
            *link = job->next;
            return;
        }
    }
}

/* With the mutex held: take one index of `job` and run it. False when none is left to take. */
static bool
run_one(struct job *job)
{
    if (job->taken == job->count)
        return false;
    size_t index = job->taken++;
    if (job->taken == job->count)
        remove_job(job);
    sync_mutex_unlock(&mutex);
    if (!interrupt_is_set())
        job->task(job->context, index);
    sync_mutex_lock(&mutex);
    if (++job->finished == job->count)
        sync_condition_signal(&job->done);
    return job->taken < job->count; /* a worker must not touch a finished job again */
}

static struct job *
job_that_wants_help(void)
{
    for (struct job *job = jobs; job; job = job->next) {
        if (job->helpers)
            return job;
    }
    return NULL;
}

static void *
worker_main(void *unused)
{
    (void)unused;
    sync_mutex_lock(&mutex);
    for (;;) {
        struct job *job = job_that_wants_help();
        if (!job) {
            sync_condition_wait(&work_arrived, &mutex);
            continue;
        }
        job->helpers--;
        interrupt_lend(job->scope);
        while (run_one(job))
            ;
        interrupt_lend(NULL);
    }
    return NULL;
}

/* With the mutex held. */
static void
start_workers(unsigned wanted)
{
    while (worker_count < wanted && sync_thread_start(worker_main, NULL))
        worker_count++;
}

void
threads_wait_a_moment(sync_condition *changed, sync_mutex *held)
{
    sync_condition_wait_for(changed, held, MOMENT);
}

/* With the mutex held: wait for the indices that other threads have taken. */
static void
wait_for_others(struct job *job)
{
    while (job->finished < job->count) {
        if (!job->scope) {
            sync_condition_wait(&job->done, &mutex);
            continue;
        }
        threads_wait_a_moment(&job->done, &mutex);
        sync_mutex_unlock(&mutex); /* the caller's answer may take its time */
        interrupt_is_set();
        sync_mutex_lock(&mutex);
    }
}

static void
run_alone(size_t count, void (*task)(void *context, size_t index), void *context)
{
    for (size_t i = 0; i < count && !interrupt_is_set(); i++)
        task(context, i);
}

void
threads_run(size_t count, unsigned threads, void (*task)(void *context, size_t index), void *context)
{
    unsigned available = threads_available();
    if (threads == 0 || threads > available)
        threads = available;
    if (threads > count)
        threads = (unsigned)count;
    if (threads <= 1) {
        run_alone(count, task, context);
        return;
    }
    sync_call_once(&fork_handlers_once, install_fork_handlers);
    struct job job = {.task = task, .context = context, .count = count, .helpers = threads - 1};
    job.scope = interrupt_scope();
    sync_condition_init(&job.done);
    sync_mutex_lock(&mutex);
    start_workers(threads - 1);
    append_job(&job);
    sync_condition_broadcast(&work_arrived);
    while (run_one(&job))
        ;
    wait_for_others(&job);
    sync_mutex_unlock(&mutex);
    sync_condition_destroy(&job.done);
}
