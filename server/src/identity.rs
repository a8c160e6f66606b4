//! Who somebody is: passwords, tokens, accounts.
