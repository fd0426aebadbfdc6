//! `node.toml`: the settings of one node.

use std::path::{Path, PathBuf};

use node::settings::Settings;

use crate::exit::{Exit, Failure};

/// A node file that passed every rule, environment overrides included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeFile {
    /// The file, absolute.
    pub(crate) file: PathBuf,
    /// What the node is told; all paths absolute.
    pub(crate) settings: Settings,
}

impl NodeFile {
    /// Reads the node file and the environment; reports all errors at once, exit code 78.
    pub(crate) fn load(file: &Path) -> Result<Self, Failure> {
        Err(Failure::new(Exit::BadConfiguration, format!("{}: not there yet", file.display())))
    }
}
