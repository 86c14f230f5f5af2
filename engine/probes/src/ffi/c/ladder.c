/* The functions behind `ffi.native` and `ffi.buffer`. They do as little as can be checked. */
#include "ladder.h"

#include <stdlib.h>
#include <string.h>

int64_t ladder_add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* One is added afterwards, so that the call cannot become a jump. */
int64_t ladder_apply(ladder_step step, const void *state, int64_t value) {
    return step(state, value) + 1;
}

struct ladder_pair ladder_pair(struct ladder_pair pair) {
    return (struct ladder_pair){pair.steps + 1, (int64_t)((uint64_t)pair.sum + (uint64_t)pair.steps)};
}

struct ladder_large ladder_large(struct ladder_large large) {
    for (int at = 0; at < 8; at++) large.words[at] += at + 1;
    return large;
}

/* Length and first byte: a text of C must be searched for its end. */
uint64_t ladder_text(const char *text) {
    return strlen(text) + (uint8_t)text[0];
}

/* Texts of 32 bytes that live as long as the library. */
const char *ladder_name(uint64_t number) {
    static const char *const names[4] = {
        "alpha: a text of thirty-two byte", "bravo: a text of thirty-two byte",
        "carol: a text of thirty-two byte", "delta: a text of thirty-two byte"};
    return names[number & 3];
}

/* First and last byte, and the length. */
uint64_t ladder_ends(const uint8_t *bytes, size_t length) {
    return length == 0 ? 0 : (uint64_t)length + ((uint64_t)bytes[0] << 48) + ((uint64_t)bytes[length - 1] << 56);
}

/* The same for memory that is handed over for good. */
uint64_t ladder_keep(uint8_t *bytes, size_t length) {
    uint64_t ends = ladder_ends(bytes, length);
    free(bytes);
    return ends;
}
