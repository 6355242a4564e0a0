//! What `bench predict` says: the arms side by side, what differs in words, and what to know before GPUs are spent.

use bench_model::forecast::Forecast;
use bench_model::plan::Arm;
use bench_model::tables::Tables;

/// The stored run of an arm.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    pub arm: Arm,
    pub tables: &'a Tables,
    /// Where it is stored, as a reader would type it; `None`: it is not.
    pub place: Option<&'a str>,
}

/// The whole forecast, ended by a line feed. `width` is the terminal's, in columns; without `color` there is no escape
/// sequence in it.
pub fn render(_f: &Forecast, _stored: &[Stored<'_>], _width: usize, _color: bool) -> String {
    String::new()
}
