//! The parser of case files.

use forklift_x86::{Exit, Fault, Gate, GuestAddr, Mode, bits, decode_one};
use iced_x86::{Instruction, RflagsBits};

use super::{Place, Value};
use crate::machine::{CODE, End, Input};

/// One instruction and its cases.
#[derive(Debug)]
pub struct Group {
    /// The instruction as text, `?` if that is yet to be filled in.
    pub text: String,
    /// Line of the header, from 1.
    pub line: usize,
    /// It, decoded.
    pub insn: Instruction,
    /// Its cases.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug)]
pub struct Case {
    /// Line in the file, from 1.
    pub line: usize,
    /// What it starts from.
    pub input: Input,
    /// What must come of it.
    pub expect: Expect,
    /// Whether that is yet to be filled in: `=> ?`.
    pub open: bool,
}

/// What must come of a case.
#[derive(Debug)]
pub struct Expect {
    /// How it ends.
    pub end: End,
    /// The faulting address, if one is given.
    pub cr2: Option<u64>,
    /// Places and what they must hold.
    pub results: Vec<(Place, Vec<u8>)>,
    /// Flags that are compared.
    pub flags: u32,
    /// Whether all of x87 and MMX must be unchanged: the instruction has nothing to do with them.
    pub keeps_x87: bool,
}

/// A line that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct SyntaxError {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Reads a case file.
pub fn parse(text: &str) -> Result<Vec<Group>, SyntaxError> {
    let mut groups = Vec::new();
    let mut code = Vec::new();
    for (n, raw) in text.lines().enumerate() {
        let line = n + 1;
        let content = strip_comment(raw).trim();
        let result = match content.strip_prefix("insn ") {
            _ if content.is_empty() => Ok(()),
            Some(h) => header(h, line).map(|(g, bytes)| {
                groups.push(g);
                code = bytes;
            }),
            None => groups.last_mut().ok_or_else(|| "a case before the first 'insn'".to_owned()).and_then(|g: &mut (Mode, Group)| {
                let case = case(content, line, g.0, &code, &g.1.insn)?;
                g.1.cases.push(case);
                Ok(())
            }),
        };
        result.map_err(|what| SyntaxError { line, what })?;
    }
    Ok(groups.into_iter().map(|(_, g)| g).collect())
}

/// The line without its comment: from a `#` that is followed by a blank, or begins the line.
fn strip_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.find("# ").map_or(line, |at| &line[..at])
}

fn header(h: &str, line: usize) -> Result<((Mode, Group), Vec<u8>), String> {
    let (mode, rest) = h.split_once(' ').ok_or("a header is: insn 64 \"text\" BYTES")?;
    let mode = match mode {
        "64" => Mode::Bits64,
        "32" => Mode::Bits32,
        _ => return Err(format!("no mode '{mode}': 64 or 32")),
    };
    let (text, bytes) = rest.trim().strip_prefix('"').and_then(|r| r.split_once('"')).ok_or("the text must be quoted")?;
    let code = bytes.split_whitespace().map(|b| u8::from_str_radix(b, 16).map_err(|_| format!("'{b}' is no byte"))).collect::<Result<Vec<_>, _>>()?;
    let insn = decode_one(mode, GuestAddr::new(CODE), &code).ok_or("the bytes end before the instruction does")?;
    if insn.len() != code.len() && !insn.is_invalid() {
        return Err(format!("'{insn}' has {} bytes", insn.len()));
    }
    let plain = |s: &str| s.replace(' ', "").to_lowercase();
    if text != "?" && plain(&insn.to_string()) != plain(text) {
        return Err(format!("these bytes are '{insn}'"));
    }
    Ok(((mode, Group { text: text.to_owned(), line, insn, cases: Vec::new() }), code))
}

fn case(content: &str, line: usize, mode: Mode, code: &[u8], insn: &Instruction) -> Result<Case, String> {
    let (before, after) = content.split_once("=>").ok_or("a case is: inputs => results")?;
    let mut input = Input::new(mode, code);
    for word in words(before) {
        let (place, bytes) = assignment(&word, |p| p)?;
        place.write(&mut input.cpu, &mut input.data, &bytes);
    }
    let mut expect = Expect { end: End::Done, cr2: None, results: Vec::new(), flags: unchanged_flags(insn), keeps_x87: !uses_x87(insn) };
    let open = after.trim() == "?";
    for word in words(if open { "" } else { after }) {
        match outcome(&word)? {
            Some((end, cr2)) => (expect.end, expect.cr2) = (end, cr2),
            None => expect.results.push(assignment(&word, |p| p.as_result(mode))?),
        }
    }
    if expect.end != End::Done {
        expect.flags = bits::STATUS | bits::DF | bits::AC | bits::ID;
        expect.keeps_x87 = true;
    }
    for (place, _) in &expect.results {
        match place {
            Place::Flag(mask) => expect.flags |= mask,
            Place::Mm(_) | Place::St(_) | Place::Top | Place::Fcw | Place::Fsw | Place::Used => expect.keeps_x87 = false,
            _ => {}
        }
    }
    Ok(Case { line, input, expect, open })
}

