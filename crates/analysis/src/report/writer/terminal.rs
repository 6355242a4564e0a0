//! A document on a terminal: aligned text, no line wider than the terminal.
//!
//! What was recorded is made visible ([`visible`]): none of it can steer the terminal. A figure has no form here; where a document has a
//! [`Block::Picture`], that is shown.

use super::chart;
use super::text::{Paint, lines, width};
use crate::report::document::{Badge, Block, Document, Finding, Mark, Number, Section, Table};
use crate::words::visible;

/// Narrowest and widest text, in columns.
const WIDTH: std::ops::RangeInclusive<usize> = 60..=200;
/// Spaces before every line but headings, and between columns.
const INDENT: usize = 2;
/// A column of words is not made narrower than this, as long as there is another way.
const NARROW: usize = 12;
/// Room that text beside a column needs; with less it goes below.
const BESIDE: usize = 34;

/// How a document is written.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Columns.
    pub width: usize,
    /// Without it there is no escape sequence in the text.
    pub color: bool,
    /// With sections of detail, and the steps of marks.
    pub full: bool,
}

/// The document, ended by a line feed.
pub fn render(d: &Document, t: Terminal) -> String {
    let mut out = Out { text: String::new(), room: t.width.clamp(*WIDTH.start(), *WIDTH.end()), paint: Paint(t.color), full: t.full };
    out.heading(d);
    for s in d.sections.iter().filter(|s| t.full || !s.detail) {
        out.section(s);
    }
    out.text
}

struct Out {
    text: String,
    /// Columns of a whole line.
    room: usize,
    paint: Paint,
    full: bool,
}

impl Out {
    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// Text from a column on, each of its lines painted; `head` stands before the first one and is `at` columns wide at most.
    fn hang(&mut self, head: &str, head_width: usize, at: usize, text: &str, paint: impl Fn(&str) -> String) {
        for (n, l) in lines(&visible(text), self.room.saturating_sub(at)).iter().enumerate() {
            let before = if n == 0 { format!("{head}{}", " ".repeat(at.saturating_sub(head_width))) } else { " ".repeat(at) };
            self.line(&format!("{before}{}", paint(l)));
        }
    }

    fn plain(&mut self, at: usize, text: &str) {
        self.hang("", 0, at, text, str::to_owned);
    }

    fn heading(&mut self, d: &Document) {
        let mut line = String::new();
        let mut used = 0;
        let title = lines(&visible(&d.title), self.room);
        for (n, t) in title.iter().enumerate() {
            let bold = self.paint.bold(t);
            if n + 1 < title.len() {
                self.line(&bold);
            } else {
                (line, used) = (bold, width(t));
            }
        }
        for Badge { word, class } in &d.badges {
            let word = visible(word);
            if used > 0 && used + 2 + width(&word) > self.room {
                self.line(&std::mem::take(&mut line));
                used = 0;
            }
            if used > 0 {
                line.push_str("  ");
                used += 2;
            }
            used += width(&word);
            line.push_str(&self.classed(class, &word));
        }
        self.line(&line);
        if !d.lead.is_empty() {
            self.plain(INDENT, &d.lead);
        }
    }

    fn classed(&self, class: &str, text: &str) -> String {
        match class {
            "good" | "kept" => self.paint.green(text),
            "fair" | "predicted" => self.paint.yellow(text),
            "bad" | "missed" => self.paint.red(text),
            _ => text.to_owned(),
        }
    }

    fn section(&mut self, s: &Section) {
        let shown = |b: &&Block| !matches!(b, Block::Figure(_) | Block::Zoom { .. });
        if !s.blocks.iter().any(|b| shown(&b)) {
            return;
        }
        self.text.push('\n');
        if !s.heading.is_empty() {
            for l in lines(&visible(&s.heading), self.room) {
                let bold = self.paint.bold(&l);
                self.line(&bold);
            }
        }
        for (n, b) in s.blocks.iter().filter(shown).enumerate() {
            // Tables and pictures stand by themselves; what explains a table stands right below it.
            if n > 0 && matches!(b, Block::Table(_) | Block::Picture { .. } | Block::Marks { .. }) {
                self.text.push('\n');
            }
            self.block(b);
        }
    }

