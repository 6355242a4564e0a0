use super::*;

fn tree(text: &str) -> Node {
    parse(text, "f.yaml").unwrap_or_else(|e| panic!("{e}"))
}

fn fault(text: &str) -> String {
    parse(text, "f.yaml").expect_err("must not parse").to_string()
}

#[test]
fn values_and_keys_know_their_place() {
    let root = tree("# first\na:\n  b: 1\n  c: [x, \"y\"]\n");
    let a = root.get("a").expect("a");
    assert_eq!(a.get("b").expect("b").at.to_string(), "f.yaml:3:6");
    assert_eq!(a.entries()[1].key_at.to_string(), "f.yaml:4:3");
    let leaves: Vec<_> = root.leaves().into_iter().map(|(path, n)| (path, n.describe())).collect();
    let expected = [("a.b", "`1`"), ("a.c[0]", "`x`"), ("a.c[1]", "the string \"y\"")];
    assert_eq!(leaves, expected.map(|(p, d)| (p.to_string(), d.to_string())));
}

#[test]
fn merging_replaces_all_but_tables() {
    let mut root = tree("a: {x: 1, y: 2}\nl: [1, 2]\ns: 1\n");
    root.merge(tree("a: {y: 3, z: 4}\nl: [9]\ns: {now: table}\n"));
    let leaves: Vec<_> = root.leaves().into_iter().map(|(path, n)| format!("{path}={}", n.text().unwrap_or_default())).collect();
    assert_eq!(leaves, ["a.x=1", "a.y=3", "a.z=4", "l[0]=9", "s.now=table"]);
}

#[test]
fn only_plain_words_are_null() {
    let root = tree("a: null\nb: ~\nc:\nd: 'null'\ne: \"\"\n");
    let nulls: Vec<_> = root.entries().iter().filter(|e| e.node.is_null()).map(|e| e.key.as_str()).collect();
    assert_eq!(nulls, ["a", "b", "c"]);
}

#[test]
fn aliases_are_followed() {
    let root = tree("a: &x {k: 1}\nb: *x\n");
    assert_eq!(root.get("b").and_then(|b| b.get("k")).and_then(Node::text), Some("1"));
}

#[test]
fn empty_files_are_empty_tables() {
    assert!(tree("").entries().is_empty());
    assert!(tree("# nothing\n").entries().is_empty());
}

#[test]
fn faults_name_file_line_and_text() {
    let e = fault("a: 1\nb: [1, 2\nc: 3\n");
    assert!(e.starts_with("f.yaml:") && e.contains("not valid YAML"), "{e}");
    let e = fault("a: 1\nb: 2\na: 3\n");
    assert!(e.starts_with("f.yaml:3:1:") && e.contains("`a` is stated twice, first in line 1") && e.contains("line: a: 3"), "{e}");
    let e = fault("target: {{ target }}\n");
    assert!(e.contains("needs quotes"), "{e}");
    let e = fault("a: 1\n---\nb: 2\n");
    assert!(e.contains("second document"), "{e}");
}

#[test]
fn hostile_files_end_in_an_error() {
    let deep = "[".repeat(500) + &"]".repeat(500);
    assert!(parse(&deep, "f").is_err());
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for i in 1..12 {
        let item = format!("*a{}", i - 1);
        bomb += &format!("a{i}: &a{i} [{}]\n", vec![item; 10].join(","));
    }
    assert!(fault(&bomb).contains("too large"));
}
