//! Why a certificate is not accepted: what is wrong, whose it is, and the step that mends it.

use crate::ALPN;
use crate::moment::Moment;

/// The side of a connection on which a certificate stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Usage {
    /// The certificate of the one that dials.
    Client,
    /// The certificate of the one that accepts.
    Server,
}

impl Usage {
    fn words(self) -> &'static str {
        match self {
            Usage::Client => "clients (it dials)",
            Usage::Server => "servers (it accepts connections)",
        }
    }
}

/// Why a peer, or the node's own certificate, was refused. The text is for the operator.
///
/// A party named here is the one that the certificate *claims*: a refusal is no evidence against that party.
/// Strings that come from a certificate are already quoted, escaped and cut to 80 characters.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// No certificate was presented.
    #[error("no certificate was presented; both sides of a link must present one, so this is no smpcd node")]
    NoCertificate,
    /// More certificates than any sensible chain has; nothing was verified.
    #[error(
        "{count} certificates were presented, more than {max}; send the node's certificate and the intermediate authorities only"
    )]
    ChainTooLong {
        /// Certificates presented.
        count: usize,
        /// The bound, [`crate::MAX_CHAIN`].
        max: usize,
    },
    /// The certificate cannot be parsed.
    #[error("the certificate cannot be read ({reason}); its owner should issue it again with `smpcd certs renew`")]
    Unreadable {
        /// What the parser says.
        reason: String,
    },
    /// No URI name.
    #[error(
        "the certificate names no party; it needs one URI name spiffe://CONSORTIUM/PARTY, as `smpcd certs renew` or the request of `smpcd init --csr` gives it"
    )]
    NoIdentity,
    /// More than one URI name.
    #[error("the certificate has {count} URI names; exactly one is allowed, or it could speak for two parties")]
    SeveralIdentities {
        /// How many there are.
        count: usize,
    },
    /// The URI name has another form.
    #[error("the certificate names {name}, which is not of the form spiffe://CONSORTIUM/PARTY")]
    NotAnIdentity {
        /// The name presented.
        name: String,
    },
    /// The name is in another trust domain.
    #[error(
        "the certificate is for consortium {presented}, and this node is in {expected}; check which agreement the peer runs"
    )]
    OtherConsortium {
        /// The consortium in the certificate.
        presented: String,
        /// Ours.
        expected: String,
    },
    /// No card of that party is trusted.
    #[error("party {party} is not known here; if it is in the agreement, take in its card with `smpcd card add`")]
    UnknownParty {
        /// The party in the certificate.
        party: String,
    },
    /// Another party answered than the one dialled.
    #[error("{expected} was dialled and {presented} answered; check the address in the card of {expected}")]
    AnotherParty {
        /// The party dialled.
        expected: String,
        /// The party in the certificate.
        presented: String,
    },
    /// The authority in the card is no usable authority.
    #[error("the authority in the card of {party} cannot be used ({reason}); {party} must send a new card")]
    AuthorityUnusable {
        /// Whose card.
        party: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The authority itself has run out.
    #[error("the authority in the card of {party} expired on {}; {party} must make a new one and send a new card", Moment(*.not_after))]
    AuthorityExpired {
        /// Whose card.
        party: String,
        /// Its end, in seconds since 1970.
        not_after: u64,
    },
    /// Signed by another authority than the one in the card.
    #[error(
        "the certificate names {party} but was not issued by the authority in {party}'s card; either {party} has a newer card that is not here yet (`smpcd card add`), or somebody pretends to be {party}"
    )]
    OtherAuthority {
        /// The party in the certificate.
        party: String,
    },
    /// Run out.
    #[error("the certificate of {party} expired on {} and it is {} here; {party} must renew it with `smpcd certs renew`", Moment(*.not_after), Moment(*.now))]
    Expired {
        /// The party in the certificate.
        party: String,
        /// Its end, in seconds since 1970.
        not_after: u64,
        /// The time of the check.
        now: u64,
    },
    /// Not begun.
    #[error("the certificate of {party} is valid from {} only and it is {} here; check the clocks of both nodes", Moment(*.not_before), Moment(*.now))]
    NotYetValid {
        /// The party in the certificate.
        party: String,
        /// Its begin, in seconds since 1970.
        not_before: u64,
        /// The time of the check.
        now: u64,
    },
    /// Older than the card allows.
    #[error("the certificate of {party} is from {}, and its card accepts none older than {}; {party} has cut it off: its node must use the renewed one", Moment(*.not_before), Moment(*.since))]
    TooOld {
        /// The party in the certificate.
        party: String,
        /// The begin of the certificate, in seconds since 1970.
        not_before: u64,
        /// `certificates_since` of the card.
        since: u64,
    },
    /// In a revocation list.
    #[error(
        "the certificate of {party}, or the authority that issued it, is in a revocation list of `tls.revoked`; {party} must renew it"
    )]
    Revoked {
        /// The party in the certificate.
        party: String,
    },
    /// A revocation list is past its next update.
    #[error("the revocation list that covers {party} should have been replaced by {}; fetch the newest one, or take it out of `tls.revoked`", Moment(*.next_update))]
    RevocationListExpired {
        /// The party in the certificate.
        party: String,
        /// When the next list was due, in seconds since 1970.
        next_update: u64,
    },
    /// A revocation list cannot be used.
    #[error(
        "a revocation list that covers {party} cannot be used ({reason}); fetch it again, or take it out of `tls.revoked`"
    )]
    RevocationListUnusable {
        /// The party in the certificate.
        party: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An authority's certificate in the place of a node's.
    #[error("an authority's certificate was presented in the name of {party}; a node needs a certificate of its own")]
    AuthorityAsNode {
        /// The party in the certificate.
        party: String,
    },
    /// The extended key usage forbids it.
    #[error("the certificate of {party} may not be used by {}; its authority must allow server and client authentication", .usage.words())]
    WrongUsage {
        /// The party in the certificate.
        party: String,
        /// The usage it lacks.
        usage: Usage,
    },
    /// Any other fault on the way up to the authority.
    #[error(
        "the certificates of {party} do not lead up to the authority in its card ({reason}); {party} must mend its chain"
    )]
    Chain {
        /// The party in the certificate.
        party: String,
        /// What is wrong.
        reason: String,
    },
    /// TLS is right, the protocol in it is another.
    #[error("the peer did not agree on {}; it is another service, or another version of smpcd", ALPN.escape_ascii())]
    OtherApplication,
    /// The node's own key and certificate are not a pair (self-check only).
    #[error(
        "the private key does not belong to the certificate; set `tls.private_key` and `tls.certificate` to files of one pair, or make both anew with `smpcd certs renew`"
    )]
    KeyMismatch,
    /// The node's own certificate names somebody else (self-check only).
    #[error(
        "the node's own certificate names {presented} and not {expected}; check `party` and `tls.certificate` in node.toml"
    )]
    NotOurs {
        /// The party in node.toml.
        expected: String,
        /// The party in the certificate.
        presented: String,
    },
}

