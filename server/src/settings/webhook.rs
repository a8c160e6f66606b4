//! Whom the webhook tells, of what, signed with what.

use url::Url;

use super::arguments::SettingArgs;
use super::{NotAllowed, SettingError};
use crate::webhook::{WebhookSettings, kinds};

/// Shorter ones are guessed from a signature.
const SECRET_BYTES_MIN: usize = 16;

pub(super) fn from_args(args: &SettingArgs) -> Result<Option<WebhookSettings>, SettingError> {
    let url = args.webhook_url().parse_if_set(url)?;
    let kinds = args.webhook_events().parse(|text| {
        kinds(text).ok_or_else(|| {
            NotAllowed::new("write a comma list of message, message_updated, receipts, presence and undelivered")
        })
    })?;
    let secret = args.webhook_secret().parse_if_set(|text| {
        if text.len() >= SECRET_BYTES_MIN {
            return Ok(());
        }
        Err(NotAllowed::new(format!("it must be at least {SECRET_BYTES_MIN} bytes")))
    })?;
    let Some(url) = url else { return Ok(None) };
    let secret = secret.ok_or_else(|| {
        args.webhook_url().error(
            url.host_str().unwrap_or_default(),
            NotAllowed::new("set ROLLCALL_WEBHOOK_SECRET too: requests are signed with it"),
        )
    })?;
    Ok(Some(WebhookSettings { url, secret, kinds }))
}

fn url(text: &str) -> Result<Url, NotAllowed> {
    let parsed = Url::parse(text).ok();
    parsed
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| NotAllowed::new("write an address that begins with http:// or https://"))
}
