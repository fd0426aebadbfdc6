//! Evidence of every kind convicts whoever did it, and nobody else: made here with a party's own key, as a cheating party
//! would sign it.

use std::fs;

use protocol::round::{Proven, dealing_digest};
use sharing::{Opening, PartialHasher, Place, Seed};
use testkit::dice::Dice;
use wire::dossier::{CertificateProof, Claim, Dossier, FaultKind, PartialElements};
use wire::message::commitments_digest;
use wire::{Body, Envelope, Grievance, RoundId, Sealed, Seq, Until};

use crate::made::{Made, all, changed, dice};
use crate::support::smpcd;

/// Changes of one byte to each file.
const CHANGED: usize = 60;
const KINDS: [FaultKind; 7] = [
    FaultKind::BadCommitments,
    FaultKind::BadShare,
    FaultKind::FalseComplaint,
    FaultKind::ReceiptedComplaint,
    FaultKind::Equivocation,
    FaultKind::HiddenLock,
    FaultKind::BadPartial,
];
/// Who cheats in what follows: p2. It is dealer, holder and result party.
const CHEAT: u16 = 1;
/// A party that does not.
const HONEST: u16 = 0;

/// An honest round, and the key of a party that then cheats.
struct Case<'a> {
    made: &'a Made,
    bundle: Dossier,
    round: RoundId,
    messages: Vec<Sealed>,
}

impl<'a> Case<'a> {
    fn of(made: &'a Made) -> Self {
        let bundle = Dossier::decode(&made.results[0].bundle).expect("a dossier");
        let read = |bytes: &wire::Bytes<_>| {
            let envelope = Envelope::parse(bytes).expect("an envelope");
            let key = made.agreement.parties()[usize::from(envelope.sender())].signing_key;
            envelope.verify(&key).expect("signed")
        };
        let messages: Vec<Sealed> = bundle.messages.iter().map(read).collect();
        Self { made, round: messages[0].round(), bundle, messages }
    }

    fn signed(&self, by: u16, to: Option<u16>, body: Body) -> Sealed {
        Sealed::sign(self.round, by, to, body, &self.made.keys[usize::from(by)])
    }

    /// The honest message of a bundle.
    fn from(&self, by: u16, is: fn(&Body) -> bool) -> Sealed {
        self.messages.iter().find(|m| m.sender() == by && is(m.body())).expect("it is in the bundle").clone()
    }

    fn deal(&self, by: u16) -> Sealed {
        self.from(by, |body| matches!(body, Body::Deal { .. }))
    }

    fn commitments(&self, by: u16) -> Sealed {
        self.from(by, |body| matches!(body, Body::Commitments { .. }))
    }

    fn certificate(&self) -> &CertificateProof {
        self.bundle.certificate.as_ref().expect("certified")
    }

    /// Anew, for a certificate need not hold that of everybody.
    fn receipt(&self, by: u16, dealer: u16) -> Sealed {
        let dealing = dealing_digest(&self.deal(dealer));
        self.signed(by, Some(dealer), Body::Receipt { dealing })
    }

    fn accept(&self, by: u16) -> Sealed {
        let CertificateProof { attempt, set, .. } = self.certificate();
        self.signed(by, None, Body::Accept { attempt: *attempt, set: set.digest(&self.round) })
    }

    /// A complaint about a cell of a share that gives this root.
    fn complaint(&self, by: u16, deal: &Sealed, share: &Opening, cell: usize) -> Sealed {
        let seat = by;
        let (value, blinding) = share.cell(cell);
        let grievance = Grievance::Cell {
            dealing: dealing_digest(deal),
            cell: u32::try_from(cell).expect("small"),
            value,
            blinding,
            path: share.path(&self.place(deal.sender()), seat, cell).try_into().expect("short"),
        };
        self.signed(by, None, Body::Complaint { dealer: deal.sender(), grievance })
    }

    fn place(&self, dealer: u16) -> Place {
        Place { round: self.round.0, dealer }
    }

    fn dossier(&self, culprit: u16, kind: FaultKind, messages: &[Sealed]) -> Dossier {
        let messages: Vec<_> = messages.iter().map(|m| m.bytes().to_vec().try_into().expect("bounded")).collect();
        Dossier {
            claim: Claim::Fault { culprit, kind },
            certificate: None,
            messages: messages.try_into().expect("few"),
            partials: Seq::default(),
            ..self.bundle.clone()
        }
    }

