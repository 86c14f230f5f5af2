/*
 * A pointer chase in C, written for itself: the reference of `benches/peers/chase`.
 *
 *     chase huge|small SAMPLES SAMPLE_MS SIZE..      one line a size: bytes, fastest and median nanoseconds of a load
 *
 * The lines of a region are visited in a shuffled order (Fisher and Yates), each holding the address of the next; the
 * last one holds that of the first. One mapping for all sizes, all of it touched first, in 2 MiB pages where
 * `madvise` brings them (what came goes to standard error), or never. Each size is walked once round or a million loads,
 * then sampled. Which sets of a cache a region falls into is luck of its pages, so sizes up to 8 MiB are linked and
 * sampled at several places of the mapping; the fastest of all is the first number.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { LINE = 64, BATCH = 200, PLACES = 5 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static uint64_t state = 88172645463325252u;

/* Xorshift (Marsaglia 2003); the bias of the remainder does not matter here. */
static uint64_t number(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

#define TEN(x) x x x x x x x x x x

static void *walk(void *at, long batches)
{
    while (batches-- > 0) {
        TEN(TEN(at = *(void **)at;)) TEN(TEN(at = *(void **)at;))
        __asm__ volatile("" : "+r"(at));
    }
    return at;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Huge pages of the mapping that holds `at`, in kB. */
static long huge_kb(const char *at)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    unsigned long from, to;
    long kb = -1;
    int inside = 0;
    while (maps && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from <= (unsigned long)at && (unsigned long)at < to;
        else if (inside && sscanf(line, "AnonHugePages: %ld", &kb) == 1)
            break;
    }
    if (maps)
        fclose(maps);
    return kb;
}

static void *link_lines(char *region, uint32_t *order, size_t lines)
{
    for (size_t i = 0; i < lines; i++)
        order[i] = (uint32_t)i;
    for (size_t i = lines - 1; i > 0; i--) {
        size_t j = number(i + 1);
        uint32_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    for (size_t i = 0; i < lines; i++)
        *(void **)(region + (size_t)order[i] * LINE) = region + (size_t)order[(i + 1) % lines] * LINE;
    return region + (size_t)order[0] * LINE;
}

int main(int count, char **words)
{
    if (count < 5)
        return 2;
    int huge = strcmp(words[1], "huge") == 0, samples = atoi(words[2]);
    double least = atof(words[3]) * 1e-3;
    size_t most = 0, unit = 2 << 20;
    for (int i = 4; i < count; i++) {
        size_t bytes = strtoull(words[i], NULL, 10);
        most = bytes > most ? bytes : most;
    }
    most = (most + unit - 1) / unit * unit;
    char *map = mmap(NULL, most + unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t *order = malloc(most / LINE * sizeof *order);
    double *times = malloc((size_t)samples * PLACES * sizeof *times);
    if (map == MAP_FAILED || !order || !times || samples < 1)
        return 1;
    char *region = map + (unit - (uintptr_t)map % unit) % unit;
    madvise(map, most + unit, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    memset(region, 0, most);
    fprintf(stderr, "mapped %zu kB, huge %ld kB\n", most >> 10, huge_kb(region));
    for (int i = 4; i < count; i++) {
        size_t lines = strtoull(words[i], NULL, 10) / LINE, slack = most - lines * LINE;
        int places = slack >= 4096 && lines * LINE <= 8 << 20 ? PLACES : 1, taken = 0;
        for (int p = 0; p < places; p++) {
            void *at = link_lines(region + number(slack / 4096 + 1) * 4096, order, lines);
            long batches = (lines < 1000000 ? lines : 1000000) / BATCH + 1;
            at = walk(at, batches);
            double took = 0;
            for (batches = 1; took < least; batches *= 2) {
                double start = now();
                at = walk(at, batches);
                took = now() - start;
            }
            batches /= 2;
            for (int s = 0; s < samples; s++) {
                double start = now();
                at = walk(at, batches);
                times[taken++] = (now() - start) * 1e9 / ((double)batches * BATCH);
            }
        }
        qsort(times, taken, sizeof *times, ascending);
        printf("%zu %.4f %.4f\n", lines * LINE, times[0], times[taken / 2]);
        fflush(stdout);
    }
    return 0;
}
