//! Lets through what is needed of a report, before it is parsed.
//!
//! Most of a report are the requests' bodies: half a gigabyte is usual, and a JSON parser looks at every byte of it. Here the values
//! of [`UNREAD`] become empty, and any other text is cut after [`LONGEST`] bytes; what is left is the same JSON without them. Texts are
//! passed over by the distance to the next quote or backslash, so this runs at the speed of memory rather than of a parser.
//!
//! What is dropped is not checked: nonsense within a body is no reason to lose a run. What is torn stays torn, and is found by the parser.

use memchr::{memchr2, memchr3};
use std::io::{self, Read};

/// Keys whose values nobody reads, whatever object they are in. Their texts, lists and objects become empty.
const UNREAD: [&[u8]; 9] = [
    b"request_args",
    b"output",
    b"reasoning_output",
    b"tool_calls",
    b"traceback",
    b"input_metrics",
    b"output_metrics",
    b"response_metrics",
    b"pdf",
];
/// Longest of them.
const KEY: usize = 16;
/// Bytes kept of any other text, as it stands in the file. Errors are told apart by less.
const LONGEST: usize = 4096;
const BUFFER: usize = 256 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Between texts.
    Plain,
    /// Behind a minus that was held back.
    Sign,
    /// In a word that JSON does not have, such as Python's NaN and Infinity; `null` has taken its place.
    Word,
    /// Behind one of [`UNREAD`]; then behind its colon.
    Key {
        colon: bool,
    },
    Text,
    /// Behind a backslash.
    Escape,
    /// Within `\uXXXX`: digits to come, and their value so far.
    Unicode {
        left: u8,
        value: u16,
    },
    /// In the part of a text that is dropped.
    Drop,
    DropEscape,
    /// In a list or object that is dropped, that deep.
    Skip {
        depth: u32,
    },
    SkipText {
        depth: u32,
    },
    SkipEscape {
        depth: u32,
    },
}

pub(super) struct Sieve<R> {
    inner: R,
    buffer: Box<[u8]>,
    from: usize,
    to: usize,
    at: At,
    /// Bytes of the text that were let through.
    kept: usize,
    /// The first bytes of the text.
    key: [u8; KEY],
    /// What goes out before anything else.
    pending: &'static [u8],
    /// Bytes that were read before the buffer, how many words were replaced, and where the first one stood.
    before: u64,
    replaced: usize,
    first: u64,
    /// The last escape was the first half of a pair: to cut behind it would make an invalid text.
    half: bool,
}

