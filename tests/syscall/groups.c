// Process groups, sessions, and the ids of users and groups.
#include "check.h"
#include <grp.h>
int main(void) {
    pid_t me = getpid();
    uid_t r, e, s;
    gid_t g[64];
    EQ(getpgid(0), getpgrp());
    EQ(getsid(0), getsid(me));
    pid_t c = fork();
    if (!c) {
        OK(setpgid(0, 0));
        EQ(getpgrp(), getpid());
        EQ(setsid() == -1 ? errno : 0, EPERM);
        pid_t d = fork();
        if (!d) { EQ(setsid(), getpid()); EQ(getsid(0), getpid()); EQ(getpgrp(), getpid()); _exit(0); }
        EQ(wait_for(d), 0);
        _exit(0);
    }
    EQ(wait_for(c), 0);
    ERR(setpgid(0, -1), EINVAL);
    ERR(setpgid(1 << 29, 0), ESRCH);
    ERR(getpgid(1 << 29), ESRCH);
    OK(getresuid(&r, &e, &s));
    EQ(r, getuid());
    EQ(e, geteuid());
    OK(getresgid(&r, &e, &s));
    EQ(e, getegid());
    int n = OK(getgroups(0, 0));
    EQ(getgroups(64, g), n);
    if (n) ERR(getgroups(n - 1 ? n - 1 : -1, g), EINVAL);
    if (getuid() == 0) {
        CHILD(
            gid_t two[2] = {5, 70000};
            gid_t got[4];
            OK(setgroups(2, two));
            EQ(getgroups(4, got), 2);
            EQ(got[1], 70000);
            OK(setresgid(7, 8, 9));
            OK(getresgid(&r, &e, &s));
            EQ(s, 9);
            OK(setresuid(1000, 1001, 1002));
            OK(getresuid(&r, &e, &s));
            EQ(r, 1000);
            EQ(s, 1002);
            ERR(setuid(0), EPERM);
            OK(setreuid(1001, 1000));
            OK(setfsuid(1000) != -1 ? 0 : -1);
            ERR(setgroups(2, two), EPERM);
        );
#if !ABI64
        CHILD(
            unsigned short two[2] = {5, 6};
            unsigned short got[4];
            OK(RAW(SYS_setgroups, 2, two));
            EQ(RAW(SYS_getgroups, 4, got), 2);
            EQ(got[1], 6);
            OK(setgid(70000));
            EQ(RAW(SYS_getgid), 65534);
            EQ(RAW(SYS_getgid32), 70000);
        );
#endif
    }
    DONE();
}
