// #GP and its kin of what programs may not do: privileged instructions, selectors, INT n, far transfers, control registers.
// jit: hot=8
#include "faultcase.h"
#define DI "(" R("%rdi", "%edi") ")"
#define SP "(" R("%rsp", "%esp") ")"
#define AX R("%rax", "%eax")
// Privileged.
CASE("cli", "", "cli");
CASE("sti", "", "sti");
CASE("hlt", "", "hlt");
CASE("hlt in a block", "c5", "inc %ecx; cmp $6, %ecx; hlt");
CASE("in al, imm", "", "in $0x60, %al");
CASE("in eax, imm", "", "in $0x60, %eax");
CASE("in al, dx", "d60", "in %dx, %al");
CASE("out imm, al", "", "out %al, $0x80");
CASE("out dx, eax", "d80", "out %eax, %dx");
CASE("insb", "d60 D50000100", "insb");
CASE("insb nowhere", "d60 D50002000", "insb");
CASE("rep insb", "d60 D50000100 c2", "rep insb");
CASE("outsb", "d60 S50000100", "outsb");
CASE("outsb nowhere", "d60 S50002000", "outsb");
CASE("rep outsl", "d60 S50000100 c2", "rep outsl");
CASE("lgdt", "D50000100", "lgdt " DI);
CASE("lidt", "D50000100", "lidt " DI);
CASE("lgdt nowhere", "D50002000", "lgdt " DI);
CASE("lldt", "a0", "lldt %ax");
CASE("ltr", "a0", "ltr %ax");
CASE("lmsw", "a1", "lmsw %ax");
CASE("clts", "", "clts");
CASE("invd", "", "invd");
CASE("wbinvd", "", "wbinvd");
CASE("invlpg", "D50000100", "invlpg " DI);
CASE("rdmsr", "c10", "rdmsr");
CASE("wrmsr", "c10", "wrmsr");
CASE("rdpmc", "c0", "rdpmc");
CASE("mov from cr0", "", "mov %cr0, " AX);
CASE("mov to cr0", "", "mov " AX ", %cr0");
CASE("mov from cr3", "", "mov %cr3, " AX);
CASE("mov from cr4", "", "mov %cr4, " AX);
CASE("mov to cr4", "", "mov " AX ", %cr4");
CASE("mov from dr0", "", "mov %db0, " AX);
CASE("mov from dr7", "", "mov %db7, " AX);
CASE("mov to dr7", "a400", "mov " AX ", %db7");
CASE("xsetbv", "a7 d0 c0", ".byte 0x0f, 0x01, 0xd1");
CASE("lldt of memory nowhere", "D50002000", "lldt " DI);
CASE("flags by popf: IF, IOPL", "", "pushf; xorl $0x3200, " SP "; popf; pushf; pop " AX "; and $0x3200, %eax");
// Selectors in segment registers.
#define LOADS(name, sel) \
    CASE("mov ds, " name, "a" sel, "mov %eax, %ds; mov %ds, %ecx"); \
    CASE("mov es, " name, "a" sel, "mov %eax, %es; mov %es, %ecx"); \
    CASE("mov ss, " name, "a" sel, "mov %eax, %ss; mov %ss, %ecx"); \
    CASE("lss, " name, "a" sel " D50000100", "mov %eax, 4" DI "; lss " DI ", %ecx; nop");
