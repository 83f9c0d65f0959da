// link: dynamic
// What libc builds on system calls: streams, temporary files, directories, time zones, sorting, popen of ourselves.
#include "check.h"
#include <glob.h>
#include <pwd.h>
#include <wordexp.h>
static int cmp(const void *a, const void *b) { return *(int *)a - *(int *)b; }
int main(void) {
    FILE *f = tmpfile();
    CHECK(f);
    for (int i = 0; i < 10000; i++) fprintf(f, "%d\n", i);
    rewind(f);
    int v, n = 0;
    while (fscanf(f, "%d", &v) == 1) EQ(v, n++);
    EQ(n, 10000);
    EQ(fseek(f, -5, SEEK_END), 0);
    EQ(fscanf(f, "%d", &v), 1);
    EQ(v, 9999);
    fclose(f);
    tmpdir();
    put("a.x", "");
    put("b.x", "");
    put("c.y", "");
    glob_t g;
    EQ(glob("*.x", 0, 0, &g), 0);
    EQ(g.gl_pathc, 2);
    STREQ(g.gl_pathv[1], "b.x");
    int q[500];
    for (int i = 0; i < 500; i++) q[i] = i * 7919 % 500;
    qsort(q, 500, sizeof *q, cmp);
    for (int i = 0; i < 500; i++) EQ(q[i], i);
    struct tm tm = {.tm_year = 100, .tm_mday = 1};
    setenv("TZ", "UTC", 1);
    EQ(mktime(&tm), 946684800);
    char *p = 0;
    size_t len = 0;
    FILE *m = open_memstream(&p, &len);
    fprintf(m, "%s %d %.2e", "mem", 5, 1e10);
    fclose(m);
    STREQ(p, "mem 5 1.00e+10");
    char path[] = "tXXXXXX";
    OK(mkstemp(path));
    CHECK(realpath(".", 0));
    EQ(strtod("0x1.8p1", 0) == 3.0, 1);
    DONE();
}
