//! Whole experiments: the ways of stepping agree, the same seed gives the same bytes, nothing hangs, and the published run comes out.

mod agreement;
mod bad_input;
mod bounds;
mod published;
mod published_run;
mod random;
mod versions;
