// abi: 32
// TLS descriptors: set_thread_area, get_thread_area, accesses through their selectors.
#include "check.h"
#include <asm/ldt.h>
int main(void) {
    static int data[4] = {11, 22, 33, 44};
    struct user_desc d = {.entry_number = -1, .base_addr = (unsigned)data, .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1}, g;
    OK(RAW(SYS_set_thread_area, &d));
    CHECK(d.entry_number >= 12 && d.entry_number <= 14);
    unsigned short sel = d.entry_number * 8 + 3, old;
    int v, w;
    __asm__ volatile("movw %%fs, %0; movw %2, %%fs; movl %%fs:4, %1; movl $77, %%fs:8; movw %0, %%fs" : "=&r"(old), "=&r"(v) : "r"(sel) : "memory");
    EQ(v, 22);
    EQ(data[2], 77);
    memset(&g, 0, sizeof g);
    g.entry_number = d.entry_number;
    OK(RAW(SYS_get_thread_area, &g));
    EQ(g.base_addr, d.base_addr);
    EQ(g.limit, 0xfffff);
    EQ(g.seg_32bit, 1);
    EQ(g.limit_in_pages, 1);
    // The same entry with another base.
    d.base_addr += 4;
    OK(RAW(SYS_set_thread_area, &d));
    __asm__ volatile("movw %2, %%fs; movl %%fs:4, %1; movw %0, %%fs" : : "r"(old), "r"(w), "r"(sel) : "memory");
    __asm__ volatile("movw %1, %%fs; movl %%fs:4, %0; movw %2, %%fs" : "=&r"(w) : "r"(sel), "r"(old) : "memory");
    EQ(w, 77);
    // libc's own is elsewhere and in force: errno works.
    ERR(close(999), EBADF);
    d.entry_number = 5;
    ERR(RAW(SYS_set_thread_area, &d), EINVAL);
    g.entry_number = 99;
    ERR(RAW(SYS_get_thread_area, &g), EINVAL);
    ERR(RAW(SYS_set_thread_area, BAD), EFAULT);
    // Children inherit them.
    CHILD(g.entry_number = sel >> 3; OK(RAW(SYS_get_thread_area, &g)); EQ(g.base_addr, d.base_addr));
    DONE();
}
