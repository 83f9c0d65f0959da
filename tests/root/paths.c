// Run with --root by runtime/tests/root.rs: links lead to where they lead for the guest, and there is nothing above the root.
#include "../syscall/check.h"
#include <sys/socket.h>
#include <sys/un.h>

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
    sockets();
    DONE();
}