LOADS("0", "0")
LOADS("1", "1")
LOADS("3", "3")
LOADS("kernel code", "10")
LOADS("kernel data", "18")
LOADS("kernel data, rpl 3", "1b")
LOADS("32-bit code", "23")
LOADS("data, rpl 0", "28")
LOADS("data", "2b")
LOADS("data, rpl 2", "2a")
LOADS("code", "33")
LOADS("tss", "43")
LOADS("beyond the table", "fffb")
LOADS("ldt", "7")
LOADS("far in the ldt", "fff7")
CASE("mov ds of memory nowhere", "D50002000", "mov " DI ", %ds");
CASE("mov to fs, kernel", "a10", "mov %eax, %fs");
CASE("mov to gs, beyond", "afff8", "mov %eax, %gs");
CASE("lfs, kernel", "D50000100", "movl $0x18, 4" DI "; lfs " DI ", %eax; nop");
CASE("lgs cut", "D50001ffc", "lgs " DI ", %eax");
CASE("pop fs, kernel", "", "push $0x18; pop %fs");
CASE("pop gs above", "s50002000", "pop %gs");
#if !ABI64
// A null selector in FS or GS is no error until memory is accessed through it.
CASE("fs null, read", "D50000100", "mov %fs:(%edi), %eax");
CASE("fs null, write", "D50000100", "mov %eax, %fs:(%edi)");
CASE("fs null, absent memory", "D50002000", "mov %fs:(%edi), %eax");
CASE("fs null, moffs", "", "movl %fs:0x50000100, %eax");
CASE("fs null, add to", "D50000100 a5", "add %eax, %fs:(%edi)");
CASE("fs null, cmp and branch", "D50000100 a5", "cmp %eax, %fs:(%edi); je 1f; inc %ecx; 1: dec %edx");
CASE("fs null, push", "D50000100", "pushl %fs:(%edi)");
CASE("fs null, pop", "D50000100", "popl %fs:(%edi)");
CASE("fs null, call", "D50000100", "call *%fs:(%edi)");
CASE("fs null, lodsb", "S50000100", "lods %fs:(%esi), %al");
CASE("fs null, movsb", "S50000100 D50000200", "movsb %fs:(%esi), %es:(%edi)");
CASE("fs null, rep movsb of none", "S50000100 D50000200 c0", ".byte 0xf3; movsb %fs:(%esi), %es:(%edi)");
CASE("fs null, xlat", "b50000100 a5", "xlat %fs:(%ebx)");
CASE("fs null, movups", "D50000100", "movups %fs:(%edi), %xmm0");
CASE("fs null, xchg", "D50000100", "xchg %eax, %fs:(%edi)");
CASE("fs null, fld", "D50000100", "fldl %fs:(%edi)");
CASE("fs null, lea", "D50000100", "lea %fs:4(%edi), %eax");
CASE("fs null, nop", "D50000100", "nopw %fs:(%edi)");
CASE("fs null, prefetch", "D50000100", "prefetcht0 %fs:(%edi)");
CASE("fs null, 16-bit address", "D100", "mov %fs:(%di), %eax");
CASE("fs null in a block", "D50000100 c5", "add $1, %ecx; mov (%edi), %eax; add %ecx, %eax; mov %fs:4(%edi), %edx; add $1, %ecx");
CASE("fs loaded and null again", "D50000100 a2b", "mov %ax, %fs; mov %fs:(%edi), %ecx; xor %eax, %eax; mov %ax, %fs; mov %fs:(%edi), %edx");
CASE("fs null, selector 3", "D50000100 a3", "mov %ax, %fs; mov %fs, %ecx; mov %fs:(%edi), %edx");
#endif
// Far transfers.
#define FARS(name, sel) \
    CASE("jmp far, " name, "a" sel " D50000100", "movl $0x60000000, " DI "; mov %eax, 4" DI "; ljmp *" DI "; nop"); \
    CASE("call far, " name, "a" sel " D50000100", "movl $0x60000000, " DI "; mov %eax, 4" DI "; lcall *" DI "; nop"); \
    CASE("ret far, " name, "a" sel, "push " AX "; push $0x60000000; lret" R("q", "l") "; nop"); \
    CASE("iret, " name, "a" sel, R("mov %ss, %ecx; push %rcx; push %rsp; ", "") "push $0x202; push " AX "; push $0x60000000; iret" R("q", "l") "; nop");
