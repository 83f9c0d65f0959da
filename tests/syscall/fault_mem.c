// #PF, and #GP and #SS of addresses: each kind of access to memory that isn't there, may not be written, ends in the middle, isn't aligned, isn't canonical.
// jit: hot=8
#include "faultcase.h"
#define DI "(" R("%rdi", "%edi") ")"
#define SI "(" R("%rsi", "%esi") ")"
#define SP "(" R("%rsp", "%esp") ")"
// Each instruction with its operand in several places: not there, cut by the end of what is there, read-only, cut by that, behind the end of a file, PROT_NONE.
// `n` is the operand's size less 1, subtracted from the ends, so that the last byte alone is beyond.
#define PLACES(name, setup, code, n) \
    CASE(name " nowhere", setup " D50002000", code); \
    CASE(name " cut", setup " D50001fff", code); \
    CASE(name " read-only", setup " D50011010", code); \
    CASE(name " cut read-only", setup " D50010fff", code); \
    CASE(name " read-only, cut", setup " D50011fff", code); \
    CASE(name " file", setup " D50021000", code); \
    CASE(name " none", setup " D50031008", code); \
    CASE(name " cut none", setup " D50030fff", code); \
    CASE(name " below", setup " D50040fff", code)
#define BYTES(name, setup, code) \
    CASE(name " nowhere", setup " D50002000", code); \
    CASE(name " read-only", setup " D50011010", code); \
    CASE(name " file", setup " D50021000", code); \
    CASE(name " none", setup " D50031008", code)
