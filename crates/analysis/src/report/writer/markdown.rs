//! A document as Markdown of GitHub, for a pull request or a job's summary: details are folded away.
//!
//! Names and messages were recorded, so they are escaped: none can end a table's cell, begin markup or call a person. Nothing invisible is
//! put into them: what is copied out of a page is what was recorded.

use crate::report::document::{Block, Document, Mark, Section, Table};
use crate::words::visible;
use std::fmt::Write as _;

/// Rows of a table; a broken cluster makes thousands of events.
const ROWS: usize = 200;
/// GitHub takes 65,536 characters.
const LONGEST: usize = 59_000;

/// Text in which nothing is markup, a link, or the name of somebody who is to be told.
pub fn plain(text: &str) -> String {
    let text = visible(&text.replace(['\n', '\r', '\t'], " "));
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            // Alone in an element it begins neither a mention nor a reference.
            '@' | '#' => {
                let _ = write!(out, "<span>&#{};</span>", u32::from(c));
            }
            // No link out of an address.
            ':' if after.starts_with("//") => out.push_str("<span>&#58;</span>"),
            '.' if out.as_bytes().last_chunk::<3>().is_some_and(|l| l.eq_ignore_ascii_case(b"www")) => out.push_str("<span>&#46;</span>"),
            '&' | '<' | '>' | '"' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '|' | '\\' | '~' | '$' | '!' | '(' | ')' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c => out.push(c),
        }
        rest = after;
    }
    out
}

/// A recorded name.
pub fn code(text: &str) -> String {
    format!("<code>{}</code>", plain(text))
}

/// A paragraph: what would begin a list or a heading does not.
fn paragraph(text: &str) -> String {
    let text = plain(text.trim());
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    match text.chars().next() {
        Some(c) if "-+=".contains(c) || (digits > 0 && text[digits..].starts_with('.')) => format!("&#{};{}", u32::from(c), &text[1..]),
        _ => text,
    }
}

/// The document, ended by a line feed.
pub fn render(d: &Document) -> String {
    let mut out = format!("### {}\n", plain(&d.title));
    let badges: Vec<String> = d.badges.iter().map(|b| format!("**{}**", plain(&b.word))).collect();
    let lead = if d.lead.is_empty() { String::new() } else { plain(&d.lead) };
    let first = [badges.join(" · "), lead].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(": ");
    if !first.is_empty() {
        let _ = write!(out, "\n{first}\n");
    }
    for s in &d.sections {
        let text = [true, false].into_iter().map(|steps| section(s, steps)).find(|t| out.len() + t.len() <= LONGEST);
        match text {
            Some(text) => out.push_str(&text),
            None => {
                let _ = write!(out, "\n{}: too long to be shown here.\n", paragraph(&s.heading));
            }
        }
    }
    out
}

fn section(s: &Section, steps: bool) -> String {
    let inner: String = s.blocks.iter().map(|b| block(b, steps)).filter(|b| !b.is_empty()).map(|b| format!("\n{b}\n")).collect();
    if inner.is_empty() {
        return inner;
    }
    let heading = plain(&s.heading);
    match s.detail {
        true => format!("\n<details><summary>{heading}</summary>\n{inner}\n</details>\n"),
        false if heading.is_empty() => inner,
        false => format!("\n#### {heading}\n{inner}"),
    }
}

