/* What only the shared library has: a loop of calls through its linkage table, and the functions that count. The table
 * is used because the callee is in another file and visible outside. */
#include "ladder.h"

#include <string.h>

/* The empty assembly hides from the compiler what the numbers are. */
#define ADD                                \
    do {                                   \
        sum = ladder_add(sum, at);         \
        at++;                              \
        __asm__ volatile("" : "+r"(sum), "+r"(at)); \
    } while (0)

/* Eight calls a turn, as the loops of Rust have. */
int64_t ladder_add_often(int64_t count) {
    int64_t sum = 0, at = 0;
    while (count - at >= 8) {
        ADD;
        ADD;
        ADD;
        ADD;
        ADD;
        ADD;
        ADD;
        ADD;
    }
    while (at < count) ADD;
    return sum;
}

static uint64_t calls;

uint64_t counted_calls(void) {
    return calls;
}

void counted_noop(void) {
    calls++;
}

int64_t counted_int(int64_t value) {
    calls++;
    return value + 1;
}

uint64_t counted_text(const char *text) {
    calls++;
    return strlen(text);
}

int64_t counted_list(const int64_t *values, size_t length) {
    calls++;
    int64_t sum = 0;
    for (size_t at = 0; at < length; at++) sum += values[at];
    return sum;
}

uint64_t counted_bytes(const uint8_t *bytes, size_t length) {
    calls++;
    return length == 0 ? 0 : (uint64_t)length + bytes[0] + 256 * (uint64_t)bytes[length - 1];
}

int64_t counted_back(ladder_back back) {
    calls++;
    return back(20) + 1;
}
