//! The annotated `node.toml` that `init` and `testbed` write.

use std::fmt::Write;

use node::settings::Policy;

use crate::home::NewHome;

/// The node file of a new directory. What it holds are ids, addresses and fixed paths, so nothing needs escaping.
pub(crate) fn text(home: &NewHome) -> String {
    let NewHome { party, agreement, consortium, .. } = home;
    let mut text = format!(
        r#"# The node of {party} in {consortium}. Paths are relative to the folder of this file.
# Every key may be overridden by a variable SMPCD__SECTION__KEY, such as SMPCD__LISTEN__PEERS;
# in the id of a computation a hyphen is then written as an underscore.

party = "{party}"
agreement = "{agreement}"
cards = "cards"                 # ID.card, one for each party
signatures = "signatures"       # ID.sig, the parties' signatures on the agreement
data_dir = "data"               # what the daemon keeps
guard = "guard"                 # tells that data_dir was restored from a copy: keep it out of such copies

[listen]
"#
    );
    match home.listen {
        Some(listen) => push(&mut text, &format!("peers = \"{listen}\"")),
        None => push(&mut text, "# peers = \"0.0.0.0:7440\"       # without it this node dials out only"),
    }
    text.push_str(
        r#"admin = "data/admin.sock"       # how `smpcd status` and `smpcd round` reach the daemon

[tls]
certificate = "certs/tls.crt"
private_key = "keys/tls.key"
revoked = []                    # files of certificate revocation lists, PEM or DER

[signing]
key = "keys/signing.key"        # signs messages, the card and the agreement

[storage]
key = "keys/storage.key"        # seals the secrets in data_dir

"#,
    );
    if home.inputs.is_empty() {
        text.push_str(
            r#"# The input of a computation lies in input/COMPUTATION.csv, or where it is said here.
# [input.average-expenditure]
# file = "exports/{period}/expenditure.csv"

"#,
        );
    }
    for (computation, file) in &home.inputs {
        push(&mut text, &format!("[input.{computation}]\nfile = \"{file}\"\n"));
    }
    let policy = match home.policy {
        Policy::Manual => "manual",
        Policy::Auto => "auto",
    };
    push(
        &mut text,
        &format!(
            r#"[approval]
policy = "{policy}"{}# manual: a person lets each round have the input; auto: the daemon does
notify = []                     # a command, run when a round waits for a person: ["COMMAND", "ARGUMENT"]

[audit]
keep = "forever"                # or for example "400d": older files of the audit log are deleted
reserve = "256MiB"              # no round begins while less is free on the disk of data_dir

[results]
export = ["json", "csv"]        # written beside the result file of each round

[log]
format = "text"                 # or "json"; to stderr
level = "info"                  # error, warn, info, debug, trace"#,
            " ".repeat("manual".len() - policy.len() + 15)
        ),
    );
    text
}

fn push(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes every write");
}
