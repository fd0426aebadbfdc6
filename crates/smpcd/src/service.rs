//! The service manager's words to a daemon that it starts (`sd_notify(3)`, `sd_watchdog_enabled(3)`).

use std::ffi::OsString;
use std::time::Duration;

use node::supervisor::Supervisor;

use crate::exit::{Exit, Failure};

/// Whom to tell how the daemon fares, as the environment has it; without `NOTIFY_SOCKET` nobody.
pub(crate) fn supervisor(variable: impl Fn(&str) -> Option<OsString>) -> Result<Supervisor, Failure> {
    let Some(address) = variable("NOTIFY_SOCKET").filter(|address| !address.is_empty()) else {
        return Ok(Supervisor::default());
    };
    let refuse = |line: String| Failure::new(Exit::BadConfiguration, line);
    let number = |name: &str| match variable(name) {
        None => Ok(None),
        Some(text) => match text.to_str().and_then(|text| text.parse::<u64>().ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(refuse(format!("{name}: is no whole number: the service manager sets it, nobody else"))),
        },
    };
    // A watchdog that was meant for the process that started this one is not ours to feed.
    let is_ours = number("WATCHDOG_PID")?.is_none_or(|pid| pid == u64::from(std::process::id()));
    let watchdog = number("WATCHDOG_USEC")?.filter(|_| is_ours).map(Duration::from_micros);
    Supervisor::new(address.into(), watchdog).map_err(|error| refuse(format!("NOTIFY_SOCKET: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<String, String> {
        let get = |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(value))
        };
        supervisor(get).map(|supervisor| format!("{supervisor:?}")).map_err(|failure| {
            assert_eq!(failure.exit, Exit::BadConfiguration);
            failure.lines.join("\n")
        })
    }

    #[test]
    fn nobody_is_told_who_did_not_ask() {
        assert!(of(&[]).unwrap().contains("manager: None"));
        assert!(of(&[("NOTIFY_SOCKET", ""), ("WATCHDOG_USEC", "1")]).unwrap().contains("manager: None"));
    }

    #[test]
    fn signs_of_life_are_sent_where_they_are_wanted_of_this_process() {
        let socket = ("NOTIFY_SOCKET", "@smpcd-test");
        let (own, limit) = (std::process::id().to_string(), ("WATCHDOG_USEC", "60000000"));
        assert!(of(&[socket]).unwrap().contains("every: None"));
        assert!(of(&[socket, limit]).unwrap().contains("every: Some(15s)"));
        assert!(of(&[socket, limit, ("WATCHDOG_PID", &own)]).unwrap().contains("every: Some(15s)"));
        assert!(of(&[socket, limit, ("WATCHDOG_PID", "1")]).unwrap().contains("every: None"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        assert!(of(&[("NOTIFY_SOCKET", "here")]).unwrap_err().starts_with("NOTIFY_SOCKET: here: "));
        let wrong = of(&[("NOTIFY_SOCKET", "@a"), ("WATCHDOG_USEC", "soon")]).unwrap_err();
        assert!(wrong.starts_with("WATCHDOG_USEC: is no whole number"), "{wrong}");
    }
}
