// fork: memory, descriptors, pids, many children, a child of a thread.
#include "check.h"
#include <pthread.h>
static int handlers;
static void h(void) { handlers++; }
static void *forker(void *x) {
    (void)x;
    pid_t c = fork();
    if (!c) { CHECK(syscall(SYS_gettid) == getpid()); _exit(21); }
    return (void *)(intptr_t)WEXITSTATUS(wait_for(c));
}
int main(void) {
    int p[2], x = 1, st;
    OK(pipe(p));
    pthread_atfork(h, h, h);
    pid_t me = getpid(), c = fork();
    if (!c) {
        EQ(getppid(), me);
        x = 2;
        EQ(handlers, 2);
        write(p[1], "c", 1);
        _exit(3);
    }
    EQ(WEXITSTATUS(wait_for(c)), 3);
    EQ(x, 1);
    EQ(handlers, 2);
    char b;
    EQ(read(p[0], &b, 1), 1);
    int sum = 0;
    for (int i = 0; i < 20; i++) if (!fork()) _exit(i);
    for (int i = 0; i < 20; i++) { CHECK(wait(&st) > 0); sum += WEXITSTATUS(st); }
    EQ(sum, 190);
    ERR(wait(&st), ECHILD);
    // Offsets are shared.
    tmpdir();
    put("f", "abcdef");
    int fd = OK(open("f", O_RDONLY));
    CHILD(lseek(fd, 3, SEEK_SET));
    EQ(read(fd, &b, 1), 1);
    EQ(b, 'd');
    pthread_t t;
    void *r;
    pthread_create(&t, 0, forker, 0);
    pthread_join(t, &r);
    EQ((intptr_t)r, 21);
    // Grandchildren.
    c = fork();
    if (!c) { pid_t g = fork(); if (!g) _exit(4); _exit(WEXITSTATUS(wait_for(g)) + 1); }
    EQ(WEXITSTATUS(wait_for(c)), 5);
    DONE();
}
