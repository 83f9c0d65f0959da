// Scheduling: affinity, policies, priorities, yield.
#include "check.h"
#include <sched.h>
#include <sys/resource.h>
int main(void) {
    cpu_set_t s, t;
    CPU_ZERO(&s);
    OK(sched_getaffinity(0, sizeof s, &s));
    CHECK(CPU_COUNT(&s) >= 1);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &s)) cpu++;
    CPU_ZERO(&t);
    CPU_SET(cpu, &t);
    OK(sched_setaffinity(0, sizeof t, &t));
    EQ(sched_getcpu(), cpu);
    CPU_ZERO(&s);
    OK(sched_getaffinity(0, sizeof s, &s));
    EQ(CPU_COUNT(&s), 1);
    CHECK(CPU_ISSET(cpu, &s));
    ERR(RAW(SYS_sched_getaffinity, 0, 1, &s), EINVAL);
    CPU_ZERO(&t);
    ERR(sched_setaffinity(0, sizeof t, &t), EINVAL);
    EQ(sched_getscheduler(0), SCHED_OTHER);
    struct sched_param p = {9};
    OK(sched_getparam(0, &p));
    EQ(p.sched_priority, 0);
    EQ(sched_get_priority_max(SCHED_FIFO), 99);
    EQ(sched_get_priority_min(SCHED_RR), 1);
    ERR(sched_get_priority_max(77), EINVAL);
    OK(sched_yield());
    struct timespec q;
    OK(sched_rr_get_interval(0, &q));
    p.sched_priority = 5;
    ERR(sched_setscheduler(0, SCHED_OTHER, &p), EINVAL);
    p.sched_priority = 0;
    OK(sched_setscheduler(0, SCHED_BATCH, &p));
    EQ(sched_getscheduler(0), SCHED_BATCH);
    struct { unsigned size, policy; uint64_t flags; int nice; unsigned prio; uint64_t rt, dl, per; unsigned a, b; } at = {0};
    OK(RAW(SYS_sched_getattr, 0, &at, sizeof at, 0));
    EQ(at.policy, SCHED_BATCH);
    CHECK(at.size >= 48);
    int n = getpriority(PRIO_PROCESS, 0);
    OK(setpriority(PRIO_PROCESS, 0, n + 2));
    errno = 0;
    EQ(getpriority(PRIO_PROCESS, 0), n + 2);
    EQ(errno, 0);
    EQ(nice(1), n + 3);
    ERR(getpriority(99, 0), EINVAL);
    ERR(getpriority(PRIO_PROCESS, 1 << 29), ESRCH);
    CHECK(OK(RAW(SYS_ioprio_get, 1, 0)) >= 0);
    DONE();
}
