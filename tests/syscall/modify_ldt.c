// abi: 32
// The local descriptor table: write, read, use through ES and FS, clear.
#include "check.h"
#include <asm/ldt.h>
int main(void) {
    static int data[4] = {11, 22, 33, 44};
    struct user_desc d = {.entry_number = 3, .base_addr = (unsigned)data, .limit = 15, .seg_32bit = 1, .useable = 1};
    char b[64];
    EQ(RAW(SYS_modify_ldt, 0, b, sizeof b), 0);
    OK(RAW(SYS_modify_ldt, 0x11, &d, sizeof d));
    unsigned short sel = 3 * 8 + 7, old;
    int v;
    __asm__ volatile("movw %%fs, %0; movw %2, %%fs; movl %%fs:12, %1; movw %0, %%fs" : "=&r"(old), "=&r"(v) : "r"(sel) : "memory");
    EQ(v, 44);
    __asm__ volatile("pushl %%es; movw %1, %%es; movl $8, %%eax; movl %%es:(%%eax), %0; popl %%es" : "=&r"(v) : "r"(sel) : "eax", "memory");
    EQ(v, 33);
    long n = OK(RAW(SYS_modify_ldt, 0, b, sizeof b));
    CHECK(n >= 32);
    CHECK(b[24 + 5] & 0x80);
    d.entry_number = 9999;
    ERR(RAW(SYS_modify_ldt, 1, &d, sizeof d), EINVAL);
    ERR(RAW(SYS_modify_ldt, 1, &d, 4), EINVAL);
    ERR(RAW(SYS_modify_ldt, 1, BAD, sizeof d), EFAULT);
    ERR(RAW(SYS_modify_ldt, 99, &d, sizeof d), ENOSYS);
    d = (struct user_desc){.entry_number = 3, .read_exec_only = 1, .seg_not_present = 1};
    OK(RAW(SYS_modify_ldt, 0x11, &d, sizeof d));
    DONE();
}
