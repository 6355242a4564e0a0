//! Looking into objects as the API server gives them.

use serde_json::Value;

/// The text at a JSON pointer; empty where there is none.
pub fn text_at<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// The items of the list at a JSON pointer; none where there is none.
pub fn items_at<'a>(object: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> {
    object.pointer(path).and_then(Value::as_array).into_iter().flatten()
}
