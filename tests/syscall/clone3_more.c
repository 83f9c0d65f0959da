// What only clone3 can do: a process with a number of its parent's choice, and one in another control group.
#include "check.h"
struct args { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup; };

// The directory of the second version's control groups, or none.
static const char *groups(void) {
    static char line[4096], at[1000];
    FILE *f = fopen("/proc/self/mountinfo", "r");
    CHECK(f);
    while (fgets(line, sizeof line, f)) {
        if (strstr(line, " - cgroup2 ") && sscanf(line, "%*s %*s %*s %*s %999s", at) == 1) return at;
    }
    return 0;
}

static void with_number(void) {
    int pid = 10000 + getpid() % 10000;
    struct args a = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1};
    long got;
    // Some are taken.
    do {
        pid += 7;
        got = RAW(SYS_clone3, &a, sizeof a);
    } while (got == -1 && errno == EEXIST);
    if (got == 0) _exit(getpid() == pid ? 5 : 6);
    if (got < 0 && errno == EPERM) return;
    EQ(got, pid);
    int s = wait_for(pid);
    CHECK(WIFEXITED(s));
    EQ(WEXITSTATUS(s), 5);
    // Its own number is taken.
    pid = getpid();
    ERR(RAW(SYS_clone3, &a, sizeof a), EEXIST);
    pid = -1;
    ERR(RAW(SYS_clone3, &a, sizeof a), EINVAL);
}

static void in_group(void) {
    const char *top = groups();
    char dir[1100], name[50], own[4096] = "";
    if (!top) return;
    sprintf(name, "fl-clone3-%d", getpid());
    sprintf(dir, "%s/%s", top, name);
    if (mkdir(dir, 0755) < 0) return;
    int fd = OK(open(dir, O_RDONLY | O_DIRECTORY));
    struct args a = {.flags = 0x200000000, .exit_signal = SIGCHLD, .cgroup = fd};
    long pid = RAW(SYS_clone3, &a, sizeof a);
    int e = errno;
    if (pid == 0) {
        FILE *f = fopen("/proc/self/cgroup", "r");
        while (f && fgets(own, sizeof own, f)) {
            if (!strncmp(own, "0::", 3) && strstr(own, name)) _exit(5);
        }
        _exit(6);
    }
    int s = pid > 0 ? wait_for(pid) : 0;
    OK(rmdir(dir));
    errno = e;
    CHECK(pid > 0);
    EQ(WEXITSTATUS(s), 5);
    a.cgroup = OK(open("/", O_RDONLY));
    ERR(RAW(SYS_clone3, &a, sizeof a), EBADF);
}

int main(void) {
    if (getuid()) SKIP("needs root");
    with_number();
    in_group();
    DONE();
}