BYTES("load 8", "", "mov " DI ", %cl");
BYTES("store 8", "", "mov %cl, " DI);
BYTES("add to 8", "", "add %cl, " DI);
BYTES("cmp 8", "i8d5", "cmp %cl, " DI);
PLACES("load 16", "", "mov " DI ", %cx", 1);
PLACES("store 16", "", "mov %cx, " DI, 1);
PLACES("load 32", "", "mov " DI ", %ecx", 3);
PLACES("store 32", "", "mov %ecx, " DI, 3);
PLACES("store imm 32", "", "movl $5, " DI, 3);
PLACES("add to 32", "", "add %ecx, " DI, 3);
PLACES("inc 32", "", "incl " DI, 3);
PLACES("shl 32", "i810", "shll $3, " DI, 3);
PLACES("shl 32 by 0", "c0", "shll %cl, " DI, 3);
PLACES("test 32", "i8d5", "test %ecx, " DI, 3);
PLACES("push memory", "", "push " DI, 3);
PLACES("pop memory", "", "pop " DI, 3);
PLACES("xchg 32", "", "xchg %ecx, " DI, 3);
PLACES("cmpxchg 32, unequal", "i8d5 a5", "cmpxchg %ecx, " DI, 3);
PLACES("lock xadd 32", "i8d5", "lock xadd %ecx, " DI, 3);
PLACES("lock add 32", "i8d5", "lock add %ecx, " DI, 3);
PLACES("lock add 16", "i8d5", "lock add %cx, " DI, 3);
PLACES("cmpxchg8b, unequal", "a5 d6", "cmpxchg8b " DI, 7);
PLACES("bts 32", "c3 i8d4", "bts %ecx, " DI, 3);
PLACES("bt 32 behind", "c20 i8d4", "bt %ecx, " DI, 3);
PLACES("setz", "", "setz " DI, 0);
PLACES("cmov, not taken", "", "cmovz " DI ", %ecx", 3);
PLACES("movzx 16", "", "movzwl " DI ", %ecx", 1);
PLACES("imul 32", "i8d5", "imul " DI ", %ecx", 3);
PLACES("xlat", "b50002000 a0", "xlat", 0);
PLACES("movd", "", "movd " DI ", %xmm0", 3);
PLACES("movd store", "", "movd %xmm0, " DI, 3);
PLACES("movq", "", "movq " DI ", %xmm0", 7);
PLACES("movq store", "", "movq %xmm0, " DI, 7);
PLACES("movq mmx store", "", "movq %mm0, " DI, 7);
PLACES("movups", "", "movups " DI ", %xmm0", 15);
PLACES("movups store", "", "movups %xmm0, " DI, 15);
PLACES("movhps store", "", "movhps %xmm0, " DI, 7);
PLACES("addss", "", "addss " DI ", %xmm0", 3);
PLACES("ldmxcsr", "", "ldmxcsr " DI, 3);
PLACES("stmxcsr", "", "stmxcsr " DI, 3);
PLACES("flds", "", "flds " DI, 3);
PLACES("fstpl", "", "fld1; fstpl " DI, 7);
PLACES("fldt", "", "fldt " DI, 9);
PLACES("fstpt", "", "fld1; fstpt " DI, 9);
PLACES("fistps", "", "fld1; fistps " DI, 1);
PLACES("fbstp", "", "fld1; fbstp " DI, 9);
PLACES("fnstsw", "", "fnstsw " DI, 1);
PLACES("fnstcw", "", "fnstcw " DI, 1);
PLACES("fldcw", "", "fldcw " DI, 1);
PLACES("fadds", "", "fld1; fadds " DI, 3);
PLACES("call through", "", "call *" DI, 3);
PLACES("jmp through", "", "jmp *" DI, 3);
PLACES("prefetch", "", "prefetcht0 " DI, 0);
PLACES("nop of memory", "", ".byte 0x0f, 0x1f, 0x07", 0);
PLACES("clflush", "x", "clflush " DI, 0);
PLACES("pushf; popf there", "", "xchg " R("%rdi, %rsp", "%edi, %esp") "; popf", 3);
// The stack, from below and above.
CASE("push below", "s50041000", "push " R("%rax", "%eax"));
CASE("push below, half", "s50041002", "push " R("%rax", "%eax"));
CASE("push 16 below", "s50041000", "pushw %ax");
CASE("push imm below", "s50041000", "push $5");
CASE("pushf below", "s50041000", "pushf");
CASE("call below", "s50041000", "call 1f; 1: nop");
CASE("call indirect below", "s50041000", "call *" R("%rax", "%eax"));
CASE("call far below", "s50041004 D50000100", "movl $5, " DI "; movw %cs, 4" DI "; lcall *" DI);
CASE("enter below", "s50041000", "enter $16, $0");
CASE("enter 16 bytes below", "s50041010", "enter $16, $0");
CASE("enter nested below", "s50041010 B50000200", "enter $0, $5");
CASE("enter from nowhere", "s50000800 B50002004", "enter $0, $3");
CASE("pop above", "s50002000", "pop " R("%rax", "%eax"));
CASE("pop above, half", "s50001ffe", "pop " R("%rax", "%eax"));
CASE("popf above", "s50002000", "popf");
CASE("ret above", "s50002000", "ret");
CASE("ret half", "s50001ffe", "ret");
CASE("ret n above", "s50002000", "ret $8");
CASE("ret to nowhere", "s50000800", "push $64; ret");
CASE("leave above", "B50002000", "leave");
CASE("push to read-only", "s50011008", "push $5");
CASE("call with a read-only stack", "s50011008", "call 1f; 1: nop");
// Code.
CASE("jmp nowhere", "a50002000", "jmp *" R("%rax", "%eax"));
CASE("jmp to data", "a50000100", "jmp *" R("%rax", "%eax"));
CASE("jmp to none", "a50031000", "jmp *" R("%rax", "%eax"));
CASE("jmp to a file's end", "a50021000", "jmp *" R("%rax", "%eax"));
CASE("call nowhere", "a50002000", "call *" R("%rax", "%eax"));
CASE("jmp to 0", "a0", "jmp *" R("%rax", "%eax"));
CASE("jz nowhere", "f40", "jz . + 0x1000000");
CASE("runs off the page", "b2", "inc " R("%eax", "%ecx"));
CASE("nops off the page", "b8", ".skip 8, 0x90");
CASE("cut: jmp", "b1", ".byte 0xe9");
CASE("cut: mov", "b3", "mov $0x12345678, %ecx");
CASE("cut: prefixes", "b4", ".byte 0x66, 0x66, 0x66, 0x66");
CASE("cut: 0f", "b1", ".byte 0x0f");
CASE("cut: jcc", "b2", "jz . + 0x10000");
CASE("cut, but #UD", "b2", "ud2");
CASE("cut: modrm", "b2", ".byte 0x8b, 0x80");
CASE("cut: sib", "b2", ".byte 0x8b, 0x04");
CASE("loop across", "b2 c3", "1: loop 1b");
CASE("block up to the end", "b9", "add $1, %eax; add $2, %ecx; add $3, %edx");
// String instructions stop where they are.
CASE("rep movsb, source ends", "S50001ff8 D50000200 c20", "rep movsb");
CASE("rep movsb, destination ends", "S50000200 D50001ff0 c20", "rep movsb");
CASE("rep movsb, destination read-only", "S50000200 D50010ff0 c20", "rep movsb");
CASE("rep movsl", "S50000200 D50001ff0 c20", "rep movsl");
CASE("rep movsl, cut", "S50000200 D50001ff2 c20", "rep movsl");
CASE("rep movsl, source cut", "S50001ff2 D50000200 c20", "rep movsl");
CASE("rep movsb, down", "S50000004 D50000204 c20", "std; rep movsb");
CASE("rep movsl, down", "S50001000 D50041008 c20", "std; rep movsl");
CASE("rep movsl, down, cut", "S50001000 D5004100a c20", "std; rep movsl");
CASE("rep movsb of nothing", "S50002000 D50002000 c0", "rep movsb");
CASE("rep movsb, file ends", "S50020ff8 D50000200 c20", "rep movsb");
CASE("rep stosb", "D50001ff0 c20", "rep stosb");
CASE("rep stosl, read-only", "D50010ff0 c20", "rep stosl");
CASE("rep stosw, down", "D50041004 c20", "std; rep stosw");
CASE("rep lodsb", "S50001ff0 c20", "rep lodsb");
CASE("repe cmpsb", "S50001ff0 D50001ff0 c20 i8d5", "repe cmpsb");
// The manual has the flags as they were before the first iteration; not all CPUs do.
CASE("repe cmpsb, first differs at the end", "i8d5 S50001ff0 D50000200 c20", "mov $16, %ecx; rep movsb; sub $16, " R("%rsi", "%esi") "; sub $16, " R("%rdi", "%edi") "; mov $32, %ecx; repe cmpsb; nop");
CASE("repne scasb", "D50001ff0 c20 a100 i8d5", "repne scasb");
CASE("movsl nowhere", "S50002000 D50000200", "movsl");
CASE("movsl to nowhere", "S50000200 D50002000", "movsl");
CASE("movsl both nowhere", "S50002000 D50002000", "movsl");
// Which of the two is read first differs between makers.
CASE("cmpsl both nowhere", "S50002000 D50002008 p", "cmpsl");
CASE("stosl cut", "D50001ffe", "stosl");
CASE("rep movsb, 16-bit registers kept", "S50000200 D50001ffe c5", "rep movsb");
// Wholes of several parts.
// Some CPUs look at the last byte first: of the address, the page.
CASE("fxsave cut", "p D50001f00 x", "fxsave " DI);
CASE("fxsave cut late", "p D50001e10 x", "fxsave " DI);
CASE("fxrstor cut", "p D50001f00 x", "fxrstor " DI);
CASE("fxsave read-only", "p D50011000", "fxsave " DI);
CASE("fnsave cut", "p D50001fd0 x", "fnsave " DI);
CASE("frstor cut", "p D50001fd0 x", "frstor " DI);
CASE("fnstenv cut", "p D50001ff0 x", "fnstenv " DI);
CASE("fldenv cut", "p D50001ff0 x", "fldenv " DI);
CASE("fldenv read-only", "p D50011ff0", "fldenv " DI);
// With a mask of zeroes for what isn't there it is open whether they fault.
CASE("maskmovq, all", "D50001ffc", "pcmpeqd %mm1, %mm1; maskmovq %mm1, %mm0");
CASE("maskmovdqu, all", "D50001ffc", "pcmpeqd %xmm1, %xmm1; maskmovdqu %xmm1, %xmm0");
CASE("lss cut", "D50001ffe", "lss " DI ", %eax");
CASE("pop memory by sp", "s50001ffc D50002000", "pop " DI);
CASE("block stores, then faults", "D50001ff8 c5", "mov %ecx, " DI "; inc %ecx; mov %ecx, 4" DI "; inc %ecx; mov %ecx, 8" DI);
CASE("block loads, flags, faults", "D50001ff8 c5", "mov " DI ", %eax; add %ecx, %eax; mov 8" DI ", %edx; sub %ecx, %eax");
CASE("flags of before", "D50002000 c5 f1", "adc $7, %ecx; adc %ecx, " DI);
// Alignment: #GP.
#define UNALIGNED(name, code) CASE(name " unaligned", "D50000104", code); CASE(name " unaligned, not there", "D50002004", code); CASE(name " unaligned, cut", "D50001ff4", code)
UNALIGNED("movaps", "movaps " DI ", %xmm0");
UNALIGNED("movaps store", "movaps %xmm0, " DI);
UNALIGNED("movdqa", "movdqa " DI ", %xmm0");
UNALIGNED("movapd store", "movapd %xmm0, " DI);
UNALIGNED("movntps", "movntps %xmm0, " DI);
UNALIGNED("movntdq", "movntdq %xmm0, " DI);
UNALIGNED("movntdqa", "movntdqa " DI ", %xmm0");
UNALIGNED("addps", "addps " DI ", %xmm0");
UNALIGNED("paddb", "paddb " DI ", %xmm0");
UNALIGNED("pshufb", "pshufb " DI ", %xmm0");
UNALIGNED("pcmpestri is not checked", "xor %eax, %eax; xor %edx, %edx; pcmpestri $0, " DI ", %xmm0; xor %eax, %eax");
UNALIGNED("lddqu is not checked", "lddqu " DI ", %xmm0");
UNALIGNED("paddb mmx is not checked", "paddb " DI ", %mm0");
UNALIGNED("fxsave", "fxsave " DI);
UNALIGNED("fxrstor", "fxrstor " DI);
UNALIGNED("movnti is not checked", "movnti %eax, " DI);
#if ABI64
PLACES("load 64", "", "mov (%rdi), %rcx", 7);
PLACES("store 64", "", "mov %rcx, (%rdi)", 7);
PLACES("add to 64", "", "add %rcx, (%rdi)", 7);
PLACES("cmpxchg 64, unequal", "a5 i8d5", "cmpxchg %rcx, (%rdi)", 7);
PLACES("cmpxchg16b, unequal", "a5 d6", "nop; and $-16, %rdi; cmpxchg16b (%rdi)", 15);
UNALIGNED("cmpxchg16b", "cmpxchg16b (%rdi)");
UNALIGNED("fxsave64", "fxsave64 (%rdi)");
// Addresses that are not canonical: #GP, or #SS through rsp and rbp.
#define FAR(name, code) CASE(name " not canonical", "D0000800000000000", code); CASE(name " not canonical, high", "Dff7fffffffffffff", code); \
    CASE(name " kernel", "Dffffffff80000000", code); CASE(name " last byte", "Dffffffffffffffff", code); CASE(name " cut by canonical", "D00007fffffffffff", code); \
    CASE(name " last page", "D00007ffffffff000", code)
