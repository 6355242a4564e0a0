use super::super::{assemble, read};
use super::*;
use bench_sim::rng::Stream;
use serde_json::{Value, json};
use std::fmt::Write;

/// Hands out at most so many bytes at a time.
struct Chunks<'a>(&'a [u8], usize);

impl Read for Chunks<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.0.len().min(self.1).min(out.len());
        out[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

/// Read in chunks of `chunk`, asked for `asked` bytes at a time.
fn sieved(text: &[u8], chunk: usize, asked: usize) -> Vec<u8> {
    let mut sieve = Sieve::new(Chunks(text, chunk));
    let (mut out, mut part) = (Vec::new(), vec![0; asked]);
    loop {
        match sieve.read(&mut part).unwrap() {
            0 => return out,
            n => out.extend_from_slice(&part[..n]),
        }
    }
}

fn string(s: &str) -> String {
    String::from_utf8(sieved(s.as_bytes(), 7, 5)).unwrap()
}

#[test]
fn bodies_become_empty_whatever_they_are_and_the_rest_stays() {
    for (from, to) in [
        (r#"{"request_args":"{\"a\":\"}\\\\\"}","n":1}"#, r#"{"request_args":"","n":1}"#),
        (r#"{"request_args" : {"a":[1,{"b":"]}\""}],"c":{}} , "n":[{}]}"#, r#"{"request_args" : {} , "n":[{}]}"#),
        (r#"{"output":[[],["x\\"],{}],"n":1}"#, r#"{"output":[],"n":1}"#),
        (
            r#"{"output":null,"request_args":12.5,"output_metrics":{"output":1}}"#,
            r#"{"output":null,"request_args":12.5,"output_metrics":{}}"#,
        ),
        // Only as a key.
        (r#"["output",{"a":"output","b":["request_args"]}]"#, r#"["output",{"a":"output","b":["request_args"]}]"#),
        (r#"{"outputs":"x","xoutput":"y","out\u0070ut":"z"}"#, r#"{"outputs":"x","xoutput":"y","out\u0070ut":"z"}"#),
        ("", ""),
        ("\"", "\""),
        (r#"{"output":"torn"#, r#"{"output":""#),
        (r#"{"output":{"torn":[1"#, r#"{"output":{"#),
    ] {
        assert_eq!(string(from), to);
    }
}

#[test]
fn a_text_is_cut_between_characters_and_escapes() {
    for unit in ["a", "ü", "漢", "😀", "\\n", "\\\"", "\\\\", "\\u00fc", "\\uD83D\\uDE00"] {
        for shift in 0..14 {
            let text = format!("[\"{}{}\",{{\"n\":7}}]", "x".repeat(shift), unit.repeat(2 * LONGEST / unit.len()));
            let cut: Value = serde_json::from_str(&string(&text)).unwrap_or_else(|e| panic!("{unit} {shift}: {e}"));
            let whole: Value = serde_json::from_str(&text).unwrap();
            let (cut_text, whole_text) = (cut[0].as_str().unwrap(), whole[0].as_str().unwrap());
            assert!(whole_text.starts_with(cut_text), "{unit}");
            assert!(cut_text.len() < whole_text.len() && cut[1] == json!({"n": 7}), "{unit}");
        }
    }
    let just = format!("\"{}\"", "x".repeat(LONGEST));
    assert_eq!(string(&just), just);
    assert_eq!(string(&format!("\"{}\"", "x".repeat(LONGEST + 1))), just);
}

/// Random JSON as it may stand in a file, with keys of bodies here and there and texts of many lengths.
fn random(r: &mut Stream, depth: u32, out: &mut String) {
    let space = |r: &mut Stream| ["", "", " ", "\n\t"][r.below(4) as usize];
    match r.below(if depth == 0 { 4 } else { 7 }) {
        0 => out.push_str(["null", "true", "false", "-0.5e3", "12345678901", "0"][r.below(6) as usize]),
        1..=3 => text(r, out),
        4 => {
            out.push('[');
            for i in 0..r.below(5) {
                out.push_str(if i > 0 { "," } else { "" });
                out.push_str(space(r));
                random(r, depth - 1, out);
            }
            out.push(']');
        }
        _ => {
            out.push('{');
            for i in 0..r.below(6) {
                out.push_str(if i > 0 { "," } else { "" });
                out.push_str(space(r));
                let name = String::from_utf8_lossy(UNREAD[r.below(9) as usize]).into_owned();
                let _ = if r.below(3) == 0 { write!(out, "\"{name}\"") } else { write!(out, "\"k{i}\"") };
                out.push_str(space(r));
                out.push(':');
                out.push_str(space(r));
                random(r, depth - 1, out);
            }
            out.push('}');
        }
    }
}

fn text(r: &mut Stream, out: &mut String) {
    const PARTS: [&str; 14] =
        ["a", "request_args", "{", "}", "[", "]", "ü", "😀", "\\\"", "\\\\", "\\n", "\\u00e9", "\\uD83D\\uDE00", ": \\\"output\\\":"];
    let most = [3, 30, 300, 3_000][r.below(4) as usize];
    out.push('"');
    for _ in 0..r.below(most) {
        out.push_str(PARTS[r.below(14) as usize]);
    }
    out.push('"');
}

/// What the sieve is meant to do, on the parsed value: `false` where a cut text is only the beginning.
fn same(whole: &Value, cut: &Value) -> bool {
    match (whole, cut) {
        (Value::String(w), Value::String(c)) => {
            w == c || (w.len() > LONGEST / 6 && c.len() + 40 > LONGEST / 6 && w.starts_with(c.as_str()))
        }
        (Value::Array(w), Value::Array(c)) => w.len() == c.len() && w.iter().zip(c).all(|(w, c)| same(w, c)),
        (Value::Object(w), Value::Object(c)) => {
            w.len() == c.len()
                && w.iter().zip(c).all(|((k, w), (l, c))| {
                    let empty = match w {
                        Value::String(_) => json!(""),
                        Value::Array(_) => json!([]),
                        Value::Object(_) => json!({}),
                        plain => plain.clone(),
                    };
                    k == l && if UNREAD.contains(&k.as_bytes()) { *c == empty } else { same(w, c) }
                })
        }
        (w, c) => w == c,
    }
}

#[test]
fn random_json_is_the_same_but_for_its_bodies_however_it_is_read() {
    for seed in 0..400 {
        let mut r = Stream::new(seed, "json", 0);
        let mut text = String::new();
        random(&mut r, 6, &mut text);
        let whole: Value = serde_json::from_str(&text).unwrap();
        let once = sieved(text.as_bytes(), usize::MAX, 1 << 16);
        let cut: Value = serde_json::from_slice(&once).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert!(same(&whole, &cut), "seed {seed}");
        let sizes = if text.len() < 3_000 { (1..20).collect() } else { vec![1, 2, 3, 1 + r.below(5_000) as usize] };
        for size in sizes {
            assert!(sieved(text.as_bytes(), size, 1 << 16) == once, "seed {seed}: chunks of {size}");
            assert!(sieved(text.as_bytes(), 1 << 16, size) == once, "seed {seed}: asked for {size}");
        }
        // Torn anywhere within an object or list: still torn.
        if text.starts_with(['{', '[', '"']) {
            for _ in 0..20 {
                let end = r.below(u32::try_from(text.len()).unwrap()) as usize;
                let torn = sieved(&text.as_bytes()[..end], 1 << 16, 1 << 16);
                assert!(serde_json::from_slice::<Value>(&torn).is_err(), "seed {seed}: torn at {end}");
            }
        }
    }
}

#[test]
fn an_error_of_the_reader_is_handed_on_and_interruptions_are_not() {
    struct Odd(u32);
    impl Read for Odd {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => Err(io::ErrorKind::Interrupted.into()),
                2 => {
                    out[0] = b'[';
                    Ok(1)
                }
                _ => Err(io::ErrorKind::PermissionDenied.into()),
            }
        }
    }
    let mut sieve = Sieve::new(Odd(0));
    let mut out = [0; 10];
    assert_eq!(sieve.read(&mut out).unwrap(), 1);
    assert_eq!(sieve.read(&mut out).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    assert_eq!(sieve.read(&mut []).unwrap(), 0);
}

const GENUINE: [&[u8]; 4] = [
    include_bytes!("../../../tests/fixtures/guidellm/0.4.0/benchmarks.json"),
    include_bytes!("../../../tests/fixtures/guidellm/0.5.0/benchmarks.json"),
    include_bytes!("../../../tests/fixtures/guidellm/0.7.4/benchmarks.json"),
    include_bytes!("../../../tests/fixtures/guidellm/0.8.1/benchmarks.json"),
];

#[test]
fn genuine_reports_are_read_as_without_the_sieve() {
    for whole in GENUINE {
        let without = assemble(serde_json::from_slice(whole).unwrap()).unwrap();
        for chunk in [1, 13, 4_096, usize::MAX] {
            assert_eq!(read(Chunks(whole, chunk)).unwrap(), without);
        }
        assert!(sieved(whole, usize::MAX, 1 << 16).len() < whole.len());
    }
}

#[test]
fn a_report_torn_anywhere_is_an_error() {
    for whole in GENUINE {
        let mut r = Stream::new(7, "torn", whole.len() as u64);
        for _ in 0..100 {
            let end = r.below(u32::try_from(whole.len() - 2).unwrap()) as usize;
            assert!(read(&whole[..end]).is_err(), "torn at {end} of {}", whole.len());
        }
    }
}

#[test]
fn nothing_panics_on_reports_that_were_changed_at_random() {
    let whole = GENUINE[3];
    let size = u32::try_from(whole.len()).unwrap();
    let mut r = Stream::new(1, "mutants", 0);
    let mut readable = 0;
    for _ in 0..1_000 {
        let mut mutant = whole.to_vec();
        for _ in 0..=r.below(4) {
            let at = (r.below(size - 64) as usize).min(mutant.len() - 1);
            match r.below(4) {
                0 => mutant[at] = *br#"\"{}[],:0u"#.get(r.below(11) as usize).unwrap_or(&0xFF),
                1 => drop(mutant.drain(at..(at + r.below(64) as usize).min(mutant.len()))),
                2 => mutant.truncate(mutant.len() - r.below(200) as usize),
                _ => {
                    let from = r.below(size / 2) as usize;
                    let piece = whole[from..from + r.below(300) as usize].to_vec();
                    let at = at.min(mutant.len());
                    mutant.splice(at..at, piece);
                }
            }
        }
        readable += u32::from(read(&mutant[..]).is_ok());
    }
    assert!(readable > 0 && readable < 1_000, "{readable}");
}

#[test]
fn words_that_json_does_not_have_become_null_wherever_a_buffer_ends() {
    let text = br#"{"a":NaN,"b":[Infinity,-Infinity,-1,- 2,1e-3],"NaN":"-Infinity"}"#;
    let expected = br#"{"a":null,"b":[null,null,-1,- 2,1e-3],"NaN":"-Infinity"}"#;
    for chunk in 1..text.len() + 1 {
        for asked in [1, 2, 3, 7, 100] {
            assert_eq!(String::from_utf8_lossy(&sieved(text, chunk, asked)), String::from_utf8_lossy(expected), "{chunk} {asked}");
        }
    }
    let mut sieve = Sieve::new(Chunks(text, 10));
    io::copy(&mut sieve, &mut io::sink()).unwrap();
    assert_eq!(sieve.replaced(), Some((3, 5)));
}
