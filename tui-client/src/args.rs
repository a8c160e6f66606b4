//! What is asked on the command line.

use clap::Parser;

/// Rollcall's terminal client.
#[derive(Debug, Clone, Parser)]
#[command(name = "rollcall-tui", version, about)]
pub(crate) struct Args {
    /// The server's address.
    #[arg(long, env = "ROLLCALL_URL", default_value = "http://127.0.0.1:4600")]
    pub(crate) url: String,

    /// Who to sign in as.
    #[arg(
        long = "as",
        value_name = "USERNAME",
        env = "ROLLCALL_USER",
        required_unless_present = "token"
    )]
    pub(crate) username: Option<String>,

    /// The password; asked for when it is not given. Others on this machine can read it here: prefer the variable.
    #[arg(long, env = "ROLLCALL_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,

    /// A token, instead of a username and a password.
    #[arg(long, env = "ROLLCALL_TOKEN", hide_env_values = true, conflicts_with = "password")]
    pub(crate) token: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
