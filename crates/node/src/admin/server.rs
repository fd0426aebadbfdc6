//! The daemon's end of the admin interface.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Path as Route, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::IncomingStream;
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};

use super::{AcknowledgeBody, ApproveBody, MOST_WAIT_S, ReasonBody, Reply, Request};

/// Longest path of a unix socket on Linux, its closing zero left out.
const LONGEST_PATH: usize = 107;

/// A call: what is asked, by which user, and where the answer goes.
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) uid: Option<u32>,
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// The socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A daemon answers on it.
    #[error("{}: another daemon listens there; stop it, or set listen.admin in node.toml", .0.display())]
    Held(PathBuf),
    /// Something else lies there.
    #[error("{}: this is no socket; move it away, or set listen.admin in node.toml to another path", .0.display())]
    NoSocket(PathBuf),
    /// The path does not fit into a socket address.
    #[error("{}: a socket's path has at most {LONGEST_PATH} bytes; set listen.admin in node.toml to a shorter one", .0.display())]
    TooLong(PathBuf),
    /// The operating system refused.
    #[error("{}: cannot listen: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
}

/// Listens on the socket, for this user alone. A socket that a crashed daemon left behind is replaced.
pub(crate) fn bind(path: &Path) -> Result<UnixListener, ServeError> {
    let io = |source| ServeError::Io { path: path.to_owned(), source };
    if path.as_os_str().len() > LONGEST_PATH {
        return Err(ServeError::TooLong(path.to_owned()));
    }
    if let Ok(there) = std::fs::symlink_metadata(path) {
        if !there.file_type().is_socket() {
            return Err(ServeError::NoSocket(path.to_owned()));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(ServeError::Held(path.to_owned()));
        }
        std::fs::remove_file(path).map_err(io)?;
    }
    let listener = UnixListener::bind(path).map_err(io)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(io)?;
    Ok(listener)
}

#[derive(Clone)]
struct Desk {
    calls: mpsc::Sender<Call>,
    /// Counts what has changed, so that a call may wait for the next change.
    changes: watch::Receiver<u64>,
}

#[derive(Clone, Copy)]
struct Caller(Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for Caller {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|cred| cred.uid()))
    }
}

/// Answers calls until `stop` changes.
pub(crate) async fn serve(
    listener: UnixListener,
    calls: mpsc::Sender<Call>,
    changes: watch::Receiver<u64>,
    mut stop: watch::Receiver<bool>,
) {
    let app = Router::new()
        .route("/status", get(status))
        .route("/rounds", get(rounds))
        .route("/rounds/{computation}/{period}", get(round))
        .route("/rounds/{computation}/{period}/start", post(start))
        .route("/rounds/{computation}/{period}/approve", post(approve))
        .route("/rounds/{computation}/{period}/decline", post(decline))
        .route("/rounds/{computation}/{period}/abandon", post(abandon))
        .route("/audit/acknowledge", post(acknowledge))
        .with_state(Desk { calls, changes })
        .into_make_service_with_connect_info::<Caller>();
    let server = axum::serve(listener, app);
    // Not gracefully: a call that waits for a change would hold the daemon up.
    tokio::select! {
        served = server.into_future() => if let Err(error) = served {
            tracing::error!(target: "admin", %error, "the admin interface ended");
        },
        _ = stop.changed() => {}
    }
}

impl Desk {
    async fn ask(&self, request: Request, caller: Caller) -> Reply {
        let (reply, answer) = oneshot::channel();
        if self.calls.send(Call { request, uid: caller.0, reply }).await.is_err() {
            return Reply::Stopping;
        }
        answer.await.unwrap_or(Reply::Stopping)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Status(status) => Json(*status).into_response(),
            Self::Rounds(rounds) => Json(rounds).into_response(),
            Self::Round(round) => Json(*round).into_response(),
            Self::Refused(refused) => {
                let code = if refused.not_found { StatusCode::NOT_FOUND } else { StatusCode::CONFLICT };
                (code, Json(refused)).into_response()
            }
            Self::Stopping => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}

type Address = Route<(String, String)>;

async fn status(State(desk): State<Desk>, ConnectInfo(caller): ConnectInfo<Caller>) -> Reply {
    desk.ask(Request::Status, caller).await
}

async fn rounds(State(desk): State<Desk>, ConnectInfo(caller): ConnectInfo<Caller>) -> Reply {
    desk.ask(Request::Rounds, caller).await
}

/// `wait`: answer when the round is no longer as the caller saw it (`phase` and number of waits), or after so many
/// seconds.
#[derive(Deserialize)]
struct Wait {
    #[serde(default)]
    wait: u64,
    #[serde(default)]
    seen: String,
}

async fn round(
    State(desk): State<Desk>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Route((computation, period)): Address,
    Query(wait): Query<Wait>,
) -> Reply {
    let mut changes = desk.changes.clone();
    let until = tokio::time::Instant::now() + Duration::from_secs(wait.wait.min(MOST_WAIT_S));
    loop {
        changes.mark_unchanged();
        let request = Request::Round { computation: computation.clone(), period: period.clone() };
        let reply = desk.ask(request, caller).await;
        let changed = match &reply {
            Reply::Round(round) => round.mark() != wait.seen,
            _ => true,
        };
        if wait.wait == 0 || changed || tokio::time::timeout_at(until, changes.changed()).await.is_err() {
            return reply;
        }
    }
}

async fn start(
    State(desk): State<Desk>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Route((computation, period)): Address,
) -> Reply {
    desk.ask(Request::Start { computation, period }, caller).await
}

async fn approve(
    State(desk): State<Desk>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Route((computation, period)): Address,
    Json(approval): Json<ApproveBody>,
) -> Reply {
    desk.ask(Request::Approve { computation, period, approval }, caller).await
}

async fn decline(
    State(desk): State<Desk>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Route((computation, period)): Address,
    Json(ReasonBody { by, reason }): Json<ReasonBody>,
) -> Reply {
    desk.ask(Request::Decline { computation, period, by, reason }, caller).await
}

async fn acknowledge(
    State(desk): State<Desk>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Json(AcknowledgeBody { log, by, reason }): Json<AcknowledgeBody>,
) -> Reply {
    desk.ask(Request::Acknowledge { log, by, reason }, caller).await
}

async fn abandon(
    State(desk): State<Desk>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Route((computation, period)): Address,
    Json(ReasonBody { by, reason }): Json<ReasonBody>,
) -> Reply {
    desk.ask(Request::Abandon { computation, period, by, reason }, caller).await
}