FARS("0", "0")
FARS("3", "3")
FARS("kernel code", "10")
FARS("kernel code, rpl 3", "13")
FARS("data", "2b")
FARS("beyond the table", "fffb")
FARS("ldt", "7")
FARS("tss", "43")
CASE("jmp far nowhere", "D50002000", "ljmp *" DI);
CASE("call far cut", "D50001ffc", "lcall *" DI);
CASE("call far back", "D50000100", "call 1f; 1: pop " AX "; add $20, %eax; mov %eax, " DI "; mov %cs, 4" DI "; lcall *" DI "; nop; nop; nop; nop; nop; nop; nop");
CASE("iret, NT", "", "pushf; orl $0x4000, " SP "; popf; push $0x202; push $0x33; push $0; iret" R("q", "l"));
CASE("iret above", "p s50001ff8", "iret" R("q", "l"));
#if ABI64
CASE("iret, ss 0", "", "push $0; push %rsp; push $0x202; mov %cs, %eax; push %rax; push $0x60000000; iretq");
CASE("iret, ss kernel", "", "push $0x18; push %rsp; push $0x202; mov %cs, %eax; push %rax; push $0x60000000; iretq");
CASE("iret, ss code", "", "push $0x33; push %rsp; push $0x202; mov %cs, %eax; push %rax; push $0x60000000; iretq");
CASE("mov from cr8", "", "mov %cr8, %rax");
CASE("sysret", "", "sysretl");
CASE("swapgs", "", "swapgs");
#else
CASE("push cs, pop ds", "", "push %cs; pop %ds; mov %ds, %eax; movl $1, 0x50000100");
CASE("ds 0, then a store", "a0", "mov %eax, %ds; movl $1, 0x50000100");
CASE("ds 0, then a load", "a0", "mov %eax, %ds; mov 0x50000100, %ecx");
CASE("ds 0, then the stack", "a0", "mov %eax, %ds; push %eax; pop %ecx; mov " SP ", %ecx; mov %ss, %ecx; mov %ecx, %ds");
CASE("es 0, then stosb", "a0 D50000100", "mov %eax, %es; stosb");
CASE("es 0, then lodsb", "a0 S50000100", "mov %eax, %es; lodsb");
CASE("es 0, then rep stosb of none", "a0 c0 D50000100", "mov %eax, %es; rep stosb");
CASE("code in ds, then a store", "", "mov %cs, %eax; mov %eax, %ds; mov 0x50000100, %ecx; movl $1, 0x50000100");
CASE("store through cs", "", "cs movl $1, 0x50000100");
CASE("load through cs", "", "cs mov 0x50000100, %ecx");
CASE("les, kernel", "D50000100", "movl $0x18, 4(%edi); les (%edi), %eax; nop");
CASE("lds, beyond", "D50000100", "movl $0xfff8, 4(%edi); lds (%edi), %eax; nop");
CASE("jmp far, immediate, kernel", "", "ljmp $0x10, $0");
CASE("call far, immediate, 0", "", "lcall $0, $0");
CASE("call far, immediate, data", "", "lcall $0x2b, $0");
CASE("ret far 16 bits", "", "push $0x2b; push $0; lretw; nop");
CASE("arpl", "a10 c3", "arpl %cx, %ax");
CASE("arpl nowhere", "D50002000", "arpl %cx, (%edi)");
#endif
// INT n. 3 and 4 are for programs; 0x80 is the system call.
#define N(n) CASE("int 0x" #n, "", "int $0x" #n);
#define N16(h) N(h##0) N(h##1) N(h##2) N(h##3) N(h##4) N(h##5) N(h##6) N(h##7) N(h##8) N(h##9) N(h##a) N(h##b) N(h##c) N(h##d) N(h##e) N(h##f)
N16(0) N16(1) N16(2) N16(3) N16(4) N16(5) N16(6) N16(7) N16(9) N16(a) N16(b) N16(c) N16(d) N16(e) N16(f)
N(81) N(82) N(83) N(84) N(85) N(86) N(87) N(88) N(89) N(8a) N(8b) N(8c) N(8d) N(8e) N(8f)
int main(void) { return run_cases(); }
