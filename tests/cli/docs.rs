//! README and docs: every command line in a code block parses, and the table of exit codes is the enum's.

use crate::support::{files_below, repo};
use bench_model::exit::Exit;
use clap::{CommandFactory, Parser};

/// What stands for a value the reader puts in.
const PLACEHOLDERS: [(&str, &str); 21] = [
    ("RUN", "last"),
    ("RUN-ID", "last"),
    ("RUN_ID", "last"),
    ("ID", "last"),
    ("SCENARIO", "simulated"),
    ("PROFILE", "ramp_small"),
    ("WORKLOAD", "ramp_small"),
    ("NAMESPACE", "llmdbench"),
    ("MODEL", "Qwen/Qwen3-0.6B"),
    ("METHOD", "simulator"),
    ("HARNESS", "guidellm"),
    ("STEP", "warmup"),
    ("SHELL", "bash"),
    ("FILE", "file.yaml"),
    ("DIR", "dir"),
    ("CONTEXT", "here"),
    ("KEY=VALUE", "scaling.max_replicas=4"),
    ("SECONDS", "60"),
    ("REPLICAS", "2"),
    ("N", "2"),
    ("S", "60"),
];

/// Lines of fenced code blocks, a line that ends in a backslash joined with the next.
pub fn code_lines(markdown: &str) -> Vec<String> {
    let mut out: Vec<String> = vec![];
    let (mut inside, mut goes_on) = (false, false);
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            (inside, goes_on) = (!inside, false);
            continue;
        }
        // A block may be indented instead.
        let indented = line.starts_with("    bench ") || line.starts_with("    $ bench ");
        if !inside && !indented && !goes_on {
            continue;
        }
        let (text, more) = line.strip_suffix('\\').map_or((line, false), |t| (t, true));
        match out.last_mut().filter(|_| goes_on) {
            Some(last) => last.push_str(text.trim_start()),
            None => out.push(text.to_string()),
        }
        goes_on = more;
    }
    out
}

/// The words of every `bench …` in a line of shell: behind a prompt, variables, `&&`, `;`, `|`, `$(`.
pub fn commands(line: &str) -> Vec<Vec<String>> {
    let line = line.trim().trim_start_matches("$ ");
    let mut out = vec![];
    // What `bench plan --help` prints in a column behind three spaces is prose.
    let line = line.split("   ").next().unwrap_or_default();
    let apart = |text: &str| {
        let text = text.replace("&&", "\n").replace("||", "\n");
        text.replace([';', '|', '&', '(', ')', '`'], "\n").replace(['>', '<'], "\n#")
    };
    // What stands within '…' is one word, whatever it holds; an apostrophe opens nothing.
    let mut plain = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(" '") {
        let (before, quoted) = rest.split_at(at + 1);
        let Some(end) = quoted[1..].find('\'') else { break };
        plain.extend([&apart(before), &quoted[..end + 2]]);
        rest = &quoted[end + 2..];
    }
    plain.push_str(&apart(rest));
    for part in plain.lines() {
        let part = part.trim().trim_start_matches("$ ");
        let Some(words) = shlex::split(part) else { continue };
        let begin = words.iter().position(|w| !w.contains('=') || w.starts_with('-')).unwrap_or(words.len());
        if words.get(begin).is_some_and(|w| w == "bench" || w.ends_with("/bench")) {
            out.push(words[begin..].to_vec());
        }
    }
    out
}

/// The words with placeholders filled in; brackets of a synopsis are taken off and of alternatives the first is taken.
pub fn filled(line: &str) -> String {
    let mut out = String::new();
    for token in line.split_inclusive([' ', '[', ']']) {
        let (word, end) = token.split_at(token.trim_end_matches([' ', '[', ']']).len());
        let bare = word.trim_start_matches('<').trim_end_matches('>').trim_end_matches('…');
        let value = PLACEHOLDERS.iter().find(|(p, _)| *p == bare).map_or(word, |(_, v)| *v);
        out.push_str(value);
        out.push_str(end);
    }
    out
}

/// Why a line of documentation is no command line of bench; nothing when it is.
fn fault(line: &str) -> Option<String> {
    let synopsis = line.contains('[') && !line.contains("['") && !line.contains("=[");
    let line = if synopsis {
        // What follows in a column of its own is prose.
        let command = line.trim().split("   ").next().unwrap_or_default();
        let parts = command.split(['[', ']']).map(|part| part.split('|').next().unwrap_or_default().trim());
        parts.filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ")
    } else {
        line.to_string()
    };
    commands(&filled(&line)).into_iter().find_map(|words| {
        let e = bench::cli::Cli::try_parse_from(&words).err()?;
        // --help and --version end in an "error", too.
        e.use_stderr().then(|| format!("{}\n{e}", words.join(" ")))
    })
}

