//! Paragraphs of fields (deb822(5)): Packages, Release, apt's sources, dpkg's status.

/// One paragraph, borrowed from its text.
#[derive(Clone, Copy, Debug)]
pub struct Paragraph<'t>(&'t str);

/// The paragraphs of a text.
pub fn paragraphs(text: &str) -> impl Iterator<Item = Paragraph<'_>> {
    text.split("\n\n").map(|p| Paragraph(p.trim_matches('\n'))).filter(|p| !p.0.is_empty())
}

impl<'t> Paragraph<'t> {
    /// The value on the first line of a field, names compared without case. Lines that go on are those of [`lines`](Self::lines).
    pub fn get(self, name: &str) -> Option<&'t str> {
        self.rest_of(name).map(|rest| rest.lines().next().unwrap_or_default().trim())
    }

    /// The words of a field, on all its lines.
    pub fn words(self, name: &str) -> impl Iterator<Item = &'t str> {
        self.lines(name).flat_map(str::split_whitespace)
    }

    /// All lines of a field, without the space in front.
    pub fn lines(self, name: &str) -> impl Iterator<Item = &'t str> {
        let rest = self.rest_of(name).unwrap_or_default();
        let more = rest.lines().skip(1).take_while(|l| l.starts_with([' ', '\t', '#'])).filter(|l| !l.starts_with('#'));
        rest.lines().take(1).chain(more).map(str::trim)
    }

    /// The text that begins with a field's value.
    fn rest_of(self, name: &str) -> Option<&'t str> {
        let mut at = 0;
        for line in self.0.split_inclusive('\n') {
            at += line.len();
            if let Some((field, value)) = line.split_once(':')
                && field.eq_ignore_ascii_case(name)
            {
                return Some(&self.0[at - value.len()..]);
            }
        }
        None
    }

    /// All of it.
    pub const fn text(self) -> &'t str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_paragraphs() {
        let text = "\nPackage: a\nDepends: b (>= 1),\n c\nTag: x::y,\n z::w\n\n\n\nPackage: d\ndescription: e\n";
        let found: Vec<_> = paragraphs(text).collect();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].get("package"), found[0].get("Depends"), found[0].get("z")), (Some("a"), Some("b (>= 1),"), None));
        assert_eq!(found[0].lines("Depends").collect::<Vec<_>>(), ["b (>= 1),", "c"]);
        assert_eq!(found[1].get("Description"), Some("e"));
        assert_eq!(found[1].words("None").count(), 0);
    }
}
