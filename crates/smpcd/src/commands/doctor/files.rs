//! What stands in files: keys, certificates, cards, signatures, the store, the disk. Offline.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use audit::NoteSigner;
use node::book::Book;
use node::guard::{Found, Guard};
use node::seal::StorageKey as SealingKey;
use node::settings::Settings;
use node::store::{Reads, Store, StoreError};
use protocol::agreement::{Agreement, PartyIndex};
use protocol::recovery::{Mark, Verdict, verdict};
use tls::{CertificateFacts, NodeIdentity, SharedTrust};

use super::Report;
use crate::agreement_file::AgreementFile;
use crate::keys::{SigningKey, StorageKey};

/// A record of the audit log that is so much later than the clock says that the clock is wrong.
const MOST_BACK: i64 = 5 * 60 * 1_000_000;

/// What a look at the peers needs.
pub(super) struct Known {
    pub(super) book: Book,
    pub(super) identity: NodeIdentity,
    pub(super) party: String,
}

/// Looks at all files. Gives what is needed to look at peers, where that is there.
pub(super) fn look(settings: &Settings, report: &mut Report) -> Option<Known> {
    let agreement = match AgreementFile::load(&settings.agreement) {
        Ok(file) => Some(file.agreement),
        Err(failure) => {
            report.failed("agreement", &failure);
            None
        }
    };
    let storage = keys(settings, agreement.as_ref(), report);
    let identity = match crate::keys::identity(settings) {
        Ok(identity) => Some(identity),
        Err(failure) => {
            report.failed("certificate", &failure);
            None
        }
    };
    let book = agreement.and_then(|agreement| book(settings, agreement, report));
    if let (Some(book), Some(identity)) = (&book, &identity) {
        certificate(settings, book, identity, report);
    }
    places(settings, report);
    store(settings, storage.as_ref(), report);
    disk(settings, report);
    listening(settings, report);
    let (book, identity) = (book?, identity?);
    Some(Known { book, identity, party: settings.party.clone() })
}

fn keys(settings: &Settings, agreement: Option<&Agreement>, report: &mut Report) -> Option<StorageKey> {
    match SigningKey::load(&settings.signing_key) {
        Err(failure) => report.failed("signing key", &failure),
        Ok(key) => {
            let agreed = agreement.and_then(|agreement| {
                agreement.parties().iter().find(|party| party.id == settings.party).map(|party| party.signing_key)
            });
            if agreed.is_some_and(|agreed| agreed != NoteSigner::public_key(&key)) {
                report.bad("signing key", format!(
                    "{}: it is not the signing_key of {} in {}: put back the key that the agreement was signed with, or agree on a new version",
                    settings.signing_key.display(), settings.party, settings.agreement.display()
                ));
            } else {
                report.good("signing key", settings.signing_key.display().to_string());
            }
        }
    }
    match StorageKey::load(&settings.storage_key) {
        Ok(key) => {
            report.good("storage key", settings.storage_key.display().to_string());
            Some(key)
        }
        Err(failure) => {
            report.failed("storage key", &failure);
            None
        }
    }
}

fn book(settings: &Settings, agreement: Agreement, report: &mut Report) -> Option<Book> {
    let (name, version, digest) = (agreement.name().to_owned(), agreement.version(), agreement.digest());
    let book = match Book::load(settings, agreement) {
        Ok(book) => book,
        Err(errors) => {
            errors.iter().for_each(|error| report.bad("cards", error.to_string()));
            return None;
        }
    };
    report.good("agreement", format!("{name} version {version}, {digest}: the others must read out the same digest"));
    let names = |parties: Vec<PartyIndex>| -> String {
        let id = |index: PartyIndex| book.agreement().party(index).map(|party| party.id.clone());
        parties.into_iter().filter_map(id).collect::<Vec<_>>().join(", ")
    };
    let (signatures, cards) = (names(book.missing_signatures()), names(book.missing_cards()));
    if signatures.is_empty() {
        report.good("signatures", "every party has signed the agreement");
    } else {
        report.bad("signatures", format!(
            "missing of {signatures}: no round opens; each signs with smpcd agreement sign, and the signatures spread over the links"
        ));
    }
    if cards.is_empty() {
        report.good("cards", "there is a card of every party");
    } else {
        report.bad("cards", format!("none of {cards}: no link with them; get their card and: smpcd card add FILE"));
    }
    Some(book)
}

fn certificate(settings: &Settings, book: &Book, identity: &NodeIdentity, report: &mut Report) {
    let (trust, now) = (book.trust(), unix_now());
    match tls::self_check(identity, &SharedTrust::new(trust.clone()), &settings.party, now) {
        Err(refusal) => report.bad("certificate", format!(
            "{}: the peers would refuse it: {refusal}; renew it with smpcd certs renew, or put back the one that belongs to the card",
            settings.tls_certificate.display()
        )),
        Ok(own) => match own.expiry_warning(now) {
            Some(warning) => report.warn("certificate", format!("{warning}: smpcd certs renew")),
            None => report.good("certificate", format!("good for {} days more", own.days_left(now))),
        },
    }
    for party in &trust.parties {
        let Ok(facts) = CertificateFacts::read(&party.authority_der) else { continue };
        if let Some(warning) = facts.expiry_warning(&format!("the authority of {}", party.id), now) {
            report.warn(
                "authorities",
                format!("{warning}: a new card with a new authority has to come from {}", party.id),
            );
        }
    }
}

