//! Help and completions.

use crate::support::bench;
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
        assert!(
            r.stdout.contains("Example") || r.stdout.contains("Options:"),
            "{path:?} shows neither an example nor flags:\n{}",
            r.stdout
        );
        assert!(!r.stdout.lines().next().unwrap_or_default().trim().is_empty(), "{path:?} does not say what it does");
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
fn completions_know_the_commands() {
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef bench"), ("fish", "complete -c bench")] {
        let r = bench(&["completions", shell]).exits(0);
        for word in ["swap-to-hpa", "standup", "experiment", mark] {
            assert!(r.stdout.contains(word), "{shell}: no {word}");
        }
        assert_eq!(r.stderr, "");
    }
    bench(&["completions", "tcsh"]).exits(2).says(&["bash"]);
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(bench(&["--version"]).exits(0).stdout.trim(), concat!("bench ", env!("CARGO_PKG_VERSION")));
}
