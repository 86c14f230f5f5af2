/* What benches/peers/ffi compares `ffi.native` and `ffi.buffer` with: the same calls, written again in C.
 *
 *     gcc -O3 -c -DCALLED=near_ ffi.c -o near.o
 *     gcc -O3 -fPIC -fplt -shared -DCALLED=far_ ffi.c -o libfar.so
 *     gcc -O3 -fplt ffi.c near.o -L. -lfar -Wl,-rpath,. -ldl -o ffi && ./ffi CPU
 *
 * Compiled with CALLED it has the functions that are called, so that caller and callee are never in one file. Prints a
 * line for each figure: its name and the least of nine passes in nanoseconds. Exits 2 when a result is wrong.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct { int64_t steps, sum; } pair;
typedef struct { int64_t word[8]; } large;
typedef int64_t step(const void *, int64_t);

#define HIDE(x) __asm__ volatile("" : "+r"(x))
/* Eight calls a turn: where in a line of code a single call happens to lie could change its time by half. */
#define OFTEN(n, call)                                  \
    do {                                                \
        for (int64_t turn = 0; turn < (n) / 8; turn++) { \
            call call call call call call call call     \
        }                                               \
        for (int64_t turn = 0; turn < (n) % 8; turn++) { \
            call                                        \
        }                                               \
    } while (0)

#ifdef CALLED
#define JOIN(a, b) a##b
#define NAME(a, b) JOIN(a, b)
#define C(name) NAME(CALLED, name)
int64_t C(add)(int64_t a, int64_t b) { return a + b; }
/* Visible outside, so that the call goes through the table of a shared library. */
int64_t C(add_often)(int64_t n) {
    int64_t sum = 0, i = 0;
    OFTEN(n, sum = C(add)(sum, i); HIDE(sum); i++; HIDE(i););
    return sum;
}
int64_t C(apply)(step *f, const void *state, int64_t v) { return f(state, v) + 1; }
pair C(two)(pair p) { return (pair){p.steps + 1, p.sum + p.steps}; }
large C(eight)(large l) {
    for (int i = 0; i < 8; i++) l.word[i] += i + 1;
    return l;
}
uint64_t C(text)(const char *t) { return strlen(t) + (unsigned char)*t; }
const char *C(name)(uint64_t n) {
    static const char *const all[] = {"anton, a name of 32 letters long", "berta, a name of 32 letters long",
                                      "clara, a name of 32 letters long", "david, a name of 32 letters long"};
    return all[n % 4];
}
uint64_t C(ends)(const uint8_t *b, size_t n) {
    return n == 0 ? 0 : n + ((uint64_t)b[0] << 48) + ((uint64_t)b[n - 1] << 56);
}
uint64_t C(take)(uint8_t *b, size_t n) {
    uint64_t found = C(ends)(b, n);
    free(b);
    return found;
}
#else
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

int64_t near_add(int64_t, int64_t), far_add_often(int64_t), near_apply(step *, const void *, int64_t);
pair near_two(pair);
large near_eight(large);
uint64_t near_text(const char *), near_ends(const uint8_t *, size_t), near_take(uint8_t *, size_t);
const char *near_name(uint64_t);

/* Rust calls a foreign function in a loop by an address that it has loaded before; so do those that are compared. */
#define BY_ADDRESS(name, function)      \
    __typeof__(&function) name = function; \
    HIDE(name)
#define HIDE_AT(p) __asm__ volatile("" : : "r"(p) : "memory")
enum { PASSES = 9, TEXT = 32 };
static const double PASS_NS = 3e6;
static size_t size = 1 << 20;
static uint8_t *own, *copy;
static int64_t (*by_address)(int64_t, int64_t);
static char texts[4][TEXT + 1];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

#define ADDING(name, call)                      \
    static int64_t name(int64_t n) {            \
        int64_t sum = 0, i = 0;                 \
        OFTEN(n, sum = call; HIDE(sum); i++; HIDE(i););  \
        return sum - n * (n - 1) / 2;           \
    }
ADDING(inlined, sum + i)
ADDING(c_static, near_add(sum, i))
/* The loop lies in the library, as ours does. */
static int64_t c_dynamic(int64_t n) { return far_add_often(n) - n * (n - 1) / 2; }
ADDING(c_pointer, by_address(sum, i))

