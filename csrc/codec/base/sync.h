/*
 * sync.h: what threads need of the system: locks, conditions, values of a thread, starting one, a clock. On Windows they
 * are its own, elsewhere those of POSIX. Nothing else of the project includes a system's header for threads.
 */
#ifndef ZBLOB_CODEC_BASE_SYNC_H
#define ZBLOB_CODEC_BASE_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>
typedef SRWLOCK sync_mutex;
typedef CONDITION_VARIABLE sync_condition;
typedef INIT_ONCE sync_once;
typedef DWORD sync_key;
#define SYNC_MUTEX_INITIALIZER SRWLOCK_INIT
#define SYNC_CONDITION_INITIALIZER CONDITION_VARIABLE_INIT
#define SYNC_ONCE_INITIALIZER INIT_ONCE_STATIC_INIT
#else
#include <pthread.h>
typedef pthread_mutex_t sync_mutex;
typedef pthread_cond_t sync_condition;
typedef pthread_once_t sync_once;
typedef pthread_key_t sync_key;
#define SYNC_MUTEX_INITIALIZER PTHREAD_MUTEX_INITIALIZER
#define SYNC_CONDITION_INITIALIZER PTHREAD_COND_INITIALIZER
#define SYNC_ONCE_INITIALIZER PTHREAD_ONCE_INIT
#endif

bool sync_mutex_init(sync_mutex *mutex);
void sync_mutex_destroy(sync_mutex *mutex);
void sync_mutex_lock(sync_mutex *mutex);
void sync_mutex_unlock(sync_mutex *mutex);

void sync_condition_init(sync_condition *condition);
void sync_condition_destroy(sync_condition *condition);
void sync_condition_signal(sync_condition *condition);
void sync_condition_broadcast(sync_condition *condition);
/* With the mutex held, which is given back meanwhile. Both may return early. */
void sync_condition_wait(sync_condition *condition, sync_mutex *mutex);
void sync_condition_wait_for(sync_condition *condition, sync_mutex *mutex, unsigned milliseconds);

void sync_call_once(sync_once *once, void (*function)(void));

/* A pointer for each thread, NULL at first. `release` gets what is not NULL when a thread ends. False: no such key. */
bool sync_key_create(sync_key *key, void (*release)(void *value));
void *sync_key_get(sync_key key);
bool sync_key_set(sync_key key, void *value);

/* Start a thread that ends by itself and that no signal is delivered to. From then on the library stays loaded, whatever
 * SQLite does when its last connection is closed. False: the system gives no thread. */
bool sync_thread_start(void *(*function)(void *argument), void *argument);

/* What to do around fork(), which Windows does not have. */
void sync_at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

unsigned sync_cpu_count(void);   /* how many threads the process may run at once; at least 1 */
uint64_t sync_nanoseconds(void); /* of a clock that nobody sets */

#endif
