// #DB: what each step with TF set shows, the trap flag set in every way there is.
// jit: hot=8
#include "faultcase.h"
#define SI "(" R("%rsi", "%esi") ")"
#define TFON "pushf; orl $0x100, (" R("%rsp", "%esp") "); popf"
#define TFOFF "pushf; andl $~0x100, (" R("%rsp", "%esp") "); popf"
// From sigreturn.
CASE("nop", "f100", "nop; nop");
CASE("add", "f100 n3", "add $1, %eax; add $1, %ecx; add $1, %edx");
CASE("flags", "f100 n4", "cmp $5, %eax; sbb %ecx, %ecx; stc; adc $0, %edx");
CASE("branch", "f100 n4", "jmp 1f; nop; 1: xor %eax, %eax; jz 1f; nop; 1: nop");
CASE("branch not taken", "f100 n3", "xor %eax, %eax; jnz 1f; nop; 1: nop");
CASE("loop", "f100 n6 c3", "1: loop 1b; nop; nop");
CASE("call and ret", "f100 n5", "call 1f; nop; jmp 2f; 1: ret; 2: nop");
CASE("indirect", "f100 n3", "call 1f; 1: pop " R("%rax", "%eax") "; add $6, %eax; jmp *" R("%rax", "%eax") "; nop; nop");
CASE("rep movsb", "f100 n6 c3 S50000100 D50000200", "rep movsb; nop; nop");
CASE("rep stosl", "f100 n5 c2 D50000200", "rep stosl; nop; nop");
CASE("rep movsb of none", "f100 n2 c0", "rep movsb; nop; nop");
CASE("repne scasb", "f100 n5 c4 a1 D50000200 i8d5", "repne scasb; nop; nop");
CASE("repe cmpsb", "f100 n5 c4 S50000200 D50000200 i8d5", "repe cmpsb; nop; nop");
CASE("movsb", "f100 n2 c3 S50000100 D50000200", "movsb; nop; nop");
CASE("rep movsb to nowhere", "f100 n6 c8 S50000100 D50001ffe", "rep movsb; nop; nop");
CASE("pushf shows it", "f100 n2", "pushf; nop");
CASE("popf keeps it", "f100 n3", "pushf; popf; nop; nop");
CASE("popf clears it", "f100 n4", TFOFF "; nop; nop");
CASE("div by 0", "f100 c0", "div %ecx");
CASE("a step, then div by 0", "f100 n3 c0", "nop; div %ecx");
CASE("load nowhere", "f100 S50002000", "mov " SI ", %eax");
CASE("ud2", "f100", "ud2");
CASE("hlt", "f100", "hlt");
CASE("int3", "f100", "int3");
CASE("a step, then int3", "f100 n3", "nop; int3");
CASE("int 3", "f100", "int $3");
CASE("store, then load", "f100 n3 S50000100", "mov %ecx, " SI "; mov " SI ", %eax; nop");
CASE("string with lock", "f100 n2 S50000100", "lock incl " SI "; nop");
CASE("cpuid", "f100 n1 a80000005", "nop; cpuid");
CASE("xchg, enter, leave", "f100 n4", "xchg %eax, %ecx; enter $8, $0; leave; nop");
CASE("prefixes", "f100 n2", ".byte 0x66, 0x66, 0x90, 0xf3, 0x90; nop");
CASE("sse", "f100 n3", "movd %eax, %xmm0; paddd %xmm0, %xmm0; movd %xmm0, %ecx");
CASE("x87", "f100 n3", "fld1; fldz; fdivrp; nop");
CASE("x87 pending", "f100 n6 w37b", "fld1; fldz; fdivrp; nop; fwait");
CASE("pushf by another", "f100 n3", "pushf; pop " R("%rax", "%eax") "; nop");
CASE("runs off the page", "f100 n3 b2", "nop; nop");
CASE("jumps nowhere", "f100 n3 a50002000", "nop; jmp *" R("%rax", "%eax"));
// By POPF: from behind the instruction that follows.
CASE("popf sets it", "n3", TFON "; nop; nop; nop");
CASE("popf sets it before a branch", "n3", TFON "; jmp 1f; nop; 1: nop; nop");
CASE("popf sets it before a fault", "n3 S50002000", TFON "; mov " SI ", %eax");
CASE("popf sets it before int3", "n3", TFON "; int3");
CASE("popf sets it before popf clears it", "n8", TFON "; " TFOFF "; nop; nop");
CASE("popf sets it before rep", "n5 c3 S50000100 D50000200", TFON "; rep movsb; nop");
CASE("popf sets it before hlt", "n3", TFON "; hlt");
CASE("in a block", "n3", "add $1, %eax; add $1, %ecx; " TFON "; add $1, %eax; add $1, %ecx; ud2");
// The load of SS delays the trap by an instruction.
CASE("mov ss", "f100 n3", "mov %ss, %eax; mov %eax, %ss; nop; nop");
CASE("mov ss, then a fault", "f100 n3", "mov %ss, %eax; mov %eax, %ss; ud2");
CASE("mov ss, then int3", "f100 n3", "mov %ss, %eax; mov %eax, %ss; int3");
CASE("mov ds", "f100 n3", "mov %ds, %eax; mov %eax, %ds; nop; nop");
// System calls: the kernel returns with TF, so that the next instruction is the one that traps.
#if ABI64
CASE("syscall", "f100 n2 affff", "syscall; nop; nop");
CASE("popf, syscall", "n2 affff", TFON "; syscall; nop; nop");
CASE("iret sets it", "n3", "mov %rsp, %rcx; mov %ss, %eax; push %rax; push %rcx; pushf; orl $0x100, (%rsp); mov %cs, %eax; push %rax; lea 1f(%rip), %rax; push %rax; iretq; nop; 1: nop; nop; nop");
CASE("iret clears it", "f100 n13 x", "mov %rsp, %rcx; mov %ss, %eax; push %rax; push %rcx; pushf; andl $~0x100, (%rsp); mov %cs, %eax; push %rax; lea 1f(%rip), %rax; push %rax; iretq; nop; 1: nop; nop; nop");
CASE("far return", "f100 n5", "mov %cs, %eax; push %rax; lea 1f(%rip), %rax; push %rax; lretq; nop; 1: nop; nop");
#else
CASE("int 0x80", "f100 n2 affff", "int $0x80; nop; nop");
CASE("popf, int 0x80", "n2 affff", TFON "; int $0x80; nop; nop");
CASE("pop ss", "f100 n3", "push %ss; pop %ss; nop; nop");
CASE("lss", "f100 n3 D50000100", "movw %ss, 4(%edi); lss (%edi), %eax; nop; nop");
CASE("into", "f900", "into");
CASE("into, not taken", "f100 n2", "into; nop");
CASE("iret sets it", "n3", "pushf; orl $0x100, (%esp); push %cs; call 1f; nop; jmp 2f; 1: iret; 2: nop; nop");
CASE("iret clears it", "f100 n7", "pushf; andl $~0x100, (%esp); push %cs; call 1f; nop; jmp 2f; 1: iret; 2: nop; nop");
CASE("popfw", "n3", "pushf; orl $0x100, (%esp); popfw; nop; nop; nop");
#endif
int main(void) { return run_cases(); }
