//! What guest instructions cost: host instructions that are run for each of the commonest forms, on hosts of either kind, compared with what was blessed under
//! `tests/costs` at the root of the repository. `FORKLIFT_BLESS=1` writes the files anew; review the difference.
//!
//! The hosts' features are fixed, so the files are the same wherever this runs.

mod forms;

use std::fmt::Write as _;
use std::path::PathBuf;

use cranelift_codegen::CompiledCode;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, Function, UserExternalName, UserFuncName};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable, Flags};
use cranelift_codegen::{Context, FinalizedRelocTarget};
use forklift_jit::FLAGS;
use forklift_lift::{BlockKey, EXIT_NAMESPACE, Faults, GUARD, HostCpu, LiftEnv, Lifted, LiftedExit, Lifter, Needs};
use forklift_x86::{CcKind, CcOp, CpuModel, GuestAddr, Mode, Width};
use iced_x86::code_asm::CodeAssembler;
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction};

use forms::Form;

const START: u64 = 0x40_1000;
/// How often a form is repeated to see what further ones cost.
const REPEATED: usize = 5;

const HEAD: &str = "\
# Host instructions for a guest instruction alone in its block (with what leaving the block stores), and for each further one of five in a row.
# What the next one overwrites unread costs nothing. Slow paths behind the exit aren't counted. `helper`: the interpreter does it, or a part of it.
";

/// A kind of host.
struct Host {
    name: &'static str,
    cpu: HostCpu,
    features: &'static [&'static str],
    /// The JIT patches this host's code.
    faults: Faults,
    needs: Needs,
    /// Counts the instructions of some code, but for those at places that aren't wanted.
    count: fn(&[u8], &dyn Fn(usize) -> bool) -> usize,
}

const X86_64: Host = Host {
    name: "x86_64",
    cpu: HostCpu::X86_64_V3,
    features: &[
        "has_cmpxchg16b",
        "has_sse3",
        "has_ssse3",
        "has_sse41",
        "has_sse42",
        "has_avx",
        "has_avx2",
        "has_fma",
        "has_popcnt",
        "has_bmi1",
        "has_bmi2",
        "has_lzcnt",
    ],
    faults: Faults::Guarded,
    needs: Needs::COMPLETE,
    count: |code, wanted| Decoder::new(64, code, DecoderOptions::NONE).into_iter().filter(|i| wanted(i.ip() as usize)).count(),
};

const AARCH64: Host = Host {
    name: "aarch64",
    cpu: HostCpu::AARCH64,
    features: &[],
    faults: Faults::Lost,
    needs: Needs::NONE,
    count: |code, wanted| (0..code.len()).step_by(4).filter(|at| wanted(*at)).count(),
};

struct Code(Vec<u8>);

impl LiftEnv for Code {
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        let have = self.0.get(addr.get().wrapping_sub(START) as usize..).unwrap_or(&[]);
        let n = have.len().min(buf.len());
        buf[..n].copy_from_slice(&have[..n]);
        n
    }

    fn token(&mut self, _: &Instruction) -> u64 {
        0
    }

    fn model(&self) -> CpuModel {
        CpuModel::V3
    }

    fn flags_op(&self) -> CcOp {
        CcOp::new(CcKind::Sub, Width::B4)
    }
}

/// Compiles blocks for one host.
struct Counter {
    host: &'static Host,
    isa: OwnedTargetIsa,
    lifter: Lifter,
}

impl Counter {
    fn new(host: &'static Host) -> Self {
        let mut flags = settings::builder();
        FLAGS.iter().for_each(|(name, value)| flags.set(name, value).unwrap());
        let mut isa = cranelift_codegen::isa::lookup_by_name(host.name).unwrap();
        host.features.iter().for_each(|f| isa.enable(f).unwrap());
        Self { host, isa: isa.finish(Flags::new(flags)).unwrap(), lifter: Lifter::new(host.cpu) }
    }

