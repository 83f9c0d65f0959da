// uname, sysinfo, getrandom, getcpu, personality, hostname, syslog: what the system is.
#include "check.h"
#include <sys/personality.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
int main(void) {
    struct utsname u;
    OK(uname(&u));
    STREQ(u.sysname, "Linux");
    CHECK(u.release[0] >= '3' && u.nodename[0]);
    CHECK(!strcmp(u.machine, "x86_64") || !ABI64);
    char h[65];
    OK(gethostname(h, 65));
    STREQ(h, u.nodename);
    struct sysinfo s;
    OK(sysinfo(&s));
    CHECK(s.uptime > 0 && s.totalram > 0 && s.freeram <= s.totalram && s.procs > 0 && s.mem_unit >= 1);
    CHECK((double)s.totalram * s.mem_unit > 1e7);
    unsigned char a[64] = {0}, b[64] = {0};
    EQ(getrandom(a, 64, 0), 64);
    EQ(getrandom(b, 64, GRND_NONBLOCK), 64);
    CHECK(memcmp(a, b, 64));
    EQ(getrandom(a, 0, 0), 0);
    ERR(getrandom(a, 8, 0x80), EINVAL);
    unsigned c, n;
    OK(RAW(SYS_getcpu, &c, &n, 0));
    CHECK(c < 4096);
    int p = OK(personality(0xffffffff));
    EQ(personality(p | ADDR_NO_RANDOMIZE), p);
    EQ(personality(0xffffffff), p | ADDR_NO_RANDOMIZE);
    CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    EQ(sysconf(_SC_PAGESIZE), 4096);
    ERR(RAW(SYS_sethostname, h, -1), getuid() ? EPERM : EINVAL);
    DONE();
}