FAR("load 8", "mov (%rdi), %cl");
FAR("load", "mov (%rdi), %ecx");
FAR("load 64", "mov (%rdi), %rcx");
FAR("store", "mov %ecx, (%rdi)");
FAR("add to", "add %ecx, (%rdi)");
FAR("movups", "movups (%rdi), %xmm0");
FAR("movups store", "movups %xmm0, (%rdi)");
FAR("flds", "flds (%rdi)");
FAR("fstpt", "fld1; fstpt (%rdi)");
FAR("push memory", "push (%rdi)");
FAR("pop memory", "pop (%rdi)");
FAR("jmp memory", "jmp *(%rdi)");
FAR("lodsb", "mov %rdi, %rsi; lodsb");
FAR("stosb", "stosb");
FAR("rep stosb", "mov $4, %ecx; rep stosb");
FAR("lock add", "lock add %ecx, (%rdi)");
FAR("xlat", "mov %rdi, %rbx; xor %eax, %eax; xlat");
FAR("prefetch", "prefetcht0 (%rdi)");
FAR("nop", "nopl (%rdi)");
FAR("lea", "lea (%rdi), %rcx");
FAR("through rbp", "mov %rdi, %rbp; mov (%rbp), %ecx");
FAR("through rbp, stored", "mov %rdi, %rbp; mov %ecx, (%rbp)");
FAR("through rbp, add", "mov %rdi, %rbp; add %ecx, (%rbp)");
FAR("through rbp, movups", "mov %rdi, %rbp; movups (%rbp), %xmm0");
FAR("through rbp, ds", "mov %rdi, %rbp; ds mov (%rbp), %ecx");
FAR("through rsp", "mov %rdi, %rsp; mov (%rsp), %ecx");
FAR("through rax+rbp", "mov %rdi, %rbp; xor %eax, %eax; mov (%rax,%rbp), %ecx");
FAR("through r13", "mov %rdi, %r13; mov (%r13), %ecx");
FAR("push", "mov %rdi, %rsp; push %rax");
FAR("pop", "mov %rdi, %rsp; pop %rax");
FAR("pushf", "mov %rdi, %rsp; pushf");
FAR("ret", "mov %rdi, %rsp; ret");
FAR("call", "mov %rdi, %rsp; call 1f; 1: nop");
FAR("enter", "mov %rdi, %rsp; enter $0, $0");
FAR("leave", "mov %rdi, %rbp; leave");
FAR("jmp to", "jmp *%rdi");
FAR("call to", "call *%rdi");
FAR("ret to", "push %rdi; ret");
FAR("mov by absolute address", "movabs 0x0000800000000000, %eax; nop");
FAR("cmpxchg16b", "and $-16, %rdi; cmpxchg16b (%rdi)");
CASE("fxsave not canonical", "D0000800000000000", "fxsave (%rdi)");
FAR("clflush", "clflush (%rdi)");
CASE("address of 32 bits", "D50001000 a100000000", "mov 0xfff(%edi), %ecx; mov (%edi,%eax), %ecx; movl $1, 0xffff(%edi)");
CASE("rip relative nowhere", "", "mov 0x1000000(%rip), %eax");
#else
// The end of the address space, and what lies behind: the kernel's.
#define END(name, code) CASE(name " at the kernel's", "Dfffffff0", code); CASE(name " at the last byte", "Dffffffff", code); CASE(name " at 0", "D0", code)
END("load 8", "mov (%edi), %cl");
END("store 8", "mov %cl, (%edi)");
END("push", "mov %edi, %esp; sub $64, %esp; push %eax");
END("lodsb", "mov %edi, %esi; lodsb");
CASE("address wraps", "Dffffff00", "movl $5, 0x50000200(%edi); mov 0x50000200(%edi), %ecx; mov 0x5000ff00(%edi,%edi), %edx; mov 0x50002100(%edi), %edx");
CASE("jump wraps", "a50002000", ".byte 0xe9; .long 0x50002000 - 0x60000000");
CASE("pusha cut", "s50041010", "pusha");
CASE("address of 16 bits", "b100 S100", "addr16 mov (%bx,%si), %ecx");
CASE("les cut", "D50001ffe", "les (%edi), %eax");
CASE("moffs nowhere", "", "movl 0x50002000, %eax");
CASE("bound is read whole", "D50001ffc", "bound %eax, (%edi)");
#endif
int main(void) { return run_cases(); }
