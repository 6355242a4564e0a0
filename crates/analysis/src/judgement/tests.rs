use super::*;

/// An arm of runs with these shares of good requests, of 1000 each, and these costs.
fn arm(name: &str, runs: &[(u64, f64)]) -> Side {
    let run = |(good, cost): &(u64, f64)| Tally {
        due: 1010,
        counted: 1000,
        good: *good,
        output_tokens: 1_000_000,
        good_output_tokens: 1000 * good,
        replica_seconds: Some(*cost),
    };
    Side { name: name.into(), gpus_per_replica: 2.0, runs: runs.iter().map(run).collect(), ..Side::default() }
}

fn case(arms: Vec<Side>) -> Case {
    let goal = Goal { gpu_hour: Some(3.6), ..Goal::default() };
    Case { goal, span_s: 5000.0, arms, ..Case::default() }
}

fn marks(j: &Judgement) -> Vec<Option<&str>> {
    j.arms.iter().map(|a| a.dominated_by.as_deref()).collect()
}

#[test]
fn the_cheapest_that_keeps_the_goal_wins() {
    let j = judge(&case(vec![
        arm("dear", &[(1000, 9000.0), (999, 9100.0)]),
        arm("good", &[(995, 5000.0), (993, 5200.0)]),
        arm("bad", &[(700, 3000.0), (710, 3000.0)]),
    ]));
    assert_eq!(j.winner.as_deref(), Some("good"));
    assert!(j.predicted && j.arms.iter().map(|a| a.keeps).eq([true, true, false]));
    let a = &j.arms[1];
    assert_eq!((a.due, a.counted, a.good, a.runs), (2020, 2000, 1988, 2));
    assert_eq!((a.attainment, a.replica_seconds, a.gpu_seconds), (Some(0.994), Some(5100.0), Some(10_200.0)));
    let near = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-9, "{a:?} {b}");
    near(a.cost, 10.2);
    near(a.cost_per_million_output_tokens, 10.2);
    near(a.cost_per_million_good_output_tokens, 10.2 / 0.994);
    // Each has something that the others lack.
    assert_eq!(marks(&j), [None, None, None]);
    assert_eq!(
        j.why,
        "good keeps the goal for the least: 99.4 % good for 5100 replica-seconds, 10.2. dear keeps it for 77.5 % more. bad (70.5 % good, 41.2 % less) does not keep it."
    );
}

#[test]
fn costs_that_cannot_be_told_apart_have_no_winner() {
    let a = arm("a", &[(1000, 5000.0), (1000, 5300.0), (1000, 5100.0)]);
    let j = judge(&case(vec![a.clone(), arm("b", &[(1000, 5200.0), (1000, 5100.0), (1000, 5250.0)])]));
    assert_eq!((j.winner.as_deref(), marks(&j)), (None, vec![None, None]));
    assert!(j.why.starts_with("a and b keep the goal, and their costs cannot be told apart: 100 % good for 5133"), "{}", j.why);
    // The same seeds, each dearer: told apart although the bands overlap.
    let j = judge(&case(vec![a, arm("b", &[(1000, 5010.0), (1000, 5310.0), (1000, 5110.0)])]));
    assert_eq!((j.winner.as_deref(), marks(&j)), (Some("a"), vec![None, Some("a")]));
    // Nothing differs at all.
    let j = judge(&case(vec![arm("a", &[(1000, 5000.0)]), arm("b", &[(1000, 5000.0)])]));
    assert_eq!(j.winner, None);
}

#[test]
fn without_a_keeper_the_nearest_and_what_it_lacks() {
    let mut c = case(vec![arm("wva", &[(787, 8800.0), (791, 8900.0)]), arm("hpa", &[(774, 15_000.0), (776, 15_400.0)])]);
    c.beside.best_static = Some(arm("static-2", &[(1000, 8000.0), (1000, 8000.0)]));
    let j = judge(&c);
    assert_eq!((j.winner.as_deref(), marks(&j)), (None, vec![Some("static-2"), Some("wva")]));
    assert_eq!(
        j.why,
        "No arm keeps the goal. wva comes nearest: 78.9 % good, 20.1 points short, for 8850 replica-seconds, 17.7. hpa 77.5 % good for 71.8 % more. A fixed fleet of 2 would keep it: 100 % good for 8000 replica-seconds, 16."
    );
    assert_eq!((j.beside.len(), j.beside[0].role), (1, Role::Static));
    // What serves alike is not ranked.
    let j = judge(&case(vec![arm("a", &[(700, 1.0), (720, 1.0)]), arm("b", &[(720, 1.0), (701, 1.0)])]));
    assert!(j.why.contains("Which comes nearest cannot be told"), "{}", j.why);
}

