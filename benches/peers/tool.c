/* What benches/peers/tool compares our probes with: the same calls, written again in C.
 *
 *     gcc -O2 -pthread tool.c -o tool && ./tool WORD BYTES CPU OTHER [PROGRAM ARGUMENTS..]
 *
 * WORD is function, thread, unix, stdio, http_keepalive, http_new, spawn, fork, spawn_large, fork_large, shell, mcp or
 * mcp_same (with the server on the CPU of its client).
 * With MAPPINGS, USED and OWN in its environment, fork is made from a process with so many mappings, so many of them with
 * memory of its own, and so many bytes of that.
 * Prints one number a line: nanoseconds of a call, without those of reading the clock. Exits 2 when a check fails.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLES = 1000, MOST = 1 << 25 };
extern char **environ;
static double floor_ns;
static char *payload, *question, *answer;
static size_t bytes;
static int cpu, other;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}
static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(2);
}
static void pin(int to) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(to, &set);
    if (sched_setaffinity(0, sizeof set, &set)) die("sched_setaffinity");
}
static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Makes calls for 5 ms, then a thousand or as many as fit into 100 ms, each timed with the `batch - 1` after it. */
static void samples(void (*call)(long number), long batch) {
    static double taken[SAMPLES];
    long number = 1;
    double start = now();
    for (int made = 0; made < 3 || now() - start < 5e6; made++) call(number++);
    int count = 0;
    for (start = now(); count < SAMPLES && (count < 5 || now() - start < 1e8); count++) {
        double from = now();
        for (long i = 0; i < batch; i++) call(number++);
        taken[count] = (now() - from - floor_ns) / (double)batch;
    }
    for (int i = 0; i < count; i++) printf("%.3f\n", taken[i]);
}

/* A function at an address that the compiler does not know, so that no argument is left out; eight calls a turn. */
static __attribute__((noinline)) long add(long a, long b, const char *text, size_t length) {
    (void)text;
    return a + b + (long)length;
}
static void function(long number) {
    long (*tool)(long, long, const char *, size_t) = add;
    __asm__ volatile("" : "+r"(tool));
    const char *text = payload;
    const size_t length = bytes;
    const long second = 7, beside = second + (long)length;
    long off = 0;
#define CALL                                                        \
    off |= tool(number, second, text, length) ^ (beside + number), number++; \
    __asm__ volatile("" : "+r"(off), "+r"(number));
    for (int turn = 0; turn < 1000 / 8; turn++) {
        CALL CALL CALL CALL CALL CALL CALL CALL
    }
    if (off) die("sum");
}

/* The message of a call: no two in a row are alike. */
static size_t ask(long number) {
    memcpy(question, payload, bytes);
    for (size_t digit = 0; digit < 8 && digit < bytes; digit++) question[digit] = (char)('a' + ((number >> (4 * digit)) & 15));
    return bytes;
}
static void check(const char *got, size_t length) {
    if (length != bytes || memcmp(got, question, bytes)) errno = 0, die("answer");
}

/* Another thread: a slot behind a mutex. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t asked, answered;
    int state; /* 0 idle, 1 asked, 2 answered */
    char *message;
    size_t length;
} slot = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL, 0};
static void *thread_server(void *unused) {
    (void)unused;
    pin(other);
    char *mine = malloc(MOST), *reply = malloc(MOST);
    for (;;) {
        pthread_mutex_lock(&slot.lock);
        while (slot.state != 1) pthread_cond_wait(&slot.asked, &slot.lock);
        char *message = slot.message;
        size_t length = slot.length;
        slot.message = mine, mine = message;
        pthread_mutex_unlock(&slot.lock);
        memcpy(reply, mine, length);
        pthread_mutex_lock(&slot.lock);
        message = slot.message, slot.message = reply, reply = message;
        slot.length = length, slot.state = 2;
        pthread_mutex_unlock(&slot.lock);
        pthread_cond_signal(&slot.answered);
    }
    return NULL;
}
static void thread_call(long number) {
    size_t length = ask(number);
    memcpy(answer, question, length);
    pthread_mutex_lock(&slot.lock);
    char *message = slot.message;
    slot.message = answer, answer = message;
    slot.length = length, slot.state = 1;
    pthread_mutex_unlock(&slot.lock);
    pthread_cond_signal(&slot.asked);
    pthread_mutex_lock(&slot.lock);
    while (slot.state != 2) pthread_cond_wait(&slot.answered, &slot.lock);
    message = slot.message, slot.message = answer, answer = message;
    length = slot.length, slot.state = 0;
    pthread_mutex_unlock(&slot.lock);
    check(answer, length);
}

