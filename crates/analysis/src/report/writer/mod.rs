//! The three forms that a [`Document`](super::document::Document) takes: on a terminal, as Markdown, as a page.

pub mod html;
pub mod palette;
