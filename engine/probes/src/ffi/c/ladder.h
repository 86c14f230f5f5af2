/* What the probes of foreign calls call: each function once in a static library and once in a shared one. */
#ifndef LADDER_H
#define LADDER_H
#include <stddef.h>
#include <stdint.h>

/* Two words: passed in registers on the usual machines. */
struct ladder_pair {
    int64_t steps, sum;
};
/* Eight words: passed in memory. */
struct ladder_large {
    int64_t words[8];
};
typedef int64_t (*ladder_step)(const void *state, int64_t value);
typedef int64_t (*ladder_back)(int64_t value);

/* The rungs of `ffi.native` and `ffi.buffer`. */
int64_t ladder_add(int64_t a, int64_t b);
int64_t ladder_apply(ladder_step step, const void *state, int64_t value);
struct ladder_pair ladder_pair(struct ladder_pair pair);
struct ladder_large ladder_large(struct ladder_large large);
uint64_t ladder_text(const char *text);
const char *ladder_name(uint64_t number);
uint64_t ladder_ends(const uint8_t *bytes, size_t length);
uint64_t ladder_keep(uint8_t *bytes, size_t length);

/* The shared library calls `ladder_add` so many times, each through its procedure linkage table. */
int64_t ladder_add_often(int64_t count);

/* What Python's bindings call: these count, so that a call that never arrived is seen. */
uint64_t counted_calls(void);
void counted_noop(void);
int64_t counted_int(int64_t value);
uint64_t counted_text(const char *text);
int64_t counted_list(const int64_t *values, size_t length);
uint64_t counted_bytes(const uint8_t *bytes, size_t length);
int64_t counted_back(ladder_back back);

#endif
