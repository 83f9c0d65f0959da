// abi: 64
// arch_prctl: the bases of FS and GS.
#include "check.h"
#include <asm/prctl.h>
int main(void) {
    unsigned long fs, gs, v;
    static unsigned long data[2] = {0x1122334455667788, 2};
    OK(RAW(SYS_arch_prctl, ARCH_GET_FS, &fs));
    __asm__ volatile("movq %%fs:0, %0" : "=r"(v));
    EQ(v, fs);
    OK(RAW(SYS_arch_prctl, ARCH_SET_GS, data));
    OK(RAW(SYS_arch_prctl, ARCH_GET_GS, &gs));
    EQ(gs, (long)data);
    __asm__ volatile("movq %%gs:0, %0" : "=r"(v));
    EQ(v, data[0]);
    __asm__ volatile("movq $5, %%gs:8" : : : "memory");
    EQ(data[1], 5);
    CHILD(unsigned long w; __asm__ volatile("movq %%gs:0, %0" : "=r"(w)); CHECK(w == data[0]));
    ERR(RAW(SYS_arch_prctl, ARCH_SET_FS, 0x8000000000000000), EPERM);
    ERR(RAW(SYS_arch_prctl, ARCH_GET_FS, BAD), EFAULT);
    ERR(RAW(SYS_arch_prctl, 0x9999, 0), EINVAL);
    DONE();
}
