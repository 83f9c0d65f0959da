// What /proc/self says is about this program.
#include "check.h"
#include <sys/auxv.h>
static char *whole(const char *p) {
    static char b[1 << 17];
    int fd = OK(open(p, O_RDONLY));
    long n, at = 0;
    while ((n = OK(read(fd, b + at, sizeof b - 1 - at))) > 0) at += n;
    b[at] = 0;
    OK(close(fd));
    return b;
}
int main(int argc, char **argv) {
    char b[512], c[512];
    (void)argc;
    long n = OK(readlink("/proc/self/exe", b, sizeof b - 1));
    b[n] = 0;
    CHECK(strstr(b, "proc_self") && b[0] == '/');
    sprintf(c, "/proc/%d/exe", getpid());
    EQ(readlink(c, c, sizeof c), n);
    MEMEQ(b, c, n);
    int fd = OK(open("/proc/self/exe", O_RDONLY));
    unsigned char e[20];
    EQ(read(fd, e, 20), 20);
    MEMEQ(e, "\177ELF", 4);
    EQ(e[4], ABI64 ? 2 : 1);
    STREQ(whole("/proc/self/cmdline"), argv[0]);
    whole("/proc/self/comm");
    char *m = whole("/proc/self/maps");
    CHECK(strstr(m, "[stack]") && strstr(m, "[vdso]") && strstr(m, "proc_self") && !strstr(m, "forklift"));
    int found = 0, local;
    for (char *l = m; *l; l = strchr(l, '\n') + 1) {
        unsigned long lo, hi;
        EQ(sscanf(l, "%lx-%lx", &lo, &hi), 2);
        found |= (unsigned long)&local >= lo && (unsigned long)&local < hi;
    }
    CHECK(found);
    fd = OK(open("/proc/self/auxv", O_RDONLY));
    unsigned long aux[2], entry = 0, pagesz = 0;
    while (read(fd, aux, sizeof aux) == sizeof aux && aux[0]) {
        if (aux[0] == AT_ENTRY) entry = aux[1];
        if (aux[0] == AT_PAGESZ) pagesz = aux[1];
    }
    EQ(entry, getauxval(AT_ENTRY));
    EQ(pagesz, 4096);
    char *s = whole("/proc/self/stat");
    EQ(atoi(s), getpid());
    CHECK(strstr(s, "(proc_self"));
    s = whole("/proc/self/status");
    CHECK(!strncmp(s, "Name:\tproc_self", 15));
    sprintf(c, "\nPid:\t%d\n", getpid());
    CHECK(strstr(s, c));
    fd = OK(open("/dev/null", O_RDONLY));
    sprintf(c, "/proc/self/fd/%d", fd);
    n = OK(readlink(c, b, sizeof b - 1));
    b[n] = 0;
    STREQ(b, "/dev/null");
    s = whole("/proc/self/environ");
    CHECK(strstr(whole("/proc/cpuinfo"), "processor"));
    CHECK(!access("/proc/self/task", F_OK));
    DONE();
}