    fn block(&mut self, b: &Block) {
        match b {
            Block::Text { text } => self.plain(INDENT, text),
            Block::Numbers { numbers } => self.numbers(numbers),
            Block::Findings { findings } => findings.iter().for_each(|f| self.finding(f)),
            Block::Items { items } => items.iter().for_each(|i| self.item(INDENT, i)),
            Block::Picture { lines } => {
                for l in lines {
                    let cut: String = visible(l).chars().take(self.room).collect();
                    let coloured = chart::colour(cut.trim_end(), self.paint);
                    self.line(&coloured);
                }
            }
            Block::Table(t) => self.table(t),
            Block::Marks { marks } => self.marks(marks),
            Block::Links { links } => links.iter().for_each(|l| self.item(INDENT, &format!("{}: {}", l.text, l.href))),
            Block::Figure(_) | Block::Zoom { .. } => {}
        }
    }

    fn numbers(&mut self, numbers: &[Number]) {
        let most = |f: fn(&Number) -> &String| numbers.iter().map(|n| width(&visible(f(n)))).max().unwrap_or(0);
        let (label, value) = (most(|n| &n.label).min(self.room / 2), most(|n| &n.value));
        for n in numbers {
            let name = format!("{}{:<label$}  ", " ".repeat(INDENT), visible(&n.label));
            let shown = format!("{:<value$}", visible(&n.value));
            let used = width(&name) + width(&shown);
            let head = format!("{name}{}", self.classed(&n.class, &shown));
            if used + 2 + BESIDE <= self.room {
                self.hang(&head, used, used + 2, &n.note, str::to_owned);
            } else {
                self.plain(INDENT, &format!("{}  {}  {}", n.label, n.value, n.note));
            }
        }
    }

    /// Word, code, and the text after them.
    fn finding(&mut self, f: &Finding) {
        let head = [f.word.as_str(), f.code.as_str()].map(visible);
        let words: Vec<&str> = head.iter().map(String::as_str).filter(|w| !w.is_empty()).collect();
        let plain = words.join("  ");
        let painted = format!("{}{}", " ".repeat(INDENT), self.classed(&f.class, words.first().copied().unwrap_or_default()));
        let painted = words.iter().skip(1).fold(painted, |line, w| format!("{line}  {w}"));
        let used = INDENT + width(&plain);
        if used + 2 + BESIDE <= self.room && !plain.is_empty() {
            // Further lines begin under the word: below a long code there is little room. The head is one long word to be broken around.
            let whole = format!("{} {}", "x".repeat(width(&plain) + 1), visible(&f.text));
            for (n, l) in lines(&whole, self.room - INDENT - 2).iter().enumerate() {
                let l = if n == 0 { format!("{painted} {}", &l[width(&plain) + 1..]) } else { format!("    {l}") };
                self.line(&l);
            }
        } else {
            match used {
                u if u > self.room => self.plain(INDENT, &plain),
                _ if plain.is_empty() => {}
                _ => self.line(&painted),
            }
            self.plain(INDENT + 2, &f.text);
        }
    }

    /// Spaces at its beginning put it below the one before.
    fn item(&mut self, at: usize, item: &str) {
        let more = item.chars().take_while(|c| *c == ' ').count().min(8);
        let at = at + more;
        self.hang(&format!("{}- ", " ".repeat(at)), at + 2, at + 2, item, str::to_owned);
    }

    fn marks(&mut self, marks: &[Mark]) {
        let most = |f: fn(&Mark) -> &String| marks.iter().map(|m| width(&visible(f(m)))).max().unwrap_or(0);
        let (when, title) = (most(|m| &m.when), most(|m| &m.title));
        let at = INDENT + when + 2 + title + 2;
        for m in marks {
            let head = format!("{}{:<when$}  {}", " ".repeat(INDENT), visible(&m.when), visible(&m.title));
            let used = width(&head);
            if at + BESIDE <= self.room {
                self.hang(&head, used, at, &m.reason, str::to_owned);
            } else {
                self.plain(INDENT, &format!("{}  {}", m.when, m.title));
                self.plain(INDENT + 4, &m.reason);
            }
            if self.full {
                m.steps.iter().for_each(|s| self.item(INDENT + 4, s));
            }
        }
    }