    /// A partial sum of that holder with these elements, as it would announce it.
    fn bad_partial(&self, by: u16, elements: Vec<u8>) -> Dossier {
        let mut hasher = PartialHasher::new(&self.round.0, by);
        hasher.update(&elements);
        let set = self.certificate().set.digest(&self.round);
        let dealings = 2 * self.certificate().set.dealings.len();
        let mut messages = self.messages[..dealings].to_vec();
        messages.push(self.signed(by, None, Body::Partial { set, digest: hasher.finish() }));
        let mut dossier = self.dossier(by, FaultKind::BadPartial, &messages);
        dossier.certificate.clone_from(&self.bundle.certificate);
        let elements = elements.try_into().expect("bounded");
        dossier.partials = vec![PartialElements { holder: by, elements }].try_into().expect("one");
        dossier
    }

    /// A holder that the bundle has a partial sum of, and the sum.
    fn partial(&self) -> (u16, Vec<u8>) {
        let partial = self.bundle.partials.iter().find(|partial| partial.holder != CHEAT).expect("k of them");
        (partial.holder, partial.elements.to_vec())
    }

    /// One file of each kind, all against the same party.
    fn all_kinds(&self) -> Vec<Dossier> {
        let Body::Deal { shares, commitments } = self.deal(CHEAT).body().clone() else { panic!("a header") };
        let Body::Commitments { commitments: points, proofs, .. } = self.commitments(CHEAT).body().clone() else {
            panic!("commitments")
        };
        // A dealer whose proofs are none.
        let mut bad = proofs.to_vec();
        bad[40] ^= 1;
        let named = commitments_digest(&points, &bad);
        let header = self.signed(CHEAT, None, Body::Deal { shares: shares.clone(), commitments: Some(named) });
        let body = |header: &Sealed, proofs: &[u8]| Body::Commitments {
            dealing: dealing_digest(header),
            commitments: points.clone(),
            proofs: proofs.to_vec().try_into().expect("bounded"),
        };
        let bad = self.signed(CHEAT, None, body(&header, &bad));
        let bad_commitments = self.dossier(CHEAT, FaultKind::BadCommitments, &[header, bad]);

        // A dealer whose share is another one than it has committed to.
        let share = Opening::expand(&Seed::from_bytes([7; 32]), 6);
        let mut roots = shares.to_vec();
        roots[usize::from(HONEST)] = share.root(&self.place(CHEAT), HONEST);
        let header = self.signed(CHEAT, None, Body::Deal { shares: roots.try_into().expect("as many"), commitments });
        let good = self.signed(CHEAT, None, body(&header, &proofs));
        let complaint = self.complaint(HONEST, &header, &share, 4);
        let bad_share = self.dossier(CHEAT, FaultKind::BadShare, &[header.clone(), good, complaint]);

        // A holder that complains about a cell that is not the one it got.
        let complaint = self.complaint(CHEAT, &self.deal(HONEST), &share, 2);
        let honest = [self.deal(HONEST), self.commitments(HONEST)];
        let false_complaint = [&honest[..], std::slice::from_ref(&complaint)].concat();

        let close = self.signed(CHEAT, None, Body::Close { until: Until::Forever, lock: None });
        // Another holder's partial sum is none of its own.
        let (_, elements) = self.partial();
        vec![
            bad_commitments,
            bad_share,
            self.dossier(CHEAT, FaultKind::FalseComplaint, &false_complaint),
            self.dossier(CHEAT, FaultKind::ReceiptedComplaint, &[self.receipt(CHEAT, HONEST), complaint]),
            self.dossier(CHEAT, FaultKind::Equivocation, &[self.deal(CHEAT), header]),
            self.dossier(CHEAT, FaultKind::HiddenLock, &[self.accept(CHEAT), close]),
            self.bad_partial(CHEAT, elements),
        ]
    }
}

#[test]
fn evidence_of_every_kind_convicts() {
    for made in all() {
        let case = Case::of(made);
        for (dossier, expected) in case.all_kinds().iter().zip(KINDS) {
            let Proven::Fault { round, culprit, kind } = made.examine(&dossier.encode()).expect("evidence") else {
                panic!("a fault")
            };
            assert_eq!((&*round, &*culprit, kind), ("pay/2026-1", "p2", expected));
        }
    }
}

