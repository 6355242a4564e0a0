//! The language of rules: one comparison of two arithmetic expressions.
//!
//! ```text
//! rule    = sum ( "<" | "<=" | ">" | ">=" | "==" ) sum
//! sum     = product { ( "+" | "-" ) product }
//! product = factor { ( "*" | "/" ) factor }
//! factor  = "-" factor | "(" sum ")" | number [ unit ] | [ "baseline." ] [ "rate[" ( number | "#" n | "*" ) "]." ] name | "baseline"
//! unit    = "%" | "ms" | "s" | "min" | "h"
//! ```

use super::names::{self, Name, Scope};
use super::units::{Quantity, Unit, align, calculate};
use std::fmt;

/// Nested deeper than any rule that a person wrote, far from the end of the stack.
const MAX_DEPTH: usize = 50;
/// Longest rule, in characters.
const MAX_CHARS: usize = 2000;

/// A comparison that holds or does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// As written, on one line.
    pub text: String,
    pub(super) left: Expr,
    pub(super) op: &'static str,
    pub(super) right: Expr,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Value(Quantity),
    Number(Ref),
    Minus(Box<Expr>),
    /// Operator, and its place for messages.
    Two(Box<Expr>, char, usize, Box<Expr>),
}

/// A number of a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ref {
    pub baseline: bool,
    pub rate: Option<Which>,
    pub name: &'static Name,
    pub unit: Unit,
    /// What the stored value is multiplied by to have that unit.
    pub factor: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Which {
    /// The rate of so many requests per second.
    Value(f64),
    /// The first is 1.
    Position(usize),
    /// Each in turn.
    Each,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The rule on one line.
    pub text: String,
    /// Where, in characters from 0, and how many.
    pub at: usize,
    pub len: usize,
    pub message: String,
    /// A name that nothing has, so that the caller can say what is meant.
    pub unknown: Option<String>,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A long rule is shown around the place.
        let from = self.at.saturating_sub(60);
        let shown: String = self.text.chars().skip(from).take(100).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let carets = "^".repeat(self.len.clamp(1, 40));
        write!(f, "{}\n  | {shown}\n  | {}{carets}", self.message, " ".repeat(self.at - from))
    }
}

impl std::error::Error for RuleError {}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut p = Parser { chars: text.chars().collect(), at: 0, depth: 0, bare: vec![] };
        if p.chars.len() > MAX_CHARS {
            return Err(p.error(0, 1, format!("longer than {MAX_CHARS} characters")));
        }
        let mut left = p.sum()?;
        let (op_at, op) = p.comparison()?;
        let mut right = p.sum()?;
        if let Some(c) = p.peek() {
            let message = if "<>=!&|".contains(c) || p.word_at(p.at).is_some_and(|w| ["and", "or", "AND", "OR"].contains(&&*w)) {
                "one comparison a rule: write two rules".into()
            } else {
                format!("an operator is missing before `{c}`")
            };
            return Err(p.error(p.at, 1, message));
        }
        p.resolve_baseline(&mut left, &mut right)?;
        let mut named = false;
        for side in [&left, &right] {
            side.each(&mut |r| named |= !r.baseline);
        }
        if !named {
            return Err(p.error(0, p.chars.len(), "no number of the run is in it".into()));
        }
        // With any values: whether the units allow it does not depend on them.
        let any = |r: &Ref| Ok::<_, Wrong>((1.0, r.unit));
        let of = |side: &Expr| {
            side.evaluate(&any).map_err(|e| match e {
                Wrong::Unit(at, message) => p.error(at, 1, message),
                Wrong::Absent(message) => p.error(0, 1, message),
            })
        };
        align(of(&left)?, of(&right)?).map_err(|m| p.error(op_at, op.len(), m))?;
        Ok(Self { text, left, op, right })
    }

    /// Every number of a run in it.
    pub(super) fn each(&self, f: &mut impl FnMut(&Ref)) {
        self.left.each(f);
        self.right.each(f);
    }

    fn any(&self, is: impl Fn(&Ref) -> bool) -> bool {
        let mut found = false;
        self.left.each(&mut |r| found |= is(r));
        self.right.each(&mut |r| found |= is(r));
        found
    }

    /// It compares with a baseline.
    pub fn needs_baseline(&self) -> bool {
        self.any(|r| r.baseline)
    }

    /// A rate that it asks about and that these are not.
    pub fn rate_beyond(&self, rates: &[f64]) -> Option<String> {
        let mut beyond = None;
        let mut look = |r: &Ref| match r.rate {
            Some(Which::Position(n)) if !r.baseline && n > rates.len() => beyond = Some(format!("#{n}")),
            Some(Which::Value(v)) if !r.baseline && !rates.iter().any(|r| super::judge::equal(*r, v)) => beyond = Some(v.to_string()),
            _ => {}
        };
        self.left.each(&mut look);
        self.right.each(&mut look);
        beyond
    }

    /// It is asked of each rate in turn.
    pub fn of_each_rate(&self) -> bool {
        self.any(|r| r.rate == Some(Which::Each))
    }
}

