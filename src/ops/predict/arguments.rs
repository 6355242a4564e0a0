//! The model server's own arguments, read as it reads them: `--a b`, `--a=b`, the last one wins.

use super::refused;

pub(super) struct Arguments<'a> {
    args: &'a [String],
}

/// One argument as it stands: its name without the dashes and with `-` for `_`, as vLLM takes it.
struct Found<'a> {
    index: usize,
    name: String,
    /// Behind `=`, or the next word if that is no argument itself.
    value: Option<&'a str>,
}

impl<'a> Arguments<'a> {
    pub fn new(args: &'a [String]) -> Self {
        Self { args }
    }

    fn each(&self) -> impl Iterator<Item = Found<'a>> {
        let args = self.args;
        args.iter().enumerate().filter_map(move |(index, arg)| {
            let bare = arg.strip_prefix("--").or_else(|| (arg == "-tp").then_some("tensor-parallel-size"))?;
            let (name, inline) = bare.split_once('=').map_or((bare, None), |(n, v)| (n, Some(v)));
            let next = || args.get(index + 1).map(String::as_str).filter(|v| !v.starts_with("--"));
            Some(Found { index, name: name.replace('_', "-"), value: inline.or_else(next) })
        })
    }

    fn last(&self, name: &str) -> Option<Found<'a>> {
        self.each().filter(|f| f.name == name).last()
    }

    /// A switch: `--a`, `--a=true`; `--no-a` takes it back.
    pub fn switch(&self, name: &str) -> bool {
        let last = self.each().filter(|f| f.name == name || f.name.strip_prefix("no-") == Some(name)).last();
        last.is_some_and(|f| f.name == name && !f.value.is_some_and(|v| v.eq_ignore_ascii_case("false")))
    }

    /// The value read by `read`, or `default` when the argument is not there.
    ///
    /// # Errors
    /// When it has no value, or one that `read` refuses; `expected` says which would do.
    pub fn value<T>(&self, name: &str, default: T, expected: &str, read: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
        let Some(found) = self.last(name) else { return Ok(default) };
        let (at, shown) = (found.index, found.value.map_or_else(|| "nothing".into(), |v| format!("{v:?}")));
        found.value.and_then(|v| read(v.trim())).ok_or_else(|| {
            refused(
                format!("model_server.args[{at}]: --{name} is followed by {shown}, where {expected} is expected"),
                format!("put it right in the scenario, or with --set 'model_server.args[{at}]=--{name}=VALUE'"),
            )
        })
    }

    /// The named one as a whole number above 0; `16k` is 16000 and `16K` 16384, as vLLM takes it.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub fn count(&self, name: &str, default: u32) -> anyhow::Result<u32> {
        self.value(name, default, "a whole number above 0", |v| human_integer(v).filter(|n| *n > 0).and_then(|n| u32::try_from(n).ok()))
    }

    /// Names that are neither in `known` nor switches that only speak of logs.
    pub fn others(&self, known: &[&str]) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for f in self.each() {
            let bare = f.name.strip_prefix("no-").unwrap_or(&f.name);
            if !known.contains(&bare) && !out.contains(&f.name) {
                out.push(f.name);
            }
        }
        out
    }
}

/// `16000`, `16k`, `16K`, `1.5k`.
fn human_integer(text: &str) -> Option<u64> {
    const UNITS: [(char, u64); 6] = [('k', 1_000), ('m', 1_000_000), ('g', 1_000_000_000), ('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30)];
    let Some((unit, factor)) = UNITS.iter().find(|(u, _)| text.ends_with(*u)) else { return text.parse().ok() };
    let number = text.trim_end_matches(*unit);
    if unit.is_ascii_uppercase() {
        return number.parse::<u64>().ok()?.checked_mul(*factor);
    }
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    number.parse::<f64>().ok().filter(|n| (0.0..1e12).contains(n)).map(|n| (n * *factor as f64) as u64)
}

/// `100` (milliseconds), `100ms`, `0.1s`: llm-d-inference-sim takes plain numbers, later versions durations too.
pub(super) fn milliseconds(text: &str) -> Option<f64> {
    let units = [("ms", 1.0), ("us", 1e-3), ("µs", 1e-3), ("s", 1000.0)];
    let (number, factor) = units.iter().find_map(|(u, factor)| Some((text.strip_suffix(u)?, *factor))).unwrap_or((text, 1.0));
    number.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0).map(|n| n * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &str) -> Vec<String> {
        words.split(' ').map(String::from).collect()
    }

    #[test]
    fn both_spellings_and_the_last_one_wins() {
        let list = args("--block-size 64 --max_model_len=16k --enforce-eager --block-size=32 -tp 2");
        let a = Arguments::new(&list);
        assert_eq!(a.count("block-size", 16).unwrap(), 32);
        assert_eq!(a.count("max-model-len", 1).unwrap(), 16_000);
        assert_eq!(a.count("tensor-parallel-size", 1).unwrap(), 2);
        assert_eq!(a.count("max-num-seqs", 7).unwrap(), 7);
        assert!(a.switch("enforce-eager") && !a.switch("enable-kvcache"));
    }

    #[test]
    fn switches_are_taken_back() {
        for (words, on) in
            [("--a", true), ("--a=false", false), ("--a false", false), ("--a --no-a", false), ("--no-a --a", true), ("--a=true", true)]
        {
            assert_eq!(Arguments::new(&args(words)).switch("a"), on, "{words}");
        }
    }

    #[test]
    fn a_value_that_is_none_is_refused_with_its_place() {
        for (words, says) in [
            ("--x 1 --block-size", "model_server.args[2]: --block-size is followed by nothing"),
            ("--block-size --eager", "followed by nothing"),
            ("--block-size many", "followed by \"many\", where a whole number above 0 is expected"),
            ("--block-size=0", "followed by \"0\""),
            ("--block-size=-1", "followed by \"-1\""),
            ("--block-size=99999999999", "followed by \"99999999999\""),
        ] {
            let list = args(words);
            let e = Arguments::new(&list).count("block-size", 16).unwrap_err().to_string();
            assert!(e.contains(says), "{words}: {e}");
        }
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(
            ["16", "16k", "16K", "1.5k", "2M", "x", "k", "-1k", "1e99k"].map(human_integer),
            [Some(16), Some(16_000), Some(16_384), Some(1500), Some(2 << 20), None, None, None, None]
        );
        assert_eq!(
            ["100", "100ms", "0.5s", "20us", "-1", "x"].map(milliseconds),
            [Some(100.0), Some(100.0), Some(500.0), Some(0.02), None, None]
        );
    }

    #[test]
    fn what_nobody_knows_is_named_once() {
        let list = args("--block-size 64 --quantization fp8 --no-log --quantization=x --log");
        assert_eq!(Arguments::new(&list).others(&["block-size", "log"]), ["quantization"]);
    }
}