    fn table(&mut self, t: &Table) {
        if !t.caption.is_empty() {
            self.plain(INDENT, &t.caption);
        }
        let all: Vec<Vec<String>> = std::iter::once(&t.head).chain(&t.rows).map(|r| r.iter().map(|c| visible(c)).collect()).collect();
        let columns = all.iter().map(Vec::len).max().unwrap_or(0);
        let lead = t.words.clamp(1, columns.max(1));
        let mut widths: Vec<usize> =
            (0..columns).map(|c| all.iter().filter_map(|r| r.get(c)).map(|s| width(s)).max().unwrap_or(0)).collect();
        let longest = |c: usize| {
            let words = all.iter().filter_map(|r| r.get(c)).flat_map(|s| s.split_whitespace());
            words.map(width).max().unwrap_or(0)
        };
        let least: Vec<usize> = (0..columns).map(|c| longest(c).max(NARROW).min(widths[c])).collect();
        let sum = |w: &[usize]| w.iter().map(|w| w + INDENT).sum::<usize>();
        // Words break over lines first; what is still too wide is split; a word breaks only where nothing else helps.
        let (words, numbers) = widths.split_at_mut(lead.min(columns));
        narrow(words, &least, self.room.saturating_sub(sum(numbers)));
        let widest = numbers.iter().max().map_or(0, |w| w + INDENT);
        narrow(words, &vec![1; columns], self.room.saturating_sub(widest.min(self.room / 2)));
        let before = sum(words);
        let mut groups: Vec<Vec<usize>> = vec![vec![]];
        let mut used = before;
        for (c, w) in widths.iter_mut().enumerate().skip(lead) {
            *w = (*w).min(self.room.saturating_sub(before + INDENT)).max(1);
            if used + INDENT + *w > self.room && groups.last().is_some_and(|g| !g.is_empty()) {
                groups.push(vec![]);
                used = before;
            }
            used += INDENT + *w;
            if let Some(g) = groups.last_mut() {
                g.push(c);
            }
        }
        for g in groups {
            let shown: Vec<usize> = (0..lead.min(columns)).chain(g).collect();
            for (n, row) in all.iter().enumerate() {
                self.row(row, &shown, &widths, t.words, n == 0);
            }
        }
    }

    fn row(&mut self, row: &[String], shown: &[usize], widths: &[usize], words: usize, head: bool) {
        let cells: Vec<Vec<String>> = shown.iter().map(|c| lines(row.get(*c).map_or("", String::as_str), widths[*c])).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for n in 0..height {
            let mut line = String::new();
            for (cell, c) in cells.iter().zip(shown) {
                let text = cell.get(n).map_or("", String::as_str);
                let pad = " ".repeat(widths[*c].saturating_sub(width(text)));
                // A goal that is kept or missed is what a table is read for.
                let painted = match text {
                    "kept" => self.paint.green(text),
                    "missed" => self.paint.red(text),
                    _ => text.to_owned(),
                };
                line.push_str("  ");
                if *c < words { line.extend([painted, pad]) } else { line.extend([pad, painted]) }
            }
            let line = line.trim_end();
            let line = if head { self.paint.dim(line) } else { line.to_owned() };
            self.line(&line);
        }
    }
}

