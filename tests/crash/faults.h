/* faults.h: included before every source of the program in faults.c, so that its allocations can be made to fail. */
#ifndef ZBLOB_TESTS_CRASH_FAULTS_H
#define ZBLOB_TESTS_CRASH_FAULTS_H

#include <stddef.h>
#include <stdlib.h>

void *faults_malloc(size_t size);
void *faults_calloc(size_t count, size_t size);
void *faults_realloc(void *block, size_t size);
void *faults_aligned_alloc(size_t alignment, size_t size);

#define malloc faults_malloc
#define calloc faults_calloc
#define realloc faults_realloc
#define aligned_alloc faults_aligned_alloc

#define ZDICT_optimizeTrainFromBuffer_fastCover faults_train
#define ZDICT_finalizeDictionary faults_finalize

#endif
