// SGDT, SIDT, SLDT, STR, SMSW: what the kernel answers in place of a processor with UMIP. Without UMIP they tell the truth: skipped.
#include "check.h"
#define GET(insn, len, want) do { memset(b, 0xaa, sizeof b); __asm__ volatile(insn " %0" : "+m"(b)); \
    MEMEQ(b, want, len); EQ(b[len], 0xaa); } while (0)
#define REG(insn, want) do { r = (unsigned long)-1; __asm__ volatile(insn : "+r"(r)); EQ(r, (unsigned long)(want)); } while (0)
int main(void) {
    unsigned char b[16];
    unsigned long r, high = ABI64 ? (unsigned long)(0xffffffffull << 31 << 1) : 0;
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[4096];
    int there = 0;
    CHECK(f);
    while (fgets(line, sizeof line, f)) there |= strstr(line, " umip") != 0;
    unsigned short low;
    __asm__ volatile("smsw %0" : "=m"(low));
    __asm__ volatile("sgdt %0" : "=m"(b));
    if (!there && (b[0] || b[1])) SKIP("no UMIP");
    GET("sgdt", ABI64 ? 10 : 6, "\0\0\0\0\xfe\xff\xff\xff\xff\xff");
    GET("sidt", ABI64 ? 10 : 6, "\0\0\0\0\xff\xff\xff\xff\xff\xff");
    GET("sldt", 2, "\0\0");
    GET("str", 2, "\x40\0");
    GET("smsw", 2, "\x33\0");
    REG("smsww %w0", (unsigned long)-1 << 16 | 0x33);
    REG("smswl %k0", high | 0x80050033);
    REG("sldtl %k0", high);
    REG("strl %k0", high | 0x40);
    REG("strw %w0", (unsigned long)-1 << 16 | 0x40);
#if ABI64
    REG("smswq %q0", 0x80050033);
#endif
    DONE();
}
