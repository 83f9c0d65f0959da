// Mounts and namespaces as far as the caller may: errors without rights, a private tmpfs with them; chroot; sync of mounts.
#include "check.h"
#include <sched.h>
#include <sys/mount.h>
int main(void) {
    tmpdir();
    OK(mkdir("m", 0755));
    ERR(mount("none", "nowhere", "tmpfs", 0, 0), getuid() ? EPERM : ENOENT);
    if (getuid() == 0) {
        pid_t c = fork();
        if (!c) {
            if (unshare(CLONE_NEWNS) < 0) _exit(77);
            OK(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0));
            OK(mount("none", "m", "tmpfs", MS_NOSUID, "size=64k"));
            put("m/inside", "x");
            ERR(mount("none", "m", "nonesuchfs", 0, 0), ENODEV);
            ERR(umount2("m", 0x100), EINVAL);
            OK(umount("m"));
            ERR(access("m/inside", F_OK), ENOENT);
            ERR(umount("m"), EINVAL);
            OK(chroot("m"));
            OK(chdir("/"));
            ERR(access("/proc", F_OK), ENOENT);
            _exit(0);
        }
        int s = wait_for(c);
        CHECK(WEXITSTATUS(s) == 0 || WEXITSTATUS(s) == 77);
    }
    ERR(unshare(0x40), EINVAL);
    ERR(chroot("none"), getuid() ? ENOENT : ENOENT);
    DONE();
}
