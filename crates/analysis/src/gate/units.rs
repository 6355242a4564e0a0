//! Units of rules: enough to convert `1.5s` for a number in milliseconds, and to refuse what makes no sense.

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number as written, or a ratio of two alike: it takes the unit of what it meets.
    Bare,
    /// Requests, replicas, tokens per second: no time and no fraction.
    Plain,
    /// 0..1, also written as percent.
    Fraction,
    Ms,
    S,
}

impl Unit {
    /// As in the JSON of a gate; empty for what is a plain number.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bare | Self::Plain => "",
            Self::Fraction => "fraction",
            Self::Ms => "ms",
            Self::S => "s",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Bare | Self::Plain => "a plain number",
            Self::Fraction => "a fraction or percent",
            Self::Ms | Self::S => "a time",
        }
    }

    fn is_time(self) -> bool {
        matches!(self, Self::Ms | Self::S)
    }
}

/// A value and its unit.
pub(super) type Quantity = (f64, Unit);

/// Both in one unit, that of the first where they differ.
///
/// # Errors
/// A sentence when they cannot be added or compared.
pub(super) fn align(a: Quantity, b: Quantity) -> Result<(f64, f64, Unit), String> {
    use Unit::{Bare, Ms, S};
    match (a.1, b.1) {
        (x, y) if x == y => Ok((a.0, b.0, x)),
        (Bare, y) => Ok((a.0, b.0, y)),
        (x, Bare) => Ok((a.0, b.0, x)),
        (Ms, S) => Ok((a.0, b.0 * 1000.0, Ms)),
        (S, Ms) => Ok((a.0, b.0 / 1000.0, S)),
        (x, y) => Err(format!("{} meets {}", x.noun(), y.noun())),
    }
}

fn seconds(q: Quantity) -> f64 {
    if q.1 == Unit::Ms { q.0 / 1000.0 } else { q.0 }
}

/// `a op b` for `+ - * /`.
///
/// # Errors
/// A sentence when the units do not allow it.
pub(super) fn calculate(a: Quantity, op: char, b: Quantity) -> Result<Quantity, String> {
    use Unit::{Bare, Fraction, Plain};
    match op {
        '+' => align(a, b).map(|(x, y, u)| (x + y, u)),
        '-' => align(a, b).map(|(x, y, u)| (x - y, u)),
        '*' => {
            let unit = match (a.1, b.1) {
                (x, y) if x.is_time() && y.is_time() => return Err("a time is multiplied by a time".into()),
                (x, _) if x.is_time() => x,
                (_, y) if y.is_time() => y,
                (Plain, _) | (_, Plain) => Plain,
                (Fraction, _) | (_, Fraction) => Fraction,
                _ => Bare,
            };
            Ok((a.0 * b.0, unit))
        }
        _ => Ok(match (a.1, b.1) {
            (x, y) if x.is_time() && y.is_time() => (seconds(a) / seconds(b), Bare),
            (x, y) if x == y => (a.0 / b.0, Bare),
            (_, y) if y.is_time() => (a.0 / seconds(b), Plain),
            (x, _) if x.is_time() => (a.0 / b.0, x),
            (Bare, Plain) => (a.0 / b.0, Plain),
            (x, _) => (a.0 / b.0, x),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Unit::{Bare, Fraction, Ms, Plain, S};

    #[test]
    fn times_are_converted_and_nonsense_is_refused() {
        assert_eq!(align((800.0, Ms), (1.5, S)), Ok((800.0, 1500.0, Ms)));
        assert_eq!(align((2.0, S), (500.0, Ms)), Ok((2.0, 0.5, S)));
        assert_eq!(align((2.0, Bare), (0.5, Fraction)), Ok((2.0, 0.5, Fraction)));
        assert!(align((2.0, Plain), (0.5, S)).is_err());
        assert_eq!(calculate((10.0, S), '+', (0.1, Fraction)), Err("a time meets a fraction or percent".into()));
        assert_eq!(calculate((10.0, S), '*', (1.1, Fraction)), Ok((11.0, S)));
        assert_eq!(calculate((3.0, Plain), '*', (2.0, S)), Ok((6.0, S)));
        assert!(calculate((3.0, Ms), '*', (2.0, S)).is_err());
        assert_eq!(calculate((500.0, Ms), '/', (2.0, S)), Ok((0.25, Bare)));
        assert_eq!(calculate((12.0, Plain), '/', (500.0, Ms)), Ok((24.0, Plain)));
        assert_eq!(calculate((12.0, S), '/', (4.0, Plain)), Ok((3.0, S)));
    }
}
