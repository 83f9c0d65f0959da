//! Sine, cosine, tangent. Arguments are reduced by a π of 66 bits, as the CPUs do it.

use super::bit::{C1, C2};
use super::nan::before1;
use super::wide::{Wide, high};
use super::{BIAS, Control, F80, INT, Out};

/// π with 64 bits of fraction, which is the π of the 387 and its successors. π ÷ 2 has 65.
const PI: u128 = 0x3_243f_6a88_85a3_08d3;

/// Coefficients of sin(t) ÷ t and of cos(t) in t², without signs: 1 ÷ (2k + 1)! and 1 ÷ (2k)!, with 127 bits of fraction.
const SERIES: [[u128; 18]; 2] = {
    let mut c = [[1 << 127; 18]; 2];
    let mut k = 1;
    while k < 18 {
        let n = 2 * k as u128;
        c[0][k] = c[0][k - 1] / (n * (n + 1));
        c[1][k] = c[1][k - 1] / (n * (n - 1));
        k += 1;
    }
    c
};

/// The alternating series at z = t². A unit less than it is, so that a result next to a round number is on the right side.
fn series(c: &[u128; 18], z: u128) -> Wide {
    let p = c.iter().rev().fold(0, |p, &c| c - high(z, p));
    Wide::from_fixed(false, p, 0)
}

/// A reduced argument: the number of quarter turns, modulo 4, and the rest, at most π ÷ 4.
struct Reduced {
    turns: u32,
    rest: Wide,
}

/// `None` if |x| ≥ 2^63. `x` is finite.
fn reduce(x: F80) -> Option<Reduced> {
    if x.exp() < BIAS - 1 {
        return Some(Reduced { turns: 0, rest: Wide::new(x) });
    }
    if x.exp() >= BIAS + 63 {
        return None;
    }
    // In units of 2^-65: π ÷ 2 is `PI`, and |x| < 2^63 fits.
    let units = u128::from(x.sig) << (x.exp() - BIAS + 2);
    let (mut turns, rest) = ((units / PI) as u32 & 3, units % PI);
    let over = rest > PI / 2;
    let rest = if over { PI - rest } else { rest };
    if over {
        turns += 1;
    }
    if x.sign() {
        turns = turns.wrapping_neg();
    }
    Some(Reduced { turns: turns & 3, rest: Wide::from_fixed(over != x.sign(), rest, 62) })
}

impl Reduced {
    /// Sine and cosine of the rest.
    fn sin_cos(&self) -> (Wide, Wide) {
        let square = self.rest.mul(self.rest).to_fixed(0);
        let below = |w: Wide| Wide::from_fixed(false, w.sig - 1, w.exp);
        (self.rest.mul(below(series(&SERIES[0], square))), below(series(&SERIES[1], square)))
    }

    fn sin(&self) -> Wide {
        let (s, c) = self.sin_cos();
        match self.turns {
            0 => s,
            1 => c,
            2 => s.negate(),
            _ => c.negate(),
        }
    }

    fn cos(&self) -> Wide {
        Self { turns: (self.turns + 1) & 3, rest: self.rest }.sin()
    }
}

/// What all of them do with operands that need no computing. `Err`: the result.
fn prepare(x: F80, c: Control) -> Result<(Reduced, u16), Out> {
    let status = before1(x, c)?;
    if x.is_infinity() {
        return Err(Out::INVALID);
    }
    match reduce(x) {
        Some(r) => Ok((r, status)),
        None => Err(Out { value: x, status: C2 }),
    }
}

/// FSIN. C2 and x itself if |x| ≥ 2^63.
pub fn sin(x: F80, c: Control) -> Out {
    match prepare(x, c) {
        Ok(_) if x.is_zero() => Out::exact(x),
        Ok((r, status)) => r.sin().round(c).with(status),
        Err(out) => out,
    }
}

/// FCOS. C2 and x itself if |x| ≥ 2^63.
pub fn cos(x: F80, c: Control) -> Out {
    match prepare(x, c) {
        Ok(_) if x.is_zero() => Out::exact(F80::ONE),
        Ok((r, status)) => r.cos().round(c).with(status),
        Err(out) => out,
    }
}

/// FSINCOS: (sine, cosine). C1 is the sine's. C2 if |x| ≥ 2^63.
pub fn sin_cos(x: F80, c: Control) -> Out<(F80, F80)> {
    let (s, k) = (sin(x, c), cos(x, c));
    Out { value: (s.value, k.value), status: s.status | k.status & !C1 }
}

/// FPTAN, without the 1 that it pushes. C2 and x itself if |x| ≥ 2^63.
pub fn tan(x: F80, c: Control) -> Out {
    let (r, status) = match prepare(x, c) {
        Ok(_) if x.is_zero() => return Out::exact(x),
        Ok(ok) => ok,
        Err(out) => return out,
    };
    if x.exp() == 0 && x.sig & INT == 0 {
        // The CPUs come from below here.
        return r.sin().round(c).with(status);
    }
    let square = r.rest.mul(r.rest).to_fixed(0);
    let sin = r.rest.mul(series(&SERIES[0], square));
    let (_, cos) = r.sin_cos();
    let tan = if r.turns & 1 == 0 { sin.div(cos) } else { cos.div(sin).negate() };
    tan.round(c).with(status)
}
