/* What benches/peers/system compares our probes with: the same measurements, written again in C.
 *
 *     gcc -O2 -pthread system.c -o system && ./system null|add|pipe|pipe1|switch|process|fault|handoff [CPU OTHER]
 *
 * Prints one number a line: nanoseconds of one operation, a line for each pass. Exits 2 when a check fails.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PASSES = 9 };
static const double PASS_NS = 4e6;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(2);
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) die("sched_setaffinity");
}

/* Runs `work` often enough for 4 ms, then prints what one operation takes, for each of nine passes. */
static void passes(void (*work)(long n), double operations, double less) {
    long n = 64;
    for (;;) {
        double start = now();
        work(n);
        if (now() - start >= PASS_NS) break;
        n *= 2;
    }
    for (int pass = 0; pass < PASSES; pass++) {
        double start = now();
        work(n);
        printf("%.4f\n", (now() - start) / ((double)n * operations) - less);
    }
}

/* Null system call. */
static void null(long n) {
    pid_t parent = getppid();
    for (long i = 0; i < n; i++)
        if (syscall(SYS_getppid) != parent) die("getppid");
}

/* Uncontended atomic addition. */
static _Alignas(128) atomic_ulong counter;
static unsigned long sink;
static void add(long n) {
    unsigned long sum = 0, before = atomic_load(&counter);
    for (long i = 0; i < n; i += 4) {
        sum += atomic_fetch_add(&counter, 1);
        sum += atomic_fetch_add(&counter, 1);
        sum += atomic_fetch_add(&counter, 1);
        sum += atomic_fetch_add(&counter, 1);
    }
    *(volatile unsigned long *)&sink = sum;
    if (atomic_load(&counter) - before != (unsigned long)n) die("additions lost");
}

/* Token through pipes. */
static int to[2], back[2], alone[2];
static void put(int fd, int token) {
    if (write(fd, &token, sizeof token) != sizeof token) die("write");
}
static int get(int fd) {
    int token = 0;
    if (read(fd, &token, sizeof token) != sizeof token) die("read");
    return token;
}
static void one_pipe(long n) {
    for (long i = 0; i < n; i++) {
        put(alone[1], (int)i);
        if (get(alone[0]) != (int)i) die("token");
    }
}
static void round_trips(long n) {
    for (long i = 0; i < n; i++) {
        put(to[1], (int)i);
        if (get(back[0]) != (int)i) die("token");
    }
}
/* Answers until the pipe ends, or a token of -1 comes. */
static void *echo(void *unused) {
    (void)unused;
    int token;
    while (read(to[0], &token, sizeof token) == sizeof token && token != -1) put(back[1], token);
    return NULL;
}
/* A second thread, asleep: in a process of several threads each call on a descriptor counts its users. */
static void *asleep(void *unused) {
    (void)unused;
    pause();
    return NULL;
}
static void second_thread(void) {
    pthread_t other;
    if (pthread_create(&other, NULL, asleep, NULL)) die("pthread_create");
}
static double best_pipe(void) {
    double best = 1e18;
    for (int pass = 0; pass < PASSES; pass++) {
        const long n = 8000;
        double start = now();
        one_pipe(n);
        double each = (now() - start) / n;
        if (each < best) best = each;
    }
    return best;
}
static void switches(int processes) {
    if (pipe(to) || pipe(back)) die("pipe");
    if (processes) {
        double less = best_pipe();
        pid_t child = fork();
        if (child < 0) die("fork");
        if (child == 0) {
            close(to[1]);
            close(back[0]);
            echo(NULL);
            _exit(0);
        }
        passes(round_trips, 2, less);
        close(to[1]);
        waitpid(child, NULL, 0);
    } else {
        pthread_t other; /* inherits the CPU */
        if (pthread_create(&other, NULL, echo, NULL)) die("pthread_create");
        double less = best_pipe();
        passes(round_trips, 2, less);
        put(to[1], -1);
        pthread_join(other, NULL);
    }
}

/* Page faults of 4 KiB. */
static void faults(void) {
    const size_t bytes = 64u << 20, page = (size_t)sysconf(_SC_PAGESIZE);
    for (int pass = 0; pass <= 7; pass++) {
        char *region = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (region == MAP_FAILED) die("mmap");
        madvise(region, bytes, MADV_NOHUGEPAGE);
        struct rusage before, after;
        getrusage(RUSAGE_SELF, &before);
        double start = now();
        for (size_t at = 0; at < bytes; at += page) *(volatile char *)(region + at) = 1;
        double took = now() - start;
        getrusage(RUSAGE_SELF, &after);
        if (after.ru_minflt - before.ru_minflt < (long)(bytes / page)) die("too few faults");
        if (munmap(region, bytes)) die("munmap");
        if (pass) printf("%.4f\n", took / (double)(bytes / page));
    }
}

/* A line from one CPU to another and back. */
static struct {
    _Alignas(128) atomic_long turn;
    _Alignas(128) int other;
} ball;
static void *answer(void *unused) {
    (void)unused;
    pin(ball.other);
    if (sched_getcpu() != ball.other) die("wrong CPU");
    for (long next = 1;; next += 2) {
        long seen;
        while ((seen = atomic_load_explicit(&ball.turn, memory_order_acquire)) != next)
            if (seen < 0) return NULL;
        atomic_store_explicit(&ball.turn, next + 1, memory_order_release);
    }
}
static void play(long n) {
    long turn = atomic_load(&ball.turn);
    for (long i = 0; i < n; i++) {
        atomic_store_explicit(&ball.turn, turn + 1, memory_order_release);
        turn += 2;
        while (atomic_load_explicit(&ball.turn, memory_order_acquire) != turn) continue;
    }
}
static void handoff(int cpu, int other) {
    if (sched_getcpu() != cpu || cpu == other) die("wrong CPU");
    ball.other = other;
    pthread_t thread;
    if (pthread_create(&thread, NULL, answer, NULL)) die("pthread_create");
    passes(play, 2, 0);
    atomic_store(&ball.turn, -1);
    pthread_join(thread, NULL);
}

int main(int count, char **words) {
    const char *what = count > 1 ? words[1] : "";
    int cpu = count > 2 ? atoi(words[2]) : 0, other = count > 3 ? atoi(words[3]) : 1;
    pin(cpu);
    if (pipe(alone)) die("pipe");
    if (!strcmp(what, "null")) passes(null, 1, 0);
    else if (!strcmp(what, "add")) passes(add, 1, 0);
    else if (!strcmp(what, "pipe1")) passes(one_pipe, 1, 0);
    else if (!strcmp(what, "pipe")) second_thread(), passes(one_pipe, 1, 0);
    else if (!strcmp(what, "switch")) switches(0);
    else if (!strcmp(what, "process")) switches(1);
    else if (!strcmp(what, "fault")) faults();
    else if (!strcmp(what, "handoff")) handoff(cpu, other);
    else return fprintf(stderr, "name a measurement, see the head of system.c\n"), 1;
    return 0;
}
