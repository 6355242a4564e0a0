//! Help and completions.

use crate::support::{Place, bench, files_below, ran};
use clap::CommandFactory;

/// Names of all commands below `bench`, hidden ones too.
fn commands() -> Vec<Vec<String>> {
    let mut out = vec![];
    for c in bench::cli::Cli::command().get_subcommands() {
        out.push(vec![c.get_name().to_string()]);
        out.extend(c.get_subcommands().map(|s| vec![c.get_name().to_string(), s.get_name().to_string()]));
    }
    out
}

#[test]
fn every_command_helps_and_says_what_its_flags_are_for() {
    let all = commands();
    for expected in ["plan", "preflight", "standup", "run", "resume", "swap-to-hpa", "swap-to-wva", "swap-to-static", "status", "results"] {
        assert!(all.iter().any(|c| c[0] == expected), "{expected} is gone");
    }
    for path in all {
        let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
        args.push("--help");
        let r = bench(&args).exits(0);
        let usage = format!("Usage: bench {}", path.join(" "));
        assert!(r.stdout.contains(&usage), "{usage}\n{}", r.stdout);
        assert!(!r.stdout.lines().next().unwrap_or_default().trim().is_empty(), "{path:?} does not say what it does");
    }
}

/// The command and all below it, hidden ones apart, each with its path.
fn tree() -> Vec<(String, clap::Command)> {
    fn walk(path: &str, c: &clap::Command, out: &mut Vec<(String, clap::Command)>) {
        let path = format!("{path} {}", c.get_name()).trim().to_string();
        c.get_subcommands().filter(|c| !c.is_hide_set()).for_each(|c| walk(&path, c, out));
        out.push((path, c.clone()));
    }
    let mut out = vec![];
    walk("", &bench::cli::Cli::command(), &mut out);
    out
}

#[test]
fn every_command_shows_examples_of_itself() {
    for (path, c) in tree() {
        let after = c.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples: Vec<&str> = after.strip_prefix("Examples:\n").into_iter().flat_map(str::lines).collect();
        assert!(examples.iter().any(|l| l.contains(&path)), "`{path} --help` has no `Examples:` with a line of `{path}`:\n{after}");
        let args: Vec<&str> = path.split(' ').skip(1).chain(["--help"]).collect();
        // Examples with their comments are wider than 80 columns.
        let shown = ran(Place::new().command(&args).env("COLUMNS", "110")).exits(0).stdout;
        for line in examples.iter().take_while(|l| !l.is_empty()) {
            // Told in the shell's own way, so that a line can be copied whole.
            assert!(line.starts_with("  ") && line.chars().count() <= 110, "{path}: {line:?}");
            assert!(shown.contains(line), "{path}: wrapped: {line:?}");
            assert!(!line.trim().contains("  ") || line.contains("  # "), "{path}: a column that is no comment: {line:?}");
        }
    }
}

#[test]
fn every_argument_has_a_word_of_help_or_shows_its_values() {
    let cli = bench::cli::Cli::command();
    let visible = cli.get_subcommands().filter(|c| !c.is_hide_set());
    for c in visible.flat_map(|c| std::iter::once(c).chain(c.get_subcommands())) {
        for a in c.get_arguments() {
            assert!(a.get_help().is_some() || !a.get_possible_values().is_empty(), "{} of {} has no help", a.get_id(), c.get_name());
        }
    }
}

#[test]
fn the_overview_names_every_visible_command_and_the_exit_codes() {
    let r = bench(&["--help"]).exits(0);
    for c in bench::cli::Cli::command().get_subcommands().filter(|c| !c.is_hide_set()) {
        assert!(r.stdout.lines().any(|l| l.trim_start().split(' ').next() == Some(c.get_name())), "{} is missing", c.get_name());
    }
    let (_, told) = r.stdout.split_once("Exit codes:").expect("exit codes");
    let told: Vec<u8> = told.split(',').filter_map(|part| part.split_whitespace().next()?.parse().ok()).collect();
    assert_eq!(told, bench_model::exit::Exit::ALL.map(|(e, _, _)| e.code()));
    assert!(!r.stdout.contains("  agent "), "the agent is not for people");
}

#[test]
fn help_names_no_flag_that_does_not_exist() {
    for path in commands() {
        let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
        args.push("--help");
        let text = bench(&args).exits(0).stdout;
        let cli = bench::cli::Cli::command();
        let flags: Vec<String> = cli
            .get_subcommands()
            .flat_map(|c| std::iter::once(c).chain(c.get_subcommands()))
            .chain([&cli])
            .flat_map(clap::Command::get_arguments)
            .flat_map(|a| a.get_long().into_iter().chain(a.get_all_aliases().unwrap_or_default()).map(String::from).collect::<Vec<_>>())
            .chain(["help".into(), "version".into()])
            .collect();
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter_map(|w| w.strip_prefix("--")) {
            assert!(flags.iter().any(|f| f == word), "{path:?} speaks of --{word}:\n{text}");
        }
    }
}

#[test]
fn manual_pages_are_printed_and_written_for_every_command() {
    let top = bench(&["man"]).exits(0);
    assert_eq!(top.stderr, "");
    for part in
        [".TH bench 1", ".SH SYNOPSIS", "bench\\-predict(1)", ".SH EXAMPLES\n.nf\n  bench predict", ".SH \"EXIT STATUS\"\n0 done, 2 usage"]
    {
        assert!(top.stdout.contains(part), "no {part:?}:\n{}", top.stdout);
    }
    assert!(!top.stdout.contains("bench\\-agent"), "the agent is not for people");

    let place = Place::new();
    place.run(&["man", "--out", "share/man1"]).exits(0);
    let mut expected: Vec<String> = tree().iter().map(|(path, _)| format!("{}.1", path.replace(' ', "-"))).collect();
    expected.sort();
    let names = |p: &std::path::PathBuf| p.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(files_below(&place.path("share/man1")).iter().map(names).collect::<Vec<_>>(), expected);
    for (path, _) in tree() {
        let page = std::fs::read_to_string(place.path(&format!("share/man1/{}.1", path.replace(' ', "-")))).unwrap();
        for part in [format!(".TH {} 1", path.replace(' ', "-")), ".SH EXAMPLES".into(), format!("\n  {}", path.replace('-', "\\-"))] {
            assert!(page.contains(&part), "{path}: no {part:?}:\n{page}");
        }
    }
    place.write("file", "");
    place.run(&["man", "--out", "file"]).exits(2).says(&["cannot make file"]);
    let line = place.run(&["man", "--out", "again", "--output", "json"]).exits(0).json();
    assert_eq!(line[0]["pages"], expected.len());
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(bench(&["--version"]).exits(0).stdout.trim(), concat!("bench ", env!("CARGO_PKG_VERSION")));
}