impl<R: Read> Sieve<R> {
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            from: 0,
            to: 0,
            at: At::Plain,
            kept: 0,
            key: [0; KEY],
            pending: b"",
            before: 0,
            replaced: 0,
            first: 0,
            half: false,
        }
    }

    /// How many values were NaN or infinite, which JSON does not have, and at which byte the first one was; they are null now.
    pub fn replaced(&self) -> Option<(usize, u64)> {
        (self.replaced > 0).then_some((self.replaced, self.first))
    }

    fn fill(&mut self) -> io::Result<bool> {
        self.before += self.to as u64;
        loop {
            match self.inner.read(&mut self.buffer) {
                Ok(n) => {
                    (self.from, self.to) = (0, n);
                    return Ok(n > 0);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// How many of the next bytes share a fate, and whether they are let through; at most `room` then. There is at least one byte, and
    /// room for one. 0 bytes: another state has to look at them.
    fn span(&mut self, room: usize) -> (usize, bool) {
        let all = &self.buffer[self.from..self.to];
        let near = &all[..all.len().min(room)];
        let next = all[0];
        match self.at {
            At::Plain => match memchr3(b'"', b'N', b'I', near) {
                Some(0) if next == b'"' => {
                    (self.at, self.kept, self.half) = (At::Text, 0, false);
                    (1, true)
                }
                Some(0) => {
                    self.replace();
                    (1, false)
                }
                _ if next == b'-' => {
                    self.at = At::Sign;
                    (1, false)
                }
                // A sign goes with its word, which may be in the next buffer.
                found => {
                    let n = found.unwrap_or(near.len());
                    (n - usize::from(all[n - 1] == b'-'), true)
                }
            },
            At::Sign => {
                if next == b'I' {
                    self.replace();
                } else {
                    (self.at, self.pending) = (At::Plain, b"-");
                }
                (0, false)
            }
            At::Word => match all.iter().position(|b| !b.is_ascii_alphanumeric()) {
                Some(n) => {
                    self.at = At::Plain;
                    (n, false)
                }
                None => (all.len(), false),
            },
            At::Key { colon } => match next {
                b' ' | b'\t' | b'\n' | b'\r' => (1, true),
                b':' if !colon => {
                    self.at = At::Key { colon: true };
                    (1, true)
                }
                b'"' if colon => {
                    self.at = At::Drop;
                    (1, true)
                }
                b'{' | b'[' if colon => {
                    self.at = At::Skip { depth: 1 };
                    (1, true)
                }
                _ => {
                    self.at = At::Plain;
                    (0, true)
                }
            },
            At::Text if self.kept >= LONGEST => match next {
                b'"' => self.close(),
                // Within a character, or within a pair.
                0x80..0xC0 => (1, true),
                b'\\' if self.half => {
                    self.at = At::Escape;
                    (1, true)
                }
                _ => {
                    self.at = At::Drop;
                    (0, true)
                }
            },
            At::Text => {
                let near = &near[..near.len().min(LONGEST - self.kept)];
                match memchr2(b'"', b'\\', near) {
                    Some(0) if next == b'"' => self.close(),
                    Some(0) => {
                        self.at = At::Escape;
                        self.note(1)
                    }
                    Some(n) => self.note_plain(n),
                    None => self.note_plain(near.len()),
                }
            }
            At::Escape => {
                self.half = false;
                self.at = if next == b'u' { At::Unicode { left: 4, value: 0 } } else { At::Text };
                self.note(1)
            }
            At::Unicode { left, value } => {
                let Some(digit) = char::from(next).to_digit(16).and_then(|d| u16::try_from(d).ok()) else {
                    self.at = At::Text;
                    return (0, true);
                };
                let value = value << 4 | digit;
                self.half = left == 1 && (0xD800..0xDC00).contains(&value);
                self.at = if left == 1 { At::Text } else { At::Unicode { left: left - 1, value } };
                self.note(1)
            }
            At::Drop => match memchr2(b'"', b'\\', all) {
                Some(0) if next == b'"' => {
                    self.at = At::Plain;
                    (1, true)
                }
                Some(0) => {
                    self.at = At::DropEscape;
                    (1, false)
                }
                Some(n) => (n, false),
                None => (all.len(), false),
            },
            At::DropEscape => {
                self.at = At::Drop;
                (1, false)
            }
            At::Skip { depth } => self.skip(depth),
            At::SkipText { depth } => match memchr2(b'"', b'\\', all) {
                Some(n) => {
                    self.at = if all[n] == b'"' { At::Skip { depth } } else { At::SkipEscape { depth } };
                    (n + 1, false)
                }
                None => (all.len(), false),
            },
            At::SkipEscape { depth } => {
                self.at = At::SkipText { depth };
                (1, false)
            }
        }
    }

    /// A word that JSON does not have begins here.
    fn replace(&mut self) {
        if self.replaced == 0 {
            self.first = self.before + self.from as u64;
        }
        self.replaced += 1;
        (self.at, self.pending) = (At::Word, b"null");
    }

    /// Within a list or object that is dropped: to its end, or to the next text in it.
    fn skip(&mut self, mut depth: u32) -> (usize, bool) {
        let all = &self.buffer[self.from..self.to];
        for (i, b) in all.iter().enumerate() {
            match b {
                b'"' => {
                    self.at = At::SkipText { depth };
                    return (i + 1, false);
                }
                b'{' | b'[' => depth = depth.saturating_add(1),
                b'}' | b']' if depth > 1 => depth -= 1,
                b'}' | b']' if i == 0 => {
                    self.at = At::Plain;
                    return (1, true);
                }
                b'}' | b']' => {
                    self.at = At::Skip { depth };
                    return (i, false);
                }
                _ => {}
            }
        }
        self.at = At::Skip { depth };
        (all.len(), false)
    }

    /// The text's end.
    fn close(&mut self) -> (usize, bool) {
        let unread = self.kept <= KEY && UNREAD.contains(&&self.key[..self.kept]);
        self.at = if unread { At::Key { colon: false } } else { At::Plain };
        (1, true)
    }

    /// That many bytes of a text are let through, the first ones noted.
    fn note(&mut self, n: usize) -> (usize, bool) {
        if self.kept < KEY {
            let room = &mut self.key[self.kept..];
            let n = n.min(room.len());
            room[..n].copy_from_slice(&self.buffer[self.from..self.from + n]);
        }
        self.kept += n;
        (n, true)
    }

    fn note_plain(&mut self, n: usize) -> (usize, bool) {
        self.half = false;
        self.note(n)
    }
}

impl<R: Read> Read for Sieve<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < out.len() {
            if !self.pending.is_empty() {
                let n = self.pending.len().min(out.len() - written);
                out[written..written + n].copy_from_slice(&self.pending[..n]);
                self.pending = &self.pending[n..];
                written += n;
                continue;
            }
            if self.from == self.to {
                // What is there goes out before anything is waited for.
                if written > 0 || !self.fill()? {
                    if written > 0 {
                        break;
                    }
                    return Ok(0);
                }
            }
            let (n, keep) = self.span(out.len() - written);
            if keep {
                out[written..written + n].copy_from_slice(&self.buffer[self.from..self.from + n]);
                written += n;
            }
            self.from += n;
        }
        Ok(written)
    }
}

#[cfg(test)]
#[path = "sieve_tests.rs"]
mod tests;
