// Run with --root by runtime/tests/root.rs: links lead to where they lead for the guest, and there is nothing above the root.
#include "../syscall/check.h"
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

static struct sockaddr_un unix_name(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, path);
    return a;
}

static void links(void) {
    char b[256] = "";
    struct stat s;
    STREQ(get("/data/real"), "inside");
    STREQ(get("/absolute"), "inside");
    STREQ(get("/through/real"), "inside");
    STREQ(get("/twice/real"), "inside");
    STREQ(get("/above"), "inside");
    STREQ(get("/../../data/./real"), "inside");
    STREQ(get("/through/../data/real"), "inside");
    CHECK(lstat("/absolute", &s) == 0 && S_ISLNK(s.st_mode));
    CHECK(stat("/absolute", &s) == 0 && S_ISREG(s.st_mode) && s.st_size == 6);
    CHECK(lstat("/through/", &s) == 0 && S_ISDIR(s.st_mode));
    EQ(readlink("/absolute", b, sizeof b), 10);
    STREQ(b, "/data/real");
    OK(access("/absolute", R_OK));
    ERR(open("/absolute", O_RDONLY | O_NOFOLLOW), ELOOP);
    ERR(open("/absolute", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
    ERR(open("/loop", O_RDONLY), ELOOP);
    ERR(stat("/data/real/..", &s), ENOTDIR);
    OK(chdir("/through"));
    STREQ(getcwd(b, sizeof b), "/data");
    STREQ(get("real"), "inside");
    OK(chdir("/"));
    STREQ(getcwd(b, sizeof b), "/");
    OK(unlink("/twice"));
    OK(lstat("/through", &s));
    CHECK(lstat("/proc/self/exe", &s) == 0 && S_ISLNK(s.st_mode));
    CHECK(stat("/proc/self/exe", &s) == 0 && S_ISREG(s.st_mode));
    memset(b, 0, sizeof b);
    CHECK(readlink("/proc/self/exe", b, sizeof b - 1) > 0);
    STREQ(b, "/bin/program");
}

static void relative(void) {
    struct stat s;
    int d = OK(open("/data", O_RDONLY | O_DIRECTORY));
    OK(chdir("/"));
    STREQ(get("absolute"), "inside");
    STREQ(get("through/real"), "inside");
    STREQ(get("../../../data/real"), "inside");
    CHECK(stat("../../..//data/../etc/passwd", &s) == 0);
    OK(faccessat(d, "../../absolute", R_OK, 0));
    OK(faccessat(d, "../../data/real", R_OK, 0));
    OK(lstat("absolute", &s));
    CHECK(S_ISLNK(s.st_mode));
    ERR(stat("loop", &s), ELOOP);
}

// What is made in a directory of the root is in the root: there for a path that is relative to it.
static void made(void) {
    struct stat s;
    OK(chdir("/data"));
    put("/data/new", "new");
    STREQ(get("new"), "new");
    OK(rename("/data/new", "/data/newer"));
    STREQ(get("newer"), "new");
    OK(mkdir("/made/", 0755));
    OK(stat("../made", &s));
    ERR(mkdir("/made", 0755), EEXIST);
    OK(mknod("/made/fifo", S_IFIFO | 0600, 0));
    OK(symlink("../data/newer", "/made/link"));
    STREQ(get("../made/link"), "new");
    OK(symlink("/data/later", "/made/dangling"));
    put("/made/dangling", "later");
    STREQ(get("later"), "later");
    ERR(open("/made/none/file", O_CREAT | O_WRONLY, 0600), ENOENT);
}

// Calls that follow a link at the end, each in its own way.
static void ends(void) {
    char b[8];
    struct stat s;
    CHECK(getxattr("/absolute", "user.none", b, sizeof b) == -1 && errno != ENOENT);
    ERR(getxattr("/loop", "user.none", b, sizeof b), ELOOP);
    CHECK(lgetxattr("/loop", "user.none", b, sizeof b) == -1 && errno != ELOOP);
    int watch = OK(inotify_init());
    OK(inotify_add_watch(watch, "/absolute", IN_OPEN));
    ERR(inotify_add_watch(watch, "/loop", IN_OPEN), ELOOP);
    OK(inotify_add_watch(watch, "/loop", IN_ATTRIB | IN_DONT_FOLLOW));
    OK(linkat(AT_FDCWD, "/absolute", AT_FDCWD, "/data/hard", AT_SYMLINK_FOLLOW));
    CHECK(lstat("/data/hard", &s) == 0 && S_ISREG(s.st_mode));
    OK(linkat(AT_FDCWD, "/absolute", AT_FDCWD, "/data/soft", 0));
    CHECK(lstat("/data/soft", &s) == 0 && S_ISLNK(s.st_mode));
    ERR(umount2("/loop", 0), ELOOP);
}

static void sockets(void) {
    int server = OK(socket(AF_UNIX, SOCK_DGRAM, 0)), client = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    struct sockaddr_un a = unix_name("socket"), to = unix_name("/through/socket"), from;
    // Relative: the current directory is in the root.
    OK(chdir("/data"));
    OK(bind(server, (struct sockaddr *)&a, sizeof a));
    EQ(sendto(client, "a", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
    OK(connect(client, (struct sockaddr *)&to, sizeof to));
    EQ(send(client, "b", 1, 0), 1);
    struct iovec v = {"c", 1};
    struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &v, .msg_iovlen = 1};
    EQ(sendmsg(client, &m, 0), 1);
    char b[4] = "";
    for (int i = 0; i < 3; i++)
        EQ(read(server, b + i, 1), 1);
    STREQ(b, "abc");
    // One that is there already has its place in the root.
    int other = OK(socket(AF_UNIX, SOCK_STREAM, 0));
    ERR(bind(other, (struct sockaddr *)&to, sizeof to), EADDRINUSE);
    socklen_t len = sizeof from;
    OK(getpeername(client, (struct sockaddr *)&from, &len));
    STREQ(from.sun_path, "socket");
}

int main(void) {
    links();
    relative();
    made();
    ends();
    sockets();
    DONE();
}
