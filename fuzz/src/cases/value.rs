//! Values in case files.

use crate::machine::{CODE, DATA, RODATA, STACK};

/// An unmapped address.
pub const NONE: u64 = 0x4000_0000;

/// A value before it is known how wide its place is.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// An integer, sign-extended.
    Int(i128),
    /// A number for an x87 register.
    Real(f64),
    /// Bytes as given: lanes, or sign and exponent with mantissa.
    Bytes(Vec<u8>),
}

impl Value {
    /// Parses one value.
    pub fn parse(s: &str) -> Option<Self> {
        if let Some((lanes, rest)) = s.split_once('(') {
            return lanes_of(lanes, rest.strip_suffix(')')?).map(Self::Bytes);
        }
        if let Some((exp, mantissa)) = s.split_once(':') {
            let (e, m) = (u16::try_from(int(exp)?).ok()?, u64::try_from(int(mantissa)?).ok()?);
            return Some(Self::Bytes([&m.to_le_bytes()[..], &e.to_le_bytes()].concat()));
        }
        match int(s) {
            Some(i) => Some(Self::Int(i)),
            None => s.parse().ok().map(Self::Real),
        }
    }

    /// The value as `width` bytes, least significant first; `None` if it has another width by itself.
    pub fn bytes(&self, width: usize) -> Option<Vec<u8>> {
        match self {
            Self::Int(i) => {
                let sign = if *i < 0 { 0xff } else { 0 };
                Some(i.to_le_bytes().into_iter().chain(std::iter::repeat(sign)).take(width).collect())
            }
            Self::Bytes(b) => (b.len() == width).then(|| b.clone()),
            Self::Real(r) => (width == 10).then(|| extended(*r)),
        }
    }

    /// The value as an integer, if it is one.
    pub const fn int(&self) -> Option<i128> {
        if let Self::Int(i) = self { Some(*i) } else { None }
    }
}

/// A number, an address by name, or an address with an offset.
fn int(s: &str) -> Option<i128> {
    if let Some(at) = s.rfind(['+', '-']).filter(|&at| at > 0 && symbol(&s[..at]).is_some()) {
        let offset = number(&s[at + 1..])?;
        return Some(symbol(&s[..at])? + if s.as_bytes()[at] == b'-' { -offset } else { offset });
    }
    symbol(s).or_else(|| number(s))
}

fn symbol(s: &str) -> Option<i128> {
    Some(i128::from(match s {
        "data" => DATA,
        "ro" => RODATA,
        "code" => CODE,
        "stack" => STACK,
        "none" => NONE,
        _ => return None,
    }))
}

fn number(s: &str) -> Option<i128> {
    if let Some(rest) = s.strip_prefix('~') {
        return Some(!number(rest)?);
    }
    if let Some(rest) = s.strip_prefix('-') {
        return Some(number(rest)?.wrapping_neg());
    }
    match s.strip_prefix("0x") {
        Some(hex) => u128::from_str_radix(hex, 16).ok().map(|v| v as i128),
        None => s.parse::<u128>().ok().map(|v| v as i128),
    }
}

fn lanes_of(kind: &str, list: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for lane in list.split(',').map(str::trim) {
        match kind {
            "f32" => bytes.extend(lane.parse::<f32>().ok()?.to_le_bytes()),
            "f64" => bytes.extend(lane.parse::<f64>().ok()?.to_le_bytes()),
            _ => {
                let width: usize = kind.strip_prefix('u')?.parse().ok()?;
                bytes.extend(int(lane)?.to_le_bytes().get(..width / 8)?);
            }
        }
    }
    Some(bytes)
}

/// A double as ten bytes of double extended format, SDM vol. 1, 4.2.2.
fn extended(r: f64) -> Vec<u8> {
    let bits = r.to_bits();
    let (sign, exp, fraction) = ((bits >> 63) as u16, (bits >> 52 & 0x7ff) as u16, bits << 12 >> 1);
    let (e, m) = match exp {
        0x7ff => (0x7fff, 1 << 63 | fraction),
        0 if fraction == 0 => (0, 0),
        0 => {
            let up = fraction.leading_zeros();
            (0x3fff - 1022 - up as u16, fraction << up)
        }
        _ => (exp + 0x3fff - 1023, 1 << 63 | fraction),
    };
    [&m.to_le_bytes()[..], &(sign << 15 | e).to_le_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_kind() {
        let b = |s: &str, w| Value::parse(s).and_then(|v| v.bytes(w)).unwrap_or_default();
        assert_eq!(b("-2", 2), [0xfe, 0xff]);
        assert_eq!(b("~0", 4), [0xff; 4]);
        assert_eq!(b("data+0x10", 4), [0x10, 0, 0, 0x20]);
        assert_eq!(b("u16(1,0x203)", 4), [1, 0, 3, 2]);
        assert_eq!(b("f32(1.0)", 4), 1f32.to_le_bytes());
        assert_eq!(b("1.5", 10), [0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0x3f]);
        assert_eq!(b("-0.0", 10), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80]);
        assert_eq!(b("inf", 10), [0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x7f]);
        assert_eq!(b("0x3fff:0x8000000000000000", 10), b("1.0", 10));
        assert_eq!(Value::parse("f33(1)"), None);
        assert_eq!(Value::parse("x"), None);
    }

    #[test]
    fn a_denormal_double_is_a_normal_extended() {
        assert_eq!(extended(5e-324), [0, 0, 0, 0, 0, 0, 0, 0x80, 0xcd, 0x3b]);
    }
}
