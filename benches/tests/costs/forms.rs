//! The forms that are counted: what compilers emit most, of 64-bit code.

use iced_x86::IcedError;
use iced_x86::code_asm::*;

/// Emits one instruction.
pub type Form = fn(&mut CodeAssembler) -> Result<(), IcedError>;

/// Where branches go.
pub const ELSEWHERE: u64 = 0x40_2000;

/// Each of some mnemonics with each of some lists of operands.
macro_rules! forms {
    ($list:ident: $($name:ident)+ => $operands:tt) => { $(forms!(@one $list $name $operands);)+ };
    (@one $list:ident $name:ident [$(($($operand:expr),*))+]) => { $($list.push(|a| a.$name($($operand),*));)+ };
}

/// All of them, in the order of the file.
pub fn all() -> Vec<Form> {
    let mut list: Vec<Form> = Vec::new();
    moves(&mut list);
    arithmetic(&mut list);
    bits(&mut list);
    control(&mut list);
    strings_and_atomics(&mut list);
    scalars(&mut list);
    vectors(&mut list);
    avx(&mut list);
    x87(&mut list);
    list
}

fn moves(list: &mut Vec<Form>) {
    forms!(list: mov => [(eax, ebx) (rax, rbx) (eax, 5) (rax, 0x1122_3344_5566_7788u64) (al, bl) (ah, bl) (ax, bx)]);
    forms!(list: mov => [(eax, dword_ptr(rdi)) (rax, qword_ptr(rdi + 8)) (rax, qword_ptr(rdi + rcx * 8)) (al, byte_ptr(rdi)) (rax, qword_ptr(0).fs())]);
    forms!(list: mov => [(dword_ptr(rdi), eax) (qword_ptr(rsp + 8), rax) (byte_ptr(rdi + rcx), al) (word_ptr(rdi), ax) (dword_ptr(rdi), 5) (byte_ptr(rdi), 0)]);
    forms!(list: movzx => [(eax, bl) (eax, bx) (eax, byte_ptr(rdi)) (eax, word_ptr(rdi))]);
    forms!(list: movsx => [(eax, bl) (rax, bl) (eax, byte_ptr(rdi))]);
    forms!(list: movsxd => [(rax, ebx) (rax, dword_ptr(rdi))]);
    forms!(list: lea => [(rax, qword_ptr(rdi + 8)) (rax, qword_ptr(rdi + rcx * 4 + 8)) (eax, dword_ptr(rdi + rcx))]);
    forms!(list: push => [(rbx) (5) (qword_ptr(rdi))]);
    forms!(list: pop => [(rbx)]);
    forms!(list: xchg => [(rax, rbx)]);
    forms!(list: cmove cmovb cmovl cmova => [(rax, rbx)]);
    forms!(list: cdqe cdq cqo leave nop endbr64 => [()]);
}

fn arithmetic(list: &mut Vec<Form>) {
    forms!(list: add sub and cmp => [(eax, ebx) (rax, rbx) (rax, 8) (al, bl) (eax, dword_ptr(rdi)) (dword_ptr(rdi), eax) (qword_ptr(rdi), 1)]);
    forms!(list: or xor => [(eax, ebx) (rax, 8) (eax, dword_ptr(rdi)) (dword_ptr(rdi), eax)]);
    forms!(list: xor => [(eax, eax)]);
    forms!(list: test => [(eax, eax) (rax, rax) (al, al) (al, 1) (byte_ptr(rdi), 1)]);
    forms!(list: cmp => [(byte_ptr(rdi), 0)]);
    forms!(list: adc sbb => [(rax, rbx) (eax, 0)]);
    forms!(list: inc dec neg not => [(eax)]);
    forms!(list: inc dec => [(dword_ptr(rdi))]);
    forms!(list: imul_2 => [(eax, ebx) (rax, rbx)]);
    forms!(list: imul_3 => [(eax, ebx, 10)]);
    forms!(list: mul div idiv => [(ebx) (rbx)]);
}

fn bits(list: &mut Vec<Form>) {
    forms!(list: shl shr sar => [(eax, 3) (rax, 3) (eax, cl)]);
    forms!(list: rol ror => [(eax, 3) (rax, cl)]);
    forms!(list: shld shrd => [(rax, rbx, 3)]);
    forms!(list: bt => [(eax, 3) (rax, rbx)]);
    forms!(list: bts => [(rax, rbx)]);
    forms!(list: bsf bsr tzcnt lzcnt popcnt => [(rax, rbx)]);
    forms!(list: bswap => [(eax) (rax)]);
    forms!(list: sete setb setg seta => [(al)]);
    forms!(list: andn shlx => [(rax, rbx, rcx)]);
}

