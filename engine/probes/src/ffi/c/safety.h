/* The kernels of `ffi.safety` in C: as one writes them, and with each guarantee of Rust kept by hand (`_checked`).
 * Each goes once over its data and returns a sum. */
#ifndef SAFETY_H
#define SAFETY_H
#include <stddef.h>
#include <stdint.h>

uint64_t safety_indexing(const uint32_t *values, size_t length, const uint32_t *order, size_t count);
uint64_t safety_indexing_checked(const uint32_t *values, size_t length, const uint32_t *order, size_t count);
uint64_t safety_overflow(const uint32_t *values, size_t length);
uint64_t safety_overflow_checked(const uint32_t *values, size_t length);

/* Cells are read and then set to their turn. */
uint64_t safety_cells(uint64_t *cells, const uint32_t *order, size_t count);
struct safety_flagged {
    int64_t users;
    uint64_t value;
};
uint64_t safety_flagged(struct safety_flagged *cells, const uint32_t *order, size_t count);
struct safety_locks;
struct safety_locks *safety_locks_new(size_t length);
uint64_t safety_locked(struct safety_locks *locks, const uint32_t *order, size_t count);
void safety_locks_free(struct safety_locks *locks);

/* Shared numbers behind pointers; `_checked` counts the users. */
struct safety_shared {
    uint64_t users, value;
};
uint64_t safety_shared(struct safety_shared *const *shared, const uint32_t *order, size_t count);
uint64_t safety_shared_checked(struct safety_shared **shared, const uint32_t *order, size_t count);

/* Lines of eight digits and a line feed. */
uint64_t safety_parsing(const uint8_t *text, size_t lines);
uint64_t safety_parsing_checked(const uint8_t *text, size_t lines);

/* Records: the first and the last byte of each, where it lies or in a copy. */
uint64_t safety_copying(const uint8_t *bytes, size_t record, size_t records);
uint64_t safety_copying_checked(const uint8_t *bytes, size_t record, size_t records);

#endif
