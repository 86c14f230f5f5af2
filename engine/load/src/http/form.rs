//! Bodies as browsers send them: fields of a form, and forms with files.

/// Fields as `application/x-www-form-urlencoded` (WHATWG URL, 5.2).
pub fn encode<N: AsRef<str>, V: AsRef<str>>(fields: impl IntoIterator<Item = (N, V)>) -> String {
    let mut out = String::new();
    for (name, value) in fields {
        if !out.is_empty() {
            out.push('&');
        }
        escape(name.as_ref(), &mut out);
        out.push('=');
        escape(value.as_ref(), &mut out);
    }
    out
}

fn escape(text: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => {
                out.push('%');
                out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                out.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
}

/// A part of a form with files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name, where it is a file.
    pub file: Option<String>,
    /// What kind of content it is; of a file `application/octet-stream` where nothing is said.
    pub kind: Option<String>,
    /// The content.
    pub content: Vec<u8>,
}

/// Parts as `multipart/form-data` (RFC 7578): the `Content-Type` with its boundary, and the body.
pub fn multipart(parts: &[Part]) -> (String, Vec<u8>) {
    // The boundary must not occur in what it separates.
    let mut boundary = "engine-form-boundary".to_owned();
    let occurs = |boundary: &str| {
        parts.iter().any(|part| part.content.windows(boundary.len()).any(|window| window == boundary.as_bytes()))
    };
    while occurs(&boundary) {
        boundary.push('-');
    }
    let mut out = Vec::new();
    let quoted = |text: &str| text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    for part in parts {
        let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&part.name));
        if let Some(file) = &part.file {
            head.push_str("; filename=\"");
            head.push_str(&quoted(file));
            head.push('"');
        }
        if let Some(kind) = part.kind.as_deref().or(part.file.as_ref().map(|_| "application/octet-stream")) {
            head.push_str("\r\nContent-Type: ");
            head.push_str(&kind.replace(['\r', '\n'], " "));
        }
        head.push_str("\r\n\r\n");
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(&part.content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_browsers_do() {
        assert_eq!(encode([("a", "b c"), ("ü", "1&2=3")]), "a=b+c&%C3%BC=1%262%3D3");
        assert_eq!(encode([("~", "*-._"), ("", "")]), "%7E=*-._&=");
        assert_eq!(encode::<&str, &str>([]), "");
    }

    #[test]
    fn parts_are_separated_by_what_none_of_them_holds() {
        let file = Part {
            name: "up\"load".into(),
            file: Some("a.txt".into()),
            kind: Some("text/plain".into()),
            content: b"one\r\n--engine-form-boundary--\r\n".to_vec(),
        };
        let field = Part { name: "f".into(), content: b"v".to_vec(), ..Part::default() };
        let (kind, body) = multipart(&[file, field]);
        assert_eq!(kind, "multipart/form-data; boundary=engine-form-boundary---");
        let text = String::from_utf8(body).unwrap();
        let want = "--engine-form-boundary---\r\nContent-Disposition: form-data; name=\"up%22load\"; filename=\"a.txt\"\r\n\
                    Content-Type: text/plain\r\n\r\none\r\n--engine-form-boundary--\r\n\r\n--engine-form-boundary---\r\n\
                    Content-Disposition: form-data; name=\"f\"\r\n\r\nv\r\n--engine-form-boundary-----\r\n";
        assert_eq!(text, want);
    }
}
