//! bench's three external rules as a marked block in somebody's prometheus-adapter configuration. Text alone, no cluster.

use crate::config::manifests::adapter_rules;
use serde_json::Value;

pub fn marks(stack: &str) -> (String, String) {
    (format!("# >>> llmd-bench {stack}: made by bench, removed by its teardown"), format!("# <<< llmd-bench {stack}"))
}

/// The text without our block.
pub fn without_block(text: &str, stack: &str) -> String {
    let (begin, end) = marks(stack);
    let mut inside = false;
    let mut out = vec![];
    for line in text.lines() {
        if line.trim() == begin {
            inside = true;
        } else if line.trim() == end {
            inside = false;
        } else if !inside {
            out.push(line);
        }
    }
    let mut text = out.join("\n");
    text.push('\n');
    text
}

/// The text with our block as the last items of `externalRules`: where two rules name one metric the last one serves it.
pub fn with_block(text: &str, stack: &str) -> String {
    let (begin, end) = marks(stack);
    let base = without_block(text, stack);
    let mut lines: Vec<String> = base.lines().map(String::from).collect();
    let Some(at) = lines.iter().position(|l| l.starts_with("externalRules:")) else {
        lines.push(begin.clone());
        lines.push("externalRules:".into());
        lines.extend(adapter_rules().lines().map(String::from));
        lines.push(end);
        return lines.join("\n") + "\n";
    };
    // An empty flow list becomes a block list. Rules in flow form stay, and the count of rules afterwards refuses the result.
    if lines[at].split_whitespace().collect::<String>() == "externalRules:[]" {
        lines[at] = "externalRules:".into();
    }
    // The list ends before the next key of the top level; its items may or may not be indented.
    let stop = lines[at + 1..].iter().position(|l| !l.is_empty() && !l.starts_with([' ', '-', '#'])).map_or(lines.len(), |n| at + 1 + n);
    let indent = lines[at + 1..stop].iter().find(|l| l.trim_start().starts_with('-')).map_or(0, |l| l.len() - l.trim_start().len());
    let pad = " ".repeat(indent);
    let block: Vec<String> =
        [begin].into_iter().chain(adapter_rules().lines().map(String::from)).chain([end]).map(|l| format!("{pad}{l}")).collect();
    lines.splice(stop..stop, block);
    lines.join("\n") + "\n"
}

/// External rules in an adapter's configuration; `None` when it is not valid YAML.
pub fn rule_count(text: &str) -> Option<usize> {
    let parsed: Value = serde_yaml::from_str(text).ok()?;
    Some(parsed["externalRules"].as_array().map_or(0, Vec::len))
}

/// Stacks whose block is in the text.
pub fn stacks_in(text: &str) -> Vec<String> {
    let begin = |l: &str| Some(l.trim().strip_prefix("# >>> llmd-bench ")?.split_once(':')?.0.to_string());
    text.lines().filter_map(begin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        serde_yaml::from_str::<Value>(text).unwrap()["externalRules"].as_array().map_or(0, Vec::len)
    }

    #[test]
    fn rules_go_last_and_come_out_again_byte_for_byte() {
        for before in [
            "rules: []\nexternalRules:\n- seriesQuery: 'a'\n  metricsQuery: 'b'\n",
            "externalRules:\n  - seriesQuery: 'a'\n    metricsQuery: 'b'\nrules: []\n",
            "rules: []\n",
        ] {
            let after = with_block(before, "ns1");
            assert_eq!(count(&after), count(before) + 3, "{after}");
            assert_eq!(with_block(&after, "ns1"), after, "adding twice changes nothing");
            assert_eq!(without_block(&after, "ns1"), before);
        }
    }

    #[test]
    fn two_stacks_keep_out_of_each_others_way() {
        let before = "rules: []\nexternalRules:\n- seriesQuery: 'a'\n  metricsQuery: 'b'\n";
        let both = with_block(&with_block(before, "ns1"), "ns2");
        assert_eq!(count(&both), 7);
        assert_eq!(without_block(&both, "ns1"), with_block(before, "ns2"));
    }

    #[test]
    fn blocks_say_whose_they_are() {
        let before = "rules: []\nexternalRules:\n- seriesQuery: 'a'\n  metricsQuery: 'b'\n";
        assert_eq!(stacks_in(before), [""; 0]);
        assert_eq!(stacks_in(&with_block(&with_block(before, "ns1"), "ns2")), ["ns1", "ns2"]);
    }

    #[test]
    fn rules_in_flow_form_are_not_lost_in_silence() {
        let before = "externalRules: [{seriesQuery: a, metricsQuery: b}]\n";
        assert_eq!(rule_count(before), Some(1));
        assert_ne!(rule_count(&with_block(before, "x")), Some(4), "refused by the count");
        assert!(with_block(before, "x").contains("seriesQuery: a"));
    }

    #[test]
    fn an_empty_flow_list_becomes_a_list() {
        assert_eq!(count(&with_block("externalRules: []\n", "x")), 3);
    }
}
