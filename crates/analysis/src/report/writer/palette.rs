//! What colours, dashes and symbols curves are drawn with. One colour an arm, everywhere; two curves that can stand in one legend can
//! be told apart on white and on near-black, also by people who see fewer colours. The test below holds the table to that, and what a
//! page draws is this table: the script knows no colours of curves.

use serde::Serialize;

/// How a curve or a point is drawn, in plotly's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Style {
    pub color: &'static str,
    pub dash: &'static str,
    pub symbol: &'static str,
}

const SKY: &str = "#2e98c5";
const RED: &str = "#d31237";
const INDIGO: &str = "#6853c4";
const AMBER: &str = "#bf8211";
const MAGENTA: &str = "#bf2885";
const SAGE: &str = "#6b9364";
const VIOLET: &str = "#9517f9";
/// Only where a symbol or a dash tells it from the others: grey is near to some of them for somebody.
const GREY: &str = "#76808b";

/// Found by a search for the least distance under four kinds of vision. The first ones are farthest apart.
pub const WHEEL: [&str; 7] = [SKY, RED, INDIGO, AMBER, MAGENTA, SAGE, VIOLET];
/// Their number shares no divisor with the wheel's: 28 arms pass before a pair comes again.
pub const DASHES: [&str; 4] = ["solid", "dash", "dot", "dashdot"];
const SYMBOLS: [&str; 5] = ["circle", "diamond", "triangle-up", "cross", "triangle-down"];

const fn style(color: &'static str, dash: &'static str, symbol: &'static str) -> Style {
    Style { color, dash, symbol }
}