/// Why an expression has no value.
pub(super) enum Wrong {
    /// Place of the operator, and a sentence.
    Unit(usize, String),
    Absent(String),
}

impl Expr {
    pub(super) fn evaluate(&self, number: &impl Fn(&Ref) -> Result<Quantity, Wrong>) -> Result<Quantity, Wrong> {
        match self {
            Self::Value(q) => Ok(*q),
            Self::Number(r) => number(r),
            Self::Minus(e) => e.evaluate(number).map(|(v, u)| (-v, u)),
            Self::Two(a, op, at, b) => calculate(a.evaluate(number)?, *op, b.evaluate(number)?).map_err(|m| Wrong::Unit(*at, m)),
        }
    }

    fn each(&self, f: &mut impl FnMut(&Ref)) {
        match self {
            Self::Value(_) => {}
            Self::Number(r) => f(r),
            Self::Minus(e) => e.each(f),
            Self::Two(a, _, _, b) => {
                a.each(f);
                b.each(f);
            }
        }
    }

    /// Puts what was found into the places of a plain `baseline`, which are NaN until then.
    fn fill(&mut self, with: &Ref) {
        match self {
            Self::Value((v, _)) if v.is_nan() => *self = Self::Number(with.clone()),
            Self::Value(_) | Self::Number(_) => {}
            Self::Minus(e) => e.fill(with),
            Self::Two(a, _, _, b) => {
                a.fill(with);
                b.fill(with);
            }
        }
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    /// Places of a plain `baseline`.
    bare: Vec<usize>,
}

impl Parser {
    fn error(&self, at: usize, len: usize, message: String) -> RuleError {
        RuleError { text: self.chars.iter().collect(), at: at.min(self.chars.len()), len, message, unknown: None }
    }

