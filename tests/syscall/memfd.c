// memfd_create, sealing and mapping.
#include "check.h"
int main(void) {
    int fd = OK(memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    OK(ftruncate(fd, 8192));
    char *m = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(m != MAP_FAILED);
    strcpy(m + 4096, "shared");
    char b[16];
    EQ(pread(fd, b, 7, 4096), 7);
    STREQ(b, "shared");
    EQ(fcntl(fd, F_GET_SEALS), 0);
    OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
    ERR(ftruncate(fd, 4096), EPERM);
    ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    OK(munmap(m, 8192));
    OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL));
    ERR(pwrite(fd, "x", 1, 0), EPERM);
    EQ(fcntl(fd, F_GET_SEALS), 15);
    ERR(memfd_create("x", 0x8000), EINVAL);
    ERR(RAW(SYS_memfd_create, BAD, 0), EFAULT);
    char l[64], path[64];
    sprintf(path, "/proc/self/fd/%d", fd);
    long n = OK(readlink(path, l, 63));
    l[n] = 0;
    STREQ(l, "/memfd:name (deleted)");
    DONE();
}
