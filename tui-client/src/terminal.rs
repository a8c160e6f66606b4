//! The terminal, taken and given back: on every way out, a panic included.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Stdout, Write};
use std::mem::ManuallyDrop;
use std::panic;

use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;

use crate::desk::Desk;
use crate::model::Size;
use crate::theme::Theme;
use crate::view;

/// The terminal while it is ours. Dropping it gives it back.
pub(crate) struct Screen {
    /// Never dropped: its own drop prints when the terminal has gone (a closed window), and printing panics then.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
    /// What [`joined_cells`] said of the last frame.
    joined_cells: u64,
}

impl Screen {
    /// Takes the terminal, with the mouse or without.
    pub(crate) fn take(mouse: bool) -> io::Result<Self> {
        // First, so that a panic during the rest is readable too.
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            hook(info);
        }));
        enable_raw_mode()?;
        let taken = execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste);
        let taken = taken.and_then(|()| {
            if mouse {
                execute!(io::stdout(), EnableMouseCapture)
            } else {
                Ok(())
            }
        });
        let terminal = taken.and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match terminal {
            Ok(terminal) => Ok(Self {
                terminal: ManuallyDrop::new(terminal),
                joined_cells: 0,
            }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// The size, in cells.
    pub(crate) fn size(&self) -> io::Result<Size> {
        let area = self.terminal.size()?;
        Ok(Size {
            width: area.width,
            height: area.height,
        })
    }

    /// Takes the mouse, or leaves it to the terminal (for selecting text).
    #[expect(clippy::unused_self, reason = "only who has the terminal may say")]
    pub(crate) fn mouse(&self, on: bool) -> io::Result<()> {
        if on {
            execute!(io::stdout(), EnableMouseCapture)
        } else {
            execute!(io::stdout(), DisableMouseCapture)
        }
    }

    /// Draws what has changed; everything, where a terminal may have other ideas of what stood there.
    pub(crate) fn draw(&mut self, desk: &Desk, theme: &Theme) -> io::Result<()> {
        let frame = self.terminal.draw(|frame| view::draw_desk(desk, theme, frame))?;
        let joined = joined_cells(frame.buffer);
        if joined != self.joined_cells {
            self.joined_cells = joined;
            self.terminal.clear()?;
            self.terminal.draw(|frame| view::draw_desk(desk, theme, frame))?;
        }
        Ok(())
    }
}

/// Which cells hold several characters joined into one (families, flags, skin tones), as a number to compare. Terminals
/// disagree about how wide these are, so that one that changes may leave pieces of itself behind.
fn joined_cells(buffer: &Buffer) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (at, cell) in buffer.content().iter().enumerate() {
        let symbol = cell.symbol();
        // Quick for the many cells that are one ASCII character.
        if symbol.len() > 4 && symbol.chars().nth(1).is_some() {
            (at, symbol).hash(&mut hasher);
        }
    }
    hasher.finish()
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back. Twice does no harm. What fails here cannot be helped: the terminal is gone, then.
fn give_back() {
    let _ = disable_raw_mode();
    let mut out = io::stdout();
    let _ = execute!(
        out,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        crossterm::cursor::Show
    );
    let _ = out.flush();
}
