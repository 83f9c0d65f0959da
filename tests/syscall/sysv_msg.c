// System V message queues.
#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>
struct m { long type; char text[32]; };
int main(void) {
    int id = OK(msgget(IPC_PRIVATE, IPC_CREAT | 0600));
    struct m a = {5, "five"}, b = {3, "three"}, r = {0};
    OK(msgsnd(id, &a, 5, 0));
    OK(msgsnd(id, &b, 6, 0));
    struct msqid_ds d;
    OK(msgctl(id, IPC_STAT, &d));
    EQ(d.msg_qnum, 2);
    EQ(d.msg_lspid, getpid());
    EQ(d.msg_perm.mode & 0777, 0600);
    CHECK(d.msg_stime > 1500000000);
    EQ(msgrcv(id, &r, 32, 3, 0), 6);
    STREQ(r.text, "three");
    EQ(r.type, 3);
    ERR(msgrcv(id, &r, 2, 0, 0), E2BIG);
    EQ(msgrcv(id, &r, 2, 0, MSG_NOERROR), 2);
    ERR(msgrcv(id, &r, 32, 0, IPC_NOWAIT), ENOMSG);
    pid_t c = fork();
    if (!c) { msleep(5); a.type = 77; msgsnd(id, &a, 5, 0); _exit(0); }
    EQ(msgrcv(id, &r, 32, -100, 0), 5);
    EQ(r.type, 77);
    wait_for(c);
    a.type = 0;
    ERR(msgsnd(id, &a, 5, 0), EINVAL);
    ERR(RAW(
#if ABI64
    SYS_msgsnd, id, BAD, 5, 0
#else
    SYS_ipc, 11, id, 5, 0, BAD
#endif
    ), EFAULT);
    OK(msgctl(id, IPC_RMID, 0));
    ERR(msgsnd(id, &b, 5, 0), EINVAL);
    ERR(msgctl(id, IPC_STAT, &d), EINVAL);
    DONE();
}
