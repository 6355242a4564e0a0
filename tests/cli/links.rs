//! Relative links in README, docs and the other pages of this repository lead to a file that is there, and to a heading of it.

use crate::support::{files_below, repo};
use std::path::{Path, PathBuf};

fn pages() -> Vec<PathBuf> {
    let mut out = vec![repo("README.md"), repo("results/README.md")];
    for dir in ["docs", "deploy", "tests"] {
        out.extend(files_below(&repo(dir)).into_iter().filter(|f| f.extension().is_some_and(|e| e == "md")));
    }
    out.retain(|p| p.is_file());
    out
}

/// Text without code: fenced blocks and what stands in backticks.
fn prose(markdown: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside && !line.starts_with("    ") {
            out.extend(line.split('`').step_by(2).flat_map(|part| [part, "`"]));
            out.push('\n');
        }
    }
    out
}

/// Where its links lead: `](target)`, images too.
fn links(markdown: &str) -> Vec<String> {
    let text = prose(markdown);
    let target = |rest: &str| Some(rest.split_once(')')?.0.split_whitespace().next()?.to_string());
    text.split("](").skip(1).filter_map(target).collect()
}

/// The anchors of its headings, as GitHub makes them: lower case, blanks to `-`, other signs left out.
fn anchors(markdown: &str) -> Vec<String> {
    let mut inside = false;
    let mut out: Vec<String> = vec![];
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        }
        let Some(title) = line.strip_prefix('#').filter(|_| !inside).map(|l| l.trim_start_matches('#').trim()) else { continue };
        let kept = title.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
        out.push(kept.replace(' ', "-"));
    }
    out
}

/// What is wrong with a link of a page; nothing when it leads somewhere, or out of this repository.
fn fault(page: &Path, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(f, a)| (f, Some(a)));
    let to = if file.is_empty() { page.to_path_buf() } else { page.parent()?.join(file) };
    if !to.exists() {
        return Some(format!("{}: {link}: there is no such file", page.display()));
    }
    let anchor = anchor.filter(|_| to.extension().is_some_and(|e| e == "md"))?;
    let there = anchors(&std::fs::read_to_string(&to).ok()?);
    (!there.iter().any(|a| a == anchor)).then(|| format!("{}: {link}: no such heading, there are {there:?}", page.display()))
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let mut count = 0;
    let mut faults = vec![];
    for page in pages() {
        let all = links(&std::fs::read_to_string(&page).expect("a page"));
        count += all.len();
        faults.extend(all.iter().filter_map(|l| fault(&page, l)));
    }
    assert!(count >= 150, "only {count} links: are they looked for in the right way?");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_page_of_the_docs_is_led_to() {
    let mut led: Vec<PathBuf> = vec![];
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("a page");
        let to = |l: String| page.parent()?.join(l.split('#').next()?).canonicalize().ok();
        led.extend(links(&text).into_iter().filter_map(to).filter(|to| *to != page));
    }
    for page in pages().into_iter().filter(|p| p.starts_with(repo("docs"))) {
        let (page, dir) = (page.canonicalize().unwrap(), page.parent().unwrap().canonicalize().unwrap());
        let index = page.ends_with("README.md") && led.contains(&dir);
        assert!(index || led.contains(&page), "nothing leads to {}", page.display());
    }
}

#[test]
fn a_broken_link_would_be_seen() {
    let page = repo("docs/kind.md");
    let text = "# One: a *title*\n[a](kind.md) ![b](images/no.png)\n```\n[c](d)\n```\n`[e](f)`";
    assert_eq!(links(text), ["kind.md", "images/no.png"]);
    assert_eq!(anchors(text), ["one-a-title"]);
    for good in ["kind.md", "#needed", "stack.md#what-is-proven", "../README.md", "https://example.com/x", "../deploy/tekton.yaml"] {
        assert_eq!(fault(&page, good), None);
    }
    for bad in ["nothing.md", "images/no.png", "stack.md#nothing", "#nothing"] {
        assert!(fault(&page, bad).is_some(), "{bad}");
    }
}
