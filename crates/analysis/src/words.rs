//! Numbers, times and lists for people.

/// Three digits or so.
pub(crate) fn number(v: f64) -> String {
    match v.abs() {
        a if a >= 99.95 => format!("{v:.0}"),
        a if a >= 9.995 => format!("{v:.1}"),
        _ => format!("{v:.2}"),
    }
}

/// `45 s`, `2 min 05 s`, `1 h 20 min`.
pub(crate) fn duration(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation)]
    let s = seconds.abs().round() as i64;
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

/// A moment against the start of the load: `+12:05`, `-0:30`, `+1:20:05`.
pub(crate) fn clock(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation)]
    let s = seconds.abs().round() as i64;
    let sign = if seconds < -0.5 { '-' } else { '+' };
    match s / 3600 {
        0 => format!("{sign}{}:{:02}", s / 60, s % 60),
        h => format!("{sign}{h}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

/// Three digits, thousands and millions by a letter: `812`, `12.3k`.
pub(crate) fn brief(v: f64) -> String {
    let (scaled, unit) = match v.abs() {
        a if a >= 999_500.0 => (v / 1e6, "M"),
        a if a >= 9_999.5 => (v / 1e3, "k"),
        _ => (v, ""),
    };
    let text = number(scaled);
    // `0.00` and `3.00` say no more than `0` and `3`.
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// A share as percent.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", brief(100.0 * share))
}

/// `1 run`, `2 runs`.
pub fn count(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// `never`, `once`, `twice`, `3 times`.
pub(crate) fn times(n: u32) -> String {
    match n {
        0 => "never".into(),
        1 => "once".into(),
        2 => "twice".into(),
        n => format!("{n} times"),
    }
}

/// `scaled up twice and down once`, for replicas.
pub(crate) fn scaled(up: u32, down: u32) -> String {
    match (up, down) {
        (0, 0) => "never scaled".into(),
        (up, 0) => format!("scaled up {} and never down", times(up)),
        (0, down) => format!("scaled down {} and never up", times(down)),
        (up, down) => format!("scaled up {} and down {}", times(up), times(down)),
    }
}

/// With a capital letter at its beginning.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// `a`, `a and b`, `a, b and c`.
pub fn and(parts: impl IntoIterator<Item = String>) -> String {
    let mut all: Vec<String> = parts.into_iter().collect();
    match all.pop() {
        Some(last) if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        Some(last) => last,
        None => String::new(),
    }
}

/// As [`and`], but of more than five only the first four and how many more there are: a sentence that nobody reads to its end tells
/// nothing, and the table has them all.
pub fn few(parts: impl IntoIterator<Item = String>) -> String {
    let mut all: Vec<String> = parts.into_iter().collect();
    if all.len() > 5 {
        let more = all.split_off(4).len();
        all.push(format!("{more} more"));
    }
    and(all)
}

/// Longest text of others in a message, in characters.
const LONGEST: usize = 300;

/// A text of others, such as a parser's error with the value that it did not like, cut to what a message bears.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// One line of text that shows what it holds: control characters and those that turn or hide text (bidirectional marks,
/// zero width) come out as `\u{1b}`. What was recorded, a name or a message, must not steer a terminal or a log.
pub fn visible(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_about_three_digits() {
        let got: Vec<String> = [0.0, 0.126, 9.99, 9.996, 99.94, 99.96, 12_345.6].map(number).to_vec();
        assert_eq!(got, ["0.00", "0.13", "9.99", "10.0", "99.9", "100", "12346"]);
    }

    #[test]
    fn times_read_naturally() {
        let got: Vec<String> = [0.4, 59.6, 61.0, 3599.7, 4805.0].map(duration).to_vec();
        assert_eq!(got, ["0 s", "1 min", "1 min 01 s", "1 h", "1 h 20 min"]);
        let got: Vec<String> = [0.0, -0.4, -30.0, 725.0, 4805.0].map(clock).to_vec();
        assert_eq!(got, ["+0:00", "+0:00", "-0:30", "+12:05", "+1:20:05"]);
    }

    #[test]
    fn short_numbers_stay_short() {
        let got: Vec<String> = [0.0, 3.0, 0.126, 60.04, 812.0, 9999.4, 12_345.6, 1e6, f64::NAN].map(brief).to_vec();
        assert_eq!(got, ["0", "3", "0.13", "60", "812", "9999", "12.3k", "1M", "NaN"]);
        assert_eq!((percent(0.123), percent(0.0)), ("12.3 %".into(), "0 %".into()));
    }

    #[test]
    fn nothing_hidden_stays_hidden() {
        assert_eq!(visible("pod-1 \u{1b}[31m\n\u{202e}é"), "pod-1 \\u{1b}[31m\\u{a}\\u{202e}é");
    }

    #[test]
    fn counts_read_naturally() {
        assert_eq!([0, 1, 2, 3].map(times), ["never", "once", "twice", "3 times"]);
        let got = [(0, 0), (1, 0), (0, 2), (3, 1)].map(|(up, down)| scaled(up, down));
        assert_eq!(
            got,
            ["never scaled", "scaled up once and never down", "scaled down twice and never up", "scaled up 3 times and down once"]
        );
    }

    #[test]
    fn lists_read_naturally() {
        let list = |s: &str| and(s.chars().map(String::from));
        assert_eq!([list(""), list("a"), list("ab"), list("abc")], ["", "a", "a and b", "a, b and c"]);
    }
}
