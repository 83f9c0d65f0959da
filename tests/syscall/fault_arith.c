// Exceptions of arithmetic: #DE, #OF, #BR, #MF, #XM; and what is no instruction, #UD.
// jit: hot=8
#include "faultcase.h"
// #DE: by zero, and quotients that don't fit, at each width. Nothing changes.
CASE("div cl by 0", "c0", "div %cl");
CASE("div cx by 0", "c0", "div %cx");
CASE("div ecx by 0", "c0", "div %ecx");
CASE("div cl, too large", "a1000 c10", "div %cl");
CASE("div cl, just fits", "aff0 c10 i8d5", "div %cl");
CASE("div cx, too large", "a0 d10 c10", "div %cx");
CASE("div ecx, too large", "a0 d10 c10", "div %ecx");
CASE("idiv cl, -128/-1", "aff80 cff", "idiv %cl");
CASE("idiv cl, 128", "a80 c1", "idiv %cl");
CASE("idiv cl, -128", "aff80 c1 i8d5", "idiv %cl");
CASE("idiv cx, min/-1", "a8000 dffff cffff", "idiv %cx");
CASE("idiv ecx, min/-1", "a80000000 dffffffff cffffffff", "idiv %ecx");
CASE("idiv ecx, min64/-1", "a0 d80000000 cffffffff", "idiv %ecx");
CASE("idiv ecx by 0", "c0", "idiv %ecx");
CASE("div memory by 0", "D50000100", "xor %eax, %eax; mov %eax, (" R("%rdi", "%edi") "); divl (" R("%rdi", "%edi") ")");
CASE("div by memory not there", "D50002000 c0", "divl (" R("%rdi", "%edi") ")");
CASE("div by memory at the edge", "D50001ffe c0", "divl (" R("%rdi", "%edi") ")");
CASE("div in a block", "c0", "add $1, %ebx; mov $5, %esi; div %ecx; add $1, %ebx");
CASE("flags before div", "c0 a5", "cmp $9, %eax; div %ecx");
#if ABI64
CASE("div rcx by 0", "c0", "div %rcx");
CASE("div rcx, too large", "a0 d10 c10", "div %rcx");
CASE("idiv rcx, min/-1", "a8000000000000000 dffffffffffffffff cffffffffffffffff", "idiv %rcx");
CASE("idiv rcx by 0", "c0", "idiv %rcx");
CASE("idiv rcx, 128 by 64", "a0 d4000000000000000 c7fffffffffffffff", "idiv %rcx");
#else
CASE("aam 0", "", "aam $0");
CASE("aam 10", "a63 i811", "aam");
CASE("into, set", "f800", "into");
CASE("into, clear", "", "into");
CASE("int 4", "", "int $4");
CASE("add, into", "a7fffffff", "add $1, %eax; into");
CASE("bound eax below", "a0 D50000100", "movl $1, (%edi); movl $5, 4(%edi); bound %eax, (%edi)");
CASE("bound eax above", "a6 D50000100", "movl $1, (%edi); movl $5, 4(%edi); bound %eax, (%edi)");
CASE("bound eax at the upper", "a5 D50000100", "movl $1, (%edi); movl $5, 4(%edi); bound %eax, (%edi)");
CASE("bound eax negative", "afffffffe D50000100", "movl $-3, (%edi); movl $-1, 4(%edi); bound %eax, (%edi)");
CASE("bound ax", "a70006 D50000100", "movl $0x50001, (%edi); boundw %ax, (%edi)");
CASE("bound, half of it not there", "a1 D50001ffc", "bound %eax, (%edi)");
CASE("bound with a register", "", ".byte 0x62, 0xc0, 0x90, 0x90, 0x90, 0x90");
#endif
// A result that an unmasked x87 exception keeps from being stored: memory that can't be written faults first, and nothing is recorded.
#define HELD(name, setup, code) \
    CASE(name ", stored", setup " w340 D50000100", code); \
    CASE(name ", nowhere", setup " w340 D50002000", code); \
    CASE(name ", read-only", setup " w340 D50011000", code); \
    CASE(name ", at the edge", setup " w340 D50001fff", code)
