//! How a command ends: its exit code, and one line on stderr for each error.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// The exit codes; scripts depend on them. 0 is a command that returns `Ok`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Anything that has no code of its own.
    Other = 1,
    /// A command line that makes no sense.
    Usage = 2,
    /// The round ended without a result.
    NoResult = 3,
    /// A result, a signature or a log does not verify.
    Unverified = 4,
    /// No daemon answers at the admin socket.
    Unreachable = 5,
    /// Bad input data.
    BadInput = 65,
    /// The port or the data directory is held by somebody else.
    Held = 73,
    /// A bad node file, agreement, card, key or certificate.
    BadConfiguration = 78,
}

/// Why a command did not do what it was asked. Each line says what, where and how to mend it, never a private value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// One line for each error.
    pub(crate) lines: Vec<String>,
}

impl Failure {
    /// A failure of one line.
    pub(crate) fn new(exit: Exit, line: impl Display) -> Self {
        Self { exit, lines: vec![line.to_string()] }
    }

    /// A failure of several lines.
    pub(crate) fn all(exit: Exit, lines: impl IntoIterator<Item = impl Display>) -> Self {
        Self { exit, lines: lines.into_iter().map(|line| line.to_string()).collect() }
    }

    /// Prints each line on stderr and gives the code to the operating system.
    pub(crate) fn report(&self) -> ExitCode {
        // When stderr is gone there is nobody left to tell; the exit code still says it.
        let mut stderr = std::io::stderr().lock();
        for line in &self.lines {
            let _ = writeln!(stderr, "smpcd: {line}");
        }
        ExitCode::from(self.exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_that_scripts_depend_on() {
        let codes = [
            (Exit::Other, 1),
            (Exit::Usage, 2),
            (Exit::NoResult, 3),
            (Exit::Unverified, 4),
            (Exit::Unreachable, 5),
            (Exit::BadInput, 65),
            (Exit::Held, 73),
            (Exit::BadConfiguration, 78),
        ];
        for (exit, code) in codes {
            assert_eq!(exit as u8, code);
        }
    }
}
