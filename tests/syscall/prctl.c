// prctl: names, death signal, dumpable, no new privileges, keepcaps, child subreaper; what is not there.
#include "check.h"
#include <pthread.h>
#include <sys/prctl.h>
static void *named(void *x) { char b[16]; (void)x; prctl(PR_SET_NAME, "thread-name"); prctl(PR_GET_NAME, b); STREQ(b, "thread-name"); return 0; }
int main(void) {
    char b[32], c[64];
    int v = 77;
    OK(prctl(PR_GET_NAME, b));
    CHECK(!strncmp(b, "prctl", 5));
    OK(prctl(PR_SET_NAME, "a-name-that-is-too-long"));
    OK(prctl(PR_GET_NAME, b));
    STREQ(b, "a-name-that-is-");
    STREQ(get("/proc/self/comm"), "a-name-that-is-\n");
    pthread_t t;
    pthread_create(&t, 0, named, 0);
    pthread_join(t, 0);
    OK(prctl(PR_GET_NAME, b));
    STREQ(b, "a-name-that-is-");
    sprintf(c, "(a-name-that-is-)");
    CHECK(strstr(get("/proc/self/stat"), c));
    OK(prctl(PR_GET_PDEATHSIG, &v));
    EQ(v, 0);
    OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
    OK(prctl(PR_GET_PDEATHSIG, &v));
    EQ(v, SIGUSR1);
    CHILD(OK(prctl(PR_GET_PDEATHSIG, &v)); EQ(v, 0));
    ERR(prctl(PR_SET_PDEATHSIG, 99), EINVAL);
    EQ(prctl(PR_GET_DUMPABLE), 1);
    OK(prctl(PR_SET_DUMPABLE, 0));
    EQ(prctl(PR_GET_DUMPABLE), 0);
    OK(prctl(PR_SET_DUMPABLE, 1));
    EQ(prctl(PR_GET_KEEPCAPS), 0);
    OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    OK(prctl(PR_GET_CHILD_SUBREAPER, &v));
    EQ(v, 1);
    EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
    OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    OK(prctl(PR_SET_TIMERSLACK, 60000));
    EQ(prctl(PR_GET_TIMERSLACK), 60000);
    ERR(prctl(PR_SET_NAME, BAD), EFAULT);
    ERR(prctl(12345), EINVAL);
    DONE();
}