#[test]
fn changed_evidence_proves_nothing() {
    let mut dice = dice("evidence");
    for made in all() {
        for dossier in Case::of(made).all_kinds() {
            let file = dossier.encode();
            let nothing = |bytes: &[u8]| {
                let found = made.examine(bytes);
                assert!(found.is_err(), "{:?}: {found:?}", dossier.claim);
            };
            for _ in 0..CHANGED {
                nothing(&changed(&mut dice, &file).1);
            }
            nothing(&file[..file.len() - 1]);
            nothing(&[&file[..], &[0]].concat());
        }
    }
}

/// Every claim about parts of honest messages, and about a cheat's in other roles, is refused.
#[test]
fn nobody_is_convicted_by_anything_else() {
    for made in all() {
        let case = Case::of(made);
        let parties = u16::try_from(made.keys.len()).expect("few");
        // The same files, but another culprit or another kind.
        for (dossier, kind) in case.all_kinds().into_iter().zip(KINDS) {
            for (culprit, other) in (0..parties).flat_map(|culprit| KINDS.map(|other| (culprit, other))) {
                let found =
                    made.examine(&Dossier { claim: Claim::Fault { culprit, kind: other }, ..dossier.clone() }.encode());
                let same = (culprit, other) == (CHEAT, kind);
                assert_eq!(found.is_ok(), same, "{kind:?} as {other:?} of {culprit}: {found:?}");
            }
        }
        // What honest parties signed, put together in every way.
        let mut said: Vec<Sealed> = case.messages.clone();
        for party in 0..parties {
            said.push(case.accept(party));
            said.extend((0..parties).map(|dealer| case.receipt(party, dealer)));
        }
        for kind in
            [FaultKind::Equivocation, FaultKind::HiddenLock, FaultKind::BadCommitments, FaultKind::ReceiptedComplaint]
        {
            for (one, other) in said.iter().flat_map(|one| said.iter().map(move |other| (one, other))) {
                // Who else could be named is refused above.
                let culprit = other.sender();
                let dossier = case.dossier(culprit, kind, &[one.clone(), other.clone()]);
                let found = made.examine(&dossier.encode());
                assert!(found.is_err(), "{one:?} and {other:?}: {found:?}");
            }
        }
        // A true partial sum in its own name, and a cheat's blamed on another.
        let (holder, elements) = case.partial();
        assert!(made.examine(&case.bad_partial(holder, elements.clone()).encode()).is_err());
        let mut others = case.bad_partial(CHEAT, elements);
        others.claim = Claim::Fault { culprit: holder, kind: FaultKind::BadPartial };
        assert!(made.examine(&others.encode()).is_err());
    }
}

#[test]
fn the_command_says_who_did_what() {
    let mut dice: Dice = dice("evidence command");
    let folder = tempfile::tempdir().expect("a folder");
    let made = &all()[0];
    let agreement = made.agreement_in(folder.path());
    for (dossier, kind) in Case::of(made).all_kinds().iter().zip(KINDS) {
        let file = folder.path().join(format!("{}.bin", kind.name()));
        let path = file.to_str().expect("text");
        let under = ["--agreement", agreement.to_str().expect("text")];
        let evidence = |json: &[&'static str]| smpcd(["evidence", "verify", path].iter().chain(&under).chain(json));
        fs::write(&file, dossier.encode()).expect("written");
        let said = evidence(&["--json"]).exits(0).json();
        assert_eq!((&said["culprit"], &said["kind"]), (&"p2".into(), &kind.name().into()));
        let said = evidence(&[]).exits(0);
        for part in ["PROVEN: p2 (Party 2)", "pay/2026-1", kind.in_words()] {
            assert!(said.out.contains(part), "{part} in {}", said.out);
        }
        smpcd(["result", "verify", path].iter().chain(&under)).exits(4).complains(&["evidence against a party"]);
        fs::write(&file, changed(&mut dice, &dossier.encode()).1).expect("written");
        let said = evidence(&[]).exits(4).complains(&["it proves nothing"]);
        assert!(said.out.is_empty());
    }
}
