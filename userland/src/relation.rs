//! What a package needs (deb-control(5), Depends): `a (>= 1) | b:any, c [amd64]`.

use std::cmp::Ordering;

use crate::version::compare;

/// Any one of these will do.
pub type Alternatives = Vec<Relation>;

/// A package, perhaps of certain versions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relation {
    /// Its name, or a name that packages provide.
    pub name: String,
    /// An operator and a version.
    pub version: Option<(Operator, String)>,
}

/// How a version must compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`
    AtMost,
    /// `=`
    Exactly,
    /// `>=`
    AtLeast,
    /// `>>`
    Later,
}

/// The relations in a field's value that hold for `arch`. What can't be read is left out.
pub fn parse(value: &str, arch: &str) -> Vec<Alternatives> {
    let alternatives = |a: &str| a.split('|').filter(|r| holds_for(r, arch)).filter_map(relation).collect::<Vec<_>>();
    value.split(',').map(alternatives).filter(|a| !a.is_empty()).collect()
}

/// Whether the list of architectures in square brackets, if there is one, has `arch`.
fn holds_for(relation: &str, arch: &str) -> bool {
    let Some((_, list)) = relation.split_once('[') else { return true };
    let mut names = list.trim_end().trim_end_matches(']').split_whitespace();
    let denied = list.trim_start().starts_with('!');
    let listed = names.any(|n| [arch, "any", "linux-any"].contains(&n.trim_start_matches('!')));
    listed != denied
}

fn relation(text: &str) -> Option<Relation> {
    let text = text.split(['[', '<']).next().filter(|t| t.contains('(') == t.contains(')')).unwrap_or(text);
    let (name, version) = text.split_once('(').map_or((text, None), |(n, v)| (n, Some(v)));
    let name = name.trim().split(':').next().filter(|n| !n.is_empty())?.to_owned();
    let version = match version {
        None => None,
        Some(v) => Some(constraint(v.split(')').next()?.trim())?),
    };
    Some(Relation { name, version })
}

fn constraint(text: &str) -> Option<(Operator, String)> {
    let (op, version) = text.split_at(text.find(|c| !"<>=".contains(c))?);
    let op = match op {
        "<<" => Operator::Earlier,
        "<=" | "<" => Operator::AtMost,
        "=" => Operator::Exactly,
        ">=" | ">" => Operator::AtLeast,
        ">>" => Operator::Later,
        _ => return None,
    };
    Some((op, version.trim().to_owned()))
}

impl Relation {
    /// Whether a package (or what one provides) of this version will do. What is provided without a version does only if any does.
    pub fn takes(&self, version: Option<&str>) -> bool {
        let Some((op, wanted)) = &self.version else { return true };
        let Some(version) = version else { return false };
        let order = compare(version, wanted);
        match op {
            Operator::Earlier => order == Ordering::Less,
            Operator::AtMost => order != Ordering::Greater,
            Operator::Exactly => order == Ordering::Equal,
            Operator::AtLeast => order != Ordering::Less,
            Operator::Later => order == Ordering::Greater,
        }
    }
}

impl std::fmt::Display for Relation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some((op, version)) = &self.version else { return f.write_str(&self.name) };
        let op = match op {
            Operator::Earlier => "<<",
            Operator::AtMost => "<=",
            Operator::Exactly => "=",
            Operator::AtLeast => ">=",
            Operator::Later => ">>",
        };
        write!(f, "{} ({op} {version})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> Vec<String> {
        parse(value, "amd64").iter().map(|a| a.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")).collect()
    }

    #[test]
    fn reads_relations() {
        assert_eq!(
            shown("libc6 (>= 2.36), awk | mawk:any (<<2), a [i386], b [amd64 arm64], c [!amd64] | d, ,e (= 1:1-1)"),
            ["libc6 (>= 2.36)", "awk | mawk (<< 2)", "b", "d", "e (= 1:1-1)"]
        );
    }

    #[test]
    fn versions_that_do() {
        let takes = |relation: &str, version| parse(relation, "amd64")[0][0].takes(version);
        assert!(takes("a", None) && takes("a (>= 1)", Some("1.0-1")) && takes("a (<< 2)", Some("2~rc1")));
        assert!(!takes("a (>= 1)", None) && !takes("a (= 1)", Some("1-1")) && !takes("a (>> 1)", Some("1")));
    }
}
