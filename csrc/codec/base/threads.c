/*
 * threads.c: a queue of jobs. A job lies on the stack of the thread that waits for it to be done. Workers take one index
 * of one job at a time, so that several connections share the pool fairly.
 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "threads.h"

#include "interrupt.h"

#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* The codecs keep their tables on the heap; 1 MiB leaves room for sanitizers. */
#define WORKER_STACK_SIZE ((size_t)1 << 20)

/* For how long a thread waits for others before it asks its caller whether to go on, in nanoseconds. */
#define MOMENT 5000000

struct job {
    struct job *next;
    void (*task)(void *context, size_t index);
    void *context;
    struct interrupt_scope *scope; /* or NULL: nothing interrupts it */
    size_t count;
    size_t taken;     /* indices handed out */
    size_t finished;  /* calls that returned */
    unsigned helpers; /* workers that may still join */
    pthread_cond_t done;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_arrived = PTHREAD_COND_INITIALIZER;
static pthread_once_t fork_handlers_once = PTHREAD_ONCE_INIT;
static struct job *jobs;      /* those with indices left to take */
static unsigned worker_count; /* threads that exist */

/* How many threads the process may use at once. */
static unsigned
threads_available(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int count = CPU_COUNT(&set);
        return count < 1 ? 1 : count > ZBLOB_THREADS_MAX ? ZBLOB_THREADS_MAX : (unsigned)count;
    }
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > ZBLOB_THREADS_MAX ? ZBLOB_THREADS_MAX : (unsigned)count;
}

static void
lock_before_fork(void)
{
    pthread_mutex_lock(&mutex);
}

static void
unlock_in_parent(void)
{
    pthread_mutex_unlock(&mutex);
}

/* In the child only the thread that called fork lives on. There are no workers, and no jobs: that thread was not inside
 * threads_run. */
static void
reset_in_child(void)
{
    pthread_mutex_init(&mutex, NULL);
    pthread_cond_init(&work_arrived, NULL);
    jobs = NULL;
    worker_count = 0;
}

static void
install_fork_handlers(void)
{
    pthread_atfork(lock_before_fork, unlock_in_parent, reset_in_child);
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
    pthread_mutex_unlock(&mutex);
    if (!interrupt_is_set())
        job->task(job->context, index);
    pthread_mutex_lock(&mutex);
    if (++job->finished == job->count)
        pthread_cond_signal(&job->done);
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
    pthread_mutex_lock(&mutex);
    for (;;) {
        struct job *job = job_that_wants_help();
        if (!job) {
            pthread_cond_wait(&work_arrived, &mutex);
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

/* Signals stay with the program's own threads. */
bool
threads_start(void *(*function)(void *argument), void *argument)
{
    pthread_attr_t attributes;
    sigset_t all, previous;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, WORKER_STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    bool is_started = pthread_create(&thread, &attributes, function, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    pthread_attr_destroy(&attributes);
    return is_started;
}

/* With the mutex held. */
static void
start_workers(unsigned wanted)
{
    while (worker_count < wanted && threads_start(worker_main, NULL))
        worker_count++;
}

void
threads_wait_a_moment(pthread_cond_t *changed, pthread_mutex_t *held)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += MOMENT;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(changed, held, &until); /* if the clock jumps, the moment gets longer or shorter */
}

/* With the mutex held: wait for the indices that other threads have taken. */
static void
wait_for_others(struct job *job)
{
    while (job->finished < job->count) {
        if (!job->scope) {
            pthread_cond_wait(&job->done, &mutex);
            continue;
        }
        threads_wait_a_moment(&job->done, &mutex);
        pthread_mutex_unlock(&mutex); /* the caller's answer may take its time */
        interrupt_is_set();
        pthread_mutex_lock(&mutex);
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
    pthread_once(&fork_handlers_once, install_fork_handlers);
    struct job job = {.task = task, .context = context, .count = count, .helpers = threads - 1};
    job.scope = interrupt_scope();
    pthread_cond_init(&job.done, NULL);
    pthread_mutex_lock(&mutex);
    start_workers(threads - 1);
    append_job(&job);
    pthread_cond_broadcast(&work_arrived);
    while (run_one(&job))
        ;
    wait_for_others(&job);
    pthread_mutex_unlock(&mutex);
    pthread_cond_destroy(&job.done);
}