/// Without a line feed at its end; empty for what has no form in Markdown.
fn block(b: &Block, steps: bool) -> String {
    match b {
        Block::Text { text } => paragraph(text),
        Block::Numbers { numbers } => {
            let rows = numbers.iter().map(|n| vec![n.label.clone(), n.value.clone(), n.note.clone()]);
            table(&Table { caption: String::new(), words: 1, head: ["", "", ""].map(String::from).to_vec(), rows: rows.collect() }, 2)
        }
        Block::Findings { findings } => {
            let one = |f: &crate::report::document::Finding| {
                let head = [plain(&f.word), if f.code.is_empty() { String::new() } else { code(&f.code) }];
                let head = head.into_iter().filter(|h| !h.is_empty()).collect::<Vec<_>>().join(" ");
                if head.is_empty() { format!("- {}", paragraph(&f.text)) } else { format!("- {head}: {}", plain(&f.text)) }
            };
            findings.iter().map(one).collect::<Vec<_>>().join("\n")
        }
        Block::Items { items } => list(items),
        Block::Picture { lines } => {
            let lines: Vec<String> = lines.iter().map(|l| visible(l).replace('`', "'")).collect();
            format!("```text\n{}\n```", lines.join("\n"))
        }
        Block::Table(t) => table(t, usize::MAX),
        Block::Marks { marks } => decisions(marks, steps),
        Block::Links { links } => list(&links.iter().map(|l| format!("{}: {}", l.text, l.href)).collect::<Vec<_>>()),
        Block::Figure(_) | Block::Zoom { .. } => String::new(),
    }
}

