// name_to_handle_at and open_by_handle_at; openat with O_PATH; getdents through a magic link.
#include "check.h"
int main(void) {
    tmpdir();
    put("f", "text");
    char buf[256] = {0};
    struct file_handle *h = (void *)buf;
    int mnt;
    h->handle_bytes = 0;
    int r = name_to_handle_at(AT_FDCWD, "f", h, &mnt, 0);
    if (r < 0 && errno == EOPNOTSUPP) SKIP("no file handles in /tmp");
    EQ(r, -1);
    EQ(errno, EOVERFLOW);
    CHECK(h->handle_bytes > 0 && h->handle_bytes <= 128);
    OK(name_to_handle_at(AT_FDCWD, "f", h, &mnt, 0));
    int d = OK(open(".", O_RDONLY | O_DIRECTORY));
    int fd = open_by_handle_at(d, h, O_RDONLY);
    if (fd >= 0) {
        char b[4];
        EQ(read(fd, b, 4), 4);
        MEMEQ(b, "text", 4);
    } else EQ(errno, EPERM);
    ERR(name_to_handle_at(AT_FDCWD, "f", BAD, &mnt, 0), EFAULT);
    ERR(name_to_handle_at(AT_FDCWD, "none", h, &mnt, 0), ENOENT);
    DONE();
}
