//! What a command says by default fits a screen: 40 lines of 80 columns, and plain text where no terminal is.

use crate::stored;
use crate::support::{Place, Ran, ran};

/// The load of the published comparison, and the one that a small cluster can run.
const LOADS: [&[&str]; 2] = [&["--as-published"], &["-c", "simulated", "-w", "ramp_small"]];

/// Fails the test unless all of it is seen at once. `paths`: directories that a user chose; a path is not broken.
#[track_caller]
fn fits(r: Ran, paths: &[&str]) -> String {
    let mut shown = r.exits(0).stdout;
    for p in paths {
        shown = shown.replace(p, "RUN");
    }
    assert!((1..=40).contains(&shown.lines().count()), "{} lines:\n{shown}", shown.lines().count());
    let wide: Vec<&str> = shown.lines().filter(|l| l.chars().count() > 80).collect();
    assert!(wide.is_empty(), "wider than 80 columns: {wide:#?}\n{shown}");
    shown
}

/// Ends of the ids of the runs that are kept.
fn kept(place: &Place) -> Vec<String> {
    let ls = place.run(&["results", "ls", "--output", "json"]).exits(0).json();
    ls.iter().map(|r| r["run"].as_str().and_then(|id| id.rsplit('-').next()).expect("an id").to_owned()).collect()
}

#[test]
fn what_is_predicted_fits_a_screen_and_so_does_what_is_made_of_it() {
    for load in LOADS {
        let place = Place::new();
        let shown = fits(place.run(&[&["predict", "--seeds=3"], load].concat()), &[]);
        assert!(shown.contains("PREDICTED") && shown.contains("\nAnswer\n") && shown.contains("--full adds"), "{shown}");
        let runs = kept(&place);
        let [a, b] = [runs[0].as_str(), runs[1].as_str()];
        fits(place.run(&["compare", a, b]), &[]);
        fits(place.run(&["report", a]), &[]);
        fits(place.run(&["gate", b, "--slo", "ttft=500ms,itl=50ms", "--rule", "goodput_fraction >= 1%"]), &[]);
    }
}

#[test]
fn an_experiment_fits_a_screen() {
    for name in ["wva-vs-hpa", "simulated"] {
        fits(Place::new().run(&["experiment", name, "--predicted"]), &[]);
    }
}

#[test]
fn a_measured_run_fits_a_screen() {
    let (place, dir) = stored::copy();
    let dir = dir.display().to_string();
    for args in
        [&["report", "last"][..], &["report", &dir], &["gate", "last", "--rule", "failed_fraction < 1%"], &["results", "show", "last"]]
    {
        fits(place.run(args), &[&dir, "20261124T031159Z-ramp_small-wva-c97c"]);
    }
}

/// Standard output is a pipe here, which needs no NO_COLOR; with it nothing asks for colours either.
#[test]
fn where_no_terminal_is_nothing_is_coloured() {
    let (place, dir) = stored::copy();
    let dir = dir.display().to_string();
    let predict = ["predict", "-c", "simulated", "-w", "ramp_small", "--seeds=1", "--no-save"];
    for args in [&predict[..], &["report", &dir], &["report", &dir, "--full"], &["results", "ls"], &["explain", &dir]] {
        for (key, value) in [("TERM", "xterm-256color"), ("NO_COLOR", "1")] {
            let r = ran(place.command(args).env(key, value)).exits(0);
            assert!(!r.stdout.contains('\u{1b}') && !r.stderr.contains('\u{1b}'), "{args:?} with {key}:\n{}{}", r.stdout, r.stderr);
        }
    }
    let r = ran(place.command(&["report", "nothing"]).env("TERM", "xterm-256color")).exits(2);
    assert!(!r.stderr.contains('\u{1b}'), "{}", r.stderr);
}
