//! `tables.json`: what the simulator says happened, written once and read as the files of a measured run are.

use super::Error;
use bench_model::predicted::PredictedTables;
use bench_model::tables::Tables;
use std::io::{self, Write};
use std::path::Path;

/// About what a request takes in the file.
const BYTES_PER_REQUEST: usize = 160;

/// Writes all of the tables but their series, which [`super::openmetrics::write`] takes. `guidellm_version` is the one that
/// was played. Numbers are written with every digit: what is read back is what was written.
///
/// # Errors
/// When `out` does.
pub fn write(out: &mut impl Write, tables: &Tables, guidellm_version: &str) -> io::Result<()> {
    // One buffer and one write: the many small ones of a serialiser cost more than the text.
    let mut text = Vec::with_capacity(4096 + BYTES_PER_REQUEST * tables.requests.len());
    serde_json::to_writer(&mut text, &PredictedTables::new(tables, guidellm_version))?;
    text.push(b'\n');
    out.write_all(&text)
}

/// Reads tables without series, and the version of guidellm that was played.
///
/// # Errors
/// When the file cannot be read, is torn or damaged, or was written by a newer version of the format.
pub fn read_file(path: &Path) -> Result<(Tables, String), Error> {
    let text = std::fs::read(path).map_err(|e| Error::read(path, e))?;
    let stored: PredictedTables = super::versioned(path, &text)?;
    let version = stored.guidellm_version.clone();
    let tables = stored.into_tables().map_err(|e| Error::invalid(path, &e))?;
    Ok((tables, version))
}
