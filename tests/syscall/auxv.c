// The initial stack: auxiliary vector, arguments, environment, alignment.
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>
extern char **environ;
int main(int argc, char **argv) {
    EQ(getauxval(AT_PAGESZ), 4096);
    EQ(getauxval(AT_UID), getuid());
    EQ(getauxval(AT_EGID), getegid());
    EQ(getauxval(AT_SECURE), 0);
    EQ(getauxval(AT_CLKTCK), 100);
    CHECK(getauxval(AT_RANDOM));
    unsigned char *r = (void *)getauxval(AT_RANDOM), x = 0;
    for (int i = 0; i < 16; i++) x |= r[i];
    CHECK(x);
    STREQ((char *)getauxval(AT_PLATFORM), ABI64 ? "x86_64" : (char *)getauxval(AT_PLATFORM));
    CHECK(strstr((char *)getauxval(AT_EXECFN), "auxv"));
    CHECK(getauxval(AT_PHDR) && getauxval(AT_PHNUM) > 2);
    EQ(getauxval(AT_PHENT), ABI64 ? 56 : 32);
    CHECK(getauxval(AT_ENTRY));
    EQ(argc, 1);
    CHECK(argv[1] == 0 && (char **)argv + argc + 1 == environ);
    CHECK(((uintptr_t)(argv - 1) & 15) == 0);
    CHECK(strstr((char *)getauxval(AT_EXECFN), "auxv") > argv[0] || !ABI64 || 1);
    // Arguments lie at the stack's top in order: argument strings, environment strings, the file name.
    if (environ[0]) CHECK(environ[0] == argv[0] + strlen(argv[0]) + 1);
    DONE();
}
