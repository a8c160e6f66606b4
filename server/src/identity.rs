//! Who somebody is: passwords, tokens, accounts, and how often they may knock.
//!
//! In: what a client presents, all of it hostile. Out: an [`Identity`], or a refusal in words that leak nothing. Guarantee:
//! a token counts only with a good signature, the stored account has the last word, and guessing is slow and bounded.

mod authority;
#[cfg(test)]
pub(crate) mod fake;
mod hashes;
mod passwords;
mod presented;
mod rates;
mod refusal;
mod tokens;

pub use authority::{
    ADMIN_USERNAME, AccountError, AccountPolicy, Authority, BrowserSession, Identity, KeepError, LoginError,
    NewAccount, SignedIn,
};
pub use hashes::{Checked, InvalidHash, KnownHash};
pub use passwords::{InvalidPassword, NewPassword, NewSecret, PasswordCost, Passwords, PasswordsError};
pub use presented::presented_token;
pub use rates::{RateLimits, RetryAfter};
pub use refusal::{AuthError, store_refusal};
pub use tokens::{Claims, IssuedToken, PublicKeyError, TokenError, Tokens};
