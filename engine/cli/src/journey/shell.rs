//! Words of a command line as a POSIX shell splits them, with the quotes that browsers write: `'..'`, `".."`, `$'..'`.

/// Splits a command into words. Nothing is expanded: what a shell would expand is an error, as its value is not known.
pub(super) fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\\' => match rest.next() {
                Some('\n') => {}
                Some('\r') if rest.peek() == Some(&'\n') => {
                    rest.next();
                }
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err("the command ends with a backslash".to_owned()),
            },
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err("a ' is not closed".to_owned()),
                    }
                }
            }
            '"' => double(&mut rest, word.get_or_insert_default())?,
            '$' if rest.peek() == Some(&'\'') => {
                rest.next();
                ansi(&mut rest, word.get_or_insert_default())?;
            }
            '$' if rest.peek() == Some(&'"') => {
                rest.next();
                double(&mut rest, word.get_or_insert_default())?;
            }
            '$' if rest.peek().is_some_and(|next| next.is_alphanumeric() || "_{(".contains(*next)) => {
                return Err(expanded('$'));
            }
            '`' => return Err(expanded('`')),
            '^' if rest.peek().is_some_and(|next| "\"\n\r".contains(*next)) => {
                return Err("this is written for the Windows prompt: copy the command for bash instead".to_owned());
            }
            '|' | ';' | '&' | '>' | '<' if word.is_none() => {
                return Err(format!("`{c}` joins commands: give only the one for curl"));
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn expanded(sign: char) -> String {
    format!("a shell would expand `{sign}`; put its value, or put the text into '..'")
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn double(rest: &mut Rest<'_>, word: &mut String) -> Result<(), String> {
    loop {
        match rest.next() {
            Some('"') => return Ok(()),
            Some('\\') => match rest.next() {
                Some('\n') => {}
                Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                // Before anything else a backslash is itself; bash's history makes `\!` of an exclamation mark.
                Some(c) => word.extend(['\\', c]),
                None => return Err("a \" is not closed".to_owned()),
            },
            Some('$') if rest.peek().is_some_and(|next| next.is_alphanumeric() || "_{(".contains(*next)) => {
                return Err(expanded('$'));
            }
            Some('`') => return Err(expanded('`')),
            Some(c) => word.push(c),
            None => return Err("a \" is not closed".to_owned()),
        }
    }
}

/// `$'..'`: escapes as in C.
fn ansi(rest: &mut Rest<'_>, word: &mut String) -> Result<(), String> {
    // Bytes of `\x` and octal escapes join to characters.
    let mut bytes: Vec<u8> = Vec::new();
    let push = |bytes: &mut Vec<u8>, c: char| bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    let digits = |rest: &mut Rest<'_>, most: usize, radix: u32| {
        let mut value: Option<u32> = None;
        for _ in 0..most {
            let Some(digit) = rest.peek().and_then(|c| c.to_digit(radix)) else { break };
            rest.next();
            value = Some(value.unwrap_or(0) * radix + digit);
        }
        value
    };
    loop {
        match rest.next() {
            Some('\'') => break,
            Some('\\') => {
                let Some(c) = rest.next() else { return Err("a $' is not closed".to_owned()) };
                match c {
                    'n' => bytes.push(b'\n'),
                    't' => bytes.push(b'\t'),
                    'r' => bytes.push(b'\r'),
                    'a' => bytes.push(7),
                    'b' => bytes.push(8),
                    'e' | 'E' => bytes.push(27),
                    'f' => bytes.push(12),
                    'v' => bytes.push(11),
                    '\\' | '\'' | '"' | '?' => push(&mut bytes, c),
                    'x' => match digits(rest, 2, 16) {
                        Some(value) => bytes.push((value & 0xff) as u8),
                        None => bytes.extend_from_slice(b"\\x"),
                    },
                    'u' | 'U' => {
                        let value = digits(rest, if c == 'u' { 4 } else { 8 }, 16);
                        let mut value = value.ok_or_else(|| format!("`\\{c}` is followed by no digits"))?;
                        // Chrome writes what is beyond the first plane as two halves, as JavaScript does.
                        if (0xd800..0xdc00).contains(&value) {
                            let mut ahead = rest.clone();
                            if ahead.next() == Some('\\') && ahead.next() == Some('u') {
                                let low = digits(&mut ahead, 4, 16).filter(|low| (0xdc00..0xe000).contains(low));
                                if let Some(low) = low {
                                    value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
                                    *rest = ahead;
                                }
                            }
                        }
                        let c = char::from_u32(value).ok_or_else(|| format!("`\\u{value:x}` is no character"))?;
                        push(&mut bytes, c);
                    }
                    '0'..='7' => {
                        let first = c.to_digit(8).unwrap_or(0);
                        let mut value = first;
                        for _ in 0..2 {
                            let Some(digit) = rest.peek().and_then(|c| c.to_digit(8)) else { break };
                            rest.next();
                            value = value * 8 + digit;
                        }
                        bytes.push((value & 0xff) as u8);
                    }
                    other => {
                        bytes.push(b'\\');
                        push(&mut bytes, other);
                    }
                }
            }
            Some(c) => push(&mut bytes, c),
            None => return Err("a $' is not closed".to_owned()),
        }
    }
    word.push_str(&String::from_utf8(bytes).map_err(|_| "what $'..' spells is no text".to_owned())?);
    Ok(())
}
