// variants: x64 x64-static i386-static musl-static-pie
// flags: -msse2
// work: 4 1
//
// The litmus tests of x86's memory model: what no x86 may show. How many rounds is the argument, or N. Each thread works its way through an array of cells; all start at once.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CELLS = 3000, MOST = 4 };

// x and y in lines of their own; ux crosses the end of a line, uy lies unaligned within one.
struct cell {
    int x, padx[15];
    int y, pady[15];
    int vx[4], padvx[12];
    int vy[4], padvy[12];
    char before[62], ux[4], between[16], uy[4], after[42];
    int a, b, c, d;
    int pad[12];
} __attribute__((aligned(64)));

static void st(void *p, int v) { __asm__ volatile("movl %1, %0" : "=m"(*(int *)p) : "r"(v) : "memory"); }
static void st_byte(void *p, int v) { __asm__ volatile("movb %1, %0" : "=m"(*(char *)p) : "q"((char)v) : "memory"); }
static void st_xchg(void *p, int v) { __asm__ volatile("xchgl %1, %0" : "+m"(*(int *)p), "+r"(v) : : "memory"); }
static void st_xadd(void *p, int v) { __asm__ volatile("lock; xaddl %1, %0" : "+m"(*(int *)p), "+r"(v) : : "memory"); }
static int ld(void *p) {
    int v;
    __asm__ volatile("movl %1, %0" : "=r"(v) : "m"(*(int *)p) : "memory");
    return v;
}
static int ld_byte(void *p) {
    int v;
    __asm__ volatile("movzbl %1, %0" : "=r"(v) : "m"(*(char *)p) : "memory");
    return v;
}
static void st_vector(void *p, int v) { __asm__ volatile("movd %1, %%xmm0\n\tmovaps %%xmm0, %0" : "=m"(*(char(*)[16])p) : "r"(v) : "memory", "xmm0"); }
static int ld_vector(void *p) {
    int v;
    __asm__ volatile("movaps %1, %%xmm0\n\tmovd %%xmm0, %0" : "=r"(v) : "m"(*(char(*)[16])p) : "memory", "xmm0");
    return v;
}
static void st_float(void *p, int v) { __asm__ volatile("movd %1, %%xmm0\n\tmovss %%xmm0, %0" : "=m"(*(int *)p) : "r"(v) : "memory", "xmm0"); }
static int ld_float(void *p) {
    int v;
    __asm__ volatile("movss %1, %%xmm0\n\tmovd %%xmm0, %0" : "=r"(v) : "m"(*(int *)p) : "memory", "xmm0");
    return v;
}
static void mfence(void) { __asm__ volatile("mfence" : : : "memory"); }
static void lock_add(void) {
    int own = 0;
    __asm__ volatile("lock; addl $0, %0" : "+m"(own) : : "memory", "cc");
}
static void cmpxchg_failing(int *own) {
    int eax = 5;
    __asm__ volatile("lock; cmpxchgl %2, %1" : "+a"(eax), "+m"(*own) : "r"(9) : "memory", "cc");
}

#define BODY(name, code) \
    static void name(struct cell *c) { code; }
BODY(mp0, st(&c->x, 1); st(&c->y, 1))
BODY(mp1, c->a = ld(&c->y); c->b = ld(&c->x))
BODY(mpb0, st_byte(&c->x, 1); st_byte(&c->y, 1))
BODY(mpb1, c->a = ld_byte(&c->y); c->b = ld_byte(&c->x))
BODY(mpv0, st_vector(c->vx, 1); st_vector(c->vy, 1))
BODY(mpv1, c->a = ld_vector(c->vy); c->b = ld_vector(c->vx))
BODY(mpf0, st_float(&c->x, 1); st_float(&c->y, 1))
BODY(mpf1, c->a = ld_float(&c->y); c->b = ld_float(&c->x))
BODY(mpu0, st(c->ux, 1); st(c->uy, 1))
BODY(mpu1, c->a = ld(c->uy); c->b = ld(c->ux))
BODY(mpx0, st(&c->x, 1); st_xchg(&c->y, 1))
BODY(mpa0, st(&c->x, 1); st_xadd(&c->y, 1))
BODY(lb0, c->a = ld(&c->x); st(&c->y, 1))
BODY(lb1, c->b = ld(&c->y); st(&c->x, 1))
BODY(sbm0, st(&c->x, 1); mfence(); c->a = ld(&c->y))
BODY(sbm1, st(&c->y, 1); mfence(); c->b = ld(&c->x))
BODY(sbx0, st_xchg(&c->x, 1); c->a = ld(&c->y))
BODY(sbx1, st_xchg(&c->y, 1); c->b = ld(&c->x))
BODY(sba0, st_xadd(&c->x, 1); c->a = ld(&c->y))
BODY(sba1, st_xadd(&c->y, 1); c->b = ld(&c->x))
BODY(sbl0, st(&c->x, 1); lock_add(); c->a = ld(&c->y))
BODY(sbl1, st(&c->y, 1); lock_add(); c->b = ld(&c->x))
BODY(sbc0, st(&c->x, 1); cmpxchg_failing(&c->pad[0]); c->a = ld(&c->y))
BODY(sbc1, st(&c->y, 1); cmpxchg_failing(&c->pad[1]); c->b = ld(&c->x))
BODY(sbv0, st_vector(c->vx, 1); mfence(); c->a = ld_vector(c->vy))
BODY(sbv1, st_vector(c->vy, 1); mfence(); c->b = ld_vector(c->vx))
BODY(s0, st(&c->x, 2); st(&c->y, 1))
BODY(s1, c->a = ld(&c->y); st(&c->x, 1))
BODY(r0, st(&c->x, 1); st(&c->y, 1))
BODY(r1, st(&c->y, 2); mfence(); c->a = ld(&c->x))
BODY(rx1, st_xchg(&c->y, 2); c->a = ld(&c->x))
BODY(w0, st(&c->x, 1); st(&c->y, 2))
BODY(w1, st(&c->y, 1); st(&c->x, 2))
BODY(iriw0, st(&c->x, 1))
BODY(iriw1, st(&c->y, 1))
BODY(iriw2, c->a = ld(&c->x); c->b = ld(&c->y))
BODY(iriw3, c->c = ld(&c->y); c->d = ld(&c->x))
BODY(iriwx0, st_xchg(&c->x, 1))
BODY(iriwx1, st_xchg(&c->y, 1))
BODY(corr1, c->a = ld(&c->x); c->b = ld(&c->x))