/* Lines over descriptors. */
static int to, from;
/* Whether nothing is waited for without a limit, as whoever calls a server of other people must. */
static int limited;
static void put(int fd, const char *data, size_t length) {
    for (size_t sent = 0; sent < length;) {
        ssize_t count = write(fd, data + sent, length - sent);
        if (count <= 0) die("write");
        sent += (size_t)count;
    }
}
static size_t line(int fd, char *into) {
    for (size_t filled = 0;;) {
        struct pollfd waited = {fd, POLLIN, 0};
        const struct timespec limit = {0, 50000000};
        if (limited && ppoll(&waited, 1, &limit, NULL) == 0) continue;
        ssize_t count = read(fd, into + filled, MOST - filled);
        if (count <= 0) return 0;
        filled += (size_t)count;
        if (into[filled - 1] == '\n') return filled;
    }
}
static void serve_lines(int in, int out) {
    char *message = malloc(MOST), *reply = malloc(MOST);
    for (size_t length; (length = line(in, message));) {
        memcpy(reply, message, length);
        put(out, reply, length);
    }
}
static void line_call(long number) {
    size_t length = ask(number);
    question[length] = '\n';
    put(to, question, length + 1);
    length = line(from, answer);
    if (length == 0) die("end");
    check(answer, length - 1);
}
static void *unix_server(void *end) {
    pin(other);
    serve_lines(*(int *)end, *(int *)end);
    return NULL;
}
static void start(void *(*server)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, server, argument)) die("pthread_create");
}

/* HTTP/1.1 over loopback. */
static struct sockaddr_in address;
static int kept = -1, keep;
static size_t post(const char *first, const char *body, size_t length, char *into) {
    int head = sprintf(into, "%s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", first, length);
    memcpy(into + head, body, length);
    return (size_t)head + length;
}
/* The body of the next message and its length; NULL at the end. */
static char *message(int fd, char *into, size_t *length) {
    size_t filled = 0;
    char *head = NULL;
    while (!head) {
        ssize_t count = read(fd, into + filled, MOST - 1 - filled);
        if (count <= 0) return NULL;
        filled += (size_t)count;
        into[filled] = 0;
        head = strstr(into, "\r\n\r\n");
    }
    const char *field = strcasestr(into, "content-length:");
    if (!field) die("length");
    *length = strtoul(field + 15, NULL, 10);
    char *body = head + 4;
    while (filled < (size_t)(body - into) + *length) {
        ssize_t count = read(fd, into + filled, MOST - 1 - filled);
        if (count <= 0) return NULL;
        filled += (size_t)count;
    }
    return body;
}
static void *http_server(void *listener) {
    pin(other);
    char *in = malloc(MOST), *out = malloc(MOST);
    const int on = 1;
    for (;;) {
        int fd = accept4(*(int *)listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) die("accept");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        size_t length;
        for (char *body; (body = message(fd, in, &length));) put(fd, out, post("HTTP/1.1 200 OK", body, length, out));
        close(fd);
    }
    return NULL;
}
static void http_call(long number) {
    static char *request, first[64];
    if (!request) {
        request = malloc(MOST);
        sprintf(first, "POST /call HTTP/1.1\r\nHost: 127.0.0.1:%d", ntohs(address.sin_port));
    }
    size_t length = ask(number), body = 0;
    length = post(first, question, length, request);
    int fd = kept;
    if (fd < 0) {
        const int on = 1;
        const struct timeval limit = {20, 0};
        const struct linger reset = {1, 0};
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address)) die("connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (!keep) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    put(fd, request, length);
    char *got = message(fd, answer, &body);
    if (!got || strncmp(answer, "HTTP/1.1 200 ", 13)) die("answer");
    check(got, body);
    if (keep) kept = fd;
    else close(fd);
}
static void http(void) {
    static int listener;
    socklen_t size = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 128) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        die("listen");
    start(http_server, &listener);
    samples(http_call, 1);
}

/* Starts of a program. */
static char **program;
static posix_spawn_file_actions_t actions;
static posix_spawnattr_t attributes;
static void ended(pid_t pid) {
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0) die("child");
}
static void spawn_call(long number) {
    (void)number;
    pid_t pid;
    errno = posix_spawn(&pid, program[0], &actions, &attributes, program, environ);
    if (errno) die("posix_spawn");
    ended(pid);
}
static int null;
static void fork_call(long number) {
    (void)number;
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid == 0) {
        setpgid(0, 0);
        for (int fd = 0; fd < 3; fd++) dup2(null, fd);
        execve(program[0], program, environ);
        _exit(127);
    }
    ended(pid);
}
/* A copy of a process takes as long as its parent is large. So the parent becomes as large as the one that it is compared
 * with: as many mappings, as many of them with memory of its own, as much of that, and a second thread that waits. */
