//! `rollcall user …`.

use clap::{Args, Subcommand};

use super::{StorageArgs, TokenKeyArgs};

/// `rollcall user`.
#[derive(Debug, Args)]
pub struct UserArgs {
    /// Which of them.
    #[command(subcommand)]
    pub command: UserCommand,
}

/// Where a password comes from: generated where neither is given.
#[derive(Debug, Args)]
pub struct PasswordArgs {
    /// Read the password from the first line of standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// Read from there a hash that another system made of it: bcrypt ($2a$, $2b$, $2x$, $2y$), or argon2id
    #[arg(long, conflicts_with = "password_stdin")]
    pub password_hash_stdin: bool,
}

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make an account; its password is generated and printed once where none is given
    Add {
        /// 2 to 32 characters of a-z 0-9 _ . -
        username: String,
        /// What others see; the username when left out
        #[arg(long)]
        display_name: Option<String>,
        /// user, service, observer or admin
        #[arg(long, default_value = "user")]
        role: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordArgs,
        /// Where the accounts are.
        #[command(flatten)]
        storage: StorageArgs,
    },
    /// List the accounts
    List {
        /// Only those whose username or display name contains this
        #[arg(default_value = "")]
        query: String,
        /// Where the accounts are.
        #[command(flatten)]
        storage: StorageArgs,
    },
    /// Set a password; it is generated and printed once where none is given
    Passwd {
        /// Whose
        username: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordArgs,
        /// Where the accounts are.
        #[command(flatten)]
        storage: StorageArgs,
    },
    /// Disable an account: it can no longer sign in or connect
    Disable {
        /// Whose
        username: String,
        /// Enable it again
        #[arg(long)]
        undo: bool,
        /// Where the accounts are.
        #[command(flatten)]
        storage: StorageArgs,
    },
    /// Print a token of an account; make, list and take back those of services
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Token {
        /// The tokens of services.
        #[command(subcommand)]
        command: Option<TokenCommand>,
        /// A plain one.
        #[command(flatten)]
        plain: TokenArgs,
    },
}

/// `rollcall user token NAME`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// Whose
    #[arg(required = true)]
    pub username: Option<String>,
    /// Claim less than the account may
    #[arg(long)]
    pub role: Option<String>,
    /// How long it is valid, in seconds
    #[arg(long, default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(1..=31_622_400))]
    pub seconds: u32,
    /// Where the accounts are.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// What signs the token.
    #[command(flatten)]
    pub keys: TokenKeyArgs,
}

/// Tokens that can be taken back.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make one that is written down, for a service; it is printed once
    Make {
        /// Whose
        username: String,
        /// What it is for
        #[arg(long)]
        name: String,
        /// How long it is valid, in days
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3_660))]
        days: u32,
        /// Where the accounts are.
        #[command(flatten)]
        storage: StorageArgs,
        /// What signs the token.
        #[command(flatten)]
        keys: TokenKeyArgs,
    },
    /// List those that are written down
    List {
        /// Where the accounts are.
        #[command(flatten)]
        storage: StorageArgs,
    },
    /// Take one back: it counts no more, and its connections are closed
    Revoke {
        /// Its id, as `list` shows it
        id: String,
        /// Where the accounts are.
        #[command(flatten)]
        storage: StorageArgs,
    },
}
