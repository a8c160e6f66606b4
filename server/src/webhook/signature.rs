//! How requests are signed: whoever knows the secret can tell that a request is ours, unchanged, and fresh.

use aws_lc_rs::hmac;

use crate::settings::hex;

/// The header's value: `t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>" in hex>`. The time is signed too, so that an old request
/// cannot be played again later.
pub fn sign(secret: &str, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(at.to_string().as_bytes());
    context.update(b".");
    context.update(body.as_bytes());
    format!("t={at},v1={}", hex(context.sign().as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hmac_sha256_of_the_time_and_the_body() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 'a secret of the webhook'
        let expected = "t=1700000000,v1=d77aa457f4fffab816d4ad1394d2e56e93feac8493cd67bd6e345355a11eebec";
        assert_eq!(sign("a secret of the webhook", 1_700_000_000, "{\"a\":1}"), expected);
    }
}
