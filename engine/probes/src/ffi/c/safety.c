/* The kernels of `ffi.safety`; what they are for stands in the header. */
#include "safety.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 8, LINE = 9 };

uint64_t safety_indexing(const uint32_t *values, size_t length, const uint32_t *order, size_t count) {
    (void)length;
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at++) sum += values[order[at]];
    return sum;
}

uint64_t safety_indexing_checked(const uint32_t *values, size_t length, const uint32_t *order, size_t count) {
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at++) {
        if (order[at] >= length) abort();
        sum += values[order[at]];
    }
    return sum;
}

uint64_t safety_overflow(const uint32_t *values, size_t length) {
    uint32_t sum = 0;
    for (size_t at = 0; at < length; at++) sum += values[at];
    return sum;
}

uint64_t safety_overflow_checked(const uint32_t *values, size_t length) {
    uint32_t sum = 0;
    for (size_t at = 0; at < length; at++)
        if (__builtin_add_overflow(sum, values[at], &sum)) abort();
    return sum;
}

uint64_t safety_cells(uint64_t *cells, const uint32_t *order, size_t count) {
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at++) {
        sum += cells[order[at]];
        cells[order[at]] = at;
    }
    return sum;
}

uint64_t safety_flagged(struct safety_flagged *cells, const uint32_t *order, size_t count) {
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at++) {
        struct safety_flagged *cell = &cells[order[at]];
        if (cell->users != 0) abort();
        cell->users = -1;
        sum += cell->value;
        cell->value = at;
        cell->users++;
    }
    return sum;
}

struct safety_lock {
    pthread_mutex_t mutex;
    uint64_t value;
};
struct safety_locks {
    size_t length;
    struct safety_lock locks[];
};

struct safety_locks *safety_locks_new(size_t length) {
    struct safety_locks *locks = calloc(1, sizeof *locks + length * sizeof locks->locks[0]);
    if (locks == NULL) return NULL;
    locks->length = length;
    for (size_t at = 0; at < length; at++) pthread_mutex_init(&locks->locks[at].mutex, NULL);
    return locks;
}

uint64_t safety_locked(struct safety_locks *locks, const uint32_t *order, size_t count) {
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at++) {
        struct safety_lock *lock = &locks->locks[order[at]];
        if (pthread_mutex_lock(&lock->mutex) != 0) abort();
        sum += lock->value;
        lock->value = at;
        if (pthread_mutex_unlock(&lock->mutex) != 0) abort();
    }
    return sum;
}

void safety_locks_free(struct safety_locks *locks) {
    for (size_t at = 0; at < locks->length; at++) pthread_mutex_destroy(&locks->locks[at].mutex);
    free(locks);
}

uint64_t safety_shared(struct safety_shared *const *shared, const uint32_t *order, size_t count) {
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at++) sum += shared[order[at]]->value;
    return sum;
}

uint64_t safety_shared_checked(struct safety_shared **shared, const uint32_t *order, size_t count) {
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at++) {
        struct safety_shared *mine = shared[order[at]];
        if (__atomic_fetch_add(&mine->users, 1, __ATOMIC_RELAXED) > INT64_MAX) abort();
        sum += mine->value;
        if (__atomic_fetch_sub(&mine->users, 1, __ATOMIC_RELEASE) == 1) {
            __atomic_thread_fence(__ATOMIC_ACQUIRE);
            free(mine);
        }
    }
    return sum;
}

uint64_t safety_parsing(const uint8_t *text, size_t lines) {
    uint64_t sum = 0;
    for (size_t line = 0; line < lines; line++) {
        uint32_t number = 0;
        for (int at = 0; at < DIGITS; at++) number = number * 10 + (uint32_t)(text[line * LINE + at] - '0');
        sum += number;
    }
    return sum;
}

uint64_t safety_parsing_checked(const uint8_t *text, size_t lines) {
    uint64_t sum = 0;
    for (size_t line = 0; line < lines; line++) {
        uint32_t number = 0;
        for (int at = 0; at < DIGITS; at++) {
            uint32_t digit = (uint32_t)text[line * LINE + at] - '0';
            if (digit > 9 || __builtin_mul_overflow(number, 10u, &number) ||
                __builtin_add_overflow(number, digit, &number))
                abort();
        }
        sum += number;
    }
    return sum;
}

uint64_t safety_copying(const uint8_t *bytes, size_t record, size_t records) {
    uint64_t sum = 0;
    for (size_t at = 0; at < records; at++) {
        const uint8_t *mine = bytes + at * record;
        __asm__ volatile("" : "+r"(mine) : : "memory");
        sum += mine[0] + mine[record - 1];
    }
    return sum;
}

uint64_t safety_copying_checked(const uint8_t *bytes, size_t record, size_t records) {
    uint64_t sum = 0;
    for (size_t at = 0; at < records; at++) {
        uint8_t *mine = malloc(record);
        if (mine == NULL) abort();
        memcpy(mine, bytes + at * record, record);
        __asm__ volatile("" : "+r"(mine) : : "memory");
        sum += mine[0] + mine[record - 1];
        free(mine);
    }
    return sum;
}
