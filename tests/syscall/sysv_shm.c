// System V shared memory: create, attach, share with a child, stat, remove.
#include "check.h"
#include <sys/ipc.h>
#include <sys/shm.h>
int main(void) {
    int id = OK(shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600));
    char *a = shmat(id, 0, 0);
    CHECK(a != (void *)-1 && ((uintptr_t)a & 4095) == 0);
    EQ(a[9999], 0);
    CHILD(strcpy(a, "from the child"));
    STREQ(a, "from the child");
    char *r = shmat(id, 0, SHM_RDONLY);
    CHECK(r != (void *)-1 && r != a);
    STREQ(r, "from the child");
    struct shmid_ds d;
    OK(shmctl(id, IPC_STAT, &d));
    EQ(d.shm_segsz, 10000);
    EQ(d.shm_nattch, 2);
    EQ(d.shm_cpid, getpid());
    EQ(d.shm_perm.mode & 0777, 0600);
    EQ(d.shm_perm.uid, geteuid());
    d.shm_perm.mode = 0640;
    OK(shmctl(id, IPC_SET, &d));
    OK(shmctl(id, IPC_STAT, &d));
    EQ(d.shm_perm.mode & 0777, 0640);
    OK(shmdt(r));
    ERR(shmdt(r), EINVAL);
    ERR((intptr_t)shmat(id, a + 1, 0), EINVAL);
    char *fixed = mmap(0, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    OK(munmap(fixed, 1 << 20));
    EQ((intptr_t)shmat(id, fixed, 0), (intptr_t)fixed);
    STREQ(fixed, "from the child");
    EQ((intptr_t)shmat(id, fixed + 100, SHM_RND | SHM_REMAP), (intptr_t)fixed);
    OK(shmdt(fixed));
    OK(shmctl(id, IPC_RMID, 0));
    OK(shmctl(id, IPC_STAT, &d));
    EQ(d.shm_nattch, 1);
    OK(shmdt(a));
    ERR(shmctl(id, IPC_STAT, &d), EINVAL);
    ERR((intptr_t)shmat(id, 0, 0), EINVAL);
    ERR(shmget(0x7f123456, 100, 0), ENOENT);
    struct shminfo i;
    CHECK(OK(shmctl(0, IPC_INFO, (void *)&i)) >= 0 && i.shmmni > 0);
    DONE();
}
