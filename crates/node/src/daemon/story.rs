//! A round's notes as audit records and as lines of the tracing log: one story, told twice (PROTOCOL 8).

use audit::{DigestOf, Draft, Event, Name, Text};
use protocol::agreement::Digest;
use protocol::round::{Approver, Note, Terms, dealing_digest};
use wire::{Body, MessageKind, Sealed, Until};

/// What a record needs beside the note.
pub(crate) struct Telling<'a> {
    pub(crate) terms: &'a Terms,
    /// Hash of the disclosure statement that an approval is about.
    pub(crate) disclosure: [u8; 32],
    /// The agreement's digest.
    pub(crate) agreement: Digest,
    /// Why the input was let in, where its approval said it.
    pub(crate) reason: Option<&'a str>,
}

impl Telling<'_> {
    fn name(&self, party: u16) -> Name {
        Name::of(self.terms.party_id(party))
    }

    fn draft(&self, event: Event) -> Draft {
        Draft::new(event).round(&self.terms.computation().id, self.terms.period(), &self.terms.round().0)
    }

    /// The record of a note; none where another record says it already.
    pub(crate) fn record(&self, note: &Note) -> Option<Draft> {
        Some(match note {
            Note::Joined { proposer: Some(party) } => self
                .draft(Event::RoundJoined)
                .peer(self.terms.party_id(*party))
                .digest(DigestOf::Agreement, self.agreement.0),
            Note::Joined { proposer: None } => {
                self.draft(Event::RoundProposed).digest(DigestOf::Agreement, self.agreement.0)
            }
            Note::ApprovalAsked => self.draft(Event::ApprovalAsked),
            Note::Approved(approver) => self
                .draft(Event::ApprovalGiven {
                    approver: match approver {
                        Approver::Policy => audit::Approver::Auto,
                        Approver::Person(name) => audit::Approver::Person(Text::of(name)),
                    },
                    reason: self.reason.map(Text::of),
                })
                .digest(DigestOf::Agreement, self.agreement.0)
                .digest(DigestOf::Disclosure, self.disclosure),
            Note::Sent(message) => self.message(message, true)?,
            Note::Received(message) => self.message(message, false)?.peer(self.terms.party_id(message.sender())),
            Note::InputRefused { errors } => self.draft(Event::InputRefused { problems: u64::from(*errors) }),
            Note::Locked { attempt, set } => {
                self.draft(Event::RoundLocked { attempt: *attempt }).digest(DigestOf::Set, set.0)
            }
            Note::Certified { attempt, digest, set } => self
                .draft(Event::RoundCertified {
                    attempt: *attempt,
                    contributors: set.dealings.iter().map(|entry| self.name(entry.dealer)).collect(),
                    holders: set.holders.iter().map(|&holder| self.name(holder)).collect(),
                })
                .digest(DigestOf::Set, digest.0),
            Note::Released { digest, set } => self
                .draft(Event::ResultReleased {
                    contributors: set.dealings.iter().map(|entry| self.name(entry.dealer)).collect(),
                })
                .digest(DigestOf::Set, digest.0),
            Note::OutcomeAgrees { peer } => self.draft(Event::OutcomeReceived).peer(self.terms.party_id(*peer)),
            Note::OutcomeDiffers { peer } => self.draft(Event::OutcomeDiffers).peer(self.terms.party_id(*peer)),
            Note::Abandoned { reason } => self.draft(Event::RoundAbandoned { reason: Text::of(reason) }),
            Note::Void => self.draft(Event::RoundVoid),
            Note::Resumed => self.draft(Event::RoundResumed),
            Note::Forgotten { shown_by, kind } => self
                .draft(Event::RoundForgotten { message: Name::of(kind.name()) })
                .peer(self.terms.party_id(*shown_by)),
            Note::TwoCertificates => self.draft(Event::CertificateDiffers),
            Note::Proven { culprit, kind } => {
                self.draft(Event::FaultProven { fault: Name::of(kind.name()) }).peer(self.terms.party_id(*culprit))
            }
            Note::Fault { culprit, kind, reason } => self
                .draft(Event::FaultObserved {
                    message: Name::of(kind.map_or("unknown", MessageKind::name)),
                    kind: Name::of("refused"),
                    reason: Text::of(reason),
                })
                .peer(self.terms.party_id(*culprit)),
            // Its Decline says it.
            Note::Declined { .. } => return None,
        })
    }

    /// The record of a message. Nothing is taken of a Share but that there is one; and of an Outcome not even its digest,
    /// for that is a hash of the total, which is guessable.
    fn message(&self, message: &Sealed, sent: bool) -> Option<Draft> {
        let either = |out: Event, inward: Event| if sent { out } else { inward };
        let draft = |out: Event, inward: Event| self.draft(either(out, inward));
        let named = |draft: Draft| draft.digest(DigestOf::Message, message.digest().0);
        Some(match message.body() {
            // Every party repeats the proposal to its peers; joining the round is the event.
            Body::Propose { .. } => return None,
            Body::Deal { .. } => {
                let header = dealing_digest(message).0;
                draft(Event::DealSent, Event::DealReceived).digest(DigestOf::Header, header)
            }
            Body::Commitments { dealing, .. } => {
                named(draft(Event::CommitmentsSent, Event::CommitmentsReceived).digest(DigestOf::Header, dealing.0))
            }
            Body::Complaint { dealer, .. } => {
                let dealer = self.name(*dealer);
                named(draft(Event::ComplaintSent { dealer: dealer.clone() }, Event::ComplaintReceived { dealer }))
            }
            Body::Share { dealing, .. } => {
                let draft = draft(Event::ShareSent, Event::ShareReceived).digest(DigestOf::Header, dealing.0);
                match message.recipient() {
                    Some(to) if sent => draft.peer(self.terms.party_id(to)),
                    _ => draft,
                }
            }
            Body::Receipt { dealing } => {
                let draft = draft(Event::ReceiptSent, Event::ReceiptReceived).digest(DigestOf::Header, dealing.0);
                match message.recipient() {
                    Some(to) if sent => named(draft.peer(self.terms.party_id(to))),
                    _ => named(draft),
                }
            }
            Body::Dealt { dealing, .. } => {
                named(draft(Event::DealtSent, Event::DealtReceived).digest(DigestOf::Header, dealing.0))
            }
            Body::Open { attempt, set, .. } => {
                let digest = set.digest(&message.round()).0;
                let (out, inward) = (Event::OpenSent { attempt: *attempt }, Event::OpenReceived { attempt: *attempt });
                named(draft(out, inward).digest(DigestOf::Set, digest))
            }
            Body::Ready { attempt, set } => {
                let (out, inward) =
                    (Event::ReadySent { attempt: *attempt }, Event::ReadyReceived { attempt: *attempt });
                named(draft(out, inward).digest(DigestOf::Set, set.0))
            }
            Body::Accept { attempt, set } => {
                let (out, inward) =
                    (Event::AcceptSent { attempt: *attempt }, Event::AcceptReceived { attempt: *attempt });
                named(draft(out, inward).digest(DigestOf::Set, set.0))
            }
            Body::Certificate { set, .. } => {
                let digest = set.digest(&message.round()).0;
                named(draft(Event::CertificateSent, Event::CertificateReceived).digest(DigestOf::Set, digest))
            }
            // A partial sum's digest is not salted: with the other partial sums at hand it is a hash of the total.
            Body::Partial { set, .. } => draft(Event::PartialSent, Event::PartialReceived).digest(DigestOf::Set, set.0),
            Body::Outcome { .. } => self.draft(Event::OutcomeSent),
            Body::Close { until, lock } => {
                let attempt = if let Until::Attempt(attempt) = until { Some(*attempt) } else { None };
                let lock = lock.as_ref().map(|lock| lock.attempt);
                named(draft(Event::CloseSent { attempt, lock }, Event::CloseReceived { attempt, lock }))
            }
            Body::Decline { reason } => {
                let reason = Text::of(reason);
                named(draft(Event::DeclineSent { reason: reason.clone() }, Event::DeclineReceived { reason }))
            }
            Body::Abandon { reason } => {
                let reason = Text::of(reason);
                named(draft(Event::AbandonSent { reason: reason.clone() }, Event::AbandonReceived { reason }))
            }
        })
    }

    /// The same for the tracing log, with the round's id for joining the two.
    pub(crate) fn trace(&self, note: &Note) {
        let round = format!("{}/{}", self.terms.computation().id, self.terms.period());
        let id = self.terms.round();
        match note {
            Note::Joined { .. } => tracing::info!(target: "round", %round, %id, "joined the round"),
            // Who calls people says it, and daily.
            Note::ApprovalAsked => tracing::debug!(target: "round", %round, %id, "waits to be approved"),
            Note::Approved(_) => tracing::info!(target: "round", %round, %id, "approved; the input passed every bound"),
            Note::Declined { reason } => tracing::info!(target: "round", %round, %id, %reason, "declined"),
            Note::InputRefused { errors } => tracing::error!(
                target: "round", %round, %id, errors,
                "the input file was refused: smpcd round show {round} names each error"
            ),
            Note::Sent(message) => {
                tracing::debug!(target: "round", %round, %id, kind = message.kind().name(), "sent");
            }
            Note::Received(message) => {
                let (kind, from) = (message.kind().name(), self.terms.party_id(message.sender()));
                tracing::debug!(target: "round", %round, %id, kind, from, "received");
            }
            Note::Locked { attempt, .. } => tracing::info!(target: "round", %round, %id, attempt, "locked"),
            Note::Certified { set, .. } => tracing::info!(
                target: "round", %round, %id, contributors = set.dealings.len(), "the contributor set is certified"
            ),
            Note::Released { .. } => tracing::info!(target: "round", %round, %id, "the result is there"),
            Note::OutcomeAgrees { peer } => tracing::debug!(
                target: "round", %round, %id, peer = self.terms.party_id(*peer), "the peer's outcome agrees"
            ),
            Note::OutcomeDiffers { peer } => tracing::error!(
                target: "round", %round, %id, peer = self.terms.party_id(*peer),
                "a peer has another result: compare the digests of both results"
            ),
            Note::Abandoned { reason } => tracing::warn!(target: "round", %round, %id, %reason, "abandoned"),
            Note::Void => tracing::info!(
                target: "round", %round, %id,
                "proven void: nothing of it has opened or can; smpcd round start {round} begins the period anew"
            ),
            Note::Resumed => tracing::info!(target: "round", %round, %id, "goes on after a restart"),
            Note::Forgotten { shown_by, kind } => tracing::error!(
                target: "round", %round, %id, peer = self.terms.party_id(*shown_by), kind = kind.name(),
                "the peer holds a message that this party has signed and does not know: data_dir is an older copy; \
                 this party signs nothing in this round any more"
            ),
            Note::TwoCertificates => tracing::error!(
                target: "round", %round, %id,
                "there are certificates on two different sets: more parties lie than the agreement stands against"
            ),
            Note::Proven { culprit, kind } => tracing::error!(
                target: "round", %round, %id, peer = self.terms.party_id(*culprit), fault = kind.name(),
                "proven: {}; the evidence is in data_dir/evidence: smpcd evidence verify FILE --agreement FILE",
                kind.in_words()
            ),
            Note::Fault { culprit, kind, reason } => tracing::warn!(
                target: "round", %round, %id, peer = self.terms.party_id(*culprit),
                kind = kind.map_or("unknown", MessageKind::name), %reason, "refused a message"
            ),
        }
    }
}
