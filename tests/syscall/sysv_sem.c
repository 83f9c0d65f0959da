// System V semaphores: values, operations, waiting, undo.
#include "check.h"
#include <sys/ipc.h>
#include <sys/sem.h>
union semun { int val; struct semid_ds *buf; unsigned short *array; struct seminfo *info; };
int main(void) {
    int id = OK(semget(IPC_PRIVATE, 3, IPC_CREAT | 0600));
    unsigned short v[3] = {1, 2, 3}, w[3];
    OK(semctl(id, 0, SETALL, (union semun){.array = v}));
    OK(semctl(id, 0, GETALL, (union semun){.array = w}));
    MEMEQ(v, w, 6);
    EQ(semctl(id, 1, GETVAL), 2);
    OK(semctl(id, 1, SETVAL, (union semun){.val = 7}));
    EQ(semctl(id, 1, GETVAL), 7);
    struct sembuf o[2] = {{0, -1, 0}, {1, 1, 0}};
    OK(semop(id, o, 2));
    EQ(semctl(id, 0, GETVAL), 0);
    EQ(semctl(id, 1, GETVAL), 8);
    o[0].sem_flg = IPC_NOWAIT;
    ERR(semop(id, o, 1), EAGAIN);
    struct timespec t = {0, 2000000};
    o[0].sem_flg = 0;
    ERR(semtimedop(id, o, 1, &t), EAGAIN);
    pid_t c = fork();
    if (!c) { struct sembuf u = {2, 5, SEM_UNDO}, p = {0, 1, 0}; semop(id, &u, 1); semop(id, &p, 1); pause(); }
    OK(semop(id, o, 1));
    EQ(semctl(id, 2, GETVAL), 8);
    EQ(semctl(id, 0, GETPID), getpid());
    kill(c, SIGKILL);
    wait_for(c);
    EQ(semctl(id, 2, GETVAL), 3);
    struct semid_ds d;
    OK(semctl(id, 0, IPC_STAT, (union semun){.buf = &d}));
    EQ(d.sem_nsems, 3);
    EQ(d.sem_perm.mode & 0777, 0600);
    CHECK(d.sem_otime > 1500000000);
    ERR(semctl(id, 5, GETVAL), EINVAL);
    o[0].sem_num = 9;
    ERR(semop(id, o, 1), EFBIG);
    ERR(semop(id, BAD, 1), EFAULT);
    ERR(semop(id, o, 0), EINVAL);
    OK(semctl(id, 0, IPC_RMID));
    ERR(semctl(id, 0, GETVAL), EINVAL);
    DONE();
}
