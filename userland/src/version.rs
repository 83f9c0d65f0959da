//! Versions of packages and their order (deb-version(7)).

use std::cmp::Ordering;

/// Compares two versions.
pub fn compare(a: &str, b: &str) -> Ordering {
    let ((epoch_a, a), (epoch_b, b)) = (epoch(a), epoch(b));
    let ((up_a, rev_a), (up_b, rev_b)) = (revision(a), revision(b));
    epoch_a.cmp(&epoch_b).then_with(|| part(up_a, up_b)).then_with(|| part(rev_a, rev_b))
}

fn epoch(version: &str) -> (u32, &str) {
    version.split_once(':').map_or((0, version), |(e, rest)| (e.parse().unwrap_or(0), rest))
}

fn revision(version: &str) -> (&str, &str) {
    version.rsplit_once('-').unwrap_or((version, "0"))
}

/// Compares upstream versions or revisions: by turns what isn't a number, and a number.
fn part(mut a: &str, mut b: &str) -> Ordering {
    while !(a.is_empty() && b.is_empty()) {
        let digit = |c: char| c.is_ascii_digit();
        let (text_a, rest_a) = a.split_at(a.find(digit).unwrap_or(a.len()));
        let (text_b, rest_b) = b.split_at(b.find(digit).unwrap_or(b.len()));
        let (number_a, rest_a) = rest_a.split_at(rest_a.find(|c| !digit(c)).unwrap_or(rest_a.len()));
        let (number_b, rest_b) = rest_b.split_at(rest_b.find(|c| !digit(c)).unwrap_or(rest_b.len()));
        let order = text(text_a, text_b).then_with(|| number(number_a, number_b));
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

/// Letters before all others, a tilde before the end.
fn text(a: &str, b: &str) -> Ordering {
    let weight = |c: Option<u8>| match c {
        Some(b'~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(c),
        Some(c) => i32::from(c) + 256,
    };
    let length = a.len().max(b.len());
    let at = |s: &str, i: usize| weight(s.as_bytes().get(i).copied());
    (0..length).map(|i| at(a, i).cmp(&at(b, i))).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

/// Numbers of any length; none is 0.
fn number(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order() {
        let rising = [
            "0~",
            "0",
            "0-0.1",
            "0.5",
            "1.0~rc1-1",
            "1.0~rc1-1+b1",
            "1.0",
            "1.0-1",
            "1.0-1+deb12u1",
            "1.0-1+deb12u10",
            "1.0a",
            "1.0+git",
            "1.0.1",
            "1.2",
            "1.10",
            "1.010.1",
            "1:0.1",
            "1:1.0-1-2",
            "10:0",
        ];
        for (i, a) in rising.iter().enumerate() {
            for (j, b) in rising.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
            }
        }
        assert_eq!(compare("1.0-0", "1.0"), Ordering::Equal);
        assert_eq!(compare("0:1.00", "1.0"), Ordering::Equal);
    }
}
