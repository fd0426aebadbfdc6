//! What must hold after every event, whoever does what (PROTOCOL 4, 7, 8).
//!
//! Written apart from the round: it looks at steps and disks from outside, and counts, sums and verifies on its own. What
//! it remembers of a party outlasts crashes and older copies.

mod ballots;

use std::collections::{BTreeMap, BTreeSet};

use protocol::round::{
    Action, Change, Ended, Millis, Note, Object, OneCore, Proven, SecretName, Step, Terms, examine_in,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use wire::dossier::{Dossier, FaultKind};
use wire::{Body, Envelope, Grievance, Lock, MessageKind, Sealed, Set, SetDigest, ShareContent, Until};

use self::ballots::{Ballots, Rules};
use super::disk::Stored;
use super::place::Memory;

/// A fault that a party noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Who noted it.
    pub by: u16,
    /// Who is named.
    pub culprit: u16,
    /// The kind of message.
    pub kind: Option<MessageKind>,
    /// What is wrong.
    pub reason: String,
}

/// What one party has said in one round, over all its lives.
#[derive(Default)]
struct Watch {
    approved: bool,
    /// It has told the others that it gave the round up, without a certificate.
    gave_up: bool,
    released: bool,
    /// Parties against whom it holds evidence.
    evidence: BTreeSet<u16>,
    /// What it signed, and whether it had a certificate then.
    signed: Vec<(Sealed, bool)>,
    said: BTreeMap<(MessageKind, u32), [u8; 32]>,
    closed: Option<Until>,
    /// Attempts in which it accepted a set.
    accepted: BTreeMap<u32, SetDigest>,
    /// How secret bytes would look in text.
    needles: BTreeSet<String>,
}

/// Watches all parties of one period.
pub(super) struct Observer {
    /// By v, with every rule.
    terms: Vec<Terms>,
    corrupt: BTreeSet<u16>,
    watches: BTreeMap<(u16, u32), Watch>,
    ballots: Ballots,
    certificates: BTreeMap<(u32, SetDigest), Set>,
    /// The table that each dealing was made of.
    dealt: BTreeMap<(u16, u32), Vec<i128>>,
    result: Option<[u8; 32]>,
    pub(super) findings: Vec<Finding>,
    /// Parties against whom an honest one holds evidence.
    pub(super) proven: BTreeSet<(u16, FaultKind)>,
    /// By the party that holds it.
    pub(super) proven_by: BTreeMap<u16, BTreeSet<(u16, FaultKind)>>,
    /// Complaints of honest parties: by whom, about whom.
    pub(super) complaints: BTreeSet<(u16, u16)>,
    /// Files that were examined: many parties keep the same.
    examined: BTreeSet<[u8; 32]>,
    /// Whether every bundle is examined, or one of each round.
    every_bundle: bool,
    pub(super) certified_at: Option<Millis>,
}

type Verdict = Result<(), String>;