fn control(list: &mut Vec<Form>) {
    forms!(list: jmp call => [(ELSEWHERE) (rax) (qword_ptr(rdi))]);
    forms!(list: je jb jl ja js => [(ELSEWHERE)]);
    forms!(list: ret syscall => [()]);
}

fn strings_and_atomics(list: &mut Vec<Form>) {
    list.push(|a| a.rep().movsb());
    list.push(|a| a.rep().stosq());
    list.push(|a| a.lock().cmpxchg(dword_ptr(rdi), ebx));
    list.push(|a| a.lock().xadd(dword_ptr(rdi), eax));
    list.push(|a| a.lock().inc(dword_ptr(rdi)));
    list.push(|a| a.lock().or(qword_ptr(rdi), 1));
    forms!(list: xchg => [(dword_ptr(rdi), eax)]);
    forms!(list: mfence pause cpuid rdtsc => [()]);
}

fn scalars(list: &mut Vec<Form>) {
    forms!(list: movsd_2 => [(xmm1, xmm2) (xmm1, qword_ptr(rdi)) (qword_ptr(rdi), xmm1)]);
    forms!(list: movss => [(xmm1, dword_ptr(rdi)) (dword_ptr(rdi), xmm1)]);
    forms!(list: addsd mulsd => [(xmm1, xmm2) (xmm1, qword_ptr(rdi))]);
    forms!(list: subsd divsd sqrtsd minsd maxsd comisd ucomisd cvtsd2ss => [(xmm1, xmm2)]);
    forms!(list: addss mulss ucomiss cvtss2sd => [(xmm1, xmm2)]);
    forms!(list: cvtsi2sd cvtsi2ss => [(xmm1, eax) (xmm1, rax)]);
    forms!(list: cvttsd2si => [(eax, xmm1) (rax, xmm1)]);
    forms!(list: cvttss2si => [(eax, xmm1)]);
    forms!(list: movd => [(xmm1, eax) (eax, xmm1)]);
    forms!(list: movq => [(xmm1, rax) (rax, xmm1) (xmm1, qword_ptr(rdi)) (qword_ptr(rdi), xmm1)]);
}

fn vectors(list: &mut Vec<Form>) {
    forms!(list: movaps movups movdqu => [(xmm1, xmmword_ptr(rdi)) (xmmword_ptr(rdi), xmm1)]);
    forms!(list: movaps => [(xmm1, xmm2)]);
    forms!(list: movhps => [(xmm1, qword_ptr(rdi)) (qword_ptr(rdi), xmm1)]);
    forms!(list: pxor => [(xmm1, xmm1)]);
    forms!(list: pxor por pand pandn paddb paddd paddq psubb psubd pmuludq pmulld pmaddwd => [(xmm1, xmm2)]);
    forms!(list: pcmpeqb pcmpeqd pcmpgtd pminub pmaxub punpcklbw punpcklwd punpckldq punpcklqdq packuswb packssdw pshufb => [(xmm1, xmm2)]);
    forms!(list: pshufd palignr shufps => [(xmm1, xmm2, 0x4e)]);
    forms!(list: pslld psrlq psrldq => [(xmm1, 3)]);
    forms!(list: pmovmskb movmskpd => [(eax, xmm1)]);
    forms!(list: addps mulps addpd mulpd andps xorps unpcklps unpcklpd cvtdq2ps cvttps2dq cvtdq2pd => [(xmm1, xmm2)]);
}

fn avx(list: &mut Vec<Form>) {
    forms!(list: vmovdqu => [(xmm1, xmmword_ptr(rdi)) (ymm1, ymmword_ptr(rdi)) (ymmword_ptr(rdi), ymm1)]);
    forms!(list: vpxor vpor vpand vpaddd vpcmpeqb vpminub vpshufb vaddpd vmulpd vaddps => [(ymm1, ymm2, ymm3)]);
    forms!(list: vaddsd vmulsd vfmadd231sd => [(xmm1, xmm2, xmm3)]);
    forms!(list: vfmadd231pd => [(ymm1, ymm2, ymm3)]);
    forms!(list: vpmovmskb => [(eax, ymm1)]);
    forms!(list: vptest => [(ymm1, ymm2)]);
    forms!(list: vpbroadcastb => [(ymm1, xmm2)]);
    forms!(list: vextracti128 => [(xmm1, ymm2, 1)]);
    forms!(list: vzeroupper => [()]);
}

fn x87(list: &mut Vec<Form>) {
    forms!(list: fld fstp => [(qword_ptr(rdi)) (tword_ptr(rdi)) (st1)]);
    forms!(list: fild => [(dword_ptr(rdi))]);
    forms!(list: fadd fmul => [(qword_ptr(rdi))]);
    forms!(list: faddp fmulp => [(st1, st0)]);
    forms!(list: fxch fucomip => [(st0, st1)]);
    forms!(list: fchs => [()]);
}
