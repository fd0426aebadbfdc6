//! Every event, with what its record carries.

use audit::{Approver, DigestOf, Draft, Event, Name, Outcome, Source, Text};

/// The round id of all of them.
pub(crate) const ID: [u8; 32] = [0xab; 32];

/// Every event, and its line between what all lines begin and end with. `R` stands for the round, `D` for a digest.
pub(crate) fn events() -> Vec<(Draft, &'static str)> {
    use DigestOf::{Agreement, Card, Disclosure, Header, Message, Ours, PreviousAgreement, Set, Theirs};
    let new = Draft::new;
    let round = |event| Draft::new(event).round("average-expenditure", "2026-Q3", &ID);
    let d = |draft: Draft, of: &[DigestOf]| of.iter().fold(draft, |draft, of| draft.digest(*of, [0xcd; 32]));
    let text = |text: &str| Text::of(text);
    let p = |names: &[&str]| names.iter().map(|name| Name::of(name)).collect::<Vec<_>>();
    let reason = || Text::of("because");
    vec![
        (
            d(new(Event::DaemonStarted), &[Agreement]),
            r#""event":"daemon.started","digests":{"agreement":D},"outcome":"done""#,
        ),
        (
            new(Event::DaemonStopped { reason: text("SIGTERM") }),
            r#""event":"daemon.stopped","detail":{"reason":"SIGTERM"},"outcome":"done""#,
        ),
        (
            new(Event::LinkUp { key_exchange: "X25519MLKEM768".into(), dialled: true }).peer("p2"),
            r#""event":"link.up","detail":{"key_exchange":"X25519MLKEM768","dialled":true},"peer":"p2","outcome":"done""#,
        ),
        (
            new(Event::LinkDown { reason: reason() }).peer("p2"),
            r#""event":"link.down","detail":{"reason":"because"},"peer":"p2","outcome":"done""#,
        ),
        (
            new(Event::LinkRefused { address: Some(([127, 0, 0, 1], 4000).into()), reason: text("a \"b\" \\ é") }),
            r#""event":"link.refused","detail":{"address":"127.0.0.1:4000","reason":"a \"b\" \\ é"},"outcome":"refused""#,
        ),
        (
            new(Event::LinkRefused { address: None, reason: reason() }).peer("p2"),
            r#""event":"link.refused","detail":{"reason":"because"},"peer":"p2","outcome":"refused""#,
        ),
        (
            d(new(Event::HelloDiffers { sections: p(&["legal", "computation x"]) }).peer("p2"), &[Theirs, Ours]),
            r#""event":"hello.differs","detail":{"sections":["legal","computation x"]},"peer":"p2","direction":"received","digests":{"ours":D,"theirs":D},"outcome":"differs""#,
        ),
        (
            d(new(Event::CardTakenIn { serial: 2, source: Source::Link }).peer("p2"), &[Card]),
            r#""event":"card.taken-in","detail":{"serial":2,"source":"link"},"peer":"p2","digests":{"card":D},"outcome":"done""#,
        ),
        (
            d(new(Event::SignatureTakenIn { source: Source::File }).peer("p2"), &[Agreement]),
            r#""event":"signature.taken-in","detail":{"source":"file"},"peer":"p2","digests":{"agreement":D},"outcome":"done""#,
        ),
        (
            d(new(Event::AgreementSigned { by: text("Zoë Doe") }), &[Disclosure, Agreement]),
            r#""event":"agreement.signed","detail":{"by":"Zoë Doe"},"digests":{"agreement":D,"disclosure":D},"outcome":"done""#,
        ),
        (
            d(new(Event::AgreementInForce { version: 3 }), &[Agreement, PreviousAgreement]),
            r#""event":"agreement.in-force","detail":{"version":3},"digests":{"agreement":D,"previous-agreement":D},"outcome":"done""#,
        ),
        (round(Event::RoundProposed), r#"R,"event":"round.proposed","direction":"sent","outcome":"done""#),
        (round(Event::RoundJoined).peer("p2"), r#"R,"event":"round.joined","peer":"p2","outcome":"done""#),
        (round(Event::ApprovalAsked), r#"R,"event":"approval.asked","outcome":"done""#),
        (
            d(round(Event::ApprovalGiven { approver: Approver::Auto, reason: None }), &[Agreement]),
            r#"R,"event":"approval.given","detail":{"approver":"auto"},"digests":{"agreement":D},"outcome":"done""#,
        ),
        (
            round(Event::ApprovalGiven { approver: Approver::Person(text("J. Doe")), reason: Some(reason()) }),
            r#"R,"event":"approval.given","detail":{"approver":{"person":"J. Doe"},"reason":"because"},"outcome":"done""#,
        ),
        (
            round(Event::DeclineSent { reason: reason() }),
            r#"R,"event":"decline.sent","detail":{"reason":"because"},"direction":"sent","outcome":"done""#,
        ),
        (
            round(Event::DeclineReceived { reason: reason() }).peer("p2"),
            r#"R,"event":"decline.received","detail":{"reason":"because"},"peer":"p2","direction":"received","outcome":"done""#,
        ),
        (
            round(Event::InputRefused { problems: 2 }),
            r#"R,"event":"input.refused","detail":{"problems":2},"outcome":"refused""#,
        ),
        (
            d(round(Event::DealSent), &[Header]),
            r#"R,"event":"deal.sent","direction":"sent","digests":{"header":D},"outcome":"done""#,
        ),
        (
            d(round(Event::DealReceived).peer("p2"), &[Header]),
            r#"R,"event":"deal.received","peer":"p2","direction":"received","digests":{"header":D},"outcome":"done""#,
        ),
        (
            d(round(Event::ShareSent).peer("p2"), &[Header]),
            r#"R,"event":"share.sent","peer":"p2","direction":"sent","digests":{"header":D},"outcome":"done""#,
        ),
        (
            d(round(Event::ShareReceived).peer("p2"), &[Header]),
            r#"R,"event":"share.received","peer":"p2","direction":"received","digests":{"header":D},"outcome":"done""#,
        ),
        (
            d(round(Event::ReceiptSent).peer("p2"), &[Header, Message]),
            r#"R,"event":"receipt.sent","peer":"p2","direction":"sent","digests":{"message":D,"header":D},"outcome":"done""#,
        ),
        (
            d(round(Event::ReceiptReceived).peer("p2"), &[Header, Message]),
            r#"R,"event":"receipt.received","peer":"p2","direction":"received","digests":{"message":D,"header":D},"outcome":"done""#,
        ),
        (round(Event::DealtSent), r#"R,"event":"dealt.sent","direction":"sent","outcome":"done""#),
        (
            round(Event::DealtReceived).peer("p2"),
            r#"R,"event":"dealt.received","peer":"p2","direction":"received","outcome":"done""#,
        ),
        (
            d(round(Event::OpenSent { attempt: 1 }), &[Set]),
            r#"R,"event":"open.sent","detail":{"attempt":1},"direction":"sent","digests":{"set":D},"outcome":"done""#,
        ),
        (
            round(Event::OpenReceived { attempt: 1 }).peer("p2"),
            r#"R,"event":"open.received","detail":{"attempt":1},"peer":"p2","direction":"received","outcome":"done""#,
        ),
        (
            round(Event::ReadySent { attempt: 1 }),
            r#"R,"event":"ready.sent","detail":{"attempt":1},"direction":"sent","outcome":"done""#,
        ),
        (
            round(Event::ReadyReceived { attempt: 1 }).peer("p2"),
            r#"R,"event":"ready.received","detail":{"attempt":1},"peer":"p2","direction":"received","outcome":"done""#,
        ),
        (
            round(Event::RoundLocked { attempt: 2 }),
            r#"R,"event":"round.locked","detail":{"attempt":2},"outcome":"done""#,
        ),
        (
            round(Event::AcceptSent { attempt: 2 }),
            r#"R,"event":"accept.sent","detail":{"attempt":2},"direction":"sent","outcome":"done""#,
        ),
        (
            round(Event::AcceptReceived { attempt: 2 }).peer("p3"),
            r#"R,"event":"accept.received","detail":{"attempt":2},"peer":"p3","direction":"received","outcome":"done""#,
        ),
        (
            d(
                round(Event::RoundCertified { attempt: 2, contributors: p(&["p1", "p2"]), holders: p(&["p1", "p3"]) }),
                &[Set],
            ),
            r#"R,"event":"round.certified","detail":{"attempt":2,"contributors":["p1","p2"],"holders":["p1","p3"]},"digests":{"set":D},"outcome":"done""#,
        ),
        (
            round(Event::CertificateSent).peer("p2"),
            r#"R,"event":"certificate.sent","peer":"p2","direction":"sent","outcome":"done""#,
        ),
        (
            round(Event::CertificateReceived).peer("p2"),
            r#"R,"event":"certificate.received","peer":"p2","direction":"received","outcome":"done""#,
        ),
        (
            round(Event::PartialSent).peer("p2"),
            r#"R,"event":"partial.sent","peer":"p2","direction":"sent","outcome":"done""#,
        ),
        (
            round(Event::PartialReceived).peer("p2"),
            r#"R,"event":"partial.received","peer":"p2","direction":"received","outcome":"done""#,
        ),
        (
            round(Event::ResultReleased { contributors: p(&["p1", "p2"]) }),
            r#"R,"event":"result.released","detail":{"contributors":["p1","p2"]},"outcome":"done""#,
        ),
        (
            round(Event::OutcomeSent).peer("p2"),
            r#"R,"event":"outcome.sent","peer":"p2","direction":"sent","outcome":"done""#,
        ),
        (
            round(Event::OutcomeReceived).peer("p2"),
            r#"R,"event":"outcome.received","peer":"p2","direction":"received","outcome":"done""#,
        ),
        (
            round(Event::OutcomeDiffers).peer("p2"),
            r#"R,"event":"outcome.differs","peer":"p2","direction":"received","outcome":"differs""#,
        ),
        (
            round(Event::RoundAbandoned { reason: reason() }),
            r#"R,"event":"round.abandoned","detail":{"reason":"because"},"outcome":"failed""#,
        ),
        (
            round(Event::AbandonSent { reason: reason() }).peer("p2"),
            r#"R,"event":"abandon.sent","detail":{"reason":"because"},"peer":"p2","direction":"sent","outcome":"done""#,
        ),
        (
            round(Event::AbandonReceived { reason: reason() }).peer("p2"),
            r#"R,"event":"abandon.received","detail":{"reason":"because"},"peer":"p2","direction":"received","outcome":"done""#,
        ),
        (
            round(Event::CloseSent { attempt: Some(2), lock: Some(1) }).peer("p2"),
            r#"R,"event":"close.sent","detail":{"attempt":2,"lock":1},"peer":"p2","direction":"sent","outcome":"done""#,
        ),
        (
            round(Event::CloseReceived { attempt: None, lock: None }).peer("p2"),
            r#"R,"event":"close.received","detail":{},"peer":"p2","direction":"received","outcome":"done""#,
        ),
        (round(Event::RoundVoid), r#"R,"event":"round.void","outcome":"done""#),
        (round(Event::RoundResumed), r#"R,"event":"round.resumed","outcome":"done""#),
        (
            round(Event::RoundForgotten { message: "Ready".into() }).peer("p2"),
            r#"R,"event":"round.forgotten","detail":{"message":"Ready"},"peer":"p2","direction":"received","outcome":"failed""#,
        ),
        (
            round(Event::CertificateDiffers).peer("p2"),
            r#"R,"event":"certificate.differs","peer":"p2","direction":"received","outcome":"differs""#,
        ),
        (round(Event::CommitmentsSent), r#"R,"event":"commitments.sent","direction":"sent","outcome":"done""#),
        (
            round(Event::CommitmentsReceived).peer("p2"),
            r#"R,"event":"commitments.received","peer":"p2","direction":"received","outcome":"done""#,
        ),
        (
            round(Event::ComplaintSent { dealer: "p3".into() }),
            r#"R,"event":"complaint.sent","detail":{"dealer":"p3"},"direction":"sent","outcome":"done""#,
        ),
        (
            round(Event::ComplaintReceived { dealer: "p3".into() }).peer("p2"),
            r#"R,"event":"complaint.received","detail":{"dealer":"p3"},"peer":"p2","direction":"received","outcome":"done""#,
        ),
        (
            round(Event::FaultProven { fault: "bad-share".into() }).peer("p2"),
            r#"R,"event":"fault.proven","detail":{"fault":"bad-share"},"peer":"p2","outcome":"failed""#,
        ),
        (
            round(Event::FaultObserved { message: "share".into(), kind: "malformed".into(), reason: reason() })
                .peer("p2"),
            r#"R,"event":"fault.observed","detail":{"message":"share","kind":"malformed","reason":"because"},"peer":"p2","direction":"received","outcome":"refused""#,
        ),
        (
            new(Event::RollbackFound { store: 7, guard: Some(4_294_967_303), reason: reason() }),
            r#""event":"rollback.found","detail":{"store":7,"guard":4294967303,"reason":"because"},"outcome":"differs""#,
        ),
        (
            new(Event::RollbackFound { store: 0, guard: None, reason: reason() }),
            r#""event":"rollback.found","detail":{"store":0,"reason":"because"},"outcome":"differs""#,
        ),
        (
            d(round(Event::RollbackRecalled { message: "Accept".into() }).peer("p2"), &[Message]),
            r#"R,"event":"rollback.recalled","detail":{"message":"Accept"},"peer":"p2","direction":"received","digests":{"message":D},"outcome":"differs""#,
        ),
        (
            new(Event::RollbackRecovered { number: 8_589_934_599 }),
            r#""event":"rollback.recovered","detail":{"number":8589934599},"outcome":"done""#,
        ),
        (
            new(Event::AdminCall { call: "round.start".into(), reason: Some(reason()) }).outcome(Outcome::Refused),
            r#""event":"admin.call","detail":{"call":"round.start","reason":"because"},"outcome":"refused""#,
        ),
        (
            new(Event::AdminCall { call: "round.start".into(), reason: None }).outcome(Outcome::Failed),
            r#""event":"admin.call","detail":{"call":"round.start"},"outcome":"failed""#,
        ),
        (
            d(new(Event::ConfigurationChanged), &[DigestOf::PreviousConfiguration, DigestOf::Configuration]),
            r#""event":"configuration.changed","digests":{"configuration":D,"previous-configuration":D},"outcome":"done""#,
        ),
        (
            d(new(Event::IdentityChanged), &[DigestOf::PreviousTlsCertificate, DigestOf::TlsCertificate]),
            r#""event":"identity.changed","digests":{"tls-certificate":D,"previous-tls-certificate":D},"outcome":"done""#,
        ),
        (
            d(new(Event::RevocationsChanged), &[DigestOf::Revocations]),
            r#""event":"revocations.changed","digests":{"revocations":D},"outcome":"done""#,
        ),
        (
            d(new(Event::CardTakenIn { serial: 3, source: Source::File }).peer("p2"), &[Card, DigestOf::PreviousCard]),
            r#""event":"card.taken-in","detail":{"serial":3,"source":"file"},"peer":"p2","digests":{"card":D,"previous-card":D},"outcome":"done""#,
        ),
        (
            d(new(Event::CheckpointWitnessed { size: 40 }).peer("p2"), &[DigestOf::Checkpoint]),
            r#""event":"checkpoint.witnessed","detail":{"size":40},"peer":"p2","direction":"received","digests":{"checkpoint":D},"outcome":"done""#,
        ),
        (
            d(new(Event::LogDeparted { kind: "shrunk".into(), seen: 40, shown: 39 }).peer("p2"), &[DigestOf::Evidence]),
            r#""event":"log.departed","detail":{"kind":"shrunk","seen":40,"shown":39},"peer":"p2","direction":"received","digests":{"evidence":D},"outcome":"differs""#,
        ),
        (
            d(new(Event::LogBehind { size: 30, witnessed: 40 }).peer("p2"), &[DigestOf::Checkpoint]),
            r#""event":"log.behind","detail":{"size":30,"witnessed":40},"peer":"p2","digests":{"checkpoint":D},"outcome":"differs""#,
        ),
        (
            new(Event::LogAcknowledged { by: "Ann".into(), reason: reason() }),
            r#""event":"log.acknowledged","detail":{"by":"Ann","reason":"because"},"outcome":"done""#,
        ),
        (
            d(new(Event::LogSealed { first: 1, last: 50_000 }), &[DigestOf::Root]),
            r#""event":"log.sealed","detail":{"first":1,"last":50000},"digests":{"root":D},"outcome":"done""#,
        ),
        (
            d(new(Event::LogDeleted { first: 1, last: 50_000 }), &[DigestOf::Root]),
            r#""event":"log.deleted","detail":{"first":1,"last":50000},"digests":{"root":D},"outcome":"done""#,
        ),
        (
            new(Event::RoundsPaused { reason: reason() }),
            r#""event":"rounds.paused","detail":{"reason":"because"},"outcome":"done""#,
        ),
        (new(Event::RoundsResumed), r#""event":"rounds.resumed","outcome":"done""#),
        (
            round(Event::ResultDeleted { by: "Ann".into() }),
            r#"R,"event":"result.deleted","detail":{"by":"Ann"},"outcome":"done""#,
        ),
    ]
}