/// Spaces at its beginning put an item below the one before.
fn list(items: &[String]) -> String {
    let mut deepest = 0;
    let one = |i: &String| {
        let spaces = i.chars().take_while(|c| *c == ' ').count().min(deepest);
        deepest = spaces + 2;
        format!("{}- {}", " ".repeat(spaces), paragraph(i))
    };
    items.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// `notes`: the first column that holds words again, after those of numbers.
fn table(t: &Table, notes: usize) -> String {
    let row = |cells: &[String]| {
        let cells: Vec<String> = (0..t.head.len()).map(|c| cells.get(c).map(|c| plain(c)).unwrap_or_default()).collect();
        format!("| {} |", cells.join(" | "))
    };
    let sides: String = (0..t.head.len()).map(|c| if c < t.words || c >= notes { "---|" } else { "---:|" }).collect();
    let mut lines = vec![row(&t.head), format!("|{sides}")];
    lines.extend(t.rows.iter().take(ROWS).map(|r| row(r)));
    if t.rows.len() > ROWS {
        lines.push(format!("\n{} more are left out.", t.rows.len() - ROWS));
    }
    if !t.caption.is_empty() {
        lines.insert(0, format!("**{}**\n", plain(&t.caption)));
    }
    lines.join("\n")
}

/// A row each; then, folded, how each came about.
fn decisions(marks: &[Mark], steps: bool) -> String {
    let rows = marks.iter().map(|m| vec![m.when.clone(), m.title.clone(), m.reason.clone()]).collect();
    let head = ["when", "what", "why"].map(String::from).to_vec();
    let mut out = table(&Table { caption: String::new(), words: 3, head, rows }, usize::MAX);
    let told: Vec<&Mark> = marks.iter().take(ROWS).filter(|m| steps && !m.steps.is_empty()).collect();
    if !told.is_empty() {
        out.push_str("\n\n<details><summary>Steps</summary>\n");
        for m in told {
            let _ = write!(out, "\n**{}** {}\n\n{}\n", plain(&m.when), plain(&m.title), list(&m.steps));
        }
        out.push_str("\n</details>");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::{Badge, Finding, Number};

    const EVIL: &str =
        "</details><script>alert(1)</script> | `x` [a](javascript:1) ![i](http://x) **b** _c_ @team #1 $x$\n# h\n- l\\ www.x.y";

    #[test]
    fn nothing_recorded_is_markup() {
        let e = || EVIL.to_owned();
        let mark = Mark { t: 0.0, until: None, when: e(), title: e(), class: e(), reason: e(), steps: vec![e()], y: None };
        let blocks = vec![
            Block::Text { text: e() },
            Block::Numbers { numbers: vec![Number { label: e(), value: e(), note: e(), class: String::new() }] },
            Block::Findings { findings: vec![Finding { class: e(), word: e(), code: e(), text: e() }] },
            Block::Items { items: vec![e()] },
            Block::Table(Table { caption: e(), words: 1, head: vec![e(), e()], rows: vec![vec![e(), e()]] }),
            Block::Marks { marks: vec![mark] },
        ];
        let d = Document {
            title: e(),
            lead: e(),
            badges: vec![Badge::new(EVIL, "")],
            sections: vec![Section::new("a", EVIL, EVIL, blocks).detail()],
            ..Document::default()
        };
        let text = render(&d);
        for bad in ["<script", "`", "](", "![", "@", "**b", "_c_", "$x", "://", "www."] {
            assert!(!text.contains(bad), "{bad}\n{text}");
        }
        assert!(!text.lines().any(|l| l.starts_with("# h") || l.starts_with("- l")));
        assert_eq!(text.matches("</details>").count(), text.matches("<details>").count());
        let rows: Vec<usize> = text.lines().filter(|l| l.starts_with("| &#60;")).map(|l| l.matches('|').count()).collect();
        assert_eq!(rows, [4, 3, 3, 4], "{text}");
    }

    #[test]
    fn times_and_names_can_be_copied() {
        assert_eq!(plain("2026-11-24T12:30:00Z pod-1 12:30"), "2026-11-24T12:30:00Z pod-1 12:30");
        assert_eq!(plain("12–3.1"), "12–3.1");
        assert_eq!(plain("@me"), "<span>&#64;</span>me");
        assert_eq!(plain("https://www.a.b"), "https<span>&#58;</span>//www<span>&#46;</span>a.b");
        assert!(!plain(EVIL).contains(|c: char| ('\u{200b}'..='\u{200f}').contains(&c)) && !plain(EVIL).contains("8203"));
        assert_eq!(plain("a\u{200b}b\x1b"), "a&#92;u&#123;200b&#125;b&#92;u&#123;1b&#125;");
    }

    #[test]
    fn a_paragraph_begins_no_list() {
        assert_eq!(["- a", "1. a", "+ a", "12 of 3"].map(paragraph), ["&#45; a", "&#49;. a", "&#43; a", "12 of 3"]);
        assert_eq!(list(&["a".into(), "  b".into(), "        c".into()]), "- a\n  - b\n    - c");
    }

    #[test]
    fn a_table_a_picture_and_detail() {
        let t = Table { caption: "Load".into(), words: 1, head: vec!["a".into(), "b".into()], rows: vec![vec!["x".into(), "1".into()]] };
        let d = Document {
            title: "t".into(),
            lead: "l".into(),
            badges: vec![Badge::new("MEASURED", "")],
            sections: vec![
                Section::new("p", "P", "P", vec![Block::Picture { lines: vec!["1 ┤█`".into()] }]),
                Section::new("d", "D", "D", vec![Block::Table(t)]).detail(),
            ],
            ..Document::default()
        };
        let want = "### t\n\n**MEASURED**: l\n\n#### P\n\n```text\n1 ┤█'\n```\n\n<details><summary>D</summary>\n\n\
                    **Load**\n\n| a | b |\n|---|---:|\n| x | 1 |\n\n</details>\n";
        assert_eq!(render(&d), want);
    }

    #[test]
    fn a_comment_is_not_too_long_for_github() {
        let rows = |n: usize| {
            Block::Table(Table { caption: String::new(), words: 1, head: vec!["a".into()], rows: vec![vec!["x".repeat(100)]; n] })
        };
        let d = Document {
            sections: vec![
                Section::new("a", "Small", "", vec![rows(2)]),
                Section::new("b", "Large", "", (0..4).map(|_| rows(150)).collect()),
                Section::new("c", "Last", "", vec![rows(300)]),
            ],
            ..Document::default()
        };
        let text = render(&d);
        assert!(text.len() < 60_000 && text.contains("Large: too long") && text.contains("100 more are left out"), "{}", text.len());
    }
}
