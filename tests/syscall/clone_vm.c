// A process that shares the memory of its parent and runs at the same time: CLONE_VM alone.
#include "check.h"
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int turn, seen;
static int parent;

static void await(int n) {
    while (turn != n)
        sched_yield();
}

static int child(void *arg) {
    // In step with the parent, which doesn't wait for the end.
    seen = getppid() == parent && getpid() != parent;
    turn = 1;
    await(2);
    close(*(int *)arg);
    turn = 3;
    return 42;
}

static int sleeper(void *arg) {
    turn = 1;
    for (;;)
        pause();
}

static int execs(void *arg) {
    execl("/bin/sh", "sh", "-c", "exit 5", (char *)0);
    return 1;
}

int main(void) {
    parent = getpid();
    char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fds[2], status, tid = 0;
    CHECK(pipe(fds) == 0);
    for (int i = 0; i < 2; i++) {
        turn = seen = 0;
        tid = 0;
        int pid = clone(child, stack + 65536, CLONE_VM | CLONE_PARENT_SETTID | SIGCHLD, &fds[1], &tid);
        CHECK(pid > 0 && pid != parent && tid == pid);
        await(1);
        CHECK(seen);
        CHECK(waitpid(pid, &status, WNOHANG) == 0);
        turn = 2;
        await(3);
        CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 42);
        // Its descriptors were its own.
        CHECK(write(fds[1], "x", 1) == 1);
    }
    turn = 0;
    int pid = clone(sleeper, stack + 65536, CLONE_VM | SIGCHLD, 0);
    await(1);
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    pid = clone(execs, stack + 65536, CLONE_VM | SIGCHLD, 0);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 5);
    DONE();
}