/// Words are separated by blanks outside of parentheses.
fn words(s: &str) -> Vec<String> {
    let (mut words, mut depth) = (vec![String::new()], 0);
    for c in s.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        match words.last_mut() {
            Some(w) if !c.is_whitespace() => w.push(c),
            _ if depth == 0 => words.push(String::new()),
            _ => {}
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

fn assignment(word: &str, adjust: impl Fn(Place) -> Place) -> Result<(Place, Vec<u8>), String> {
    let (name, value) = word.split_once('=').ok_or_else(|| format!("'{word}' is no assignment"))?;
    let place = adjust(Place::parse(name).ok_or_else(|| format!("no place is called '{name}'"))?);
    let value = Value::parse(value).ok_or_else(|| format!("'{value}' is no value"))?;
    let bytes = value.bytes(place.size()).ok_or_else(|| format!("'{word}': the place has {} bytes", place.size()))?;
    Ok((place, zero_extended(name, place, bytes)))
}

/// `eax=-1` as a result means that `rax` is 0xffff_ffff.
fn zero_extended(name: &str, place: Place, mut bytes: Vec<u8>) -> Vec<u8> {
    if let (Some(Place::Gpr { size: 4, .. }), Place::Gpr { size: 8, .. }) = (Place::parse(name), place) {
        bytes[4..].fill(0);
    }
    bytes
}

fn outcome(word: &str) -> Result<Option<(End, Option<u64>)>, String> {
    let exit = |e: Exit| Ok(Some((End::Exit(e), None)));
    match word {
        "syscall" => return exit(Exit::Gate(Gate::Syscall)),
        "int80" => return exit(Exit::Gate(Gate::Int80)),
        _ => {}
    }
    let Some(name) = word.strip_prefix('#') else { return Ok(None) };
    let (name, address) = name.strip_suffix(')').and_then(|n| n.split_once('(')).map_or((name, None), |(n, a)| (n, Some(a)));
    let fault = match name {
        "DE" => Fault::Divide,
        "DB" => Fault::Debug,
        "OF" => Fault::Overflow,
        "BR" => Fault::Bound,
        "UD" => Fault::InvalidOpcode,
        "NP" => Fault::SegmentNotPresent,
        "SS" => Fault::Stack,
        "GP" => Fault::GeneralProtection,
        "PF" => Fault::Page,
        "MF" => Fault::X87,
        "AC" => Fault::Alignment,
        "XM" => Fault::Simd,
        _ => return Err(format!("no fault is called '{word}'")),
    };
    let cr2 = match address.map(Value::parse) {
        None => None,
        Some(v) => Some(v.and_then(|v| v.int()).ok_or_else(|| format!("'{word}' has no address"))? as u64),
    };
    Ok(Some((End::Exit(fault.into()), cr2)))
}

/// Flags that the instruction never changes.
fn unchanged_flags(insn: &Instruction) -> u32 {
    let table = [
        (RflagsBits::CF, bits::CF),
        (RflagsBits::PF, bits::PF),
        (RflagsBits::AF, bits::AF),
        (RflagsBits::ZF, bits::ZF),
        (RflagsBits::SF, bits::SF),
        (RflagsBits::OF, bits::OF),
        (RflagsBits::DF, bits::DF),
        (RflagsBits::AC, bits::AC),
    ];
    let modified = insn.rflags_modified();
    table.into_iter().filter(|(iced, _)| modified & iced == 0).fold(0, |m, (_, bit)| m | bit)
}

/// Whether the instruction may change x87 or MMX registers.
fn uses_x87(insn: &Instruction) -> bool {
    use iced_x86::CpuidFeature as F;
    let features = insn.cpuid_features();
    features.iter().any(|f| matches!(f, F::FPU | F::FPU287 | F::FPU387 | F::MMX | F::FXSR | F::XSAVE))
        || (0..insn.op_count()).any(|i| insn.op_register(i).is_mm())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_file() {
        let text = "# shifts\ninsn 64 \"shl eax, cl\" D3 E0 # by cl\n  eax=1 cl=33 => eax=2 cf=0  # masked\n\ninsn 32 \"div cl\" F6 F1\n ax=7 => #DE # by 0\n ax=7 cl=2 => ax=0x103\n";
        let groups = parse(text).unwrap();
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].cases[0].line, 3);
        assert_eq!(groups[1].cases[0].expect.end, End::Exit(Exit::Fault(Fault::Divide)));
        assert_eq!(groups[1].cases[1].expect.results.len(), 1);
    }

    #[test]
    fn names_the_line() {
        assert_eq!(parse("insn 64 \"nop\" 90\n eax=q => ").unwrap_err().to_string(), "line 2: 'q' is no value");
        assert_eq!(parse("\ninsn 64 \"nop\" 91").unwrap_err().to_string(), "line 2: these bytes are 'xchg ecx,eax'");
    }
}
