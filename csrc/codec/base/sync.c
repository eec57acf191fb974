/* sync.c: see sync.h. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#if defined(__APPLE__) && !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE /* dladdr */
#endif
#include "sync.h"

/* The codecs keep their tables on the heap; 1 MiB leaves room for sanitizers. */
#define THREAD_STACK_SIZE ((size_t)1 << 20)

#ifdef _WIN32

bool
sync_mutex_init(sync_mutex *mutex)
{
    InitializeSRWLock(mutex);
    return true;
}

void
sync_mutex_destroy(sync_mutex *mutex)
{
    (void)mutex;
}

void
sync_mutex_lock(sync_mutex *mutex)
{
    AcquireSRWLockExclusive(mutex);
}

void
sync_mutex_unlock(sync_mutex *mutex)
{
    ReleaseSRWLockExclusive(mutex);
}

void
sync_condition_init(sync_condition *condition)
{
    InitializeConditionVariable(condition);
}

void
sync_condition_destroy(sync_condition *condition)
{
    (void)condition;
}

void
sync_condition_signal(sync_condition *condition)
{
    WakeConditionVariable(condition);
}

void
sync_condition_broadcast(sync_condition *condition)
{
    WakeAllConditionVariable(condition);
}

void
sync_condition_wait(sync_condition *condition, sync_mutex *mutex)
{
    SleepConditionVariableSRW(condition, mutex, INFINITE, 0);
}

void
sync_condition_wait_for(sync_condition *condition, sync_mutex *mutex, unsigned milliseconds)
{
    SleepConditionVariableSRW(condition, mutex, milliseconds, 0);
}

static BOOL CALLBACK
call_once(INIT_ONCE *once, void *function, void **unused)
{
    (void)once, (void)unused;
    (*(void (**)(void))function)();
    return TRUE;
}

void
sync_call_once(sync_once *once, void (*function)(void))
{
    InitOnceExecuteOnce(once, call_once, (void *)&function, NULL);
}

/* The system calls `release`, and runs the threads, in this library: it must not go away. */
static void
stay_loaded(void)
{
    HMODULE self;
    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                       (const WCHAR *)(const void *)&stay_loaded, &self);
}

/* On 64 bits there is one calling convention, so that `release` is what the system calls. */
bool
sync_key_create(sync_key *key, void (*release)(void *value))
{
    stay_loaded();
    *key = FlsAlloc(release);
    return *key != FLS_OUT_OF_INDEXES;
}

void *
sync_key_get(sync_key key)
{
    return FlsGetValue(key);
}

bool
sync_key_set(sync_key key, void *value)
{
    return FlsSetValue(key, value) != 0;
}

struct start {
    void *(*function)(void *argument);
    void *argument;
};

static DWORD WINAPI
thread_main(void *given)
{
    struct start start = *(struct start *)given;
    HeapFree(GetProcessHeap(), 0, given);
    start.function(start.argument);
    return 0;
}

bool
sync_thread_start(void *(*function)(void *argument), void *argument)
{
    struct start *start = HeapAlloc(GetProcessHeap(), 0, sizeof *start);
    if (!start)
        return false;
    *start = (struct start){function, argument};
    stay_loaded();
    HANDLE thread = CreateThread(NULL, THREAD_STACK_SIZE, thread_main, start, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (!thread) {
        HeapFree(GetProcessHeap(), 0, start);
        return false;
    }
    CloseHandle(thread);
    return true;
}

void
sync_at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    (void)before, (void)in_parent, (void)in_child;
}

unsigned
sync_cpu_count(void)
{
    DWORD_PTR process, system;
    unsigned count = 0;
    if (!GetProcessAffinityMask(GetCurrentProcess(), &process, &system))
        return 1;
    for (; process; process &= process - 1)
        count++;
    return count ? count : 1;
}

uint64_t
sync_nanoseconds(void)
{
    LARGE_INTEGER count, frequency;
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&count);
    uint64_t second = UINT64_C(1000000000), ticks = (uint64_t)count.QuadPart, rate = (uint64_t)frequency.QuadPart;
    return ticks / rate * second + ticks % rate * second / rate;
}

#else /* POSIX */

#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#include <dlfcn.h>
#endif
#ifdef __linux__
#include <sched.h>
#endif

bool
sync_mutex_init(sync_mutex *mutex)
{
    return pthread_mutex_init(mutex, NULL) == 0;
}

void
sync_mutex_destroy(sync_mutex *mutex)
{
    pthread_mutex_destroy(mutex);
}

void
sync_mutex_lock(sync_mutex *mutex)
{
    pthread_mutex_lock(mutex);
}

void
sync_mutex_unlock(sync_mutex *mutex)
{
    pthread_mutex_unlock(mutex);
}

void
sync_condition_init(sync_condition *condition)
{
    pthread_cond_init(condition, NULL);
}

void
sync_condition_destroy(sync_condition *condition)
{
    pthread_cond_destroy(condition);
}

void
sync_condition_signal(sync_condition *condition)
{
    pthread_cond_signal(condition);
}

void
sync_condition_broadcast(sync_condition *condition)
{
    pthread_cond_broadcast(condition);
}

void
sync_condition_wait(sync_condition *condition, sync_mutex *mutex)
{
    pthread_cond_wait(condition, mutex);
}

/* If the clock jumps, the wait gets longer or shorter. */
void
sync_condition_wait_for(sync_condition *condition, sync_mutex *mutex, unsigned milliseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)milliseconds * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(condition, mutex, &until);
}

void
sync_call_once(sync_once *once, void (*function)(void))
{
    pthread_once(once, function);
}

bool
sync_key_create(sync_key *key, void (*release)(void *value))
{
    return pthread_key_create(key, release) == 0;
}

void *
sync_key_get(sync_key key)
{
    return pthread_getspecific(key);
}

bool
sync_key_set(sync_key key, void *value)
{
    return pthread_setspecific(key, value) == 0;
}

/* ELF has a mark in the file for it: -z nodelete of the build. */
static void
stay_loaded(void)
{
#ifdef __APPLE__
    Dl_info self;
    if (dladdr((const void *)&stay_loaded, &self))
        dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
#endif
}

bool
sync_thread_start(void *(*function)(void *argument), void *argument)
{
    pthread_attr_t attributes;
    sigset_t all, previous;
    pthread_t thread;
    stay_loaded();
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    bool is_started = pthread_create(&thread, &attributes, function, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    pthread_attr_destroy(&attributes);
    return is_started;
}

void
sync_at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    pthread_atfork(before, in_parent, in_child);
}

unsigned
sync_cpu_count(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int allowed = CPU_COUNT(&set);
        return allowed < 1 ? 1 : (unsigned)allowed;
    }
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (unsigned)count;
}

uint64_t
sync_nanoseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

#endif
