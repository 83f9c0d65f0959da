// Directories: getdents64 and getdents, readdir with types, seekdir, rewinddir.
#include "check.h"
#include <dirent.h>
struct old { unsigned long ino, off; unsigned short len; char name[]; };
int main(void) {
    tmpdir();
    char name[300];
    for (int i = 0; i < 200; i++) { sprintf(name, "file-with-a-long-name-%03d", i); put(name, ""); }
    OK(mkdir("sub", 0755));
    OK(symlink("x", "ln"));
    OK(mkfifo("pipe", 0600));
    DIR *d = opendir(".");
    CHECK(d);
    int n = 0, dirs = 0, links = 0, fifos = 0;
    long third = 0;
    char fourth[300] = "";
    for (struct dirent *e; (e = readdir(d)); n++) {
        CHECK(e->d_ino != 0);
        dirs += e->d_type == DT_DIR, links += e->d_type == DT_LNK, fifos += e->d_type == DT_FIFO;
        if (n == 2) third = telldir(d);
        if (n == 3) strcpy(fourth, e->d_name);
    }
    EQ(n, 205);
    EQ(dirs, 3);
    EQ(links, 1);
    EQ(fifos, 1);
    seekdir(d, third);
    STREQ(readdir(d)->d_name, fourth);
    rewinddir(d);
    CHECK(readdir(d));
    closedir(d);
    // The old call, with a small buffer: types lie behind the names.
    int fd = OK(open(".", O_RDONLY | O_DIRECTORY)), total = 0, fifo = 0;
    char buf[512] __attribute__((aligned(16)));
    for (long got; (got = OK(RAW(SYS_getdents, fd, buf, sizeof buf))) > 0;)
        for (long at = 0; at < got;) {
            struct old *e = (void *)(buf + at);
            CHECK(e->len % sizeof(long) == 0 && e->len > 0);
            total++;
            if (!strcmp(e->name, "pipe")) fifo = buf[at + e->len - 1] == DT_FIFO;
            at += e->len;
        }
    EQ(total, 205);
    EQ(fifo, 1);
    OK(lseek(fd, 0, SEEK_SET));
    ERR(RAW(SYS_getdents, fd, buf, 4), EINVAL);
    ERR(RAW(SYS_getdents64, fd, buf, 4), EINVAL);
    ERR(RAW(SYS_getdents64, fd, BAD, 512), EFAULT);
    int f = OK(open("file-with-a-long-name-000", O_RDONLY));
    ERR(RAW(SYS_getdents64, f, buf, 512), ENOTDIR);
    DONE();
}