    /// Instructions of the block that is this code, and whether it needs the interpreter.
    fn block(&mut self, code: Vec<u8>) -> (usize, bool) {
        let mut context = Context::for_function(Function::with_name_signature(UserFuncName::user(0, 0), forklift_lift::signature()));
        let key = BlockKey { start: GuestAddr::new(START), mode: Mode::Bits64, flat: true, checked: false, needs: self.host.needs };
        let lifted = self.lifter.lift(&mut context.func, self.isa.frontend_config(), key, self.host.faults, &mut Code(code)).unwrap();
        context.compile(&*self.isa, &mut ControlPlane::default()).unwrap();
        let compiled = context.compiled_code().unwrap();
        let end = fast_end(compiled, &context.func, &lifted);
        let guards: Vec<_> = compiled.buffer.get_srclocs_sorted().iter().filter(|l| !l.loc.is_default() && l.loc.bits() & GUARD != 0).collect();
        let wanted = |at: usize| !guards.iter().any(|g| (g.start as usize..g.end as usize).contains(&at));
        let helper = !lifted.tokens.is_empty() || lifted.exits.iter().all(|e| matches!(e, LiftedExit::Step(_)));
        ((self.host.count)(&compiled.code_buffer()[..end], &wanted), helper)
    }

    /// A line of the file.
    fn line(&mut self, form: Form) -> String {
        let (one, text) = assemble(form, 1);
        let ends = one.1;
        let empty = self.block(assemble(|a| a.jmp(forms::ELSEWHERE), 1).0.0).0;
        let (alone, helper) = self.block(one.0);
        let further = if ends {
            String::new()
        } else {
            let more = self.block(assemble(form, REPEATED).0.0).0;
            format!("{:.2}", (more as f64 - alone as f64) / (REPEATED - 1) as f64)
        };
        let alone = alone + usize::from(ends) - empty;
        format!("{alone:>5} {further:>7}  {text}{}", if helper { "  (helper)" } else { "" })
    }
}

/// Where the code ends that is run if nothing special happens: everything else lies behind it.
fn fast_end(compiled: &CompiledCode, func: &Function, lifted: &Lifted) -> usize {
    let is_exit = |name| {
        let UserExternalName { namespace, index } = func.params.user_named_funcs()[name];
        namespace == EXIT_NAMESPACE && matches!(lifted.exits[index as usize], LiftedExit::Direct(_))
    };
    let exits = compiled.buffer.relocs().iter().filter_map(|r| match r.target {
        FinalizedRelocTarget::ExternalName(ExternalName::User(name)) if matches!(r.kind, Reloc::X86CallPCRel4 | Reloc::Arm64Call) && is_exit(name) => {
            Some(r.offset as usize + 4)
        }
        _ => None,
    });
    let calls = compiled.buffer.call_sites().map(|c| c.ret_addr as usize);
    exits.max().or(calls.min()).unwrap_or(compiled.code_buffer().len())
}

/// Code of `n` times the form, behind them a jump if they go on; whether they don't; and the form as text.
fn assemble(form: Form, n: usize) -> ((Vec<u8>, bool), String) {
    let mut a = CodeAssembler::new(64).unwrap();
    (0..n).for_each(|_| form(&mut a).unwrap());
    let first = a.instructions()[0];
    let ends = first.flow_control() != FlowControl::Next;
    if !ends {
        a.jmp(forms::ELSEWHERE).unwrap();
    }
    ((a.assemble(START).unwrap(), ends), first.to_string())
}

fn check(host: &'static Host) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/costs").join(format!("{}.txt", host.name));
    let mut counter = Counter::new(host);
    let mut got = HEAD.to_owned();
    for form in forms::all() {
        writeln!(got, "{}", counter.line(form)).unwrap();
    }
    if std::env::var_os("FORKLIFT_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &got).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    let changed: Vec<_> = got.lines().zip(want.lines()).filter(|(a, b)| a != b).map(|(a, b)| format!("{a}, was {b}")).collect();
    assert!(got == want, "costs differ from {}; FORKLIFT_BLESS=1 to accept:\n{}", path.display(), changed.join("\n"));
}

#[test]
fn blessed_for_x86_64() {
    check(&X86_64);
}

#[test]
fn blessed_for_aarch64() {
    check(&AARCH64);
}

/// Cranelift's back ends don't have all comparisons of vectors: none may be asked for what it lacks.
#[test]
fn all_predicates_compile() {
    use iced_x86::code_asm::{xmm0, xmm1};
    for host in [&X86_64, &AARCH64] {
        let mut counter = Counter::new(host);
        for predicate in 0..32 {
            for form in [|a: &mut CodeAssembler, p| a.cmpps(xmm0, xmm1, p), |a: &mut CodeAssembler, p| a.vcmppd(xmm0, xmm0, xmm1, p)] {
                let mut a = CodeAssembler::new(64).unwrap();
                form(&mut a, predicate).unwrap();
                a.jmp(START + 0x1000).unwrap();
                counter.block(a.assemble(START).unwrap());
            }
        }
    }
}
