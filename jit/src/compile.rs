//! From a block's key to bytes: lifting, compiling, finding exits and traps. Where the bytes go is not decided here.
//!
//! What Cranelift and the lifter allocate is kept from one block to the next.

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, Function, Opcode, UserExternalName};
use cranelift_codegen::isa::OwnedTargetIsa;
#[cfg(test)]
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_codegen::{CompiledCode, Context, FinalizedMachReloc, FinalizedRelocTarget};
use forklift_lift::{BlockKey, EXIT_NAMESPACE, Faults, HostCpu, LiftEnv, LiftError, Lifted, Lifter, Needs, TOKEN_NAMESPACE, TRAP_ALIGNED, TRAP_MEMORY};
use forklift_x86::GuestAddr;

use crate::blocks::{LOST, Trap};
use crate::guard::{self, Guards};
use crate::host;
use crate::strip::{Frame, Hole};

/// Why a block was not compiled. The caller interprets it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CompileError {
    /// The block can't be lifted.
    #[error(transparent)]
    Lift(#[from] LiftError),
    /// This machine can't be compiled for.
    #[error("the JIT does not work on this host: {0}")]
    Host(String),
    /// Cranelift refused.
    #[error("block at {0}: {1}")]
    Codegen(GuestAddr, String),
    /// Cranelift's output has another shape than the JIT can run.
    #[error("block at {0}: the compiled code has an unexpected shape ({1})")]
    Shape(GuestAddr, &'static str),
    /// The guest's code has changed while it was compiled.
    #[error("block at {0}: its code changed")]
    Changed(GuestAddr),
    /// The code can't be patched as the lifter wants it; it is not used.
    #[error("an instruction to patch has an unexpected shape")]
    Patch,
    /// A single block does not fit the arena.
    #[error("block at {0}: no room in the arena")]
    TooLarge(GuestAddr),
}

/// A block, ready to be placed.
#[derive(Default)]
pub(crate) struct Compiled {
    /// What the lifter said.
    pub lifted: Lifted,
    /// The code, not yet with jumps in its holes.
    pub code: Vec<u8>,
    /// Offset of the entry.
    pub entry: usize,
    /// Hole and exit (an index into `lifted.exits`) of each direct jump. An exit may have none, or several.
    pub direct: Vec<(Hole, usize)>,
    /// Holes of indirect jumps.
    pub tails: Vec<Hole>,
    /// Where the code has a token of eight bytes, and which (an index into `lifted.tokens`).
    pub tokens: Vec<(usize, usize)>,
    /// Instructions that may fault.
    pub traps: Vec<Trap>,
}

impl Compiled {
    /// Empties all lists; their memory stays.
    pub(crate) fn clear(&mut self) {
        let Self { lifted: Lifted { exits, pcs, ranges, tokens: known, groups, insns: _, faults: _ }, code, entry: _, direct, tails, tokens, traps } = self;
        exits.clear();
        pcs.clear();
        ranges.clear();
        known.clear();
        groups.clear();
        code.clear();
        direct.clear();
        tails.clear();
        tokens.clear();
        traps.clear();
    }
}

/// See the module.
pub(crate) struct Compiler {
    isa: OwnedTargetIsa,
    context: Context,
    lifter: Lifter,
    /// Whether the state at a fault may be lost where nobody would see it.
    loses: bool,
    /// Whether to keep the last block's IR and disassembly.
    pub dump: bool,
}

impl Compiler {
    pub(crate) fn new(isa: OwnedTargetIsa, loses: bool) -> Self {
        Self { isa, context: Context::new(), lifter: Lifter::new(HostCpu::detect()), loses, dump: false }
    }

    /// Lifts and compiles the block `key`.
    pub(crate) fn compile(&mut self, key: BlockKey, env: &mut dyn LiftEnv) -> Result<Compiled, CompileError> {
        let seen = key.checked || key.needs.has(Needs::FAULTS) || key.needs.has(Needs::ORDERED);
        if self.loses && !seen {
            return self.compile_with(key, env, Faults::Lost);
        }
        match self.compile_with(key, env, if guard::PATCHED { Faults::Guarded } else { Faults::Stored }) {
            Err(CompileError::Patch) => self.compile_with(key, env, Faults::Stored),
            done => done,
        }
    }

    fn compile_with(&mut self, key: BlockKey, env: &mut dyn LiftEnv, faults: Faults) -> Result<Compiled, CompileError> {
        self.context.clear();
        let lifted = self.lifter.lift(&mut self.context.func, self.isa.frontend_config(), key, faults, env)?;
        self.finish(key.start, lifted)
    }

    /// Compiles the function that `build` makes instead of a lifted one.
    #[cfg(test)]
    pub(crate) fn compile_ir(&mut self, start: GuestAddr, build: impl FnOnce(&mut Function, TargetFrontendConfig) -> Lifted) -> Result<Compiled, CompileError> {
        self.context.clear();
        let lifted = build(&mut self.context.func, self.isa.frontend_config());
        self.finish(start, lifted)
    }

    fn finish(&mut self, start: GuestAddr, lifted: Lifted) -> Result<Compiled, CompileError> {
        self.context.set_disasm(self.dump);
        self.context.compile(&*self.isa, &mut ControlPlane::default()).map_err(|e| CompileError::Codegen(start, format!("{:?}", e.inner)))?;
        let code = self.context.compiled_code().ok_or(CompileError::Shape(start, "no code"))?;
        let mut c = shape(code, &self.context.func, lifted).map_err(|what| CompileError::Shape(start, what))?;
        patch(code, &mut c).ok_or(CompileError::Patch)?;
        host::narrow_barriers(code, &mut c.code);
        Ok(c)
    }

    /// IR and host code of the last block, as text.
    pub(crate) fn dumps(&self) -> (String, String) {
        let host = self.context.compiled_code().and_then(|c| c.vcode.clone()).unwrap_or_default();
        (self.context.func.display().to_string(), host)
    }
}

/// Finds everything in `code` that placing it needs to know.
fn shape(code: &CompiledCode, func: &Function, lifted: Lifted) -> Result<Compiled, &'static str> {
    let bytes = code.code_buffer();
    let frame = Frame::parse(bytes).map_err(|_| "prologue")?;
    let mut direct = Vec::with_capacity(lifted.exits.len());
    let mut tokens = Vec::new();
    for r in code.buffer.relocs() {
        match target(r, func).ok_or("relocation")? {
            Target::Exit(exit) => direct.push((frame.direct(bytes, r.offset as usize).map_err(|_| "direct exit")?, exit)),
            Target::Token(token) if token < lifted.tokens.len() && bytes.len() >= r.offset as usize + size_of::<u64>() => {
                tokens.push((r.offset as usize, token))
            }
            Target::Token(_) => return Err("token"),
        }
    }
    let tails: Vec<_> = code.buffer.call_sites().filter_map(|c| frame.tail(bytes, c.ret_addr as usize)).collect();
    if direct.len() + tails.len() != tail_calls(func) || direct.iter().any(|d| d.1 >= lifted.exits.len()) {
        return Err("number of exits");
    }
    let traps = traps(code, &lifted).ok_or("trap table")?;
    Ok(Compiled { code: bytes.to_vec(), entry: frame.entry, direct, tails, tokens, traps, lifted })
}

