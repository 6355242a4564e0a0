use super::*;

const PUBLISHED: &str = include_str!("../../tests/fixtures/profiles/published.yaml");

#[test]
fn the_published_form_is_put_right() {
    let r = repair(PUBLISHED).expect("can be repaired");
    assert_eq!(r.line, 5);
    assert_eq!(r.reasons.len(), 2);
    assert!(
        r.reasons[0].starts_with("lines 5, 6, 17: a remark stands behind the value (`rate: [2,3,5,6]         <=== req/s`)"),
        "{:?}",
        r.reasons
    );
    assert!(r.reasons[1].starts_with("lines 8-16: "), "{:?}", r.reasons);
    insta::assert_snapshot!(r.text);
}

#[test]
fn a_sound_file_has_nothing_to_repair() {
    assert_eq!(repair("rate: [1]\ndata:\n  prompt_tokens: 1 # <=== many\n"), None);
    assert_eq!(repair("data: {prompt_tokens: 1}\nseed: 1\n"), None);
    assert_eq!(repair(""), None);
}

#[test]
fn keys_after_another_key_stay_where_they_are() {
    assert_eq!(repair("data:\n  prompt_tokens: 1\nseed: 1\nsamples: 2\n"), None);
}
