// POSIX message queues: priorities, attributes, time-outs, notification.
#include "check.h"
#include <mqueue.h>
int main(void) {
    char name[32], b[64];
    sprintf(name, "/fl-%d", getpid());
    struct mq_attr at = {.mq_maxmsg = 4, .mq_msgsize = 32}, g;
    mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &at);
    if (q < 0 && errno == ENOSYS) SKIP("the host has no message queues");
    OK(q);
    OK(mq_send(q, "low", 3, 1));
    OK(mq_send(q, "high", 4, 9));
    OK(mq_getattr(q, &g));
    EQ(g.mq_curmsgs, 2);
    EQ(g.mq_maxmsg, 4);
    EQ(g.mq_msgsize, 32);
    unsigned prio;
    EQ(mq_receive(q, b, 64, &prio), 4);
    EQ(prio, 9);
    EQ(mq_receive(q, b, 64, 0), 3);
    ERR(mq_receive(q, b, 8, 0), EMSGSIZE);
    ERR(mq_send(q, b, 64, 0), EMSGSIZE);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    ERR(mq_timedreceive(q, b, 64, 0, &t), ETIMEDOUT);
    at.mq_flags = O_NONBLOCK;
    OK(mq_setattr(q, &at, &g));
    EQ(g.mq_flags, 0);
    ERR(mq_receive(q, b, 64, 0), EAGAIN);
    sigset_t m;
    siginfo_t i;
    sigemptyset(&m);
    sigaddset(&m, SIGUSR1);
    OK(sigprocmask(SIG_BLOCK, &m, 0));
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 55};
    OK(mq_notify(q, &e));
    ERR(mq_notify(q, &e), EBUSY);
    OK(mq_send(q, "x", 1, 0));
    EQ(sigwaitinfo(&m, &i), SIGUSR1);
    EQ(i.si_value.sival_int, 55);
    EQ(i.si_code, SI_MESGQ);
    OK(mq_notify(q, 0));
    OK(mq_close(q));
    OK(mq_unlink(name));
    ERR(mq_unlink(name), ENOENT);
    ERR(mq_open(name, O_RDWR), ENOENT);
    DONE();
}
