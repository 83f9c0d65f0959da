// close_range, and the lowest free descriptor.
#include "check.h"
int main(void) {
    for (int i = 30; i < 40; i++) OK(dup2(0, i));
    OK(close_range(32, 35, 0));
    OK(fcntl(31, F_GETFD));
    ERR(fcntl(32, F_GETFD), EBADF);
    ERR(fcntl(35, F_GETFD), EBADF);
    OK(fcntl(36, F_GETFD));
    OK(close_range(36, 37, CLOSE_RANGE_CLOEXEC));
    EQ(fcntl(36, F_GETFD), FD_CLOEXEC);
    OK(close_range(30, ~0u, 0));
    ERR(fcntl(39, F_GETFD), EBADF);
    ERR(close_range(5, 4, 0), EINVAL);
    ERR(close_range(30, 40, 0x80), EINVAL);
    int a = OK(open("/dev/null", O_RDONLY)), b = OK(open("/dev/null", O_RDONLY));
    CHECK(b > a);
    OK(close(a));
    EQ(open("/dev/null", O_RDONLY), a);
    ERR(close(999), EBADF);
    // forklift's own descriptors, if any, are out of sight: what is closed stays closed, and the guest sees none it didn't open.
    OK(close_range(3, ~0u, 0));
    EQ(open("/dev/null", O_RDONLY), 3);
    DONE();
}
