// inotify: create, write, move, delete; cookies; a buffer that is too small.
#include "check.h"
#include <sys/inotify.h>
static char b[4096] __attribute__((aligned(8)));
int main(void) {
    tmpdir();
    int fd = OK(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    ERR(read(fd, b, sizeof b), EAGAIN);
    int wd = OK(inotify_add_watch(fd, ".", IN_CREATE | IN_CLOSE_WRITE | IN_MOVE | IN_DELETE));
    EQ(wd, 1);
    put("f", "x");
    OK(rename("f", "g"));
    OK(unlink("g"));
    long n = OK(read(fd, b, sizeof b));
    unsigned want[] = {IN_CREATE, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO, IN_DELETE}, cookie = 0;
    int k = 0;
    for (long at = 0; at < n; k++) {
        struct inotify_event *e = (void *)(b + at);
        EQ(e->wd, wd);
        EQ(e->mask, want[k]);
        STREQ(e->name, k < 3 ? "f" : "g");
        if (k == 2) cookie = e->cookie;
        if (k == 3) EQ(e->cookie, cookie);
        at += sizeof *e + e->len;
    }
    EQ(k, 5);
    put("f", "x");
    ERR(read(fd, b, 4), EINVAL);
    OK(inotify_rm_watch(fd, wd));
    ERR(inotify_rm_watch(fd, wd), EINVAL);
    ERR(inotify_add_watch(fd, "none", IN_CREATE), ENOENT);
    ERR(inotify_add_watch(0, ".", IN_CREATE), EINVAL);
    ERR(inotify_init1(1), EINVAL);
    OK(close(OK(inotify_init())));
    DONE();
}
