//! The operator's command, run when a round waits for a person.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Rounds that wait for their turn: as many as can be open.
const MOST_WAITING: usize = 256;
/// A command that runs longer has lost its way.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `approval.notify`, one process at a time, so that a slow command never becomes many.
pub(super) struct Notifier(Option<mpsc::Sender<String>>);

impl Notifier {
    /// `command`: program and arguments; empty for none.
    pub(super) fn start(command: &[String]) -> Self {
        let Some((program, arguments)) = command.split_first() else { return Self(None) };
        let (program, arguments) = (program.clone(), arguments.to_vec());
        let (sender, mut rounds) = mpsc::channel::<String>(MOST_WAITING);
        tokio::spawn(async move {
            while let Some(round) = rounds.recv().await {
                if let Err(error) = run(&program, &arguments, &round, sleep(PATIENCE)).await {
                    tracing::error!(target: "round", %round, program, %error, "approval.notify failed");
                }
            }
        });
        Self(Some(sender))
    }

    /// Has the command run for a round; it finds the round's name in `SMPCD_ROUND`.
    pub(super) fn call(&self, round: &str) {
        if let Some(sender) = &self.0
            && sender.try_send(round.to_owned()).is_err()
        {
            tracing::error!(target: "round", %round, "approval.notify is not run: too many of it wait already");
        }
    }
}

/// Runs the command until it ends, or until `too_long` is there.
async fn run(
    program: &str,
    arguments: &[String],
    round: &str,
    too_long: impl Future<Output = ()>,
) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).env("SMPCD_ROUND", round).stdin(Stdio::null());
    // What the service manager is told is the daemon's alone.
    command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC").env_remove("WATCHDOG_PID");
    // In a group of its own, so that what it started ends with it.
    let mut child = command.process_group(0).kill_on_drop(true).spawn().map_err(|error| error.to_string())?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    tokio::select! {
        ended = child.wait() => match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("it ended with {status}")),
            Err(error) => Err(error.to_string()),
        },
        () = too_long => {
            // What has ended by now needs no signal.
            let _ = group.map(|group| kill_process_group(group, Signal::KILL));
            let _ = child.wait().await;
            Err(format!("it took longer than {} s and was killed", PATIENCE.as_secs()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::path::Path;

    use super::*;

    fn shell(script: &str) -> [String; 2] {
        ["-c".to_owned(), script.to_owned()]
    }

    async fn lines(file: &Path, count: usize) -> Vec<String> {
        loop {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            if text.lines().count() >= count {
                return text.lines().map(str::to_owned).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn every_round_has_its_call_and_no_two_run_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("told");
        // A second process that ran beside it would find the directory there.
        let script = format!(
            "cd {} && mkdir one && sleep 0.02 && rmdir one && echo $SMPCD_ROUND >> told",
            folder.path().display()
        );
        let command = [&["sh".to_owned()][..], &shell(&script)].concat();
        let notifier = Notifier::start(&command);
        let rounds: Vec<String> = (0..10).map(|number| format!("pay/{number}")).collect();
        rounds.iter().for_each(|round| notifier.call(round));
        assert_eq!(lines(&told, 10).await, rounds);
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let script = format!("sleep 600 & echo $! >> {0}; echo $$ >> {0}; wait", pids.display());
        let both_run = async { drop(lines(&pids, 2).await) };
        let error = run("sh", &shell(&script), "pay/2026", both_run).await.unwrap_err();
        assert!(error.contains("was killed"), "{error}");
        for pid in lines(&pids, 2).await {
            // A zombie that waits for its new parent has ended too.
            let ended = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
                Ok(stat) => stat.contains(") Z "),
                Err(_) => true,
            };
            while !ended() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    #[tokio::test]
    async fn a_failure_says_what_it_was() {
        let ended = run("sh", &shell("exit 7"), "pay/2026", pending()).await.unwrap_err();
        assert!(ended.contains("exit status: 7"), "{ended}");
        assert!(run("no-such-program-here", &[], "pay/2026", pending()).await.is_err());
        run("sh", &shell("test $SMPCD_ROUND = pay/2026"), "pay/2026", pending()).await.unwrap();
    }

    #[tokio::test]
    async fn without_a_command_nothing_is_run() {
        Notifier::start(&[]).call("pay/2026");
    }
}
