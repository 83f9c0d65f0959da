// Sweeps: system calls with each wrong argument by itself and each two of them together, to see which error comes first. Every result is
// a line of output; the harness compares them with those of real Linux.
//
// An argument has kinds, of which the first is right; a `Call` names those of each of its arguments. Descriptors and pages have fixed
// numbers and addresses, so that tables are constant. Left out is what depends on the kernel's version or the machine.
#ifndef SWEEP_H
#define SWEEP_H
#include "check.h"
#include <limits.h>
#include <mqueue.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <netinet/in.h>

typedef struct { const char *name; long value; } Kind;
typedef struct {
    const char *name;
    int nr;
    const Kind *args[6];
    // Called after each case with its result, to undo what it did.
    void (*after)(long result);
    // The result is an address or a process: only whether there was an error counts.
    int hidden;
} Call;
#define END {0, 0}
#define P(p) ((long)(p))

// Descriptors.
enum { CLOSED = 59, FILE_RW, FILE_RO, FILE_WO, DIRECTORY, PATH_ONLY, PIPE_R, PIPE_W, STREAM, PEER, DGRAM, TCP, EPOLL, EVENT, TIMER, SIGNAL, INOTIFY, NULLDEV,
       LISTENING, PATH_DIR, PTY, APPEND };
// Addresses: the last bytes before a hole, a hole, a page without access, and one that can only be read.
#define PAGES 0x30000000L
#define EDGE (PAGES + 4096 - 4)
#define HOLE (PAGES + 4096)
#define NONE (PAGES + 3 * 4096)
#define RONLY (PAGES + 5 * 4096)
// Room for what calls read and write, and the bytes from there to a hole.
#define ROOM (PAGES + 16 * 4096)
#define ROOM_SIZE (16 * 4096)
#if ABI64
#define KERNEL ((long)0xffff888000000000)
#else
#define KERNEL ((long)0xfffff000)
#endif

#define BAD_POINTERS {"null", 0}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"kernel", KERNEL}
__attribute__((unused)) static const Kind out[] = {{"out", ROOM}, BAD_POINTERS, {"ro", RONLY}, END};
__attribute__((unused)) static const Kind lengths[] = {{"16", 16}, {"0", 0}, {"1", 1}, {"5000", 5000}, {"-1", -1}, {"min", LONG_MIN}, {"2G-1", 0x7fffffff}, END};
__attribute__((unused)) static const Kind fds[] = {{"file", FILE_RW}, {"-1", -1}, {"closed", CLOSED}, {"ro", FILE_RO}, {"wo", FILE_WO}, {"dir", DIRECTORY}, {"path", PATH_ONLY},
    {"piper", PIPE_R}, {"pipew", PIPE_W}, {"stream", STREAM}, {"epoll", EPOLL}, {"event", EVENT}, {"timer", TIMER}, {"inotify", INOTIFY}, {"null", NULLDEV}, {"max", 0x7fffffff}, END};

static char lines[1 << 14];
static unsigned filled;
static void say(const char *s) {
    while (*s) lines[filled++] = *s++;
}
static void spill(void) {
    if (write(1, lines, filled) != (long)filled) _exit(1);
    filled = 0;
}

static void sweep_case(const Call *c, const int *pick) {
    long a[6] = {0};
    for (int i = 0; i < 6 && c->args[i]; i++) a[i] = c->args[i][pick[i]].value;
    // What the last call may have written.
    memcpy((void *)EDGE, "xxxx", 4);
    errno = 0;
    long r = syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    int e = errno;
    say(c->name);
    for (int i = 0; i < 6 && c->args[i]; i++) say(i ? "," : "("), say(c->args[i][pick[i]].name);
    say(")=");
    if (r == -1 && e) {
        const char *n = strerrorname_np(e);
        say(n ? n : "?");
    } else if (c->hidden) {
        say("ok");
    } else {
        char n[24];
        sprintf(n, "%ld", r);
        say(n);
    }
    say("\n");
    if (filled > sizeof lines / 2) spill();
    if (c->after) c->after(r == -1 && e ? -1 : r);
}

// Goes through the kinds of the arguments behind `from`, of which `wrong` may be wrong ones.
static void sweep_from(const Call *c, int *pick, int from, int wrong) {
    if (from == 6 || !c->args[from] || !wrong) return sweep_case(c, pick);
    sweep_from(c, pick, from + 1, wrong);
    for (int k = 1; c->args[from][k].name; k++) {
        pick[from] = k;
        sweep_from(c, pick, from + 1, wrong - 1);
    }
    pick[from] = 0;
}

// All calls, with up to two wrong arguments each.
static void sweep(const Call *calls) {
    for (; calls->name; calls++) {
        int pick[6] = {0};
        sweep_from(calls, pick, 0, 2);
    }
    spill();
}

// Closes the descriptor that a call returned.
__attribute__((unused)) static void close_it(long fd) {
    if (fd > 2) close(fd);
}

static void place(int fd, int at) {
    OK(fd);
    OK(dup2(fd, at));
    OK(close(fd));
}

// A null device of our own, as calls will change its mode and attributes; memory where there can't be one.
static int null_device(void) {
    mknod("null", S_IFCHR | 0666, makedev(1, 3));
    int fd = open("null", O_RDWR);
    unlink("null");
    return fd >= 0 ? fd : memfd_create("null", 0);
}

static void pages(long at, long size, int prot) {
    EQ(P(mmap((void *)at, size, prot, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), at);
}

// A new pair and new sockets without a name, and a listening one.
static void sockets(void) {
    int p[2];
    struct sockaddr_un name = {AF_UNIX, "listening"};
    OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p));
    place(p[0], STREAM);
    place(p[1], PEER);
    place(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), DGRAM);
    place(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), TCP);
    place(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), LISTENING);
    OK(bind(LISTENING, (void *)&name, sizeof name));
    OK(listen(LISTENING, 5));
}

// The descriptors and pages, in a directory of their own.
__attribute__((unused)) static void setup(void) {
    int p[2];
    sigset_t none;
    alarm(200);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    tmpdir();
    umask(022);
    put("file", "some text, long enough for a few reads of sixteen bytes each, and then some more of it so that a hundred are there");
    OK(mkdir("dir", 0755));
    place(open("file", O_RDWR | O_LARGEFILE), FILE_RW);
    place(open("file", O_RDONLY | O_LARGEFILE), FILE_RO);
    place(open("file", O_WRONLY | O_LARGEFILE), FILE_WO);
    place(open("file", O_RDWR | O_LARGEFILE | O_APPEND), APPEND);
    place(open("dir", O_RDONLY | O_DIRECTORY), DIRECTORY);
    place(open("file", O_PATH), PATH_ONLY);
    place(open("dir", O_PATH), PATH_DIR);
    OK(pipe2(p, O_NONBLOCK));
    place(p[0], PIPE_R);
    place(p[1], PIPE_W);
    sockets();
    place(epoll_create1(0), EPOLL);
    place(eventfd(0, EFD_NONBLOCK), EVENT);
    place(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), TIMER);
    sigemptyset(&none);
    place(signalfd(-1, &none, SFD_NONBLOCK), SIGNAL);
    place(inotify_init1(IN_NONBLOCK), INOTIFY);
    place(null_device(), NULLDEV);
    place(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK), PTY);
    pages(PAGES, 4096, PROT_READ | PROT_WRITE);
    pages(NONE, 4096, PROT_NONE);
    pages(RONLY, 4096, PROT_READ);
    pages(ROOM, ROOM_SIZE, PROT_READ | PROT_WRITE);
}
#endif
