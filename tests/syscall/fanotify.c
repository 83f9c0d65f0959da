// fanotify: an open is reported; 64-bit masks in i386 registers. For root only.
#include "check.h"
#include <sys/fanotify.h>
int main(void) {
    tmpdir();
    put("f", "x");
    int fd = fanotify_init(FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY);
    if (fd < 0) SKIP("fanotify_init: %s", strerror(errno));
    OK(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "f"));
    OK(close(OK(open("f", O_RDONLY))));
    struct fanotify_event_metadata e;
    EQ(read(fd, &e, sizeof e), sizeof e);
    EQ(e.mask, FAN_OPEN);
    EQ(e.pid, getpid());
    char c;
    EQ(read(e.fd, &c, 1), 1);
    EQ(c, 'x');
    OK(close(e.fd));
    ERR(fanotify_mark(fd, FAN_MARK_ADD, 1ULL << 40, AT_FDCWD, "f"), EINVAL);
    ERR(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "none"), ENOENT);
    DONE();
}