static int read_backwards(struct cell *c) { return c->a == 1 && c->b == 0; }
static int both_seen(struct cell *c) { return c->a == 1 && c->b == 1; }
static int none_seen(struct cell *c) { return c->a == 0 && c->b == 0; }
static int overwritten(struct cell *c) { return c->a == 1 && c->x == 2; }
static int r_forbidden(struct cell *c) { return c->y == 2 && c->a == 0; }
static int both_first(struct cell *c) { return c->x == 1 && c->y == 1; }
static int iriw(struct cell *c) { return c->a == 1 && c->b == 0 && c->c == 1 && c->d == 0; }

static const struct test {
    const char *name;
    void (*body[MOST])(struct cell *);
    int (*forbidden)(struct cell *);
} TESTS[] = {
    {"MP", {mp0, mp1}, read_backwards},
    {"MP bytes", {mpb0, mpb1}, read_backwards},
    {"MP vectors", {mpv0, mpv1}, read_backwards},
    {"MP singles", {mpf0, mpf1}, read_backwards},
    {"MP unaligned", {mpu0, mpu1}, read_backwards},
    {"MP xchg", {mpx0, mp1}, read_backwards},
    {"MP xadd", {mpa0, mp1}, read_backwards},
    {"LB", {lb0, lb1}, both_seen},
    {"SB mfence", {sbm0, sbm1}, none_seen},
    {"SB xchg", {sbx0, sbx1}, none_seen},
    {"SB xadd", {sba0, sba1}, none_seen},
    {"SB lock add", {sbl0, sbl1}, none_seen},
    {"SB cmpxchg", {sbc0, sbc1}, none_seen},
    {"SB vectors", {sbv0, sbv1}, none_seen},
    {"S", {s0, s1}, overwritten},
    {"R mfence", {r0, r1}, r_forbidden},
    {"R xchg", {r0, rx1}, r_forbidden},
    {"2+2W", {w0, w1}, both_first},
    {"IRIW", {iriw0, iriw1, iriw2, iriw3}, iriw},
    {"IRIW xchg", {iriwx0, iriwx1, iriw2, iriw3}, iriw},
    {"CoRR", {iriw0, corr1}, read_backwards},
};

static struct cell *cells;
static pthread_barrier_t *start;

static void run(void (*body)(struct cell *)) {
    pthread_barrier_wait(start);
    for (int i = 0; i < CELLS; i++) body(&cells[i]);
}

static void *run_thread(void *body) {
    run((void (*)(struct cell *))body);
    return 0;
}

static void *shared(size_t size) { return mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); }

static long once(const struct test *t, int processes) {
    memset(cells, 0, CELLS * sizeof *cells);
    int n = 0;
    while (n < MOST && t->body[n]) n++;
    pthread_barrierattr_t attr;
    pthread_barrierattr_init(&attr);
    pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(start, &attr, n);
    pthread_t threads[MOST];
    for (int i = 1; i < n; i++) {
        if (!processes) {
            pthread_create(&threads[i], 0, run_thread, (void *)t->body[i]);
        } else if (fork() == 0) {
            run(t->body[i]);
            _exit(0);
        }
    }
    run(t->body[0]);
    for (int i = 1; i < n; i++)
        if (processes)
            wait(0);
        else
            pthread_join(threads[i], 0);
    long seen = 0;
    for (int i = 0; i < CELLS; i++) seen += t->forbidden(&cells[i]);
    return seen;
}

static void all(int rounds, int processes) {
    for (size_t i = 0; i < sizeof TESTS / sizeof *TESTS; i++) {
        long seen = 0;
        for (int r = 0; r < rounds; r++) seen += once(&TESTS[i], processes);
        printf("%s%s: %ld forbidden\n", TESTS[i].name, processes ? ", processes" : "", seen);
    }
}

int main(int argc, char **argv) {
    const char *n = argc > 1 ? argv[1] : getenv("N");
    int rounds = n ? atoi(n) : 2;
    // While nothing is shared, so that all of it is translated already.
    cells = aligned_alloc(64, CELLS * sizeof *cells);
    for (int r = 0; r < 2; r++)
        for (size_t i = 0; i < sizeof TESTS / sizeof *TESTS; i++)
            for (int k = 0; k < CELLS; k++) TESTS[i].body[k % 2](&cells[k]);
    puts("alone");
    start = shared(4096);
    cells = shared(CELLS * sizeof *cells);
    fflush(stdout);
    all(rounds, 1);
    all(rounds, 0);
    return 0;
}
