//! From the raw files of a run to tables, from tables to reports. Works offline, years later.
