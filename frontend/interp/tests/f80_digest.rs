//! The numbers are the same on every host: a digest of many results of each function, recorded on a host whose CPU they had been compared with
//! (`x87_host.rs`; that one can't run elsewhere).

use forklift_interp::f80::{self, Control, F80, Out};

/// xorshift64*.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number: mostly near 1, sometimes anything.
    fn number(&mut self) -> F80 {
        let (sig, kind) = (self.next() >> (self.next() & 63) << (self.next() & 31), self.next());
        let near = (16383 + (kind >> 8 & 127) as u16 - 64) | (kind >> 16) as u16 & 0x8000;
        match kind & 7 {
            0 => F80 { sig, se: (kind >> 32) as u16 },
            1 => F80 { sig, se: (kind >> 16) as u16 & 0x8000 },
            2 => F80 { sig: sig | 1 << 63, se: (kind >> 32) as u16 | 0x7fff },
            3 => F80 { sig: 1 << 63, se: near },
            _ => F80 { sig: sig | 1 << 63, se: near },
        }
    }
}

fn bits(out: Out) -> [u64; 2] {
    [out.value.sig, u64::from(out.value.se) << 16 | u64::from(out.status)]
}

fn int<T: Into<u64>>(out: Out<T>) -> [u64; 2] {
    [out.value.into(), u64::from(out.status)]
}

type Function = fn(F80, F80, Control) -> [u64; 2];

const DIGESTS: &[(&str, Function, u64)] = &[
    ("add", |a, b, c| bits(f80::add(a, b, c)), 0x115a_f1b4_4c88_72ed),
    ("sub", |a, b, c| bits(f80::sub(a, b, c)), 0x73d2_3f90_28e0_93ad),
    ("mul", |a, b, c| bits(f80::mul(a, b, c)), 0xdce7_a227_b5b9_86da),
    ("div", |a, b, c| bits(f80::div(a, b, c)), 0xf101_0711_dea3_136e),
    ("sqrt", |a, _, c| bits(f80::sqrt(a, c)), 0xdb78_3b4d_7cb5_2abe),
    ("rem", |a, b, c| bits(f80::rem(a, b, c)), 0xdb67_d5a6_f01d_49bc),
    ("rem_nearest", |a, b, c| bits(f80::rem_nearest(a, b, c)), 0x0f24_ab32_8c55_1b77),
    ("scale", |a, b, c| bits(f80::scale(a, b, c)), 0x7f8e_0bd5_6761_ad32),
    ("round_to_int", |a, _, c| bits(f80::round_to_int(a, c)), 0x3de7_50f1_2b4f_42f4),
    ("extract", |a, _, c| [f80::extract(a, c).value.0.sig, f80::extract(a, c).value.1.sig], 0xa4dd_56b5_a9d0_2aa4),
    ("to_f32", |a, _, c| int(f80::to_f32(a, c)), 0x7080_e7e2_c5bc_9be5),
    ("to_f64", |a, _, c| int(f80::to_f64(a, c)), 0x536a_e35f_41d7_237d),
    ("from_f32", |a, _, _| bits(f80::from_f32(a.sig as u32)), 0x5e8b_08f5_eda1_dec2),
    ("from_f64", |a, _, _| bits(f80::from_f64(a.sig)), 0xa0f0_159b_f45c_1a0a),
    ("to_int", |a, _, c| [f80::to_int(a, 32, c).value as u64, f80::to_int(a, 64, c).value as u64], 0x3d4c_4205_36b5_f202),
    ("to_bcd", |a, _, c| [f80::to_bcd(a, c).value as u64, u64::from(f80::to_bcd(a, c).status)], 0x3d3b_c882_cfbc_3f91),
    ("compare", |a, b, c| [u64::from(f80::compare(a, b, c).value.conditions()), u64::from(f80::compare(a, b, c).status)], 0x598a_0824_2d86_d69a),
    ("exp2_minus_1", |a, _, c| bits(f80::exp2_minus_1(a, c)), 0xc9d7_6713_c1f9_5494),
    ("y_log2", |a, b, c| bits(f80::y_log2(a, b, c)), 0xfe5b_c339_7310_5c56),
    ("y_log2_plus_1", |a, b, c| bits(f80::y_log2_plus_1(a, b, c)), 0xb7a6_895c_df58_6355),
    ("sin", |a, _, c| bits(f80::sin(a, c)), 0xcac6_c015_a92c_9261),
    ("cos", |a, _, c| bits(f80::cos(a, c)), 0x87c9_3bd0_c6af_f3ad),
    ("tan", |a, _, c| bits(f80::tan(a, c)), 0x3c8f_f557_7f8c_ea75),
    ("atan2", |a, b, c| bits(f80::atan2(a, b, c)), 0xf108_8268_ff74_cab1),
];

/// FNV-1a over the results of many operands, with all roundings and precisions, exceptions masked and not.
fn digest(f: Function) -> u64 {
    let mut r = Rng(0x0123_4567_89ab_cdef);
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for _ in 0..20_000 {
        let c = Control::new(r.next() as u16 & 0xf3f | if r.next() & 1 == 0 { 0x3f } else { 0 });
        for word in f(r.number(), r.number(), c) {
            hash = (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}

#[test]
fn results_are_those_recorded() {
    let changed: Vec<_> = DIGESTS.iter().map(|&(name, f, want)| (name, digest(f), want)).filter(|d| d.1 != d.2).collect();
    assert!(changed.is_empty(), "{}", changed.iter().map(|(name, got, _)| format!("\n{name}: {got:#018x}")).collect::<String>());
}
