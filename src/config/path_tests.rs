use super::*;

fn root() -> Node {
    parse("a: {b: [{c: 1}, {c: 2}]}\nlimits: {nvidia.com/gpu: 1}\nempty:\n", "f").unwrap_or_else(|e| panic!("{e}"))
}

fn after(path: &str, value: &str) -> String {
    let mut root = root();
    let value = flag_value(value, "--set").unwrap_or_else(|e| panic!("{e}"));
    set(&mut root, path, value, "--set").unwrap_or_else(|e| panic!("{e}"));
    root.leaves().into_iter().map(|(p, n)| format!("{p}={}", n.text().unwrap_or("-"))).collect::<Vec<_>>().join(" ")
}

fn fault(path: &str) -> String {
    set(&mut root(), path, Node::plain("1", At::flag("x")), "--set").expect_err(path).to_string()
}

#[test]
fn paths_reach_tables_lists_and_keys_with_dots() {
    assert!(after("a.b[1].c", "9").starts_with("a.b[0].c=1 a.b[1].c=9 "));
    assert!(after("a.b[2]", "{c: 3}").contains("a.b[2].c=3"));
    assert!(after("a.b", "[]").starts_with("a.b=- "));
    assert!(after(r"limits.nvidia\.com/gpu", "8").contains(r"limits.nvidia\.com/gpu=8"));
    assert!(after("empty.x.y", "1").ends_with("empty.x.y=1"));
}

#[test]
fn paths_that_lead_nowhere_say_why() {
    for (path, why) in [
        ("a.b[5]", "has 2 entries"),
        ("a[0]", "is no list but a table"),
        ("a.b.c", "is no table but a list"),
        ("a..b", "empty key"),
        ("a.", "ends in a dot"),
        ("[0]", "names no key"),
        ("a.b[x]", "no list index"),
        ("a.b[0]c", "must follow"),
    ] {
        let e = fault(path);
        assert!(e.contains(why) && e.contains("do:"), "{path}: {e}");
    }
}

#[test]
fn flag_values_are_scalars_unless_they_look_like_yaml() {
    let text = |v: &str| flag_value(v, "--set").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(text("foo: bar # no comment").text(), Some("foo: bar # no comment"));
    assert_eq!(text("").text(), Some(""));
    assert!(text("null").is_null());
    assert!(!text("'null'").is_null());
    assert!(matches!(text("[1, 2]").value, Value::Seq(items) if items.len() == 2 && items[0].at.line == 0));
    let e = flag_value("[1, 2", "--set a=[1, 2").expect_err("unclosed").to_string();
    assert!(e.starts_with("--set a=[1, 2: the value is not valid YAML"), "{e}");
}

#[test]
fn splitting_respects_brackets_and_quotes() {
    assert_eq!(split_outside("a=[1,2],b='x,y',c=1", ','), ["a=[1,2]", "b='x,y'", "c=1"]);
    assert_eq!(split_outside(" ; a=1;;b=2 ", ';'), ["a=1", "b=2"]);
    assert_eq!(assignment("a.b = x=y"), Some(("a.b", " x=y")));
    assert_eq!(assignment("=x"), None);
}
