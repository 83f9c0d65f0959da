//! The arctangent.

use super::log::SERIES;
use super::nan::before2;
use super::wide::{Wide, high};
use super::{Control, F80, Out};

/// π, with 128 bits.
const PI: Wide = Wide { sign: false, exp: 1, sig: 0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1 };

/// atan(k ÷ 8), with 128 bits of fraction.
const EIGHTHS: [u128; 9] = [
    0,
    0x1fd5_ba9a_ac2f_6dc6_5912_f313_e7d1_11de,
    0x3eb6_ebf2_5901_bac5_5b71_e7bd_7de8_85f9,
    0x5bd8_6507_937b_c239_c551_9091_6e7f_2241,
    0x76b1_9c15_86ed_3da2_b7f2_22f6_5e1d_4681,
    0x8f00_5d5e_f7f5_9f9b_5c83_5e16_65c4_3747,
    0xa4bc_7d19_34f7_0924_19a8_7f2a_457d_ac9e,
    0xb805_3e2b_c231_9e73_cb2d_a552_10a4_443d,
    0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1,
];

/// atan(n ÷ d) for 0 ≤ n ≤ d.
fn small_atan(n: Wide, d: Wide) -> Wide {
    let k = (n.div(d).to_fixed(4) >> 120) as i32;
    let k = (k + 1) / 2;
    let eighths = Wide::from_int(k).scale(-3);
    // atan(n ÷ d) − atan(k ÷ 8) has the tangent (8n − kd) ÷ (8d + kn).
    let r = n.sub(eighths.mul(d)).div(d.add(eighths.mul(n)));
    let z = r.mul(r).to_fixed(0);
    let p = SERIES[..18].iter().rev().fold(0, |p, &c| c - high(z, p));
    let rest = r.mul(Wide::from_fixed(false, p - 1, 0));
    Wide::from_fixed(false, EIGHTHS.get(k as usize).copied().unwrap_or(0), -1).add(rest)
}

/// The angle of the point (x, y), for positive coordinates of which one is not 0.
fn first_quadrant(y: Wide, x: Wide) -> Wide {
    if x.less(y) { PI.scale(-1).sub(small_atan(x, y)) } else { small_atan(y, x) }
}

/// FPATAN: the angle of the point (x, y), between −π and π. SDM vol. 2A, table 3-30.
pub fn atan2(y: F80, x: F80, c: Control) -> Out {
    let status = match before2(y, x, c) {
        Ok(status) => status,
        Err(out) => return out,
    };
    let finish = |w: Wide| Wide { sign: y.sign(), ..w }.round(c).with(status);
    match (y.is_infinity(), x.is_infinity()) {
        (true, true) => return finish(PI.scale(-2).mul(Wide::from_int(if x.sign() { 3 } else { 1 }))),
        (true, false) => return finish(PI.scale(-1)),
        (false, true) if x.sign() => return finish(PI),
        (false, true) => return Out::exact(F80::ZERO.with_sign(y.sign())).with(status),
        _ => {}
    }
    if y.is_zero() {
        return if x.sign() { finish(PI) } else { Out::exact(y).with(status) };
    }
    if x.is_zero() {
        return finish(PI.scale(-1));
    }
    let angle = first_quadrant(Wide::new(y).abs(), Wide::new(x).abs());
    finish(if x.sign() { PI.sub(angle) } else { angle })
}
