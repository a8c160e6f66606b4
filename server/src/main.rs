//! `rollcall`: arguments, settings, telemetry, then the server. The only place that prints and that uses `anyhow`.

use std::process::ExitCode;

use anyhow::Context;
use rollcall_server::app::App;
use rollcall_server::commands;
use rollcall_server::faults::{self, Faults};
use rollcall_server::settings::{Cli, Command, Settings, command_line};
use rollcall_server::telemetry::logs;

/// The exit status of `explain` when there is no verdict, as of a command line that cannot be read.
const COULD_NOT_ASK: u8 = 2;

/// Measured against the system's: a message costs about a tenth less, an idle connection a tenth more memory (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is what the operator reads"
)]
async fn main() -> ExitCode {
    let cli = match command_line(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match run(cli, |line| println!("{line}"), |line| eprintln!("rollcall: {line}")).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rollcall: {}", in_words(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli, say: impl Fn(&str), warn: impl Fn(&str)) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(args) => {
            let mut settings = Settings::parse(&args.settings)?;
            settings.demo = args.demo;
            logs::init(&settings.log, settings.log_format)?;
            settings.faults = Faults::parse(&std::env::var(faults::VARIABLE).unwrap_or_default())?;
            let app = App::start(settings).await?;
            say(&app.welcome().to_string());
            app.run(std::future::pending())
                .await
                .context("the server stopped with an error")?;
            Ok(ExitCode::SUCCESS)
        }
        Command::User(args) => {
            quiet_logs()?;
            say(&commands::user(args.command).await?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate(args) => {
            quiet_logs()?;
            say(&commands::migrate(&args).await?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Backup(args) => {
            quiet_logs()?;
            say(&commands::backup(&args.storage, &args.file).await?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Export(args) => {
            quiet_logs()?;
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            let said = commands::export(&args.storage, args.conversation.as_deref(), &mut out).await?;
            // Standard output holds the export, and nothing else.
            tracing::warn!("{said}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Import(storage) => {
            quiet_logs()?;
            say(&commands::import(&storage, std::io::stdin().lock()).await?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Check(args) => {
            quiet_logs()?;
            let report = commands::check(&args).await;
            say(&report.to_string());
            Ok(if report.is_good() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Command::Explain(args) => {
            quiet_logs()?;
            Ok(match commands::explain(&args).await {
                Ok(answer) => {
                    answer.note.iter().for_each(|note| warn(note));
                    say(&answer.text);
                    ExitCode::from(u8::from(!answer.arrived))
                }
                Err(error) => {
                    warn(&error.to_string());
                    ExitCode::from(COULD_NOT_ASK)
                }
            })
        }
    }
}

/// A command says what it has to say on standard output; the log is for what went wrong beside that.
fn quiet_logs() -> anyhow::Result<()> {
    Ok(logs::init("warn", logs::LogFormat::detected())?)
}

/// An error with its causes. Many say theirs themselves, and no reason is worth reading twice.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}
