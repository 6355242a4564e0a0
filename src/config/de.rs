//! From the tree to typed values: a serde deserializer whose errors know the place and the path.

use super::error::{ConfigError, UnknownKey, nearest};
use super::path::join;
use super::tree::{At, Entry, Node, Value};
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor};
use std::fmt;

/// Reads a tree as `T`.
///
/// # Errors
/// The first unknown or missing key, or value of the wrong type.
pub(crate) fn from_tree<'t, T: de::Deserialize<'t>>(root: &'t Node) -> Result<T, ConfigError> {
    T::deserialize(De { node: root, path: String::new() }).map_err(|e| e.into_config(root))
}

/// An error on its way up: the innermost reader that knows the place stamps it.
#[derive(Debug)]
struct Error {
    what: What,
    stamp: Option<Box<(At, String)>>,
}

#[derive(Debug)]
enum What {
    Message(String),
    Word { word: String, valid: Vec<String> },
    UnknownKey { key: String, valid: Vec<String> },
    MissingKey(String),
}

impl Error {
    fn stamped(mut self, at: &At, path: &str) -> Self {
        self.stamp.get_or_insert_with(|| Box::new((at.clone(), path.to_string())));
        self
    }

    fn into_config(self, root: &Node) -> ConfigError {
        let (at, path) = self.stamp.map_or_else(|| (root.at.clone(), String::new()), |b| *b);
        match self.what {
            What::Message(message) => ConfigError::Value { at: Box::new(at), key: path, message, nearest: None },
            What::Word { word, valid } => ConfigError::Value {
                at: Box::new(at),
                key: path,
                message: format!("`{word}` is none of: {}", valid.join(", ")),
                nearest: nearest(&word, valid.iter().map(String::as_str)),
            },
            What::UnknownKey { key, valid } => {
                let nearest = nearest(&key, valid.iter().map(String::as_str));
                ConfigError::UnknownKey(Box::new(UnknownKey { at, table: path, key, nearest, valid, remedy: None }))
            }
            What::MissingKey(key) => ConfigError::MissingKey { at: Box::new(at), key: join(&path, &key), remedy: "set it there".into() },
        }
    }
}

impl From<What> for Error {
    fn from(what: What) -> Self {
        Self { what, stamp: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(msg: T) -> Self {
        What::Message(msg.to_string()).into()
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        What::Message(format!("{expected} is expected, not {found}")).into()
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        What::Message(format!("{expected} is expected, not {found}")).into()
    }

    fn unknown_variant(word: &str, expected: &'static [&'static str]) -> Self {
        What::Word { word: word.into(), valid: expected.iter().map(ToString::to_string).collect() }.into()
    }

    fn unknown_field(key: &str, expected: &'static [&'static str]) -> Self {
        What::UnknownKey { key: key.into(), valid: expected.iter().map(ToString::to_string).collect() }.into()
    }

    fn missing_field(key: &'static str) -> Self {
        What::MissingKey(key.into()).into()
    }
}

struct De<'t> {
    node: &'t Node,
    path: String,
}

impl<'t> De<'t> {
    fn wrong(&self, expected: &str) -> Error {
        Error::from(What::Message(format!("{expected} is expected, not {}", self.node.describe()))).stamped(&self.node.at, &self.path)
    }

    fn parsed<T: std::str::FromStr>(&self, expected: &str) -> Result<T, Error> {
        match &self.node.value {
            Value::Scalar { text, plain: true } => text.parse().map_err(|_| self.wrong(expected)),
            Value::Scalar { text, .. } if text.parse::<T>().is_ok() => Err(self.wrong(&format!("{expected} without quotes"))),
            _ => Err(self.wrong(expected)),
        }
    }

    fn float(&self) -> Result<f64, Error> {
        let v: f64 = self.parsed("a number")?;
        if v.is_finite() { Ok(v) } else { Err(self.wrong("a finite number")) }
    }

    fn visit_seq<V: Visitor<'t>>(self, visitor: V, items: &'t [Node]) -> Result<V::Value, Error> {
        let (at, path) = (self.node.at.clone(), self.path.clone());
        visitor.visit_seq(Items { items: items.iter().enumerate(), path: self.path }).map_err(|e| e.stamped(&at, &path))
    }

    fn visit_map<V: Visitor<'t>>(self, visitor: V, skip_null: bool) -> Result<V::Value, Error> {
        let Value::Map(entries) = &self.node.value else { return Err(self.wrong("a table")) };
        let (at, path) = (self.node.at.clone(), self.path.clone());
        let map = Entries { entries: entries.iter(), current: None, path: self.path, skip_null };
        visitor.visit_map(map).map_err(|e| e.stamped(&at, &path))
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $ty:ty, $expected:literal;)*) => {
        $(fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
            let v: $ty = self.parsed($expected)?;
            visitor.$visit(v).map_err(|e: Error| e.stamped(&self.node.at, &self.path))
        })*
    };
}