static void *waiting(void *unused) {
    pin(other);
    pause();
    return unused;
}
static void grow_to(long mappings, long used, long own) {
    char row[4096];
    FILE *file = fopen("/proc/self/smaps", "r");
    if (!file) die("smaps");
    for (long kibibytes; fgets(row, sizeof row, file);)
        if (sscanf(row, "Anonymous: %ld kB", &kibibytes) == 1) mappings--, used -= kibibytes > 0, own -= kibibytes << 10;
    fclose(file);
    if (used < 1 || mappings < used || own < 4096 * used) errno = 0, die("the parent cannot be made as large as that");
    const long pages = own / 4096;
    for (long at = 0; at < mappings; at++) {
        /* Neighbours differ in what may be done with them, or they would be one. */
        long some = at < used ? pages / used + (at < pages % used) : 0;
        size_t size = 4096 * (size_t)(some ? some : 1);
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) die("mmap");
        for (long page = 0; page < some; page++) memory[4096 * page] = 1;
        if (at % 2 && mprotect(memory, size, PROT_READ)) die("mprotect");
    }
}
static void starts(void (*call)(long), size_t ballast) {
    sigset_t none, broken;
    sigemptyset(&none), sigemptyset(&broken), sigaddset(&broken, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none), posix_spawnattr_setsigdefault(&attributes, &broken);
    /* Standard output carries the results: it is put away for the children only. */
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 3; fd++) posix_spawn_file_actions_adddup2(&actions, null, fd);
    if (ballast) {
        char *memory = mmap(NULL, ballast, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) die("mmap");
        madvise(memory, ballast, MADV_NOHUGEPAGE);
        for (size_t at = 0; at < ballast; at += 4096) *(volatile char *)(memory + at) = 1;
    }
    if (getenv("MAPPINGS")) {
        start(waiting, NULL);
        grow_to(atol(getenv("MAPPINGS")), atol(getenv("USED")), atol(getenv("OWN")));
    }
    samples(call, 1);
}

/* A server of the Model Context Protocol: calls of its tool `echo`. */
static void mcp_call(long number) {
    int head = sprintf(question,
                       "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\","
                       "\"arguments\":{\"text\":\"%.*s\"}}}\n",
                       number + 1, (int)bytes, payload);
    put(to, question, (size_t)head);
    size_t length = line(from, answer);
    char wanted[40];
    sprintf(wanted, "\"id\":%ld,", number + 1);
    answer[length] = 0;
    char *text = length ? strstr(answer, "\"text\":\"") : NULL;
    if (!text || !strstr(answer, wanted) || strncmp(text + 8, payload, bytes)) die("answer");
}
static void piped(void) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) die("pipe");
    pid_t pid;
    if (program) {
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, in[0], 0), posix_spawn_file_actions_adddup2(&actions, out[1], 1);
        pin(other);
        errno = posix_spawn(&pid, program[0], &actions, NULL, program, environ);
        if (errno) die("posix_spawn");
        pin(cpu);
    } else if ((pid = fork()) == 0) {
        pin(other);
        close(in[1]), close(out[0]);
        serve_lines(in[0], out[1]);
        _exit(0);
    }
    close(in[0]), close(out[1]);
    to = in[1], from = out[0];
    if (program) {
        const char *hello = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
                            "\"2025-06-18\",\"capabilities\":{},\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}}}\n";
        put(to, hello, strlen(hello));
        if (!line(from, answer)) die("handshake");
        hello = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";
        put(to, hello, strlen(hello));
    }
    samples(program ? mcp_call : line_call, 1);
    close(to);
    ended(pid);
}

int main(int count, char **words) {
    if (count < 5) return fprintf(stderr, "see the head of tool.c\n"), 1;
    const char *word = words[1];
    bytes = strtoul(words[2], NULL, 10), cpu = atoi(words[3]), other = atoi(words[4]);
    program = count > 5 ? words + 5 : NULL;
    payload = malloc(MOST), question = malloc(MOST), answer = malloc(MOST), slot.message = malloc(MOST);
    for (size_t i = 0; i < bytes; i++) payload[i] = (char)('a' + (i * 7 + i / 26) % 26);
    static double empty[1001];
    for (int i = 0; i < 1001; i++) {
        double from = now();
        empty[i] = now() - from;
    }
    qsort(empty, 1001, sizeof *empty, ascending);
    floor_ns = empty[500];
    pin(cpu);
    if (!strcmp(word, "function")) {
        /* A thousand calls a sample. */
        static double taken[SAMPLES];
        function(1);
        for (int i = 0; i < SAMPLES; i++) {
            double from = now();
            function(i);
            taken[i] = (now() - from - floor_ns) / 1000;
        }
        for (int i = 0; i < SAMPLES; i++) printf("%.4f\n", taken[i]);
    } else if (!strcmp(word, "thread")) start(thread_server, NULL), samples(thread_call, 1);
    else if (!strcmp(word, "unix")) {
        int ends[2];
        const struct timeval limit = {20, 0};
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) die("socketpair");
        setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        to = from = ends[0];
        start(unix_server, &ends[1]);
        samples(line_call, 1);
    } else if (!strcmp(word, "stdio")) piped();
    else if (!strcmp(word, "mcp")) limited = 1, piped();
    else if (!strcmp(word, "mcp_same")) limited = 1, other = cpu, piped();
    else if (!strcmp(word, "http_keepalive")) keep = 1, http();
    else if (!strcmp(word, "http_new")) http();
    else if (!strcmp(word, "spawn") || !strcmp(word, "shell")) starts(spawn_call, 0);
    else if (!strcmp(word, "fork")) starts(fork_call, 0);
    else if (!strcmp(word, "spawn_large")) starts(spawn_call, 1u << 30);
    else if (!strcmp(word, "fork_large")) starts(fork_call, 1u << 30);
    else return fprintf(stderr, "no measurement `%s`\n", word), 1;
    return 0;
}