fn pages() -> Vec<(String, String)> {
    let mut files = vec![repo("README.md"), repo("results/README.md")];
    files.extend(files_below(&repo("docs")).into_iter().filter(|f| f.extension().is_some_and(|e| e == "md")));
    files.into_iter().filter_map(|f| Some((f.display().to_string(), std::fs::read_to_string(&f).ok()?))).collect()
}

/// Every line of code in the pages, and every example of the help, with where it stands.
pub fn every_line() -> Vec<(String, String)> {
    let of = |(page, text): (String, String)| code_lines(&text).into_iter().map(move |l| (page.clone(), l)).collect::<Vec<_>>();
    let helps = help_lines().into_iter().map(|l| ("--help".to_string(), l));
    pages().into_iter().flat_map(of).chain(helps).collect()
}

#[test]
fn every_command_line_in_the_documentation_parses() {
    let mut faults = vec![];
    for (page, text) in pages() {
        faults.extend(code_lines(&text).iter().filter_map(|l| fault(l)).map(|f| format!("{page}: {f}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let of_readme = pages()
        .iter()
        .find(|(p, _)| *p == repo("README.md").display().to_string())
        .map(|(_, text)| code_lines(text).iter().map(|l| commands(l).len()).sum::<usize>());
    assert!(of_readme.is_none_or(|n| n >= 5), "the README shows {of_readme:?} command lines: are they looked for in the right way?");
}

/// The lines of the examples in the help of every command.
fn help_lines() -> Vec<String> {
    fn walk(c: &clap::Command, out: &mut Vec<String>) {
        let after = c.get_after_help().map(ToString::to_string).unwrap_or_default();
        out.extend(after.lines().filter(|l| l.starts_with("  ")).map(|l| l.trim().to_string()));
        c.get_subcommands().for_each(|c| walk(c, out));
    }
    let mut out = vec![];
    walk(&bench::cli::Cli::command(), &mut out);
    out
}

#[test]
fn every_example_of_the_help_parses() {
    let lines = help_lines();
    assert!(lines.len() >= 60, "{lines:#?}");
    for line in lines {
        assert!(!commands(&line).is_empty(), "{line}");
        assert_eq!(fault(&line), None);
    }
}

#[test]
fn a_wrong_command_line_would_be_seen() {
    let page = "bench nonsense\n```sh\n$ export X=1\nX=2 bench plan -c \\\n  simulated && bench run -w ramp_small # bench is fine\n```\n";
    let lines = code_lines(page);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(commands(&lines[1]), [vec!["bench", "plan", "-c", "simulated"], vec!["bench", "run", "-w", "ramp_small"]]);
    for good in [
        "bench plan [-c SCENARIO] [-w PROFILE] [--wva|--hpa|--static N]",
        "bench report RUN",
        "bench swap-to-static N",
        "bench run -w ramp_small -o 'rate=[1,2]' --output json > out.jsonl",
        "bench gate last --rule 'p99_ttft_ms < 800' > out.txt",
        "source <(bench completions bash)",
        "bench plan --manifests | kubectl diff -f -",
        "kubectl get pods",
        "bench --help",
    ] {
        assert_eq!(fault(good), None);
    }
    for bad in [
        "bench nonsense",
        "bench plan -c simulated && bench foretell",
        "bench gate last --rule 'a < 1' --nothing",
        "$ bench run --wrokload x",
        "bench plan [-c SCENARIO] [--nothing]",
        "x=$(bench reslts ls)",
        "target/release/bench standup --wva --hpa",
    ] {
        assert!(fault(bad).is_some(), "{bad}");
    }
}

/// The rows of the first table whose first column is a number.
fn exit_table(markdown: &str) -> Vec<(u8, String)> {
    let row = |l: &str| {
        let cells: Vec<&str> = l.trim().strip_prefix('|')?.trim_end_matches('|').split('|').map(|c| c.trim().trim_matches('`')).collect();
        Some((cells.first()?.parse().ok()?, cells[1..].join(" | ")))
    };
    markdown.lines().filter_map(row).collect()
}

#[test]
fn the_table_of_exit_codes_is_the_enums() {
    let page = std::fs::read_to_string(repo("docs/exit-codes.md")).expect("docs/exit-codes.md");
    let table = exit_table(&page);
    assert_eq!(table.iter().map(|(c, _)| *c).collect::<Vec<_>>(), Exit::ALL.map(|(e, _, _)| e.code()));
    for ((_, told), (exit, name, meaning)) in table.iter().zip(Exit::ALL) {
        assert!(told.contains(name) && told.contains(meaning), "{}: {told:?} is not {name:?}, {meaning:?}", exit.code());
    }
}
