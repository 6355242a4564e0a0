//! Weighted least squares of few unknowns, which says what the data cannot tell apart.
//!
//! Own code of a hundred lines: a matrix crate takes longer to compile than all of this room, and none of them chooses columns.

use crate::stats::bootstrap::t_975;

/// Most unknowns of a problem.
pub const MOST: usize = 10;

/// One equation: what was seen is the sum of `x` times the unknowns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Rows of one block may err together.
    pub block: usize,
    pub y: f64,
    pub x: [f64; MOST],
    pub weight: f64,
}

/// An unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unknown {
    pub name: &'static str,
    /// What stays when the rows do not tell. Not below 0, as no unknown is.
    pub base: f64,
    /// May it be below 0?
    pub signed: bool,
}

/// What became of an unknown.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// Value and half of its interval of 95 %; infinite where rows are too few to tell.
    Fitted {
        value: f64,
        half: f64,
    },
    Bound {
        half: f64,
    },
    Held {
        why: String,
    },
}

/// Of all unknowns, in their order, and the covariance of those that were fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    pub values: Vec<f64>,
    pub fates: Vec<Fate>,
    /// Of unknowns i and j; 0 where one was not fitted.
    pub covariance: Vec<Vec<f64>>,
}

/// Share of a column's square that no other column may explain: below it two unknowns cannot be told apart in floating point, let
/// alone under noise.
const ALONE: f64 = 1e-4;

/// Fits the unknowns in `order`, the most certain first: a column that those before it explain is held at its base. So is an unknown
/// whose interval holds its base and is wider than its value: the rows do not tell.
pub fn solve(rows: &[Row], unknowns: &[Unknown], order: &[usize]) -> Solution {
    let mut fates: Vec<Option<Fate>> = unknowns.iter().map(|_| None).collect();
    let mut values: Vec<f64> = unknowns.iter().map(|u| u.base).collect();
    let mut chosen = choose(rows, unknowns, order, &mut fates);
    loop {
        for (i, v) in values.iter_mut().enumerate().filter(|(i, _)| !chosen.contains(i)) {
            *v = if matches!(fates[i], Some(Fate::Bound { .. })) { 0.0 } else { unknowns[i].base };
        }
        let fit = fit(rows, &values, &chosen);
        let doubtful = chosen.iter().enumerate().filter_map(|(k, i)| {
            let (u, v, half) = (&unknowns[*i], fit.values[k], fit.half(k));
            let holds_base = (v - u.base).abs() <= half;
            let below = !u.signed && v < 0.0;
            // How badly it is told, to let the worst go first.
            (below || (holds_base && half > v.abs() / 2.0)).then(|| (half / v.abs().max(1e-12), k, *i, v, half, below, holds_base))
        });
        let Some((_, k, i, v, half, below, holds_base)) = doubtful.max_by(|a, b| a.0.total_cmp(&b.0)) else {
            let mut covariance = vec![vec![0.0; unknowns.len()]; unknowns.len()];
            for (a, i) in chosen.iter().enumerate() {
                values[*i] = fit.values[a];
                fates[*i] = Some(Fate::Fitted { value: fit.values[a], half: fit.half(a) });
                for (b, j) in chosen.iter().enumerate() {
                    covariance[*i][*j] = fit.covariance[a][b];
                }
            }
            let untold = || Fate::Held { why: "no row tells of it".into() };
            return Solution { values, fates: fates.into_iter().map(|f| f.unwrap_or_else(untold)).collect(), covariance };
        };
        chosen.remove(k);
        let interval = if half.is_finite() { format!("{} ± {}", short(v), short(half)) } else { "any value".into() };
        fates[i] = Some(match (below, holds_base) {
            // As good as nothing, and not the base's.
            (true, false) if v + half > 0.0 && unknowns[i].base > 0.0 => Fate::Bound { half: v + half },
            (true, false) => Fate::Held { why: format!("by the runs alone it would be {interval}, and it cannot be below 0") },
            _ => Fate::Held { why: format!("the runs allow {interval}, which does not tell it from the base's value") },
        });
    }
}

/// A number with three digits.
fn short(v: f64) -> String {
    if v != 0.0 && v.abs() < 1e-3 { format!("{v:.2e}") } else { format!("{v:.3}") }
}

