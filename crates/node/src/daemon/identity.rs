//! This node's own certificate, which is renewed while the daemon runs (PROTOCOL 6.1).
//!
//! The files are looked at with the others. What the peers would refuse is not taken in: the certificate before stays in
//! use, and it is tried again, because what is missing may be the other file or the party's own newer card.

use audit::{DigestOf, Draft, Event as Record};
use sha2::{Digest as _, Sha256};

use super::hub::Hub;
use crate::identity;
use crate::settings::Settings;
use crate::stamp::Stamp;

/// Name under which the store keeps the digest of the certificate that was known last.
const CERTIFICATE: &str = "tls certificate";

/// What is known of the two files.
pub(super) struct OwnFiles {
    stamp: [Option<Stamp>; 2],
    refused: Option<Refused>,
}

struct Refused {
    why: String,
    told: bool,
}

impl OwnFiles {
    /// As they are now: the daemon was started with them.
    pub(super) fn new(settings: &Settings) -> Self {
        Self { stamp: stamp(settings), refused: None }
    }
}

/// Of certificate and key. One that cannot be looked at is as one that is not there: reading it says why.
fn stamp(settings: &Settings) -> [Option<Stamp>; 2] {
    [&settings.tls_certificate, &settings.tls_private_key].map(|path| Stamp::of(path).ok().flatten())
}

impl Hub {
    /// Takes in a certificate and key that were renewed.
    pub(super) fn look_at_identity(&mut self) {
        let stamp = stamp(&self.settings);
        if stamp == self.own_files.stamp && self.own_files.refused.is_none() {
            return;
        }
        let same = stamp == self.own_files.stamp;
        self.own_files.stamp = stamp;
        let taken = identity::load(&self.settings).map_err(|error| error.to_string());
        let taken = taken.and_then(|own| self.links.set_identity(own).map_err(|refusal| refusal.to_string()));
        let before = self.own_files.refused.take();
        if let Err(why) = taken {
            // Two files cannot be replaced at once: between the two they are looked at once more before anybody is told.
            let told = before.is_some_and(|before| before.told && before.why == why);
            if same && !told {
                tracing::error!(
                    target: "link",
                    "a new certificate or key is not taken in, and the one before stays in use: {why}"
                );
            }
            self.own_files.refused = Some(Refused { why, told: told || same });
            return;
        }
        tracing::info!(target: "link", "took in this node's renewed certificate: connections are made with it from now on");
        self.check_identity();
    }

    /// Whether the certificate is another one than was known last, also where the daemon was down meanwhile.
    pub(super) fn check_identity(&mut self) {
        let digest: [u8; 32] = Sha256::digest(self.links.certificate()).into();
        if let Some(before) = self.last_known(CERTIFICATE, &digest) {
            let draft = Draft::new(Record::IdentityChanged).digest(DigestOf::TlsCertificate, digest);
            self.record(draft.digest(DigestOf::PreviousTlsCertificate, before));
        }
    }
}
