use super::*;
use crate::config::tree::parse;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct T {
    name: String,
    port: u16,
    share: f64,
    on: bool,
    limit: Option<u32>,
    kind: Kind,
    map: BTreeMap<String, String>,
    list: Vec<Inner>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    PerRate,
    Continuous,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    value: u32,
}

const GOOD: &str = "name: 0.8\nport: 80\nshare: 1\non: true\nlimit: null\nkind: per-rate\nmap: {a: 1, b: null}\nlist: [{value: 3}]\n";

fn read(text: &str) -> Result<T, String> {
    from_tree(&parse(text, "f.yaml").expect("parses")).map_err(|e| e.to_string())
}

fn fault(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    read(&GOOD.replace(from, to)).expect_err(to)
}

#[test]
fn scalars_become_what_is_asked_for() {
    let t = read(GOOD).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((t.name.as_str(), t.port, t.share, t.limit, t.kind), ("0.8", 80, 1.0, None, Kind::PerRate));
    assert_eq!(t.map, BTreeMap::from([("a".to_string(), "1".to_string())]), "null takes a key out");
    assert_eq!(t.list, [Inner { value: 3 }]);
}

#[test]
fn wrong_types_say_place_path_and_what_was_expected() {
    for (from, to, expected) in [
        ("port: 80", "port: 70000", "f.yaml:2:7: `port`: a whole number from 0 to 65535 is expected, not `70000`"),
        (
            "port: 80",
            "port: \"80\"",
            "f.yaml:2:7: `port`: a whole number from 0 to 65535 without quotes is expected, not the string \"80\"",
        ),
        ("port: 80", "port:", "`port`: a whole number from 0 to 65535 is expected, not nothing"),
        ("share: 1", "share: .inf", "`share`: a number is expected, not `.inf`"),
        ("share: 1", "share: nan", "`share`: a finite number is expected"),
        ("on: true", "on: yes", "`on`: true or false is expected, not `yes`"),
        ("name: 0.8", "name: [a]", "f.yaml:1:7: `name`: a string is expected, not a list"),
        ("list: [{value: 3}]", "list: [{value: 3}, {value: x}]", "`list[1].value`: a whole number from 0 is expected, not `x`"),
        ("list: [{value: 3}]", "list: {value: 3}", "`list`: a list is expected, not a table"),
        ("map: {a: 1, b: null}", "map: 3", "`map`: a table is expected, not `3`"),
    ] {
        let e = fault(from, to);
        assert!(e.contains(expected), "{e}");
    }
}

#[test]
fn unknown_keys_and_words_name_the_nearest() {
    let e = fault("share: 1", "shar: 1");
    assert!(e.starts_with("f.yaml:3:1: unknown key `shar`\n  did you mean `share`?\n  valid keys: name, port,"), "{e}");
    let e = fault("{value: 3}", "{valeu: 3}");
    assert!(e.contains("unknown key `valeu` in `list[0]`\n  did you mean `value`?"), "{e}");
    let e = fault("per-rate", "per_rate");
    assert!(e.contains("f.yaml:6:7: `kind`: `per_rate` is none of: per-rate, continuous\n  did you mean `per-rate`?"), "{e}");
}

#[test]
fn missing_keys_name_their_table() {
    let e = fault("{value: 3}", "{}");
    assert!(e.contains("f.yaml:8:8: `list[0].value` is missing"), "{e}");
}