/// Those of `order` that the ones before them do not explain, by Gram and Schmidt on the weighted columns.
fn choose(rows: &[Row], unknowns: &[Unknown], order: &[usize], fates: &mut [Option<Fate>]) -> Vec<usize> {
    let column = |i: usize| -> Vec<f64> { rows.iter().map(|r| r.x[i] * r.weight).collect() };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let mut taken: Vec<(usize, Vec<f64>)> = Vec::new();
    for &i in order {
        let mut rest = column(i);
        let whole = dot(&rest, &rest);
        if whole <= 0.0 {
            fates[i] = Some(Fate::Held { why: "it plays no part in what these runs recorded".into() });
            continue;
        }
        let mut blame: Vec<(f64, usize)> = Vec::new();
        // Twice, because once loses digits where columns nearly agree.
        for _ in 0..2 {
            for (j, unit) in &taken {
                let part = dot(&rest, unit);
                rest.iter_mut().zip(unit).for_each(|(r, u)| *r -= part * u);
                blame.push((part * part / whole, *j));
            }
        }
        let alone = dot(&rest, &rest);
        if alone < ALONE * whole {
            blame.retain(|(share, _)| *share > 0.05);
            blame.sort_by(|a, b| b.0.total_cmp(&a.0));
            let with: Vec<&str> = blame.iter().map(|(_, j)| unknowns[*j].name).collect();
            fates[i] = Some(Fate::Held { why: format!("these runs cannot tell it from {}", with.join(" and ")) });
            continue;
        }
        let length = alone.sqrt();
        rest.iter_mut().for_each(|r| *r /= length);
        taken.push((i, rest));
    }
    taken.into_iter().map(|(i, _)| i).collect()
}

struct Fit {
    values: Vec<f64>,
    covariance: Vec<Vec<f64>>,
    /// Degrees of freedom of the intervals: blocks less one.
    df: f64,
}

impl Fit {
    fn half(&self, k: usize) -> f64 {
        if self.df < 1.0 { f64::INFINITY } else { t_975(self.df) * self.covariance[k][k].max(0.0).sqrt() }
    }
}

/// Least squares over the chosen unknowns, the others at `values`. The covariance is the sandwich over blocks (Liang & Zeger 1986, with
/// the usual correction for few blocks): requests that shared a queue err together.
// Matrices are read by their indices.
#[allow(clippy::needless_range_loop)]
fn fit(rows: &[Row], values: &[f64], chosen: &[usize]) -> Fit {
    let p = chosen.len();
    let known = |r: &Row| (0..values.len()).filter(|i| !chosen.contains(i)).map(|i| r.x[i] * values[i]).sum::<f64>();
    let scale: Vec<f64> = chosen.iter().map(|i| rows.iter().map(|r| (r.x[*i] * r.weight).powi(2)).sum::<f64>().sqrt()).collect();
    let scaled = |r: &Row, k: usize| r.x[chosen[k]] * r.weight / scale[k];
    let mut normal = vec![vec![0.0; p]; p];
    let mut right = vec![0.0; p];
    for r in rows {
        let y = (r.y - known(r)) * r.weight;
        for a in 0..p {
            right[a] += scaled(r, a) * y;
            for b in 0..p {
                normal[a][b] += scaled(r, a) * scaled(r, b);
            }
        }
    }
    let inverse = inverse(&normal);
    let times = |m: &[Vec<f64>], v: &[f64]| -> Vec<f64> { m.iter().map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum()).collect() };
    let solved = times(&inverse, &right);
    let blocks = rows.iter().map(|r| r.block + 1).max().unwrap_or(0);
    let mut score = vec![vec![0.0; p]; blocks];
    for r in rows {
        let told: f64 = (0..p).map(|k| scaled(r, k) * solved[k]).sum();
        let error = (r.y - known(r)) * r.weight - told;
        (0..p).for_each(|k| score[r.block][k] += scaled(r, k) * error);
    }
    let mut used = vec![false; blocks];
    rows.iter().for_each(|r| used[r.block] = true);
    #[allow(clippy::cast_precision_loss)]
    let (g, n) = (used.iter().filter(|u| **u).count() as f64, rows.len() as f64);
    #[allow(clippy::cast_precision_loss)]
    let few = if g > 1.0 && n > p as f64 { g / (g - 1.0) * (n - 1.0) / (n - p as f64) } else { 1.0 };
    let halves: Vec<Vec<f64>> = score.iter().map(|s| times(&inverse, s)).collect();
    let covariance =
        (0..p).map(|a| (0..p).map(|b| few * halves.iter().map(|h| h[a] * h[b]).sum::<f64>() / (scale[a] * scale[b])).collect()).collect();
    Fit { values: (0..p).map(|k| solved[k] / scale[k]).collect(), covariance, df: g - 1.0 }
}