impl<'t> Deserializer<'t> for De<'t> {
    type Error = Error;

    integers! {
        deserialize_u8 visit_u8 u8, "a whole number from 0 to 255";
        deserialize_u16 visit_u16 u16, "a whole number from 0 to 65535";
        deserialize_u32 visit_u32 u32, "a whole number from 0";
        deserialize_u64 visit_u64 u64, "a whole number from 0";
        deserialize_i8 visit_i8 i8, "a whole number";
        deserialize_i16 visit_i16 i16, "a whole number";
        deserialize_i32 visit_i32 i32, "a whole number";
        deserialize_i64 visit_i64 i64, "a whole number";
        deserialize_bool visit_bool bool, "true or false";
    }

    fn deserialize_f64<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_f32<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    /// Text as written: `version: 0.8` and `cpu: 1` mean what they say.
    fn deserialize_str<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.text() {
            Some(text) => visitor.visit_borrowed_str(text).map_err(|e: Error| e.stamped(&self.node.at, &self.path)),
            None => Err(self.wrong("a string")),
        }
    }

    fn deserialize_string<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Seq(items) => self.visit_seq(visitor, items),
            _ => Err(self.wrong("a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'t>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'t>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    /// A free table: `null` takes out what a parent sets.
    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit_map(visitor, true)
    }

    fn deserialize_struct<V: Visitor<'t>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.visit_map(visitor, false)
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'t>>(self, _: &'static str, words: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let expected = || format!("one of {}", words.join(", "));
        let word = self.node.text().ok_or_else(|| self.wrong(&expected()))?;
        visitor.visit_enum(Word(word)).map_err(|e| e.stamped(&self.node.at, &self.path))
    }

    fn deserialize_identifier<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.node.is_null() { visitor.visit_unit() } else { Err(self.wrong("nothing")) }
    }

    fn deserialize_unit_struct<V: Visitor<'t>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_bytes<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        let (at, path) = (self.node.at.clone(), self.path.clone());
        let result = match &self.node.value {
            Value::Seq(items) => return self.visit_seq(visitor, items),
            Value::Map(_) => return self.visit_map(visitor, false),
            _ if self.node.is_null() => visitor.visit_unit(),
            Value::Scalar { text, plain: false } => visitor.visit_borrowed_str(text),
            Value::Scalar { text, .. } => match (text.parse::<i64>(), text.parse::<u64>(), text.parse::<f64>(), text.as_str()) {
                (Ok(v), ..) => visitor.visit_i64(v),
                (_, Ok(v), ..) => visitor.visit_u64(v),
                (_, _, Ok(v), _) if v.is_finite() => visitor.visit_f64(v),
                (.., "true") => visitor.visit_bool(true),
                (.., "false") => visitor.visit_bool(false),
                _ => visitor.visit_borrowed_str(text),
            },
        };
        result.map_err(|e: Error| e.stamped(&at, &path))
    }
}

struct Items<'t> {
    items: std::iter::Enumerate<std::slice::Iter<'t, Node>>,
    path: String,
}

impl<'t> SeqAccess<'t> for Items<'t> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'t>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some((i, node)) = self.items.next() else { return Ok(None) };
        let path = format!("{}[{i}]", self.path);
        seed.deserialize(De { node, path: path.clone() }).map(Some).map_err(|e| e.stamped(&node.at, &path))
    }
}

struct Entries<'t> {
    entries: std::slice::Iter<'t, Entry>,
    current: Option<&'t Entry>,
    path: String,
    skip_null: bool,
}

impl<'t> MapAccess<'t> for Entries<'t> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let skip_null = self.skip_null;
        let Some(entry) = self.entries.find(|e| !(skip_null && e.node.is_null())) else { return Ok(None) };
        self.current = Some(entry);
        // The table's path, not the key's: the message names the key itself.
        seed.deserialize(StrDeserializer::new(&entry.key)).map(Some).map_err(|e: Error| e.stamped(&entry.key_at, &self.path))
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let entry = self.current.take().ok_or_else(|| Error::from(What::Message("a value before its key".into())))?;
        let path = join(&self.path, &entry.key);
        seed.deserialize(De { node: &entry.node, path: path.clone() }).map_err(|e| e.stamped(&entry.node.at, &path))
    }
}

struct Word<'t>(&'t str);

impl<'t> EnumAccess<'t> for Word<'t> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'t>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let word = seed.deserialize(StrDeserializer::<Error>::new(self.0))?;
        Ok((word, self))
    }
}

/// Our files know words only, no enums with content.
impl<'t> VariantAccess<'t> for Word<'t> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'t>>(self, _: T) -> Result<T::Value, Error> {
        Err(What::Message(format!("`{}` takes a value", self.0)).into())
    }

    fn tuple_variant<V: Visitor<'t>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(What::Message(format!("`{}` takes a list", self.0)).into())
    }

    fn struct_variant<V: Visitor<'t>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Error> {
        Err(What::Message(format!("`{}` takes a table", self.0)).into())
    }
}

#[cfg(test)]
#[path = "de_tests.rs"]
mod tests;
