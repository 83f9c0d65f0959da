// rename, renameat, renameat2 with its flags.
#include "check.h"
int main(void) {
    tmpdir();
    put("a", "A");
    put("b", "B");
    OK(rename("a", "c"));
    ERR(access("a", F_OK), ENOENT);
    STREQ(get("c"), "A");
    OK(rename("c", "b"));
    STREQ(get("b"), "A");
    OK(mkdir("d", 0755));
    OK(mkdir("e", 0755));
    put("e/x", "");
    ERR(rename("b", "d"), EISDIR);
    ERR(rename("d", "b"), ENOTDIR);
    ERR(rename("d", "e"), ENOTEMPTY);
    ERR(rename("d", "d/sub"), EINVAL);
    OK(rename("e", "d"));
    CHECK(access("d/x", F_OK) == 0);
    int d = OK(open("d", O_RDONLY | O_DIRECTORY));
    OK(renameat(AT_FDCWD, "b", d, "y"));
    STREQ(get("d/y"), "A");
    put("p", "P");
    put("q", "Q");
    ERR(renameat2(AT_FDCWD, "p", AT_FDCWD, "q", RENAME_NOREPLACE), EEXIST);
    OK(renameat2(AT_FDCWD, "p", AT_FDCWD, "q", RENAME_EXCHANGE));
    STREQ(get("p"), "Q");
    STREQ(get("q"), "P");
    ERR(renameat2(AT_FDCWD, "p", AT_FDCWD, "q", 0x80), EINVAL);
    ERR(rename("none", "x"), ENOENT);
    DONE();
}
