//! A look into a token, without believing it: who it says it is for, and until when.

use serde_json::Value;

/// Its header.
pub(crate) fn header(token: &str) -> Option<Value> {
    serde_json::from_slice(&decode(token.split('.').next()?)?).ok()
}

/// Its claims.
pub(crate) fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let claims = parts.nth(1)?;
    // A third part, the signature, and no fourth.
    parts.next()?;
    if parts.next().is_some() {
        return None;
    }
    serde_json::from_slice(&decode(claims)?).ok()
}

/// base64url without padding, as in RFC 7515.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        held = (held << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// base64url, for tests that make tokens.
#[cfg(test)]
pub(crate) fn encode(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let held = chunk.iter().fold(0_u32, |held, byte| (held << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(char::from(LETTERS[((held >> (18 - 6 * at)) & 63) as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_and_nonsense_is_not() {
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSIsImV4cCI6MTd9.c2ln";
        assert_eq!(header(token).unwrap()["alg"], "HS256");
        assert_eq!(claims(token).unwrap()["sub"], "u1");
        for bad in ["", "a.b", "a.b.c.d", "..", "e30.!!!.x", "e30.ew.x"] {
            assert!(claims(bad).is_none(), "{bad}");
        }
    }
}
