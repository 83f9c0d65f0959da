// ipc(2) with commands that don't say IPC_64: structures of before Linux 2.4, beside the present ones.
// abi: 32
#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#define IPC_64 0x100
typedef struct { int key; uint16_t uid, gid, cuid, cgid, mode, seq; } Perm;
typedef struct { int key; unsigned uid, gid, cuid, cgid; uint16_t mode, pad1, seq, pad2; unsigned unused[2]; } Perm64;
typedef struct { Perm perm; int otime, ctime; unsigned base, pending, last, undo; uint16_t nsems, pad; } Sem;
typedef struct { Perm64 perm; unsigned otime, otime_high, ctime, ctime_high, nsems, unused[2]; } Sem64;
typedef struct { Perm perm; unsigned first, last; int stime, rtime, ctime; unsigned lcbytes, lqbytes; uint16_t cbytes, qnum, qbytes, lspid, lrpid, pad; } Msg;
typedef struct { Perm64 perm; unsigned stime, stime_high, rtime, rtime_high, ctime, ctime_high, cbytes, qnum, qbytes; int lspid, lrpid; unsigned unused[2]; } Msg64;
typedef struct { Perm perm; int segsz, atime, dtime, ctime; uint16_t cpid, lpid, nattch, unused; unsigned pointers[2]; } Shm;
typedef struct { Perm64 perm; unsigned segsz, atime, atime_high, dtime, dtime_high, ctime, ctime_high; int cpid, lpid; unsigned nattch, unused[2]; } Shm64;
enum { SEMCTL = 3, MSGCTL = 14, SHMCTL = 24 };
static char guard[256];
// What lies behind a structure stays as it is.
#define UNTOUCHED(from) for (unsigned i = (from); i < sizeof guard; i++) EQ(guard[i], 0x55)

static long control(int which, int id, int cmd, void *p) {
    if (which != SEMCTL) return RAW(SYS_ipc, which, id, cmd, 0, p, 0);
    return RAW(SYS_ipc, which, id, 0, cmd, &p, 0);
}
static void same_perm(const Perm *old, const Perm64 *new) {
    EQ(old->key, new->key);
    EQ(old->uid, new->uid);
    EQ(old->gid, new->gid);
    EQ(old->cuid, new->cuid);
    EQ(old->cgid, new->cgid);
    EQ(old->mode, new->mode);
    EQ(old->seq, new->seq);
}

static void semaphores(void) {
    int id = OK(semget(IPC_PRIVATE, 3, 0640));
    struct sembuf up = {1, 2, 0};
    OK(semop(id, &up, 1));
    Sem64 new;
    OK(control(SEMCTL, id, IPC_STAT | IPC_64, &new));
    memset(guard, 0x55, sizeof guard);
    OK(control(SEMCTL, id, IPC_STAT, guard));
    Sem *old = (Sem *)guard;
    same_perm(&old->perm, &new.perm);
    EQ(old->perm.mode, 0640);
    EQ(old->otime, new.otime);
    EQ(old->ctime, new.ctime);
    CHECK(old->otime != 0);
    EQ(old->nsems, 3);
    EQ(old->base | old->pending | old->last | old->undo, 0);
    UNTOUCHED(sizeof *old);
    old->perm.mode = 0604;
    old->perm.uid = 1234;
    old->perm.gid = 65535;
    OK(control(SEMCTL, id, IPC_SET, old));
    OK(control(SEMCTL, id, IPC_STAT | IPC_64, &new));
    EQ(new.perm.mode, 0604);
    EQ(new.perm.uid, 1234);
    EQ(new.perm.gid, 65535);
    // A user that doesn't fit in 16 bits.
    new.perm.uid = 70000;
    OK(control(SEMCTL, id, IPC_SET | IPC_64, &new));
    OK(control(SEMCTL, id, IPC_STAT, guard));
    EQ(old->perm.uid, 65534);
    EQ(control(SEMCTL, id, GETVAL | IPC_64, 0), 0);
    EQ(RAW(SYS_ipc, SEMCTL, id, 1, GETVAL, guard, 0), 2);
    OK(control(SEMCTL, id, IPC_RMID, 0));
    ERR(control(SEMCTL, id, IPC_STAT, guard), EINVAL);
}

