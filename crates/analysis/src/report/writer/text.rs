//! Aligned columns, wrapped lines and colours; numbers in words are [`crate::words`].

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

/// Rows with equal columns, two spaces apart and two from the left. The first `left` columns stand to the left, all
/// others to the right. The first row is the heading.
pub(crate) fn table(rows: &[Vec<String>], left: usize, paint: Paint) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(|c| rows.iter().filter_map(|r| r.get(c)).map(|s| width(s)).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for (n, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (c, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[c] - width(cell));
            line.push_str("  ");
            if c < left { line.extend([cell.as_str(), &pad]) } else { line.extend([&pad, cell.as_str()]) }
        }
        let line = line.trim_end();
        out.push_str(&if n == 0 { paint.dim(line) } else { line.to_owned() });
        out.push('\n');
    }
    out
}

/// Breaks a text between words so that no line, `indent` included, is longer than `columns`. The first line is not indented.
pub(crate) fn wrap(text: &str, indent: usize, columns: usize) -> String {
    lines(text, columns.saturating_sub(indent).max(20)).join(&format!("\n{}", " ".repeat(indent)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        let text = wrap("one two three four five six seven", 4, 24);
        assert_eq!(text, "one two three four\n    five six seven");
        assert_eq!(wrap("", 4, 24), "");
        assert_eq!(lines(&format!("a {}", "x".repeat(12)), 5), ["a", "xxxxx", "xxxxx", "xx"]);
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["rate".into(), "n".into()], vec!["2/s".into(), "1000".into()]];
        assert_eq!(table(&rows, 1, Paint(false)), "  rate     n\n  2/s   1000\n");
    }
}