/// Of a positive definite matrix, by Gauss and Jordan with pivots on the diagonal: the columns were chosen to be apart.
#[allow(clippy::needless_range_loop)]
fn inverse(m: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let p = m.len();
    let mut a: Vec<Vec<f64>> = m.to_vec();
    let mut out: Vec<Vec<f64>> = (0..p).map(|i| (0..p).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for k in 0..p {
        let pivot = a[k][k];
        for j in 0..p {
            a[k][j] /= pivot;
            out[k][j] /= pivot;
        }
        for i in (0..p).filter(|i| *i != k) {
            let by = a[i][k];
            for j in 0..p {
                let (top, low) = (a[k][j], out[k][j]);
                a[i][j] -= by * top;
                out[i][j] -= by * low;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_sim::rng::Stream;

    const UNKNOWNS: [Unknown; 3] = [
        Unknown { name: "a", base: 1.0, signed: false },
        Unknown { name: "b", base: 0.5, signed: false },
        Unknown { name: "c", base: 0.1, signed: false },
    ];

    fn rows(n: u32, noise: f64, x: impl Fn(f64) -> [f64; 3], truth: [f64; 3]) -> Vec<Row> {
        let mut s = Stream::new(11, "rows", 0);
        (0..n)
            .map(|k| {
                let three = x(f64::from(k));
                let mut all = [0.0; MOST];
                all[..3].copy_from_slice(&three);
                let y = three.iter().zip(truth).map(|(x, t)| x * t).sum::<f64>() + noise * s.normal();
                Row { block: (k / 10) as usize, y, x: all, weight: 1.0 }
            })
            .collect()
    }

    #[test]
    fn what_the_rows_tell_comes_back_with_its_interval() {
        let truth = [2.0, 0.3, 0.05];
        let all = rows(400, 0.1, |k| [1.0, (k * 0.7).sin() + 1.0, k % 17.0], truth);
        let s = solve(&all, &UNKNOWNS, &[0, 1, 2]);
        for (i, t) in truth.iter().enumerate() {
            let Fate::Fitted { value, half } = s.fates[i] else { panic!("{:?}", s.fates) };
            assert!((value - t).abs() <= half && half < 0.2 * t, "{}: {value} ± {half}", UNKNOWNS[i].name);
        }
        assert!(s.covariance[0][2] < 0.0, "a larger constant makes the slope smaller");
    }

    #[test]
    fn intervals_hold_as_often_as_they_say() {
        let mut held = 0;
        for seed in 0..200 {
            let mut s = Stream::new(seed, "coverage", 0);
            let mut drift = 0.0;
            let all: Vec<Row> = (0..600_u32)
                .map(|k| {
                    if k % 20 == 0 {
                        drift = s.normal();
                    }
                    let mut x = [0.0; MOST];
                    (x[0], x[1]) = (1.0, f64::from(k % 7));
                    Row { block: (k / 20) as usize, y: 5.0 + 2.0 * x[1] + drift + s.normal(), x, weight: 1.0 }
                })
                .collect();
            let Fate::Fitted { value, half } = solve(&all, &UNKNOWNS[..2], &[0, 1]).fates[0] else { panic!("fitted") };
            held += u32::from((value - 5.0).abs() <= half);
        }
        assert!((180..=198).contains(&held), "{held} of 200");
    }

    #[test]
    fn what_the_rows_cannot_tell_apart_is_held_at_the_base_and_named() {
        // The second column is twice the first, the third is nowhere.
        let all = rows(50, 0.01, |_| [1.0, 2.0, 0.0], [3.0, 0.5, 0.1]);
        let s = solve(&all, &UNKNOWNS, &[0, 1, 2]);
        let Fate::Fitted { value, .. } = s.fates[0] else { panic!("{:?}", s.fates) };
        assert!((value - 3.0).abs() < 0.02, "the base's 0.5 was taken for the other: {value}");
        assert_eq!(s.fates[1], Fate::Held { why: "these runs cannot tell it from a".into() });
        assert_eq!(s.fates[2], Fate::Held { why: "it plays no part in what these runs recorded".into() });
        assert_eq!(s.values[1..], [0.5, 0.1]);
    }

    #[test]
    fn noise_alone_moves_nothing_and_a_bound_is_told() {
        let noisy = rows(60, 5.0, |k| [1.0, (k * 0.7).sin(), 0.0], [20.0, 0.5, 0.0]);
        let s = solve(&noisy, &UNKNOWNS, &[0, 1, 2]);
        assert!(matches!(&s.fates[1], Fate::Held { why } if why.contains("does not tell it")), "{:?}", s.fates[1]);
        assert_eq!(s.values[1], 0.5);
        let zero = rows(400, 0.01, |k| [1.0, k % 5.0, 0.0], [2.0, -5e-4, 0.0]);
        let s = solve(&zero, &UNKNOWNS, &[0, 1]);
        assert!(matches!(s.fates[1], Fate::Bound { half } if half < 0.01), "{:?}", s.fates);
        assert_eq!(s.values[1], 0.0);
        let below = rows(400, 0.01, |k| [1.0, k % 5.0, 0.0], [2.0, -0.1, 0.0]);
        let s = solve(&below, &UNKNOWNS, &[0, 1]);
        assert!(matches!(&s.fates[1], Fate::Held { why } if why.contains("cannot be below 0")), "{:?}", s.fates);
        assert_eq!(s.values[1], 0.5);
    }

    #[test]
    fn no_rows_hold_everything() {
        let s = solve(&[], &UNKNOWNS, &[0, 1, 2]);
        assert!(s.fates.iter().all(|f| matches!(f, Fate::Held { .. })));
        assert_eq!(s.values, [1.0, 0.5, 0.1]);
        let one = rows(1, 0.0, |_| [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]);
        assert!(matches!(solve(&one, &UNKNOWNS, &[0]).fates[0], Fate::Held { .. }), "one row has no interval");
    }
}
