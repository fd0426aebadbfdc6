//! A command's end of the admin interface.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use protocol::agreement::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::{AcknowledgeBody, ApproveBody, MOST_WAIT_S, ReasonBody, Refused};
use crate::status::{NodeStatus, RoundStatus};

/// How long the state of the node may take to come: it is asked between two events, which take milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Talks to a running daemon.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

/// A call that brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No daemon answers.
    #[error("no daemon answers on {}: {reason}; start it with `smpcd run`", socket.display())]
    Unreachable {
        /// The admin socket.
        socket: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The daemon refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// What answers is no daemon of this version.
    #[error("what answers on {} is not a daemon of this version: {reason}", socket.display())]
    Nonsense {
        /// The admin socket.
        socket: PathBuf,
        /// What is odd.
        reason: String,
    },
}

impl Client {
    /// A client of the daemon on that socket. Nothing is connected yet.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// The node. A daemon that hangs is one that does not answer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<NodeStatus, ClientError> {
        let answer = tokio::time::timeout(PATIENCE, self.call(Method::GET, "/status", &())).await;
        answer.unwrap_or_else(|_| {
            let reason = format!("it was not answered for {} s, so a daemon that runs there hangs", PATIENCE.as_secs());
            Err(ClientError::Unreachable { socket: self.socket.clone(), reason })
        })
    }

    /// One round.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn round(&self, computation: &str, period: &str) -> Result<RoundStatus, ClientError> {
        self.call(Method::GET, &format!("/rounds/{computation}/{period}"), &()).await
    }

    /// One round, once it is no longer as `seen`; or as it is, after a while.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn next(&self, seen: &RoundStatus) -> Result<RoundStatus, ClientError> {
        let address = format!("/rounds/{}/{}", seen.computation, seen.period);
        self.call(Method::GET, &format!("{address}?wait={MOST_WAIT_S}&seen={}", seen.mark()), &()).await
    }

    /// Starts a round, or joins one that is open.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn start(&self, computation: &str, period: &str) -> Result<RoundStatus, ClientError> {
        self.call(Method::POST, &format!("/rounds/{computation}/{period}/start"), &()).await
    }

    /// Approves a round: `by` was shown the disclosure statement with this digest. `reason` says why, where something
    /// speaks against it.
    ///
    /// # Errors
    /// [`ClientError`]; refused where the daemon runs under another statement.
    pub async fn approve(
        &self,
        computation: &str,
        period: &str,
        by: &str,
        disclosure: &Digest,
        reason: Option<&str>,
    ) -> Result<RoundStatus, ClientError> {
        let (by, reason) = (by.to_owned(), reason.map(str::to_owned));
        let body = ApproveBody { by, disclosure: disclosure.to_string(), reason };
        self.call(Method::POST, &format!("/rounds/{computation}/{period}/approve"), &body).await
    }

    /// Declines a round for now.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn decline(
        &self,
        computation: &str,
        period: &str,
        by: &str,
        reason: &str,
    ) -> Result<RoundStatus, ClientError> {
        let body = ReasonBody { by: by.to_owned(), reason: reason.to_owned() };
        self.call(Method::POST, &format!("/rounds/{computation}/{period}/decline"), &body).await
    }

    /// Gives a round up for good.
    ///
    /// # Errors
    /// [`ClientError`]; refused where its total may be open already.
    pub async fn abandon(
        &self,
        computation: &str,
        period: &str,
        by: &str,
        reason: &str,
    ) -> Result<RoundStatus, ClientError> {
        let body = ReasonBody { by: by.to_owned(), reason: reason.to_owned() };
        self.call(Method::POST, &format!("/rounds/{computation}/{period}/abandon"), &body).await
    }

    /// Goes on with a log that is not what was seen of it: a peer's, or this node's own.
    ///
    /// # Errors
    /// [`ClientError`]; refused where there is no alarm about it.
    pub async fn acknowledge(&self, log: Option<&str>, by: &str, reason: &str) -> Result<NodeStatus, ClientError> {
        let body = AcknowledgeBody { log: log.map(str::to_owned), by: by.to_owned(), reason: reason.to_owned() };
        self.call(Method::POST, "/audit/acknowledge", &body).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        address: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let unreachable = |reason: String| ClientError::Unreachable { socket: self.socket.clone(), reason };
        let nonsense = |reason: String| ClientError::Nonsense { socket: self.socket.clone(), reason };
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| unreachable(error.to_string()))?;
        let (mut requests, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        let connection = tokio::spawn(connection);
        let body = serde_json::to_vec(body).map_err(|error| nonsense(error.to_string()))?;
        let request = Request::builder()
            .method(method)
            .uri(address)
            .header("host", "smpcd")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| nonsense(error.to_string()))?;
        let response = requests.send_request(request).await.map_err(|error| unreachable(error.to_string()))?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(|error| unreachable(error.to_string()))?.to_bytes();
        connection.abort();
        match status {
            StatusCode::OK => serde_json::from_slice(&bytes).map_err(|error| nonsense(error.to_string())),
            StatusCode::CONFLICT | StatusCode::NOT_FOUND => match serde_json::from_slice::<Refused>(&bytes) {
                Ok(refused) => Err(refused.into()),
                Err(error) => Err(nonsense(format!("{status}: {error}"))),
            },
            // To who asks, a daemon that goes down is one that is not there.
            StatusCode::SERVICE_UNAVAILABLE => Err(unreachable("it is stopping".to_owned())),
            status => Err(nonsense(status.to_string())),
        }
    }
}
