/* A plain segmented sieve of Eratosthenes: the peer of cpu.primes, written from the textbook.
 *
 *     gcc -O3 -march=native sieve.c -o sieve && ./sieve LIMIT bytes|bits SEGMENT_BYTES SIEVES SAMPLES
 *
 * Odd numbers only, a byte or a bit for each, in segments that fit the first-level cache. Obtaining memory and finding
 * the primes up to the root lies outside the time, as in cpu.primes. Prints the count, then the seconds of one sieve for
 * each sample. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t limit;
static size_t primes_found;
static uint32_t *primes;
/* Index of the next odd multiple of each prime, from the start of the segment; index i stands for 2i + 1. */
static uint64_t *next;
static uint8_t *segment;
static size_t segment_bytes;

static void find_primes(void)
{
    uint32_t root = 0;
    while ((uint64_t)(root + 1) * (root + 1) <= limit)
        root++;
    uint8_t *crossed = calloc(root + 1, 1);
    primes = malloc((root + 1) * sizeof *primes);
    for (uint32_t n = 3; n <= root; n += 2) {
        if (crossed[n])
            continue;
        primes[primes_found++] = n;
        for (uint64_t m = (uint64_t)n * n; m <= root; m += 2 * n)
            crossed[m] = 1;
    }
    free(crossed);
    next = malloc((primes_found + 1) * sizeof *next);
}

static void start(void)
{
    for (size_t i = 0; i < primes_found; i++)
        next[i] = (uint64_t)primes[i] * primes[i] / 2;
}

static uint64_t sieve_bytes(void)
{
    uint64_t count = 0, left = (limit + 1) / 2;
    start();
    while (left > 0) {
        size_t here = left < segment_bytes ? left : segment_bytes;
        memset(segment, 1, here);
        for (size_t i = 0; i < primes_found; i++) {
            uint64_t at = next[i], step = primes[i];
            for (; at < here; at += step)
                segment[at] = 0;
            next[i] = at - here;
        }
        for (size_t i = 0; i < here; i++)
            count += segment[i];
        left -= here;
    }
    return count; /* 1 is counted in place of 2. */
}

static uint64_t sieve_bits(void)
{
    uint64_t *words = (uint64_t *)segment;
    uint64_t count = 0, left = (limit + 1) / 2, bits = segment_bytes * 8;
    start();
    while (left > 0) {
        uint64_t here = left < bits ? left : bits;
        memset(words, 0, segment_bytes);
        for (size_t i = 0; i < primes_found; i++) {
            uint64_t at = next[i], step = primes[i];
            for (; at < here; at += step)
                words[at / 64] |= 1ull << (at % 64);
            next[i] = at - here;
        }
        for (uint64_t w = 0; w < here / 64; w++)
            count += 64 - __builtin_popcountll(words[w]);
        if (here % 64)
            count += __builtin_popcountll(~words[here / 64] & ((1ull << (here % 64)) - 1));
        left -= here;
    }
    return count;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: sieve LIMIT bytes|bits SEGMENT_BYTES SIEVES SAMPLES\n");
        return 2;
    }
    limit = strtoull(argv[1], NULL, 10);
    uint64_t (*sieve)(void) = strcmp(argv[2], "bits") ? sieve_bytes : sieve_bits;
    segment_bytes = strtoull(argv[3], NULL, 10);
    uint64_t sieves = strtoull(argv[4], NULL, 10), samples = strtoull(argv[5], NULL, 10);
    segment = aligned_alloc(64, segment_bytes);
    find_primes();
    uint64_t count = sieve();
    printf("%llu\n", (unsigned long long)count);
    for (uint64_t s = 0; s < samples; s++) {
        double from = now();
        for (uint64_t i = 0; i < sieves; i++)
            if (sieve() != count)
                return 1;
        printf("%.9e\n", (now() - from) / sieves);
    }
    return 0;
}
