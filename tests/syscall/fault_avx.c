// Faults of AVX, of masked accesses and gathers, of XSAVE and its kin.
// cpu: x86-64-v3
// jit: hot=8
#include "faultcase.h"
#define DI R("%rdi", "%edi")
#define ONES(x) "vpcmpeqd " x ", " x ", " x "; "
// A mask whose first element alone is there.
#define FIRST(x) "mov $-1, %eax; vmovd %eax, " x "; "
CASE("vmovaps unaligned", "D50000110", "vmovaps (" DI "), %ymm0");
CASE("vmovaps store unaligned", "D50000108", "vmovaps %xmm0, (" DI ")");
CASE("vmovntps unaligned", "D50000110", "vmovntps %ymm0, (" DI ")");
CASE("vmovntdqa unaligned", "D50000110", "vmovntdqa (" DI "), %ymm0");
CASE("vaddps needs no alignment", "D50000101", "vaddps (" DI "), %ymm0, %ymm0; vzeroall");
CASE("vmovups cut", "D50001ff0", "vmovups (" DI "), %ymm0");
CASE("vmovups store cut", "D50001ff0", "vmovups %ymm0, (" DI ")");
CASE("vmovups store cut read-only", "D50010ff0", "vmovups %ymm0, (" DI ")");
CASE("vaddps cut", "D50001ff4", "vaddps (" DI "), %ymm0, %ymm0");
CASE("vaddps #XM", "m1f00 a7f800001", "vmovd %eax, %xmm1; vaddps %ymm1, %ymm1, %ymm0");
CASE("vaddps #XM of the upper half", "m1d80 a3f800000", "vmovd %eax, %xmm1; vbroadcastss %xmm1, %xmm1; vmovd %eax, %xmm2; vinsertf128 $1, %xmm1, %ymm1, %ymm1; vpermq $0x4e, %ymm2, %ymm2; vdivps %ymm2, %ymm1, %ymm0");
CASE("vfmadd #XM", "m1f00 a7f800001", "vmovd %eax, %xmm1; vfmadd213ss %xmm1, %xmm1, %xmm1");
CASE("vcvtph2ps #XM", "m1f00 a7c01", "vmovd %eax, %xmm1; vcvtph2ps %xmm1, %xmm0");
CASE("vbroadcastss nowhere", "D50002000", "vbroadcastss (" DI "), %ymm0");
CASE("vinsertf128 cut", "D50001ff8", "vinsertf128 $1, (" DI "), %ymm0, %ymm0");
CASE("vextractf128 cut", "D50001ff8", "vextractf128 $1, %ymm0, (" DI ")");
CASE("vmaskmovps load, all", "D50001ffc", ONES("%xmm1") "vmaskmovps (" DI "), %xmm1, %xmm0");
CASE("vmaskmovps load, first", "D50001ffc", FIRST("%xmm1") "vmaskmovps (" DI "), %xmm1, %xmm0; vmovd %xmm0, %ecx");
CASE("vmaskmovps load, none", "D50002000", "vpxor %xmm1, %xmm1, %xmm1; vmaskmovps (" DI "), %xmm1, %xmm0");
CASE("vmaskmovps store, all", "D50001ffc", ONES("%ymm1") "vmaskmovps %ymm0, %ymm1, (" DI ")");
CASE("vmaskmovps store, first", "D50001ffc", FIRST("%xmm1") "vpxor %xmm0, %xmm0, %xmm0; vmaskmovps %xmm0, %xmm1, (" DI ")");
CASE("vpmaskmovq load, first", "D50001ff8", "vpcmpeqd %xmm1, %xmm1, %xmm1; vmovq %xmm1, %xmm1; vpmaskmovq (" DI "), %xmm1, %xmm0; vmovd %xmm0, %ecx");
CASE("vpmaskmovd store, read-only", "D50011000", FIRST("%xmm1") "vpmaskmovd %xmm0, %xmm1, (" DI ")");
CASE("vpmaskmovd store, none", "D50011000", "vpxor %xmm1, %xmm1, %xmm1; vpmaskmovd %xmm0, %xmm1, (" DI ")");
// A gather that faults has kept what it had, mask and all.
CASE("vpgatherdd, second nowhere", "D50001ffc", ONES("%xmm1") "mov $0x10, %eax; vmovd %eax, %xmm2; vpshufd $0x51, %xmm2, %xmm2; vpxor %xmm0, %xmm0, %xmm0; vpgatherdd %xmm1, (" DI ",%xmm2,1), %xmm0; nop");
CASE("vpgatherdd, masked", "D50002000", "vpxor %xmm1, %xmm1, %xmm1; vpxor %xmm2, %xmm2, %xmm2; vpgatherdd %xmm1, (" DI ",%xmm2,1), %xmm0; nop");
CASE("vpgatherdd, same registers", "D50000100", ".byte 0xc4, 0xe2, 0x79, 0x90, 0x04, 0x07");
CASE("vzeroupper with 66", "", ".byte 0xc5, 0xf9, 0x77");
CASE("vpermq of 128 bits", "", ".byte 0xc4, 0xe3, 0xf9, 0x00, 0xc1, 0x00");
CASE("vmovss of three with memory", "D50000100", ".byte 0xc5, 0x72, 0x10, 0x07");
CASE("vaddps, vvvv of a load", "D50000100", ".byte 0xc5, 0xf0, 0x10, 0x07");
CASE("vbroadcastf128 of a register", "", ".byte 0xc4, 0xe2, 0x7d, 0x1a, 0xc1");
CASE("andn with 66", "", ".byte 0xc4, 0xe2, 0x79, 0xf2, 0xc1");
CASE("andn, L", "", ".byte 0xc4, 0xe2, 0x7c, 0xf2, 0xc1");
CASE("pext nowhere", "D50002000", "pext (" DI "), %eax, %ecx");
// XSAVE.
CASE("xsave unaligned", "D50000110 a3 d0", "xsave (" DI ")");
CASE("xsave nowhere", "p D50002000 a3 d0", "xsave (" DI ")");
CASE("xsave read-only", "p D50011000 a3 d0", "xsave (" DI ")");
CASE("xrstor unaligned", "D50000110 a3 d0", "xrstor (" DI ")");
CASE("xrstor nowhere", "p D50002000 a3 d0", "xrstor (" DI ")");
#define CLEAR "mov " DI ", " R("%rsi", "%esi") "; xor %eax, %eax; mov $576, %ecx; rep stosb; mov " R("%rsi", "%esi") ", " DI "; mov $3, %eax; xor %edx, %edx; movl $0x1f80, 24(" DI "); "
CASE("xrstor of zeroes", "x D50000100", CLEAR "xrstor (" DI "); nop");
CASE("xrstor, unknown component", "x D50000100", CLEAR "movl $0x80000000, 516(" DI "); xrstor (" DI "); nop");
CASE("xrstor, reserved byte", "x D50000100", CLEAR "movb $1, 530(" DI "); xrstor (" DI "); nop");
CASE("xrstor, reserved mxcsr", "x D50000100", CLEAR "movb $2, 512(" DI "); movl $0x80001f80, 24(" DI "); xrstor (" DI "); nop");
CASE("xgetbv 5", "c5", "xgetbv");
CASE("lock xsave", "D50000100", ".byte 0xf0, 0x0f, 0xae, 0x27");
int main(void) {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("f16c")) SKIP("no AVX2");
    return run_cases();
}
