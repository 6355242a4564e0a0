//! What kind of failure a request had, so that failures of different guidellm versions can be counted together.
//!
//! 0.4 and 0.5 write `str(exception)`, which is empty for a timeout; 0.8 writes `repr(exception)`.

/// The client gave up because no byte came for its read timeout (0.4, 0.5: 60 s).
pub const CLIENT_TIMEOUT: &str = "client timeout (no byte for the read timeout)";
/// The client could not open a connection in time (0.8: 5 s).
pub const CONNECT_TIMEOUT: &str = "connect timeout";
/// Refused, reset at once, or no route.
pub const CONNECT_ERROR: &str = "connection failed";
/// The server, or a proxy before it, closed the connection in the middle of an answer.
pub const CLOSED: &str = "connection closed by the server";

/// Longest text kept of an error that is not known, in characters. Keeps the number of classes small.
const MAX_TEXT: usize = 100;

/// The class of an error text. Never empty.
pub fn classify(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return CLIENT_TIMEOUT.into();
    }
    let (name, message) = split_repr(text);
    if let Some(status) = http_status(message) {
        return format!("HTTP {status}");
    }
    match name {
        "ReadTimeout" => return CLIENT_TIMEOUT.into(),
        "ConnectTimeout" => return CONNECT_TIMEOUT.into(),
        "ConnectError" => return CONNECT_ERROR.into(),
        "ReadError" | "RemoteProtocolError" => return CLOSED.into(),
        _ => {}
    }
    let lower = message.to_lowercase();
    if lower.contains("all connection attempts failed") || lower.contains("connection refused") {
        return CONNECT_ERROR.into();
    }
    if lower.contains("server disconnected") || lower.contains("peer closed connection") {
        return CLOSED.into();
    }
    let first = message.lines().next().unwrap_or_default().split("\\n").next().unwrap_or_default().trim();
    let short: String = first.chars().take(MAX_TEXT).collect();
    match (name.is_empty(), short.is_empty()) {
        (true, _) => short,
        (false, true) => name.into(),
        (false, false) => format!("{name}: {short}"),
    }
}

/// `Name('text')` or `Name("text")` → (`Name`, `text`); anything else → (empty, all of it).
fn split_repr(text: &str) -> (&str, &str) {
    let plain = ("", text);
    let Some((name, rest)) = text.split_once('(') else { return plain };
    let Some(inner) = rest.strip_suffix(')') else { return plain };
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.') {
        return plain;
    }
    let inner = inner.trim().trim_end_matches(',');
    let unquoted = ['\'', '"'].iter().find_map(|q| inner.strip_prefix(*q).and_then(|i| i.strip_suffix(*q))).unwrap_or(inner);
    (name, unquoted)
}

/// `Server error '500 Internal Server Error' for url …` → `500 Internal Server Error`.
fn http_status(message: &str) -> Option<&str> {
    let rest = ["Server error '", "Client error '", "Redirect response '", "Informational response '"]
        .iter()
        .find_map(|p| message.strip_prefix(p))
        // repr() escapes the inner quote when the text holds both kinds.
        .or_else(|| ["Server error \\'", "Client error \\'"].iter().find_map(|p| message.strip_prefix(p)))?;
    let status = rest.split(['\'', '\\']).next()?.trim();
    status.chars().take(3).all(|c| c.is_ascii_digit()).then_some(status).filter(|s| s.len() >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_a_status_give_one_class() {
        let flat = "Server error '500 Internal Server Error' for url 'http://h/v1/completions'\nFor more information check: https://x";
        let repr = "HTTPStatusError(\"Server error '500 Internal Server Error' for url 'http://h/v1/completions'\\nFor more information check: https://x\")";
        assert_eq!(classify(flat), "HTTP 500 Internal Server Error");
        assert_eq!(classify(repr), classify(flat));
        assert_eq!(classify("Client error '404 Not Found' for url 'http://h/'"), "HTTP 404 Not Found");
    }

    #[test]
    fn an_empty_text_and_a_read_timeout_are_the_same() {
        assert_eq!(classify(""), CLIENT_TIMEOUT);
        assert_eq!(classify("ReadTimeout('')"), CLIENT_TIMEOUT);
        assert_eq!(classify("ConnectTimeout('')"), CONNECT_TIMEOUT);
    }

    #[test]
    fn connection_troubles_are_told_apart() {
        assert_eq!(classify("All connection attempts failed"), CONNECT_ERROR);
        assert_eq!(classify("ConnectError('All connection attempts failed')"), CONNECT_ERROR);
        assert_eq!(classify("RemoteProtocolError('Server disconnected without sending a response.')"), CLOSED);
        assert_eq!(classify("peer closed connection without sending complete message body (incomplete chunked read)"), CLOSED);
    }

    #[test]
    fn unknown_texts_stay_readable_and_short() {
        assert_eq!(classify("ValueError('no choices\\nline two')"), "ValueError: no choices");
        assert_eq!(classify("KeyError()"), "KeyError");
        assert_eq!(classify("something (odd)"), "something (odd)");
        assert_eq!(classify(&"ä".repeat(400)).chars().count(), 100);
        assert_eq!(classify("Server error '"), "Server error '");
    }
}