    fn peek(&mut self) -> Option<char> {
        while self.chars.get(self.at) == Some(&' ') {
            self.at += 1;
        }
        self.chars.get(self.at).copied()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn word_at(&self, at: usize) -> Option<String> {
        let word: String = self.chars.get(at..)?.iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
        (!word.is_empty()).then_some(word)
    }

    fn comparison(&mut self) -> Result<(usize, &'static str), RuleError> {
        let first = self.peek();
        let at = self.at;
        let two = self.chars.get(at + 1) == Some(&'=');
        let op = match (first, two) {
            (Some('<'), true) => "<=",
            (Some('<'), false) => "<",
            (Some('>'), true) => ">=",
            (Some('>'), false) => ">",
            (Some('='), true) => "==",
            (Some('='), false) => return Err(self.error(at, 1, "write `==`".into())),
            (Some('≤'), _) => return Err(self.error(at, 1, "write `<=`".into())),
            (Some('≥'), _) => return Err(self.error(at, 1, "write `>=`".into())),
            (Some('!'), _) => return Err(self.error(at, 1, "`!=` is no comparison: write <, <=, >, >= or ==".into())),
            (None, _) => return Err(self.error(at, 1, "a comparison is missing: <, <=, >, >= or ==".into())),
            (Some(c), _) => return Err(self.error(at, 1, format!("an operator or a comparison is expected here, not `{}`", shown(c)))),
        };
        self.at += op.len();
        Ok((at, op))
    }

    fn sum(&mut self) -> Result<Expr, RuleError> {
        self.chain(['+', '-'], Self::product)
    }

    fn product(&mut self) -> Result<Expr, RuleError> {
        self.chain(['*', '/'], Self::factor)
    }

    fn chain(&mut self, ops: [char; 2], next: fn(&mut Self) -> Result<Expr, RuleError>) -> Result<Expr, RuleError> {
        let mut left = next(self)?;
        let begun = self.depth;
        while let Some(op) = self.peek().filter(|c| ops.contains(c)) {
            let at = self.at;
            self.at += 1;
            // A long chain is a deep tree, too.
            self.depth += 1;
            self.deep(at)?;
            left = Expr::Two(Box::new(left), op, at, Box::new(next(self)?));
        }
        self.depth = begun;
        Ok(left)
    }

    fn deep(&self, at: usize) -> Result<(), RuleError> {
        if self.depth > MAX_DEPTH { Err(self.error(at, 1, "too many operators in one another".into())) } else { Ok(()) }
    }

    fn factor(&mut self) -> Result<Expr, RuleError> {
        let c = self.peek();
        let at = self.at;
        self.depth += 1;
        self.deep(at)?;
        let e = match c {
            Some('-') => {
                self.at += 1;
                Expr::Minus(Box::new(self.factor()?))
            }
            Some('(') => {
                self.at += 1;
                let inner = self.sum()?;
                if !self.eat(')') {
                    return Err(self.error(at, 1, "this `(` is never closed".into()));
                }
                inner
            }
            Some(c) if c.is_ascii_digit() || c == '.' => Expr::Value(self.quantity()?),
            Some(c) if c.is_alphabetic() || c == '_' => self.reference()?,
            Some(c) => return Err(self.error(at, 1, format!("a number or a name is expected here, not `{}`", shown(c)))),
            None => return Err(self.error(at, 1, "a number or a name is missing at the end".into())),
        };
        self.depth -= 1;
        Ok(e)
    }

    /// Digits, with a fraction and an exponent.
    fn number(&mut self) -> Result<f64, RuleError> {
        let begin = self.at;
        let at = |s: &Self, i: usize| s.chars.get(i).copied().unwrap_or(' ');
        let digits = |s: &mut Self| {
            while at(s, s.at).is_ascii_digit() || at(s, s.at) == '.' {
                s.at += 1;
            }
        };
        digits(self);
        let signed = usize::from(['+', '-'].contains(&at(self, self.at + 1)));
        if ['e', 'E'].contains(&at(self, self.at)) && at(self, self.at + 1 + signed).is_ascii_digit() {
            self.at += 1 + signed;
            digits(self);
        }
        let text: String = self.chars[begin..self.at].iter().collect();
        match text.parse::<f64>() {
            Ok(v) if v.is_finite() => Ok(v),
            _ => Err(self.error(begin, self.at - begin, format!("`{text}` is no number"))),
        }
    }

    fn quantity(&mut self) -> Result<Quantity, RuleError> {
        let v = self.number()?;
        if self.eat('%') {
            return Ok((v / 100.0, Unit::Fraction));
        }
        self.peek();
        let at = self.at;
        let begins_a_word = self.chars.get(at).is_some_and(|c| c.is_alphabetic() || *c == '_');
        let Some(word) = self.word_at(at).filter(|_| begins_a_word) else { return Ok((v, Unit::Bare)) };
        let (scale, unit) = match word.as_str() {
            "ms" => (1.0, Unit::Ms),
            "s" => (1.0, Unit::S),
            "min" => (60.0, Unit::S),
            "h" => (3600.0, Unit::S),
            // Not a unit at all: what follows the number is told by the caller.
            "and" | "or" | "AND" | "OR" => return Ok((v, Unit::Bare)),
            _ => return Err(self.error(at, word.chars().count(), format!("`{word}` is no unit: write ms, s, min, h or %"))),
        };
        self.at += word.len();
        Ok((v * scale, unit))
    }

    fn reference(&mut self) -> Result<Expr, RuleError> {
        let begin = self.at;
        let mut word = self.word(begin)?;
        let baseline = word == "baseline";
        if baseline {
            if self.chars.get(self.at) != Some(&'.') {
                self.bare.push(begin);
                return Ok(Expr::Value((f64::NAN, Unit::Bare)));
            }
            self.at += 1;
            word = self.word(self.at)?;
        }
        let rate = if word == "rate" { Some(self.which()?) } else { None };
        let at = if rate.is_some() {
            if !self.eat('.') {
                return Err(self.error(self.at, 1, "write rate[…].NAME".into()));
            }
            let at = self.at;
            word = self.word(at)?;
            at
        } else {
            self.at - word.chars().count()
        };
        let length = word.chars().count();
        let Some((name, unit, factor)) = names::find(&word) else {
            let mut e = self.error(at, length, format!("`{word}` is no number of a run"));
            e.unknown = Some(word);
            return Err(e);
        };
        match (name.scope, rate) {
            (Scope::Whole, Some(_)) => Err(self.error(at, length, format!("`{word}` is of the whole run, not of a rate: write it alone"))),
            (Scope::Rate, None) => Err(self.error(at, length, format!("`{word}` is of a rate: write rate[*].{word}"))),
            _ => Ok(Expr::Number(Ref { baseline, rate, name, unit, factor })),
        }
    }

    fn word(&mut self, at: usize) -> Result<String, RuleError> {
        let word = self.word_at(at).ok_or_else(|| self.error(at, 1, "a name is expected here".into()))?;
        self.at = at + word.chars().count();
        Ok(word)
    }

    fn which(&mut self) -> Result<Which, RuleError> {
        const FORM: &str = "write rate[5], rate[#1] for the first, or rate[*] for each";
        let begin = self.at;
        if !self.eat('[') {
            return Err(self.error(begin, 1, FORM.into()));
        }
        let which = match self.peek() {
            Some('*') => {
                self.at += 1;
                Which::Each
            }
            Some('#') => {
                self.at += 1;
                let digits: String = self.chars[self.at..].iter().take_while(|c| c.is_ascii_digit()).collect();
                match digits.parse::<usize>() {
                    Ok(n) if n > 0 => {
                        self.at += digits.len();
                        Which::Position(n)
                    }
                    _ => return Err(self.error(self.at, digits.len(), "rates are counted from 1".into())),
                }
            }
            Some(c) if c.is_ascii_digit() || c == '.' => Which::Value(self.number()?),
            _ => return Err(self.error(self.at, 1, FORM.into())),
        };
        if self.eat(']') { Ok(which) } else { Err(self.error(self.at, 1, FORM.into())) }
    }

    /// A plain `baseline` is the one number that the rule names besides.
    fn resolve_baseline(&self, left: &mut Expr, right: &mut Expr) -> Result<(), RuleError> {
        let Some(at) = self.bare.first() else { return Ok(()) };
        let mut named: Vec<Ref> = vec![];
        for side in [&*left, &*right] {
            side.each(&mut |r| {
                if !r.baseline && !named.contains(r) {
                    named.push(r.clone());
                }
            });
        }
        let [one] = named.as_slice() else {
            let message = "which number of the baseline? Write baseline.NAME".into();
            return Err(self.error(*at, "baseline".len(), message));
        };
        let of_baseline = Ref { baseline: true, ..one.clone() };
        left.fill(&of_baseline);
        right.fill(&of_baseline);
        Ok(())
    }
}

fn shown(c: char) -> char {
    if c.is_control() { '\u{fffd}' } else { c }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