static void messages(void) {
    int id = OK(msgget(IPC_PRIVATE, 0640));
    struct { long type; char text[100]; } m = {5, "text"};
    OK(msgsnd(id, &m, 100, 0));
    Msg64 new;
    OK(control(MSGCTL, id, IPC_STAT | IPC_64, &new));
    memset(guard, 0x55, sizeof guard);
    OK(control(MSGCTL, id, IPC_STAT, guard));
    Msg *old = (Msg *)guard;
    same_perm(&old->perm, &new.perm);
    EQ(old->stime, new.stime);
    EQ(old->rtime, 0);
    EQ(old->ctime, new.ctime);
    EQ(old->cbytes, 100);
    EQ(old->qnum, 1);
    EQ(old->qbytes, (uint16_t)new.qbytes);
    EQ(old->lspid, (uint16_t)getpid());
    EQ(old->lrpid, 0);
    EQ(old->first | old->last | old->lcbytes | old->lqbytes, 0);
    UNTOUCHED(sizeof *old);
    old->perm.mode = 0606;
    old->qbytes = 4000;
    old->lqbytes = 5000;
    OK(control(MSGCTL, id, IPC_SET, old));
    OK(control(MSGCTL, id, IPC_STAT | IPC_64, &new));
    EQ(new.perm.mode, 0606);
    EQ(new.qbytes, 4000);
    // Version 0 of MSGRCV has pointer and type in memory.
    struct { void *p; long type; } kludge = {&m, 5};
    memset(&m, 0, sizeof m);
    EQ(RAW(SYS_ipc, 12, id, 100, 0, &kludge, 0), 100);
    EQ(m.type, 5);
    STREQ(m.text, "text");
    OK(control(MSGCTL, id, IPC_RMID, 0));
}

static void memory(void) {
    int id = OK(shmget(IPC_PRIVATE, 5000, 0640));
    void *at = shmat(id, 0, 0);
    Shm64 new;
    OK(control(SHMCTL, id, IPC_STAT | IPC_64, &new));
    memset(guard, 0x55, sizeof guard);
    OK(control(SHMCTL, id, IPC_STAT, guard));
    Shm *old = (Shm *)guard;
    same_perm(&old->perm, &new.perm);
    EQ(old->segsz, 5000);
    EQ(old->atime, new.atime);
    EQ(old->dtime, 0);
    EQ(old->ctime, new.ctime);
    EQ(old->cpid, (uint16_t)getpid());
    EQ(old->lpid, (uint16_t)getpid());
    EQ(old->nattch, 1);
    EQ(old->pointers[0] | old->pointers[1] | old->unused, 0);
    UNTOUCHED(sizeof *old);
    old->perm.mode = 0602;
    OK(control(SHMCTL, id, IPC_SET, old));
    OK(control(SHMCTL, id, IPC_STAT | IPC_64, &new));
    EQ(new.perm.mode & 0777, 0602);
    OK(shmdt(at));
    OK(control(SHMCTL, id, IPC_RMID, 0));
}

// Limits: five ints, or nine words of which four are unused; what is in use, in both forms alike.
static void limits(void) {
    unsigned new[9];
    OK(control(SHMCTL, 0, IPC_INFO | IPC_64, new));
    memset(guard, 0x55, sizeof guard);
    OK(control(SHMCTL, 0, IPC_INFO, guard));
    MEMEQ(guard, new, 20);
    UNTOUCHED(20);
    printf("%x %x %x %x %x\n", new[0], new[1], new[2], new[3], new[4]);
    memset(guard, 0x55, sizeof guard);
    OK(control(SHMCTL, 0, 14, guard));
    UNTOUCHED(24);
    struct seminfo sem;
    OK(control(SEMCTL, 0, IPC_INFO | IPC_64, &sem));
    memset(guard, 0x55, sizeof guard);
    OK(control(SEMCTL, 0, IPC_INFO, guard));
    MEMEQ(guard, &sem, sizeof sem);
    UNTOUCHED(sizeof sem);
}

int main(void) {
    semaphores();
    messages();
    memory();
    limits();
    DONE();
}
