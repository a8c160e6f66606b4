//! What is made from the command line's own description: completions and the manual page.

use std::io::Write;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use super::Outcome;
use crate::args::Args;

const NAME: &str = "rollcall-tui";

pub(super) fn completions(shell: Shell) -> Result<Outcome> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), NAME, &mut text);
    std::io::stdout().lock().write_all(&text)?;
    Ok(Outcome::Good)
}

/// The program and its commands on one page: that is where people search.
pub(super) fn man() -> Result<Outcome> {
    std::io::stdout().lock().write_all(&page()?)?;
    Ok(Outcome::Good)
}

fn page() -> Result<Vec<u8>> {
    let mut command = Args::command();
    command.build();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let name = format!("{NAME} {}", sub.get_name());
        let page = clap_mangen::Man::new(sub.clone().hide(false));
        writeln!(text, ".SH {}", name.to_uppercase())?;
        page.render_synopsis_section(&mut text)?;
        page.render_description_section(&mut text)?;
        page.render_options_section(&mut text)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_command() {
        let page = String::from_utf8(page().unwrap()).unwrap();
        for name in ["VERIFY", "DOCTOR", "LISTEN", "REPLAY"] {
            assert!(page.contains(&format!(".SH ROLLCALL-TUI {name}")), "{name}");
        }
    }

    #[test]
    fn every_shell_has_completions() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), NAME, &mut text);
            assert!(String::from_utf8(text).unwrap().contains("verify"));
        }
    }
}
