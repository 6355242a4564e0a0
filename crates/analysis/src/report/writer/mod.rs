//! The three forms that a [`Document`](super::document::Document) takes: on a terminal, as Markdown, as a page.

pub(crate) mod chart;
pub mod html;
pub mod markdown;
pub mod palette;
pub mod terminal;
pub mod text;