/// Folders that others must not read.
fn places(settings: &Settings, report: &mut Report) {
    let me = rustix::process::geteuid().as_raw();
    let mut open = Vec::new();
    for (path, what) in [(&settings.data_dir, "data_dir"), (&settings.input_dir, "input")] {
        match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => report
                .bad("permissions", format!("{}: cannot be read: {error}: run as the daemon's user", path.display())),
            Ok(found) if found.uid() != me => report.bad(
                "permissions",
                format!(
                    "{}: it belongs to user {}, and this is user {me}: chown -R it to the daemon's user",
                    path.display(),
                    found.uid()
                ),
            ),
            Ok(found) if found.permissions().mode() & 0o077 != 0 => {
                open.push(format!("{}: others may look into {what}: chmod 700 {}", path.display(), path.display()));
            }
            Ok(_) => {}
        }
    }
    open.iter().for_each(|line| report.warn("permissions", line.clone()));
}

fn store(settings: &Settings, key: Option<&StorageKey>, report: &mut Report) {
    let data_dir = &settings.data_dir;
    let store = match Store::open_read_only(data_dir) {
        Ok(store) => store,
        Err(StoreError::Missing { .. }) => {
            return report.good("store", "none yet: the daemon makes it when it starts first");
        }
        Err(error) => return report.bad("store", error.to_string()),
    };
    if let Some(key) = key
        && let Err(error) = store.belongs_to(data_dir, &SealingKey::from_bytes(key.bytes()), &settings.party)
    {
        return report.bad("store", error.to_string());
    }
    report.good("store", data_dir.join("store.sqlite").display().to_string());
    let guard = Guard::open(&settings.guard, &settings.party);
    let marks = store.marks().unwrap_or((Mark::NONE, Mark::NONE));
    match verdict(&marks.0, &marks.1, guard.mark()) {
        // A store that has signed nothing has no guard yet.
        Verdict::RolledBack if marks.0 == Mark::NONE && *guard.found() == Found::Missing => {}
        Verdict::RolledBack => report.bad("guard", format!(
            "{} and the store do not belong together: data_dir was put back from a copy, or the guard was lost; put back the newest copy. As it is, the node signs nothing until every other party has told it what it signed",
            settings.guard.display()
        )),
        Verdict::Sound | Verdict::Crashed => report.good("guard", settings.guard.display().to_string()),
    }
    if let Some(time) = last_record(data_dir)
        && time > now_micros() + MOST_BACK
    {
        let ahead = (time - now_micros()) / 60_000_000;
        report.bad("clock", format!(
            "the last record of the audit log is {ahead} minutes later than this machine's clock: set the clock (chrony or ntp), certificates are judged by it"
        ));
    } else {
        report.good("clock", "not behind the audit log");
    }
}

/// The time of the last record, in microseconds since 1970.
fn last_record(data_dir: &Path) -> Option<i64> {
    let text = fs::read(data_dir.join("audit/log.jsonl")).ok()?;
    let end = text.iter().rposition(|&byte| byte == b'\n')?;
    let begin = text[..end].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let record = audit::Record::parse(str::from_utf8(&text[begin..end]).ok()?).ok()?;
    Some(record.time.micros())
}

fn disk(settings: &Settings, report: &mut Report) {
    let there = settings.data_dir.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let (reserve, what) = (settings.audit.reserve, settings.data_dir.display());
    match rustix::fs::statvfs(there) {
        Err(error) => report.bad("disk", format!("{what}: cannot tell how much is free: {error}")),
        Ok(disk) => {
            let free = disk.f_frsize.saturating_mul(disk.f_bavail);
            let mib = |bytes: u64| bytes >> 20;
            if free < reserve {
                report.bad("disk", format!(
                    "{what}: {} MiB are free, and {} MiB are kept for what is open (audit.reserve): no round begins; make space",
                    mib(free), mib(reserve)
                ));
            } else {
                report.good("disk", format!("{} MiB are free", mib(free)));
            }
        }
    }
}

/// Whether the port can be had, or this very daemon has it.
fn listening(settings: &Settings, report: &mut Report) {
    let Some(address) = settings.listen_peers else {
        return report.good("port", "no listening address: this node dials out only");
    };
    let runs = std::os::unix::net::UnixStream::connect(&settings.admin_socket).is_ok();
    match std::net::TcpListener::bind(address) {
        Ok(_) if runs => report.bad("port", format!(
            "the daemon runs, and does not listen on {address}: it was started with another node.toml; start it anew"
        )),
        Ok(_) => report.good("port", format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && runs => report.good("port", format!("{address}, held by the daemon")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => report.bad("port", format!(
            "{address} is held by another process: stop it (ss -ltnp), or set listen.peers in node.toml"
        )),
        Err(error) => report.bad("port", format!("{address} cannot be listened on: {error}; check listen.peers in node.toml")),
    }
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn now_micros() -> i64 {
    i64::try_from(unix_now()).unwrap_or(0).saturating_mul(1_000_000)
}