#[test]
fn one_fleet_that_beats_all_is_said() {
    let mut c = case(vec![arm("wva", &[(787, 8800.0)]), arm("hpa", &[(774, 15_000.0)])]);
    c.beside.best_static = Some(arm("static-2", &[(1000, 8000.0)]));
    let mut j = judge(&c);
    assert_eq!(marks(&j), [Some("static-2"), Some("wva")]);
    c.arms.pop();
    j = judge(&c);
    assert!(j.why.ends_with("16: better and cheaper than it."), "{}", j.why);
    // One of the arms is that fleet: it is not said twice.
    c.arms.push(arm("static-2", &[(1000, 8000.0)]));
    j = judge(&c);
    assert_eq!((j.winner.as_deref(), marks(&j)), (Some("static-2"), vec![Some("static-2"), None]));
    assert!(!j.why.contains("fixed fleet"), "{}", j.why);
}

#[test]
fn a_prediction_beats_no_measurement() {
    let measured = |name: &str, good: u64, cost: f64| {
        let flags = |n: u64| (0..1000).map(|i| f64::from(u8::from((i * 617) % 1000 < n))).collect::<Vec<f64>>();
        Side { measured: true, requests: Some(vec![flags(good)]), ..arm(name, &[(good, cost)]) }
    };
    let mut c = case(vec![measured("a", 940, 5000.0), measured("b", 945, 5000.0)]);
    c.beside.best_static = Some(arm("static-1", &[(1000, 100.0)]));
    let j = judge(&c);
    assert!(!j.predicted && !j.arms[0].predicted && j.beside[0].predicted);
    assert_eq!(marks(&j), [None, None]);
    assert!(j.why.contains("cannot be told") && j.why.contains("In the simulator, a fixed fleet of 1 would keep it"), "{}", j.why);
    let band = j.arms[0].band.unwrap();
    assert_eq!((band.over, band.replica_seconds), (Over::Requests, None));
    assert!(band.attainment.is_some_and(|(l, h)| l < 0.94 && 0.94 < h));
}

#[test]
fn what_is_not_known_is_not_judged() {
    let mut a = arm("a", &[(1000, 5000.0), (1000, 5000.0)]);
    a.runs[1].replica_seconds = None;
    let j = judge(&case(vec![a]));
    assert_eq!((j.winner.as_deref(), j.arms[0].replica_seconds, j.arms[0].cost), (None, None, None));
    assert!(j.why.contains("what they cost is not known"), "{}", j.why);
    let j = judge(&case(vec![Side { name: "a".into(), ..Side::default() }]));
    assert_eq!((j.arms[0].attainment, j.arms[0].keeps), (None, false));
    assert!(j.why.contains("no request that counts"), "{}", j.why);
    assert!(judge(&case(vec![])).arms.is_empty());
}

#[test]
fn a_share_is_not_rounded_up() {
    assert_eq!(words::share(1.0), "100 %");
    assert_eq!(words::share(0.99999), "99.99 %");
    assert_eq!(words::share(0.787), "78.7 %");
}

#[test]
fn an_answer_turns_when_another_arm_wins_or_keeps() {
    let two = |a: u64, b: u64| judge(&case(vec![arm("a", &[(a, 100.0)]), arm("b", &[(b, 200.0)])]));
    assert_eq!(turns(&two(1000, 1000), &two(999, 1000)), None);
    assert_eq!(
        turns(&two(1000, 1000), &two(500, 1000)).unwrap(),
        "b keeps the goal for the least (100 % good for 200 replica-seconds, 0.4)"
    );
    assert!(turns(&two(1000, 1000), &two(0, 0)).unwrap().contains("no arm keeps the goal"));
}
