//! From a block's key to the IR of its function.

use cranelift_codegen::ir::{AbiParam, ExtFuncData, ExternalName, Function, InstBuilder, Signature, UserExternalName, types::I64};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use forklift_x86::decode_block;

use crate::contract::Fetch;
use crate::{BlockKey, EXIT_NAMESPACE, LiftEnv, LiftError, Lifted, LiftedExit, PARAM_REGS};

/// Longest block. Unit: guest instructions.
const MAX_INSNS: usize = 32;

/// The signature of all lifted blocks and of their exits.
pub fn signature() -> Signature {
    let mut sig = Signature::new(CallConv::Tail);
    sig.params.extend(PARAM_REGS.map(|_| AbiParam::new(I64)));
    sig
}

/// Lifts blocks; keeps its allocations from one to the next.
#[derive(Default)]
pub struct Lifter {
    builder: FunctionBuilderContext,
}

impl Lifter {
    /// A new one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Builds the function of the block `key` into `func`, which must be empty.
    pub fn lift(&mut self, func: &mut Function, target: TargetFrontendConfig, key: BlockKey, env: &mut dyn LiftEnv) -> Result<Lifted, LiftError> {
        let block = decode_block(&mut Fetch(env), key.start, key.mode, MAX_INSNS).map_err(LiftError::Fetch)?;
        func.signature = signature();
        let mut b = FunctionBuilder::new(func, &mut self.builder);
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        let args = b.block_params(entry).to_vec();
        let name = b.func.declare_imported_user_function(UserExternalName::new(EXIT_NAMESPACE, 0));
        let signature = b.import_signature(signature());
        let exit = b.import_function(ExtFuncData { name: ExternalName::user(name), signature, colocated: true, patchable: false });
        b.ins().return_call(exit, &args);
        b.seal_all_blocks();
        b.finalize(target);
        let exits = vec![LiftedExit::Step(key.start)];
        Ok(Lifted { exits, pcs: block.insns.iter().map(|i| forklift_x86::GuestAddr::new(i.ip())).collect(), ranges: vec![(block.start, block.end)], insns: 1 })
    }
}