/// The style of a role: `arm-0`, `pod-3`, `ready`, …
pub fn of(role: &str) -> Style {
    let numbered = role.rsplit_once('-').and_then(|(kind, n)| Some((kind, n.parse::<usize>().ok()?)));
    if let Some((kind, n)) = numbered {
        // Arms are few and are compared: they differ in everything. Pods, rates and failures are solid until colours run out.
        let (hue, dash) = match kind {
            "arm" => (n % WHEEL.len(), n % DASHES.len()),
            "failure" => ((n + 1) % WHEEL.len(), n / WHEEL.len() % DASHES.len()),
            _ => (n % WHEEL.len(), n / WHEEL.len() % DASHES.len()),
        };
        return style(WHEEL[hue], DASHES[dash], SYMBOLS[n % SYMBOLS.len()]);
    }
    match role {
        "desired" | "cut" | "starting" => style(AMBER, "solid", "circle"),
        "ready" => style(SKY, "solid", "circle"),
        "offered" => style(GREY, "dash", "circle"),
        "begun" | "median" | "good" => style(SKY, "solid", "circle"),
        "finished" => style(AMBER, "solid", "circle"),
        "hpa" | "tail" | "bad" => style(RED, "solid", "circle"),
        "wva" => style(VIOLET, "solid", "circle"),
        // Marks on the curve of what was wanted.
        "up" => style(SAGE, "solid", "triangle-up"),
        "down" => style(INDIGO, "solid", "triangle-down"),
        "held" => style(AMBER, "solid", "diamond"),
        "static" => style(GREY, "dot", "square"),
        "foresight" => style(GREY, "solid", "star"),
        "goal" => style(GREY, "dash", "line-ew"),
        _ => style(GREY, "dot", "circle"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Backgrounds of `style.css`.
    const WHITE: &str = "#ffffff";
    const DARK: &str = "#14171b";
    /// Of CIE 1976: 2.3 is just seen beside each other, 20 is told apart from memory of a legend.
    const APART: f64 = 20.0;

    type Rgb = [f64; 3];

    /// Machado, Oliveira and Fernandes 2009, full severity, for linear light: everybody, protanopia, deuteranopia, tritanopia.
    const VISIONS: [[Rgb; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
        [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]],
    ];

    fn linear(hex: &str) -> Rgb {
        [1, 3, 5].map(|i| {
            let v = f64::from(u8::from_str_radix(&hex[i..i + 2], 16).unwrap()) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn times(m: &[Rgb; 3], v: Rgb) -> Rgb {
        m.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum::<f64>())
    }

    /// CIE L*a*b* under D65.
    fn lab(rgb: Rgb) -> Rgb {
        const XYZ: [Rgb; 3] =
            [[0.412_456_4, 0.357_576_1, 0.180_437_5], [0.212_672_9, 0.715_152_2, 0.072_175], [0.019_333_9, 0.119_192, 0.950_304_1]];
        let [x, y, z] = times(&XYZ, rgb);
        let f = |t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
        let (x, y, z) = (f(x / 0.950_47), f(y), f(z / 1.088_83));
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    fn seen(hex: &str, vision: &[Rgb; 3]) -> Rgb {
        lab(times(vision, linear(hex)).map(|v| v.clamp(0.0, 1.0)))
    }

    /// The least distance of two colours under any of the visions.
    fn distance(a: &str, b: &str) -> f64 {
        let of = |v: &[Rgb; 3]| seen(a, v).iter().zip(seen(b, v)).map(|(p, q)| (p - q).powi(2)).sum::<f64>().sqrt();
        VISIONS.iter().map(of).fold(f64::INFINITY, f64::min)
    }

    /// As WCAG defines it.
    fn contrast(a: &str, b: &str) -> f64 {
        let light = |hex: &str| linear(hex).iter().zip([0.2126, 0.7152, 0.0722]).map(|(v, w)| v * w).sum::<f64>() + 0.05;
        let (a, b) = (light(a), light(b));
        a.max(b) / a.min(b)
    }

    /// Roles that can stand in one legend; `points` are told by symbols, all others by dashes.
    fn legends() -> Vec<(bool, Vec<String>)> {
        let many = |kind: &str| (0..12).map(|n| format!("{kind}-{n}")).collect::<Vec<_>>();
        let few = |roles: &str| roles.split(' ').map(String::from).collect::<Vec<_>>();
        let lines = ["current desired ready wva", "offered begun finished", "hpa wva", "current wva", "median tail", "good cut bad"];
        let mut out: Vec<(bool, Vec<String>)> = lines.iter().chain(&["starting ready"]).map(|l| (false, few(l))).collect();
        out.extend(["arm", "pod", "rate", "failure"].map(|k| (false, many(k))));
        out.push((false, few("ready failure-0")));
        out.push((true, few("up down held")));
        out.push((true, [many("arm"), few("static foresight")].concat()));
        out
    }

    #[test]
    fn what_stands_in_one_legend_can_be_told_apart_by_everybody() {
        for (points, roles) in legends() {
            for (i, a) in roles.iter().enumerate() {
                for b in &roles[..i] {
                    let (p, q) = (of(a), of(b));
                    let form = if points { p.symbol != q.symbol } else { p.dash != q.dash };
                    let d = distance(p.color, q.color);
                    assert!(form || d >= APART, "{a} and {b}: {d:.1}");
                }
            }
        }
    }

    /// Colour alone tells the wheel's: in a stacked area there are no dashes.
    #[test]
    fn the_wheel_keeps_its_distances_by_colour_alone() {
        for (i, a) in WHEEL.iter().enumerate() {
            for b in &WHEEL[..i] {
                assert!(distance(a, b) >= APART, "{a} and {b}: {:.1}", distance(a, b));
            }
        }
    }

    #[test]
    fn every_colour_is_seen_on_both_backgrounds() {
        for c in WHEEL.iter().chain(&[GREY]) {
            for ground in [WHITE, DARK] {
                assert!(contrast(c, ground) >= 3.0, "{c} on {ground}: {:.2}", contrast(c, ground));
            }
        }
        let css = include_str!("style.css");
        assert!(css.contains("--bg:#fff;") && css.contains(&format!("--bg:{DARK};")), "backgrounds are others now");
    }

    #[test]
    fn an_arm_keeps_its_colour_and_no_two_of_the_first_28_are_drawn_alike() {
        let drawn: std::collections::BTreeSet<_> = (0..28).map(|n| of(&format!("arm-{n}"))).map(|s| (s.color, s.dash)).collect();
        assert_eq!(drawn.len(), 28);
        assert_eq!(of("arm-3"), of("arm-3"));
        assert_eq!(of("<img>-x").color, GREY);
    }
}