#define DI_ "(" R("%rdi", "%edi") ")"
HELD("x87 empty, fsts", "", "fsts " DI_ "; fwait");
HELD("x87 empty, fstpt", "", "fstpt " DI_ "; fwait");
HELD("x87 empty, fistpl", "", "fistpl " DI_ "; fwait");
HELD("x87 empty, fbstp", "", "fbstp " DI_ "; fwait");
HELD("x87 overflow, fstps", "", "push $0x7f7fffff; flds " R("(%rsp)", "(%esp)") "; fadd %st; fstps " DI_ "; fwait");
HELD("x87 invalid, fistps", "", "push $0x7fff0000; flds " R("(%rsp)", "(%esp)") "; fistps " DI_ "; fwait");
HELD("x87 inexact, fstpl", "", "fldpi; fstpl " DI_ "; fwait");
// #UD.
CASE("ud2", "", "ud2");
CASE("ud1", "", ".byte 0x0f, 0xb9, 0xc0");
CASE("ud0", "", ".byte 0x0f, 0xff, 0xc0");
CASE("ud1 of memory not there", "a0", ".byte 0x0f, 0xb9, 0x00");
CASE("ud2 behind a block", "", "inc %ebx; dec %esi; ud2");
CASE("0f 04", "", ".byte 0x0f, 0x04");
CASE("0f 0a", "", ".byte 0x0f, 0x0a");
CASE("0f 0c", "", ".byte 0x0f, 0x0c");
CASE("0f 36", "", ".byte 0x0f, 0x36");
CASE("0f 39", "", ".byte 0x0f, 0x39");
CASE("0f a6", "", ".byte 0x0f, 0xa6, 0xc0, 0x90");
CASE("rsm", "", ".byte 0x0f, 0xaa");
CASE("fe /2", "", ".byte 0xfe, 0xd0");
CASE("ff /7", "", ".byte 0xff, 0xf8");
CASE("c6 /1", "", ".byte 0xc6, 0xc8, 1");
CASE("c7 /1", "", ".byte 0xc7, 0xc8, 1, 2, 3, 4");
CASE("8f /1", "", ".byte 0x8f, 0xc8, 1, 2, 3, 4");
CASE("0f ba /0", "", ".byte 0x0f, 0xba, 0xc0, 1");
CASE("0f c7 /1 of a register", "", ".byte 0x0f, 0xc7, 0xc8");
CASE("0f 01 c6", "", ".byte 0x0f, 0x01, 0xc6");
CASE("0f 00 /6", "", ".byte 0x0f, 0x00, 0xf0");
CASE("mov to cs", "a23", "mov %eax, %cs");
CASE("mov to segment 6", "a2b", ".byte 0x8e, 0xf0");
CASE("mov from segment 7", "", ".byte 0x8c, 0xf8");
CASE("lea of a register", "", ".byte 0x8d, 0xc0");
CASE("les of a register", "", ".byte 0xc4, 0xc0, 0x90, 0x90, 0x90, 0x90");
CASE("lds of a register", "", ".byte 0xc5, 0xc0, 0x04, 0x90, 0x90, 0x90");
CASE("lss of a register", "", ".byte 0x0f, 0xb2, 0xc0");
CASE("call far of a register", "", ".byte 0xff, 0xd8");
CASE("jmp far of a register", "", ".byte 0xff, 0xe8");
CASE("movntps of registers", "", ".byte 0x0f, 0x2b, 0xc0");
CASE("movlps store of registers", "", ".byte 0x0f, 0x13, 0xc0");
CASE("maskmovq of memory", "", ".byte 0x0f, 0xf7, 0x00");
CASE("cmpxchg8b, lock, register", "", ".byte 0xf0, 0x0f, 0xc7, 0xc8");
CASE("lock mov", "D50000100", ".byte 0xf0, 0x89, 0x07");
CASE("lock xchg register", "", ".byte 0xf0, 0x87, 0xc0");
CASE("lock bt", "D50000100", ".byte 0xf0, 0x0f, 0xa3, 0x07");
CASE("lock add r, m", "D50000100", ".byte 0xf0, 0x03, 0x07");
CASE("lock test", "D50000100", ".byte 0xf0, 0x85, 0x07");
CASE("lock shl", "D50000100", ".byte 0xf0, 0xd1, 0x27");
CASE("lock mul", "D50000100", ".byte 0xf0, 0xf7, 0x27");
CASE("lock ud2", "", ".byte 0xf0, 0x0f, 0x0b");
CASE("lock hlt", "", ".byte 0xf0, 0xf4");
CASE("lock int3", "", ".byte 0xf0, 0xcc");
CASE("lock movaps", "D50000100", ".byte 0xf0, 0x0f, 0x28, 0x07");
CASE("lock push", "", ".byte 0xf0, 0x50");
CASE("lock jmp", "", ".byte 0xf0, 0xeb, 0x00");
CASE("lock movs", "S50000100 D50000200 c4", ".byte 0xf0, 0xf3, 0xa5");
CASE("lock adc memory", "D50000100", ".byte 0xf0, 0x11, 0x07");
CASE("lock not, not there", "D50002000", ".byte 0xf0, 0xf7, 0x17");
CASE("lock mov, not there", "D50002000", ".byte 0xf0, 0x89, 0x07");
CASE("lock of fadd", "D50000100", ".byte 0xf0, 0xd8, 0x07");
CASE("d9 d1", "", ".byte 0xd9, 0xd1");
CASE("d9 e2", "", ".byte 0xd9, 0xe2");
CASE("d9 /1 of memory", "D50000100", ".byte 0xd9, 0x0f");
CASE("db e5", "", ".byte 0xdb, 0xe5");
CASE("df e1", "", ".byte 0xdf, 0xe1");
CASE("dd /5 of memory", "D50000100", ".byte 0xdd, 0x2f");
CASE("da f0", "", ".byte 0xda, 0xf0");
CASE("66 0f 0b", "", ".byte 0x66, 0x0f, 0x0b");
CASE("f3 0f 0b", "", ".byte 0xf3, 0x0f, 0x0b");
CASE("f3 0f 38 10", "", ".byte 0xf3, 0x0f, 0x38, 0x10, 0xc1");
CASE("0f 38 10 without 66", "", ".byte 0x0f, 0x38, 0x10, 0xc1");
CASE("0f 38 0c", "", ".byte 0x0f, 0x38, 0x0c, 0xc1");
CASE("0f 3a 0e without 66", "", ".byte 0x0f, 0x3a, 0x0e, 0xc1, 0");
CASE("0f 3a ff", "", ".byte 0x0f, 0x3a, 0xff, 0xc1, 0");
CASE("0f 50 of memory", "D50000100", ".byte 0x0f, 0x50, 0x07");
CASE("0f 71 /0", "", ".byte 0x0f, 0x71, 0xc0, 1");
CASE("f2 0f 70 /r is pshuflw", "", ".byte 0xf2, 0x0f, 0x70, 0xc0, 1");
CASE("f2 0f 28", "", ".byte 0xf2, 0x0f, 0x28, 0xc1");
CASE("f2 0f 54", "", ".byte 0xf2, 0x0f, 0x54, 0xc1");
#if ABI64
CASE("push es", "", ".byte 0x06");
CASE("pop es", "", ".byte 0x07");
CASE("push cs", "", ".byte 0x0e");
CASE("daa", "", ".byte 0x27");
CASE("aaa", "", ".byte 0x37");
CASE("pusha", "", ".byte 0x60");
CASE("popa", "", ".byte 0x61");
CASE("82", "", ".byte 0x82, 0xc0, 1");
CASE("call far", "", ".byte 0x9a, 0, 0, 0, 0, 0x33, 0");
CASE("jmp far", "", ".byte 0xea, 0, 0, 0, 0, 0x33, 0");
CASE("into", "", ".byte 0xce");
CASE("aam 0", "", ".byte 0xd4, 0");
CASE("salc", "", ".byte 0xd6");
CASE("vex after 66", "", ".byte 0x66, 0xc5, 0xf8, 0x58, 0xc1");
CASE("vex after f3", "", ".byte 0xf3, 0xc5, 0xf8, 0x58, 0xc1");
CASE("vex after lock", "", ".byte 0xf0, 0xc5, 0xf8, 0x58, 0xc1");
CASE("vex after rex", "", ".byte 0x48, 0xc5, 0xf8, 0x58, 0xc1");
CASE("vex, map 0", "", ".byte 0xc4, 0xe0, 0x78, 0x58, 0xc1");
CASE("vex, map 31", "", ".byte 0xc4, 0xff, 0x78, 0x58, 0xc1");
CASE("vex ud", "", ".byte 0xc5, 0xf8, 0x0b, 0xc1");
#endif
// #XM: each exception of SSE with its mask cleared. MXCSR has the flag, the destination is as it was.
CASE("xm invalid", "m1f00 a7f800001", "movd %eax, %xmm1; addss %xmm1, %xmm0");
CASE("xm invalid, 0/0", "m1f00", "xorps %xmm0, %xmm0; divss %xmm0, %xmm0");
CASE("xm denormal", "m1e80 a1", "movd %eax, %xmm1; addss %xmm1, %xmm1");
CASE("xm denormal, daz", "m1ec0 a1", "movd %eax, %xmm1; addss %xmm1, %xmm1");
CASE("xm divide", "m1d80 a3f800000", "movd %eax, %xmm0; xorps %xmm1, %xmm1; divss %xmm1, %xmm0");
CASE("xm overflow", "m1b80 a7f7fffff", "movd %eax, %xmm0; addss %xmm0, %xmm0");
CASE("xm overflow, inexact set already", "m1ba0 a7f7fffff", "movd %eax, %xmm0; mulss %xmm0, %xmm0");
CASE("xm underflow", "m1780 a00800000", "movd %eax, %xmm0; mulss %xmm0, %xmm0");
CASE("xm underflow, exact", "m1780 a00800000 c3f000000", "movd %eax, %xmm0; movd %ecx, %xmm1; mulss %xmm1, %xmm0");
CASE("xm precision", "m0f80 a3f800001", "movd %eax, %xmm0; mulss %xmm0, %xmm0");
CASE("xm convert", "m1f00 a4f800000", "movd %eax, %xmm0; cvtss2si %xmm0, %ecx");
CASE("xm convert, inexact", "m0f80 a3fc00000", "movd %eax, %xmm0; cvttss2si %xmm0, %ecx");
CASE("xm compare quiet", "m1f00 a7fc00000", "movd %eax, %xmm0; ucomiss %xmm0, %xmm0");
CASE("xm compare signalling", "m1f00 a7fc00000", "movd %eax, %xmm0; comiss %xmm0, %xmm0");
CASE("xm cmpltss", "m1f00 a7fc00000", "movd %eax, %xmm0; cmpltss %xmm0, %xmm0");
CASE("xm max", "m1f00 a7fc00000", "movd %eax, %xmm0; maxss %xmm0, %xmm0");
CASE("xm sqrt", "m1f00 abf800000", "movd %eax, %xmm0; sqrtss %xmm0, %xmm0");
CASE("xm cvtdq2ps", "m0f80 a01000001", "movd %eax, %xmm0; cvtdq2ps %xmm0, %xmm0");
CASE("xm double to single", "m1b80 a7fe00000", "movd %eax, %xmm0; psllq $32, %xmm0; cvtsd2ss %xmm0, %xmm0");
CASE("xm packed, two lanes", "m1900 a3f800000", "movd %eax, %xmm0; xorps %xmm1, %xmm1; divps %xmm1, %xmm0");
CASE("xm packed, masked lane first", "m1d00 a3f800000", "movd %eax, %xmm0; xorps %xmm1, %xmm1; divps %xmm1, %xmm0");
CASE("xm from memory", "m1f00 D50000100", "movl $0x7f800001, (" R("%rdi", "%edi") "); addss (" R("%rdi", "%edi") "), %xmm0");
CASE("xm roundss", "m0f80 a3fc00000", "movd %eax, %xmm0; roundss $0, %xmm0, %xmm1");
CASE("xm roundss, no precision", "m0f80 a3fc00000", "movd %eax, %xmm0; roundss $8, %xmm0, %xmm1");
CASE("xm dpps", "m1f00 a7f800001", "movd %eax, %xmm0; dpps $0xff, %xmm0, %xmm0");
CASE("xm, rcpss has none", "m0000 a0", "movd %eax, %xmm0; rcpss %xmm0, %xmm0");
CASE("xm flags pending are nothing", "m1f3f a3f800000", "ldmxcsr 1f; movd %eax, %xmm0; addss %xmm0, %xmm0; int3; 1: .long 0x1f3f");
// MXCSR's reserved bits: #GP.
CASE("ldmxcsr reserved", "D50000100", "movl $0x11f80, (" R("%rdi", "%edi") "); ldmxcsr (" R("%rdi", "%edi") ")");
CASE("ldmxcsr bit 31", "D50000100", "movl $0x80001f80, (" R("%rdi", "%edi") "); ldmxcsr (" R("%rdi", "%edi") ")");
CASE("fxrstor reserved mxcsr", "x D50000100", "fxsave (" R("%rdi", "%edi") "); movl $0x80001f80, 24(" R("%rdi", "%edi") "); fxrstor (" R("%rdi", "%edi") "); nop");
// #MF: pending exceptions, reported at the next instruction that waits.
CASE("mf divide, fwait", "w37b", "fld1; fldz; fdivrp; nop; fwait");
CASE("mf divide, then fld", "w37b", "fld1; fldz; fdivrp; nop; fld1");
CASE("mf divide, fnstsw waits not", "w37b a0", "fld1; fldz; fdivrp; fnstsw %ax; fnstcw -8(" R("%rsp", "%esp") "); fnclex; fwait");
CASE("mf divide, emms", "w37b", "fld1; fldz; fdivrp; emms");
CASE("mf divide, mmx", "w37b", "fld1; fldz; fdivrp; paddb %mm0, %mm1");
CASE("mf divide, mmx load not there", "w37b D50002000", "fld1; fldz; fdivrp; movq (" R("%rdi", "%edi") "), %mm1");
CASE("mf divide, sse", "w37b", "fld1; fldz; fdivrp; addps %xmm0, %xmm1; fwait");
CASE("mf divide, fninit", "w37b", "fld1; fldz; fdivrp; fninit; fwait");
CASE("mf divide, store not there", "w37b D50002000", "fld1; fldz; fdivrp; fstps (" R("%rdi", "%edi") ")");
CASE("mf invalid, stack underflow", "w37e", "fadd %st(1), %st; fwait");
CASE("mf invalid, stack overflow", "w37e", "fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1; fwait");
CASE("mf invalid, fcomp", "w37e", "fldz; fdiv %st(0), %st; fwait");
CASE("mf denormal", "w37d D50000100", "movl $1, (" R("%rdi", "%edi") "); flds (" R("%rdi", "%edi") "); fwait");
CASE("mf overflow", "w377 D50000100", "movl $0x7f7fffff, (" R("%rdi", "%edi") "); movl $10000, 4(" R("%rdi", "%edi") "); fildl 4(" R("%rdi", "%edi") "); flds (" R("%rdi", "%edi") "); fscale; fscale; fwait");
CASE("mf overflow at a store", "w377 D50000100", "fldl2e; movl $300, (" R("%rdi", "%edi") "); fildl (" R("%rdi", "%edi") "); fld1; fscale; fstps (" R("%rdi", "%edi") "); fwait");
CASE("mf underflow at a store", "w36f D50000100", "movl $-300, (" R("%rdi", "%edi") "); fildl (" R("%rdi", "%edi") "); fld1; fscale; fstps (" R("%rdi", "%edi") "); fwait");
CASE("mf precision", "w35f", "fld1; fldpi; fdivrp; fwait");
CASE("mf fist too large", "w37e D50000100", "movl $0x7f7fffff, (" R("%rdi", "%edi") "); flds (" R("%rdi", "%edi") "); fistpl (" R("%rdi", "%edi") "); fwait");
CASE("mf fldcw unmasks what is pending", "D50000100", "fld1; fldz; fdivrp; movl $0x37b, (" R("%rdi", "%edi") "); fldcw (" R("%rdi", "%edi") "); nop; fld1");
CASE("mf fldenv", "x w37b D50000100", "fld1; fldz; fdivrp; fnstenv (" R("%rdi", "%edi") "); fnclex; fldenv (" R("%rdi", "%edi") "); nop; fwait");
CASE("mf fnsave, then nothing", "x w37b D50000100", "fld1; fldz; fdivrp; fnsave (" R("%rdi", "%edi") "); fwait; movl $0, (" R("%rdi", "%edi") "); ud2");
CASE("mf both", "w37b m1f00 a7f800001", "fld1; fldz; fdivrp; movd %eax, %xmm1; addss %xmm1, %xmm0");
CASE("mf fxsave waits not", "x w37b D50000100", "fld1; fldz; fdivrp; fxsave (" R("%rdi", "%edi") "); fxrstor (" R("%rdi", "%edi") "); fwait");
int main(void) { return run_cases(); }