fn require(holds: bool, otherwise: impl Fn() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl Observer {
    /// An observer of the rounds of these terms, as any party sees them.
    pub(super) fn new(terms: Vec<Terms>, corrupt: BTreeSet<u16>, every_bundle: bool) -> Self {
        Self {
            terms,
            corrupt,
            watches: BTreeMap::new(),
            ballots: Ballots::default(),
            certificates: BTreeMap::new(),
            dealt: BTreeMap::new(),
            result: None,
            findings: Vec::new(),
            proven: BTreeSet::new(),
            proven_by: BTreeMap::new(),
            complaints: BTreeSet::new(),
            examined: BTreeSet::new(),
            every_bundle,
            certified_at: None,
        }
    }

    /// The set that was certified.
    pub(super) fn certified(&self) -> Option<&Set> {
        self.certificates.values().next()
    }

    /// The highest attempt that somebody honest has voted in or closed, and how often one was about a lock.
    pub(super) fn attempts(&self) -> (u32, u64) {
        (self.ballots.last_attempt, self.ballots.locks_carried)
    }

    /// The terms of the round of that v, with every rule.
    pub(super) fn terms(&self, v: u32) -> &Terms {
        &self.terms[v as usize]
    }

    pub(super) fn is_corrupt(&self, party: u16) -> bool {
        self.corrupt.contains(&party)
    }

    /// From now on nothing is expected of that party.
    pub(super) fn corrupts(&mut self, party: u16) {
        self.corrupt.insert(party);
    }

    /// A party's store is an older copy. What it signed and no disk has any more has never been.
    pub(super) fn forgets(&mut self, party: u16, held: impl Fn(&Sealed) -> bool) {
        self.ballots.forget(party);
        for ((_, v), watch) in self.watches.iter_mut().filter(|((of, _), _)| *of == party) {
            let signed = core::mem::take(&mut watch.signed);
            (watch.gave_up, watch.released, watch.closed) = (false, false, None);
            watch.said.clear();
            watch.evidence.clear();
            watch.accepted.clear();
            for (message, certified) in signed.into_iter().filter(|(message, _)| held(message)) {
                self.ballots.count(*v, party, message.body());
                watch.remember(&message, certified);
            }
        }
    }

    /// A party's input was loaded as it is now.
    pub(super) fn loaded(&mut self, party: u16, v: u32, input: &[i128]) {
        self.dealt.entry((party, v)).or_insert_with(|| input.to_vec());
    }

    /// Judges a step that was committed, before its actions are done. `goes` tells of objects that are about to be erased.
    pub(super) fn step(
        &mut self,
        me: u16,
        v: u32,
        step: &Step,
        stored: &Stored,
        goes: &dyn Fn(Object) -> bool,
        now: Millis,
    ) -> Verdict {
        if self.corrupt.contains(&me) {
            self.findings.extend(step.notes.iter().filter_map(|note| finding(me, note)));
            return Ok(());
        }
        for change in &step.changes {
            self.change(me, v, change, stored, now)?;
        }
        for note in &step.notes {
            self.note(me, v, note)?;
        }
        for action in &step.actions {
            if let Action::Keep { culprit, kind, dossier } = action {
                require(!holds_share(dossier), || {
                    format!("evidence against p{culprit} holds a Share, which is secret")
                })?;
                // PROTOCOL 5.4: what is kept convinces anybody, and names nobody honest.
                if !self.examined.insert(sharing::hash("smpcd/testkit/file", &[dossier])) {
                    continue;
                }
                let shown = examined(self.terms(v), dossier)?;
                let names = matches!(&shown, Proven::Fault { culprit: of, kind: what, .. }
                    if *of == format!("p{culprit}") && what == kind);
                require(names && self.corrupt.contains(culprit), || {
                    format!("evidence against p{culprit} shows {shown:?}")
                })?;
            }
            if let Action::Send { message, .. } = action {
                // PROTOCOL 7: before any signed message is sent, that very message is stored.
                require(stored.holds(message), || format!("{message:?} is sent and is not stored"))?;
                // PROTOCOL 7: what a party says that does not know what it has said may contradict it.
                let silent = stored.abstains && !step.changes.iter().any(|change| matches!(change, Change::Abstains));
                require(!silent, || format!("{message:?} is sent by a party that abstains"))?;
            }
        }
        elements(self.terms(v), step, &stored.place, goes)?;
        self.result(me, v, &stored.place)
    }

    /// Judges a disk when nothing is left to do at it for now.
    pub(super) fn settled(&self, me: u16, stored: &Stored, closed: bool) -> Verdict {
        let Some(ended) = stored.ended.as_ref().filter(|_| !self.corrupt.contains(&me)) else { return Ok(()) };
        // PROTOCOL 4.6, 4.8: a partial sum may be asked for until the round is closed; everything else is gone.
        let partial = Object::Partial.to_string();
        let over = closed || (matches!(ended, Ended::Abandoned { .. }) && stored.certified().is_none());
        let left: Vec<String> = stored.kept().into_iter().filter(|kept| over || *kept != partial).collect();
        require(left.is_empty(), || format!("the round has ended and p{me} keeps {left:?}"))
    }

    fn change(&mut self, me: u16, v: u32, change: &Change, stored: &Stored, now: Millis) -> Verdict {
        let watch = self.watches.entry((me, v)).or_default();
        match change {
            Change::Message(message) => {
                watch.hide_share(message);
                // PROTOCOL 7: who has forgotten what it signed signs nothing any more; what it is shown it keeps.
                if message.sender() == me && !stored.abstains { self.says(me, v, message, stored, now) } else { Ok(()) }
            }
            Change::Secret { bytes, .. } => {
                bytes.chunks(32).for_each(|secret| watch.hide(secret));
                Ok(())
            }
            Change::Void => {
                let rules = Rules { terms: &self.terms[v as usize], corrupt: &self.corrupt };
                let proven = !rules.tolerated() || self.ballots.is_void(&rules, v);
                require(proven, || "a round is taken for void without the Closes that make it so".into())
            }
            Change::EraseSecrets | Change::EraseSecret(_) | Change::Ended(_) | Change::Abstains => Ok(()),
        }
    }

    /// The rules about what a party signs.
    fn says(&mut self, me: u16, v: u32, message: &Sealed, stored: &Stored, now: Millis) -> Verdict {
        let terms = &self.terms[v as usize];
        let rules = Rules { terms, corrupt: &self.corrupt };
        let tolerated = rules.tolerated();
        let watch = self.watches.entry((me, v)).or_default();
        let place = &stored.place;
        let forever = matches!(message.body(), Body::Close { until: Until::Forever, .. });
        require(!watch.gave_up || forever, || format!("{message:?} is signed after Abandon"))?;
        let first = slot(message).and_then(|slot| watch.said.get(&slot)).copied();
        let same = first.is_none_or(|first| first == message.digest().0);
        require(same, || format!("{message:?} contradicts what was signed before"))?;
        let closed = watch.closed;
        watch.remember(message, stored.certified().is_some());
        self.ballots.count(v, me, message.body());
        let votes = |attempt: u32| {
            let open = closed < Some(Until::Attempt(attempt));
            require(open, || format!("{message:?} is signed after a Close of attempt {attempt}"))
        };
        match message.body() {
            Body::Deal { .. } => {
                require(watch.approved, || "Deal without an approval".into())?;
                let key = stored.secrets.contains_key(&SecretName::Dealing);
                require(key, || "Deal before its key is on disk".into())?;
                require(stored.certified().is_none(), || "Deal after the certificate".into())?;
                // PROTOCOL 4.8: only then may the period be dealt anew.
                let before = v.checked_sub(1).filter(|_| tolerated);
                let void = before.is_none_or(|before| self.ballots.is_void(&rules, before));
                require(void, || format!("the period is dealt anew, and round {before:?} is not void"))
            }
            Body::Receipt { .. } => {
                let dealer = message.recipient().unwrap_or(u16::MAX);
                let held = if terms.explicit_recipients(dealer).contains(&me) {
                    place.holds(Object::Share(dealer))
                } else {
                    stored.secrets.contains_key(&SecretName::Seed(dealer))
                };
                require(held, || format!("a Receipt to p{dealer} before the share is on disk"))?;
                // PROTOCOL 4.8: who holds evidence against a dealer gives it no Receipt any more.
                let evidence = terms.is_malicious() && first.is_none() && watch.evidence.contains(&dealer);
                require(!evidence, || format!("a Receipt to p{dealer} beside evidence against it"))
            }
            Body::Open { attempt, .. } => votes(*attempt),
            Body::Ready { attempt, set } => {
                votes(*attempt)?;
                let open = stored.of(MessageKind::Open).find_map(|message| match message.body() {
                    Body::Open { attempt: of, set: opened, closes, .. }
                        if of == attempt && opened.digest(&terms.round()) == *set =>
                    {
                        Some((opened, closes))
                    }
                    _ => None,
                });
                let (open, closes) = open.ok_or("Ready without an Open")?;
                let locked = closes.iter().any(|close| close.lock.is_some());
                let collected = now >= stored.started.after(terms.computation().collect_for);
                sound(terms, open, collected || locked)?;
                if tolerated { self.ballots.ready(&rules, v, *attempt, *set) } else { Ok(()) }
            }
            Body::Accept { attempt, set } => {
                votes(*attempt)?;
                // PROTOCOL 4.4: q Readys on one (a, S, Q) are a lock: it is persisted, then Accept is signed.
                let ready = Body::Ready { attempt: *attempt, set: *set };
                let readys = stored.of(MessageKind::Ready).filter(|message| *message.body() == ready);
                let readys: BTreeSet<u16> = readys.map(Sealed::sender).collect();
                let enough = readys.len() >= usize::from(terms.quorum().q);
                require(enough, || format!("Accept on {} Readys", readys.len()))?;
                require(knows(terms, stored, *set), || "Accept without the set on disk".into())?;
                if tolerated { self.ballots.accept(&rules, v, *attempt, *set) } else { Ok(()) }
            }
            Body::Close { until, lock } => {
                // PROTOCOL 4.5: it shows the highest lock that its signer holds.
                let shown = lock.as_ref().map(|Lock { attempt, set, .. }| (*attempt, set.digest(&terms.round())));
                let held = watch.accepted.iter().rev().find(|(attempt, _)| Until::Attempt(**attempt) <= *until);
                let hides = held.is_some_and(|(attempt, set)| match shown {
                    Some((of, locked)) => of < *attempt || (of == *attempt && locked != *set),
                    None => true,
                });
                require(!hides, || format!("{message:?} hides the lock of {held:?}: it shows {shown:?}"))?;
                if tolerated { self.ballots.apart(&rules, v) } else { Ok(()) }
            }
            Body::Certificate { attempt, set, accepts, .. } => {
                let digest = set.digest(&terms.round());
                self.certificates.insert((v, digest), set.clone());
                self.certified_at.get_or_insert(now);
                require(self.certificates.len() == 1, || "two certificates on different sets".into())?;
                sound(terms, set, true)?;
                let accept = Body::Accept { attempt: *attempt, set: digest }.encode();
                let mut voters = BTreeSet::new();
                for vote in accepts.iter() {
                    let of = wire::envelope::message_digest(&terms.round(), vote.party, None, &accept);
                    let key = terms.key(vote.party).filter(|_| terms.is_compute(vote.party));
                    let valid = key.is_some_and(|key| terms.verify()(key, &of.0, &vote.signature));
                    require(valid, || "a certificate with a false Accept".into())?;
                    voters.insert(vote.party);
                }
                require(voters.len() >= usize::from(terms.quorum().q), || "a certificate with too few Accepts".into())
            }
            Body::Partial { set, .. } => {
                // PROTOCOL 4.6: only with the certificate on disk.
                let certified = stored.certified().map(|certified| certified.digest(&terms.round()));
                require(certified == Some(*set), || "a Partial without a certificate".into())?;
                require(place.holds(Object::Partial), || "a Partial before its sum is on disk".into())
            }
            Body::Outcome { .. } => require(place.result().is_some(), || "an Outcome without a result".into()),
            Body::Complaint { dealer, grievance: Grievance::Cell { .. } } => {
                self.complaints.insert((me, *dealer));
                // PROTOCOL 5.4: at most one valid complaint a dealer is published.
                let needless = first.is_none() && watch.evidence.contains(dealer);
                require(!needless, || format!("a cell of p{dealer} is shown beside evidence against it"))
            }
            Body::Propose { .. }
            | Body::Commitments { .. }
            | Body::Share { .. }
            | Body::Complaint { grievance: Grievance::Headers { .. }, .. }
            | Body::Dealt { .. }
            | Body::Decline { .. }
            | Body::Abandon { .. } => Ok(()),
        }
    }

    fn note(&mut self, me: u16, v: u32, note: &Note) -> Verdict {
        let watch = self.watches.entry((me, v)).or_default();
        match note {
            Note::Approved(_) => watch.approved = true,
            Note::OutcomeDiffers { peer } => {
                require(self.corrupt.contains(peer), || format!("p{me} has another result than p{peer}"))?;
            }
            Note::TwoCertificates => {
                let rules = Rules { terms: &self.terms[v as usize], corrupt: &self.corrupt };
                require(!rules.tolerated(), || format!("p{me} was shown a second certificate"))?;
            }
            Note::Proven { culprit, kind } => {
                let blamed = !self.corrupt.contains(culprit);
                require(!blamed, || format!("an honest party is convicted: {note:?}"))?;
                self.proven.insert((*culprit, *kind));
                self.proven_by.entry(me).or_default().insert((*culprit, *kind));
                watch.evidence.insert(*culprit);
            }
            Note::Fault { culprit, .. } => {
                let blamed = !self.corrupt.contains(culprit);
                require(!blamed, || format!("an honest party is blamed: {note:?}"))?;
                self.findings.extend(finding(me, note));
            }
            _ => {}
        }
        let text = format!("{note:?}");
        let leaks = watch.needles.iter().any(|needle| text.contains(needle.as_str()));
        require(!leaks, || format!("a note holds a secret: {text}"))
    }

    /// All results are equal and exact.
    fn result(&mut self, me: u16, v: u32, place: &Memory) -> Verdict {
        let Some((totals, finish)) = place.result() else { return Ok(()) };
        let watch = self.watches.entry((me, v)).or_default();
        if core::mem::replace(&mut watch.released, true) {
            return Ok(());
        }
        let mut certified = self.certificates.iter().filter(|((of, _), _)| *of == v);
        let (_, set) = certified.next().ok_or("a result without a set")?;
        let contributors: Vec<u16> = set.dealings.iter().map(|entry| entry.dealer).collect();
        require(contributors == finish.contributors, || "a result of others than were certified".into())?;
        let mut sums = vec![0i128; totals.len()];
        for dealer in &contributors {
            let table = self.dealt.get(&(*dealer, v)).filter(|table| table.len() == sums.len());
            let table = table.ok_or_else(|| format!("p{dealer} is in the sum and never loaded its input"))?;
            let columns = self.terms[v as usize].columns().iter().cycle();
            let within = table.iter().zip(columns).all(|(value, column)| (column.min..=column.max).contains(value));
            require(within, || format!("p{dealer} is in the sum with an input out of bounds"))?;
            sums.iter_mut().zip(table).for_each(|(sum, value)| *sum += value);
        }
        require(sums == totals, || "a total is wrong".into())?;
        require(finish.bundle.is_some() == self.terms(v).is_malicious(), || "a result without its bundle".into())?;
        if let Some(bundle) = finish.bundle.as_ref().filter(|_| self.every_bundle || self.result.is_none()) {
            let shown = examined(self.terms(v), bundle)?;
            let same =
                matches!(&shown, Proven::Result(shown) if shown.totals == totals && shown.digest == finish.digest);
            require(same, || format!("the bundle shows {shown:?}"))?;
        }
        let digest = *self.result.get_or_insert(finish.digest);
        require(digest == finish.digest, || "two result digests".into())
    }
}

/// What a file shows to anybody.
fn examined(terms: &Terms, file: &[u8]) -> Result<Proven, String> {
    let dossier = Dossier::decode(file).map_err(|error| error.to_string())?;
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    examine_in(terms.clone(), &dossier, &mut rng, &mut OneCore)
        .map_err(|error| format!("a file proves nothing: {error}"))
}

/// Whether a file that is to be handed on has a Share in it.
fn holds_share(file: &[u8]) -> bool {
    let kind = |bytes: &[u8]| Envelope::parse(bytes).map(|envelope| envelope.body().kind());
    let dossier = Dossier::decode(file);
    dossier.is_ok_and(|dossier| dossier.messages.iter().any(|bytes| kind(bytes) == Ok(MessageKind::Share)))
}

fn finding(by: u16, note: &Note) -> Option<Finding> {
    let Note::Fault { culprit, kind, reason } = note else { return None };
    Some(Finding { by, culprit: *culprit, kind: *kind, reason: reason.clone() })
}

/// Whether what is on disk says what set a digest stands for.
fn knows(terms: &Terms, stored: &Stored, digest: SetDigest) -> bool {
    stored.messages.iter().any(|message| {
        let set = match message.body() {
            Body::Open { set, .. }
            | Body::Certificate { set, .. }
            | Body::Close { lock: Some(Lock { set, .. }), .. } => set,
            _ => return false,
        };
        set.digest(&terms.round()) == digest
    })
}

/// PROTOCOL 3, 7: elements leave for those alone whom they are for, and go together with the secrets of their kind.
fn elements(terms: &Terms, step: &Step, place: &Memory, pending: &dyn Fn(Object) -> bool) -> Verdict {
    let goes = |object: Object| {
        let erases =
            |action: &Action| matches!(action, Action::EraseAll) || matches!(action, Action::Erase(o) if *o == object);
        require(!place.holds(object) || pending(object) || step.actions.iter().any(erases), || {
            format!("{object} is kept for nothing")
        })
    };
    for change in &step.changes {
        match change {
            Change::EraseSecrets => {
                place.objects().filter(|object| *object != Object::Partial).try_for_each(goes)?;
            }
            Change::EraseSecret(SecretName::ShareTo(recipient)) => goes(Object::ShareFor(*recipient))?,
            _ => {}
        }
    }
    for action in &step.actions {
        if let Action::Stream { to, from, .. } = action {
            let meant = match from {
                Object::Partial => terms.is_result(*to),
                Object::ShareFor(recipient) => recipient == to,
                Object::Share(_) | Object::Snapshot => false,
            };
            require(meant, || format!("{from} is sent to p{to}"))?;
        }
    }
    Ok(())
}

/// PROTOCOL 4.3 and 3: a set that may be supported at all.
fn sound(terms: &Terms, set: &Set, collected: bool) -> Verdict {
    let dealers: Vec<u16> = set.dealings.iter().map(|entry| entry.dealer).collect();
    let distinct: BTreeSet<u16> = dealers.iter().copied().filter(|&d| terms.is_input(d)).collect();
    let least = usize::from(terms.computation().min_contributors);
    require(distinct.len() == dealers.len(), || format!("a set with dealers {dealers:?}"))?;
    require(dealers.len() >= least, || format!("a set of {} dealers, below {least}", dealers.len()))?;
    require(collected || dealers.len() == terms.inputs().len(), || "a dealing left out before collect_for".into())?;
    let holders: BTreeSet<u16> = set.holders.iter().copied().filter(|&h| terms.is_compute(h)).collect();
    require(holders.len() >= usize::from(terms.quorum().h), || "a set with too few holders".into())
}

/// What a party may sign only once, and for which recipient or attempt.
fn slot(message: &Sealed) -> Option<(MessageKind, u32)> {
    let each = match message.body() {
        // These bind nobody, and Dealt grows.
        Body::Propose { .. } | Body::Decline { .. } | Body::Abandon { .. } | Body::Dealt { .. } => return None,
        Body::Open { attempt, .. }
        | Body::Ready { attempt, .. }
        | Body::Accept { attempt, .. }
        | Body::Certificate { attempt, .. }
        | Body::Close { until: Until::Attempt(attempt), .. } => *attempt,
        Body::Close { until: Until::Forever, .. } => u32::MAX,
        Body::Share { .. } | Body::Receipt { .. } => u32::from(message.recipient()?),
        Body::Outcome { result } => u32::from(result.is_some()),
        Body::Complaint { dealer, grievance: Grievance::Cell { .. } } => u32::from(*dealer),
        Body::Complaint { dealer, grievance: Grievance::Headers { .. } } => u32::from(*dealer) + (1 << 16),
        Body::Deal { .. } | Body::Partial { .. } | Body::Commitments { .. } => 0,
    };
    Some((message.kind(), each))
}

impl Watch {
    /// It has signed this.
    fn remember(&mut self, message: &Sealed, certified: bool) {
        if let Some(slot) = slot(message) {
            self.said.insert(slot, message.digest().0);
        }
        match message.body() {
            Body::Accept { attempt, set } => drop(self.accepted.insert(*attempt, *set)),
            Body::Close { until, .. } => self.closed = self.closed.max(Some(*until)),
            Body::Abandon { .. } => self.gave_up |= !certified,
            _ => {}
        }
        self.signed.push((message.clone(), certified));
    }

    /// Remembers how a secret would look in text: as hexadecimal, and as Rust prints bytes.
    fn hide(&mut self, secret: &[u8]) {
        let Some(head) = secret.get(..8) else { return };
        self.needles.insert(head.iter().map(|byte| format!("{byte:02x}")).collect());
        let list: Vec<String> = head.iter().map(ToString::to_string).collect();
        self.needles.insert(list.join(", "));
    }

    fn hide_share(&mut self, message: &Sealed) {
        if let Body::Share { salt, content, .. } = message.body() {
            salt.iter().for_each(|salt| self.hide(&salt.0));
            if let ShareContent::Seed(seed) = content {
                self.hide(&seed.0);
            }
        }
    }
}