static int64_t forward(const void *state, int64_t v) { return v + *(const int64_t *)state; }
static int64_t callback(int64_t n) {
    int64_t by = 3, v = 0;
    HIDE_AT(&by);
    BY_ADDRESS(apply, near_apply);
    BY_ADDRESS(back, forward);
    OFTEN(n, v = apply(back, &by, v); HIDE(v););
    return v - 4 * n;
}
static int64_t struct_16(int64_t n) {
    pair p = {0, 0};
    BY_ADDRESS(two, near_two);
    OFTEN(n, p = two(p); HIDE(p.steps); HIDE(p.sum););
    return p.steps - n + p.sum - n * (n - 1) / 2;
}
static int64_t struct_64(int64_t n) {
    large l = {{0}};
    BY_ADDRESS(eight, near_eight);
    OFTEN(n, l = eight(l); HIDE_AT(&l););
    return l.word[0] + l.word[7] - 9 * n;
}
/* As Rust's CString does: no zero within, memory of its own, a zero behind. */
static int64_t text_in(int64_t n) {
    int64_t sum = 0, want = 0;
    BY_ADDRESS(text, near_text);
    for (int64_t i = 0; i < n; i++) {
        const char *from = texts[i % 4];
        size_t length = TEXT;
        HIDE(length);
        char *to = malloc(length + 1);
        memcpy(to, from, length);
        if (memchr(to, 0, length) != NULL) return 1;
        to[length] = 0;
        sum += (int64_t)text(to);
        HIDE(sum);
        free(to);
        want += TEXT + 'a' + i % 4;
    }
    return sum - want;
}
/* What the ends of the buffer and its length add up to, by counting how often each byte was written. */
static uint64_t ends_of(uint64_t n) {
    uint64_t low = 0, high = 0, whole = n / 65536 * 256, rest = n % 65536;
    for (uint64_t byte = 0; byte < 256; byte++) {
        uint64_t left = rest > byte * 256 ? rest - byte * 256 : 0;
        low += byte * (n / 256 + (byte < n % 256));
        high += byte * (whole + (left < 256 ? left : 256));
    }
    return n * size + (low << 48) + (high << 56);
}
/* Calls with the buffer, whose ends are written anew for each; where it lies stays in registers. */
#define GIVING(name, function, call)                                           \
    static int64_t name(int64_t n) {                                           \
        uint64_t sum = 0, i = 0;                                               \
        uint8_t *const from = own, *const to = copy;                           \
        const size_t length = size;                                            \
        BY_ADDRESS(function, near_##function);                                 \
        OFTEN(n, from[0] = (uint8_t)i; from[length - 1] = (uint8_t)(i >> 8);   \
              HIDE_AT(from); { call } HIDE(sum); i++; HIDE(i););               \
        (void)to;                                                              \
        return (int64_t)(sum - ends_of((uint64_t)n));                          \
    }
GIVING(lent, ends, sum += ends(from, length);)
GIVING(copied, ends, memcpy(to, from, length); HIDE_AT(to); sum += ends(to, length);)
GIVING(given, take, uint8_t *memory = malloc(length); memcpy(memory, from, length);
       sum += take(memory, length);)

static const struct {
    const char *name;
    int64_t (*loop)(int64_t);
} FIGURES[] = {{"inlined", inlined},     {"c_static", c_static},   {"c_dynamic", c_dynamic}, {"c_pointer", c_pointer},
               {"callback", callback},   {"struct_16", struct_16}, {"struct_64", struct_64}, {"text_in", text_in},
               {"lent", lent},           {"copied", copied},       {"given", given}};
enum { COUNT = sizeof FIGURES / sizeof FIGURES[0] };

static double taken(int which, int64_t n) {
    double start = now();
    int64_t wrong = FIGURES[which].loop(n);
    double took = now() - start;
    if (wrong) {
        fprintf(stderr, "%s: off by %lld\n", FIGURES[which].name, (long long)wrong);
        exit(2);
    }
    return took;
}

int main(int argc, char **argv) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(argc > 1 ? atoi(argv[1]) : 0, &set);
    sched_setaffinity(0, sizeof set, &set);
    void *library = dlopen("libfar.so", RTLD_NOW);
    by_address = library ? (int64_t(*)(int64_t, int64_t))dlsym(library, "far_add") : NULL;
    if (by_address == NULL) return 2;
    own = malloc(size), copy = malloc(size);
    for (size_t i = 0; i < size; i++) own[i] = (uint8_t)(i * 31), copy[i] = 0;
    for (int i = 0; i < 4; i++) memset(texts[i], '.', TEXT), texts[i][0] = (char)('a' + i);
    int64_t n[COUNT];
    double best[COUNT];
    for (int f = 0; f < COUNT; f++)
        for (n[f] = 16, best[f] = 1e300; taken(f, n[f]) < PASS_NS;) n[f] *= 2;
    for (int pass = 0; pass < PASSES; pass++)
        for (int f = 0; f < COUNT; f++) {
            double each = taken(f, n[f]) / (double)n[f];
            if (each < best[f]) best[f] = each;
        }
    for (int f = 0; f < COUNT; f++) printf("%s %.4f\n", FIGURES[f].name, best[f]);
    return 0;
}
#endif
