//! Calls on a running daemon, from commands that are not asynchronous themselves.

use std::path::Path;

use node::admin::{Client, ClientError};

use crate::exit::{Exit, Failure};

/// Does something with a daemon's admin interface.
pub(crate) fn with_daemon<T>(
    socket: &Path,
    act: impl AsyncFnOnce(&Client) -> Result<T, ClientError>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Other, format!("cannot start: {error}")))?;
    let client = Client::new(socket);
    runtime.block_on(act(&client)).map_err(|error| failure(&error))
}

/// The exit code of each way to fail.
pub(crate) fn failure(error: &ClientError) -> Failure {
    let exit = match error {
        ClientError::Unreachable { .. } => Exit::Unreachable,
        ClientError::Refused(_) | ClientError::Nonsense { .. } => Exit::Other,
    };
    Failure::all(exit, error.to_string().lines())
}