impl Refusal {
    /// The party that the certificate claims to be, if it came that far. It is a claim, not a fact.
    pub fn claimed_party(&self) -> Option<&str> {
        match self {
            Refusal::UnknownParty { party }
            | Refusal::AuthorityUnusable { party, .. }
            | Refusal::AuthorityExpired { party, .. }
            | Refusal::OtherAuthority { party }
            | Refusal::Expired { party, .. }
            | Refusal::NotYetValid { party, .. }
            | Refusal::TooOld { party, .. }
            | Refusal::Revoked { party }
            | Refusal::RevocationListExpired { party, .. }
            | Refusal::RevocationListUnusable { party, .. }
            | Refusal::AuthorityAsNode { party }
            | Refusal::WrongUsage { party, .. }
            | Refusal::Chain { party, .. } => Some(party),
            Refusal::AnotherParty { presented, .. } | Refusal::NotOurs { presented, .. } => Some(presented),
            Refusal::NoCertificate
            | Refusal::ChainTooLong { .. }
            | Refusal::Unreadable { .. }
            | Refusal::NoIdentity
            | Refusal::SeveralIdentities { .. }
            | Refusal::NotAnIdentity { .. }
            | Refusal::OtherConsortium { .. }
            | Refusal::OtherApplication
            | Refusal::KeyMismatch => None,
        }
    }
}

/// Text of a stranger, made fit for a log: quoted, escaped, cut at 80 characters.
pub(crate) fn shown(text: &str) -> String {
    const MAX_SHOWN: usize = 80;
    let mut cut: String = text.chars().take(MAX_SHOWN).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_cannot_forge_a_log_line_or_fill_it() {
        assert_eq!(shown("a\nERROR b\u{1b}[2J"), r#""a\nERROR b\u{1b}[2J""#);
        assert_eq!(shown(&"x".repeat(10_000)).chars().count(), 83);
    }
}
