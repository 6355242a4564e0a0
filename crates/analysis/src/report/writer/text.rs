//! Wrapped lines and colours.

/// Colours, or none.
#[derive(Clone, Copy)]
pub(crate) struct Paint(pub bool);

impl Paint {
    pub fn bold(self, s: &str) -> String {
        self.with("1", s)
    }
    pub fn dim(self, s: &str) -> String {
        self.with("2", s)
    }
    pub fn red(self, s: &str) -> String {
        self.with("1;31", s)
    }
    pub fn yellow(self, s: &str) -> String {
        self.with("33", s)
    }
    pub fn green(self, s: &str) -> String {
        self.with("32", s)
    }
    fn with(self, code: &str, s: &str) -> String {
        if self.0 && !s.is_empty() { format!("\x1b[{code}m{s}\x1b[0m") } else { s.into() }
    }
}

/// Columns a text takes. Names in Kubernetes are ASCII, and our own words are of single width.
pub(crate) fn width(s: &str) -> usize {
    s.chars().count()
}

/// The lines of a text, none longer than `room`: broken between words, and within a word only when it has no room on a line of its own.
/// At least one.
pub(crate) fn lines(text: &str, room: usize) -> Vec<String> {
    let room = room.max(1);
    let mut out: Vec<String> = vec![];
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && width(&line) + 1 + width(word) > room {
            out.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if width(&line) >= room {
                out.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    out.push(line);
    out
}

/// Rows with equal columns, two spaces apart; the first `left` columns stand to the left, all others to the right.
pub fn columns(rows: &[Vec<String>], left: usize) -> String {
    let n = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..n).map(|c| rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0)).collect();
    let cell = |(c, s): (usize, &String)| if c < left { format!("{s:<w$}", w = widths[c]) } else { format!("{s:>w$}", w = widths[c]) };
    let line = |r: &Vec<String>| r.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n";
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(lines("one two three four five six seven", 20), ["one two three four", "five six seven"]);
        assert_eq!(lines("", 20), [""]);
        assert_eq!(lines(&format!("a {}", "x".repeat(12)), 5), ["a", "xxxxx", "xxxxx", "xx"]);
    }
}