/// Takes from the widest until all have room, none below its `least`.
fn narrow(widths: &mut [usize], least: &[usize], room: usize) {
    while widths.iter().map(|w| w + INDENT).sum::<usize>() > room {
        let widest = (0..widths.len()).filter(|c| widths[*c] > least[*c]).max_by_key(|c| widths[*c]);
        let Some(c) = widest else { return };
        widths[c] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(blocks: Vec<Block>) -> Document {
        Document {
            title: "t".into(),
            badges: vec![Badge::new("MEASURED", ""), Badge::new("not valid", "bad")],
            sections: vec![Section::new("a", "A", "A", blocks)],
            ..Document::default()
        }
    }

    fn written(d: &Document, width: usize, color: bool) -> String {
        render(d, Terminal { width, color, full: true })
    }

    fn table(words: usize, head: &[&str], rows: &[&[&str]]) -> Table {
        let strings = |r: &[&str]| r.iter().map(|c| (*c).to_owned()).collect();
        Table { caption: String::new(), words, head: strings(head), rows: rows.iter().map(|r| strings(r)).collect() }
    }

    #[test]
    fn words_stand_left_and_numbers_right() {
        let d = of(vec![Block::Table(table(1, &["arm", "good"], &[&["wva", "99 %"], &["static-2", "100 %"]]))]);
        assert_eq!(written(&d, 80, false), "t  MEASURED  not valid\n\nA\n  arm        good\n  wva        99 %\n  static-2  100 %\n");
    }

    #[test]
    fn a_wide_table_is_split_and_repeats_its_first_columns() {
        let head: Vec<String> = (0..12).map(|n| format!("column-{n:02}")).collect();
        let row: Vec<String> = (0..12).map(|n| n.to_string()).collect();
        let d = of(vec![Block::Table(Table { caption: String::new(), words: 1, head, rows: vec![row] })]);
        let text = written(&d, 60, false);
        assert_eq!(text.matches("column-00").count(), 3, "{text}");
        assert!((1..12).all(|n| text.matches(&format!("column-{n:02}")).count() == 1), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let long = "word ".repeat(40) + &"x".repeat(300);
        let l = || long.clone();
        let mark = Mark { t: 0.0, until: None, when: l(), title: l(), class: String::new(), reason: l(), steps: vec![l()], y: None };
        let finding = Finding { class: "bad".into(), word: "invalid".into(), code: l(), text: l() };
        let mut d = of(vec![
            Block::Text { text: l() },
            Block::Numbers { numbers: vec![Number { label: l(), value: l(), note: l(), class: String::new() }] },
            Block::Findings { findings: vec![finding.clone(), Finding { code: "code".into(), ..finding }] },
            Block::Items { items: vec![l(), format!("    {long}")] },
            Block::Picture { lines: vec![l()] },
            Block::Table(table(3, &["a", "b", "c", "d", "e"], &[&[&long, &long, &long, &long, &long]])),
            Block::Table(table(0, &[&long, "b"], &[&["1", "2"]])),
            Block::Marks { marks: vec![mark] },
        ]);
        (d.title, d.lead, d.sections[0].heading) = (l(), l(), l());
        d.badges.push(Badge::new("a badge of several words", "good"));
        for (width, room) in [(0, 60), (60, 60), (61, 61), (80, 80), (133, 133), (10_000, 200)] {
            let text = written(&d, width, false);
            for l in text.lines() {
                assert!(l.chars().count() <= room, "{width}: {l}");
            }
        }
    }

    #[test]
    fn nothing_recorded_steers_the_terminal() {
        let evil = "a\x1b[31mb\rc\u{202e}";
        let mut d = of(vec![Block::Text { text: evil.into() }, Block::Picture { lines: vec![evil.into()] }]);
        (d.title, d.badges[0].word) = (evil.into(), evil.into());
        d.sections[0].blocks.push(Block::Table(table(1, &["x"], &[&[evil]])));
        let text = written(&d, 80, false);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text:?}");
        assert_eq!(text.matches("\\u{1b}[31mb").count(), 5);
    }

    #[test]
    fn colours_are_escapes_around_the_same_text() {
        let d = of(vec![Block::Table(table(1, &["arm", "goal"], &[&["wva", "kept"]])), Block::Picture { lines: vec!["  1 ┤██░".into()] }]);
        let coloured = written(&d, 80, true);
        assert!(coloured.contains("\x1b[1;31mnot valid\x1b[0m") && coloured.contains("\x1b[32mkept"), "{coloured:?}");
        let mut stripped = String::new();
        let mut rest = coloured.as_str();
        while let Some((text, after)) = rest.split_once('\x1b') {
            stripped.push_str(text);
            rest = after.split_once('m').unwrap().1;
        }
        assert_eq!(stripped + rest, written(&d, 80, false));
    }

    #[test]
    fn detail_is_shown_in_full_only() {
        let mut d = of(vec![Block::Text { text: "first".into() }]);
        d.sections.push(Section::new("b", "B", "B", vec![Block::Text { text: "second".into() }]).detail());
        d.sections.push(Section::new("c", "C", "C", vec![Block::Zoom { bands: vec![] }]));
        let text = |full| render(&d, Terminal { width: 80, color: false, full });
        assert!(!text(false).contains("second") && text(true).ends_with("\nB\n  second\n"), "{}", text(true));
    }
}
