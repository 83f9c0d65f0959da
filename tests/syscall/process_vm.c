// process_vm_readv and process_vm_writev, on ourselves and on a child.
#include "check.h"
#include <sys/uio.h>
int main(void) {
    char *s = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char a[8] = {0}, b[8] = {0};
    strcpy(s, "parents");
    struct iovec l[2] = {{a, 4}, {b, 4}}, r = {s, 8};
    EQ(process_vm_readv(getpid(), l, 2, &r, 1, 0), 8);
    MEMEQ(a, "pare", 4);
    MEMEQ(b, "nts", 4);
    struct iovec w = {"PA", 2};
    EQ(process_vm_writev(getpid(), &w, 1, &r, 1, 0), 2);
    STREQ(s, "PArents");
    struct iovec bad = {BAD, 4};
    ERR(process_vm_readv(getpid(), l, 1, &bad, 1, 0), EFAULT);
    ERR(process_vm_readv(1 << 29, l, 1, &r, 1, 0), ESRCH);
    ERR(process_vm_readv(getpid(), l, 1, &r, 1, 1), EINVAL);
    int p[2];
    OK(pipe(p));
    pid_t c = fork();
    if (!c) { strcpy(s, "childs"); write(p[1], "x", 1); pause(); _exit(0); }
    char x;
    EQ(read(p[0], &x, 1), 1);
    EQ(process_vm_readv(c, l, 2, &r, 1, 0), 8);
    MEMEQ(a, "chil", 4);
    kill(c, SIGKILL);
    wait_for(c);
    DONE();
}
