// MCL_FUTURE: what is mapped later is locked, too; MCL_ONFAULT: as it is touched.
#include "check.h"
#include <sys/mman.h>
#include <sys/wait.h>

static int resident(char *p, int pages) {
    unsigned char v[64];
    CHECK(mincore(p, pages * 4096, v) == 0);
    int n = 0;
    for (int i = 0; i < pages; i++) n += v[i] & 1;
    return n;
}
static char *map(void) {
    char *p = mmap(0, 32 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

int main(void) {
    printf("before %d\n", resident(map(), 32));
    CHECK(mlockall(MCL_FUTURE) == 0);
    char *p = map();
    printf("future %d\n", resident(p, 32));
    printf("invalidate locked %d\n", madvise(p, 4096, MADV_DONTNEED));
    char *q = sbrk(32 * 4096);
    q = (char *)(((unsigned long)q + 4095) & -4096ul);
    printf("heap %d\n", resident(q, 31));
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        printf("child %d\n", resident(map(), 32));
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, 0, 0);
    CHECK(mlockall(MCL_FUTURE | MCL_ONFAULT) == 0);
    p = map();
    printf("on fault %d", resident(p, 32));
    p[4096] = 1;
    printf(" %d\n", resident(p, 32));
    CHECK(munlockall() == 0);
    printf("after %d\n", resident(map(), 32));
    CHECK(mlockall(MCL_CURRENT) == 0);
    printf("current only %d\n", resident(map(), 32));
    errno = 0;
    printf("onfault alone %d", mlockall(MCL_ONFAULT));
    printf(" %d\n", errno);
    return 0;
}