/// Removes the guards, and has faults go on at their pads; has the host check what must be aligned.
fn patch(code: &CompiledCode, c: &mut Compiled) -> Option<()> {
    for t in code.buffer.traps().iter().filter(|t| t.code == TRAP_ALIGNED) {
        guard::align(&mut c.code, t.offset as usize)?;
    }
    if c.lifted.groups.is_empty() {
        return Some(());
    }
    let guards = Guards::find(code);
    for t in c.traps.iter_mut().filter(|t| t.pad != 0) {
        t.pad = guards.pad(&mut c.code, t.code as usize, t.pad - 1)?;
    }
    guards.remove(&mut c.code).then_some(())
}

/// What a relocation is for: indices into the lists of [`Lifted`].
enum Target {
    Exit(usize),
    Token(usize),
}

/// What the relocation is for; `None` if it is for anything unknown.
fn target(r: &FinalizedMachReloc, func: &Function) -> Option<Target> {
    let FinalizedRelocTarget::ExternalName(ExternalName::User(name)) = r.target else { return None };
    let UserExternalName { namespace, index } = *func.params.user_named_funcs().get(name)?;
    match (namespace, r.kind) {
        (EXIT_NAMESPACE, Reloc::X86CallPCRel4 | Reloc::Arm64Call) => Some(Target::Exit(index as usize)),
        (TOKEN_NAMESPACE, Reloc::Abs8) if r.addend == 0 => Some(Target::Token(index as usize)),
        _ => None,
    }
}

/// How many tail calls the function has.
fn tail_calls(func: &Function) -> usize {
    let is_tail = |i| matches!(func.dfg.insts[i].opcode(), Opcode::ReturnCall | Opcode::ReturnCallIndirect);
    func.layout.blocks().filter_map(|b| func.layout.last_inst(b)).filter(|&i| is_tail(i)).count()
}

/// The table of accesses to guest memory. What has no source location (the check of a checked block) counts as the first instruction's; `None` for a
/// location that the lifter doesn't know.
fn traps(code: &CompiledCode, lifted: &Lifted) -> Option<Vec<Trap>> {
    let start = lifted.ranges.first()?.0.get();
    let locations = code.buffer.get_srclocs_sorted();
    let mut traps = Vec::new();
    for t in code.buffer.traps().iter().filter(|t| matches!(t.code, TRAP_MEMORY | TRAP_ALIGNED)) {
        let at = locations.partition_point(|l| l.end <= t.offset);
        let location = locations.get(at).filter(|l| l.start <= t.offset && !l.loc.is_default()).map(|l| l.loc.bits());
        let (number, group) = match (location, location.and_then(guard::group)) {
            (Some(_), Some(g)) => (*lifted.groups.get(g as usize)?, g + 1),
            (l, _) => (l.unwrap_or(0), 0),
        };
        let pc = lifted.pcs.get(number as usize)?.get();
        // Until guards are removed, the place of the pad is that of the group's number.
        let pad = if lifted.faults == Faults::Lost { LOST } else { group };
        traps.push(Trap { code: t.offset, guest: pc.wrapping_sub(start) as u32, pad });
    }
    Some(traps)
}
