//! What must hold after every event, whoever does what (PROTOCOL 4, 7, 8).
//!
//! Written apart from the round: it looks at steps from outside, and counts, sums and verifies on its own.

use std::collections::{BTreeMap, BTreeSet};

use protocol::round::{Action, Change, Millis, Note, Object, SecretName, Step, Terms};
use wire::{Body, MessageKind, Sealed, Set, SetDigest, ShareContent, Until};

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

/// What one party has on disk and has said, as far as the rules are about it.
#[derive(Default)]
struct Watch {
    started: Option<Millis>,
    approved: bool,
    abandoned: bool,
    erased: bool,
    released: bool,
    stored: BTreeSet<[u8; 32]>,
    said: BTreeMap<(MessageKind, u32), [u8; 32]>,
    secrets: BTreeSet<SecretName>,
    opens: BTreeMap<SetDigest, Set>,
    readys: BTreeMap<SetDigest, BTreeSet<u16>>,
    certified: Option<SetDigest>,
    /// How secret bytes would look in text.
    needles: Vec<String>,
}

/// Watches all parties of one round.
pub(super) struct Observer {
    keys: Vec<[u8; 32]>,
    corrupt: BTreeSet<u16>,
    parties: Vec<Watch>,
    certificates: BTreeMap<SetDigest, Set>,
    /// The table that each dealing was made of.
    dealt: BTreeMap<u16, Vec<i128>>,
    result: Option<[u8; 32]>,
    pub(super) findings: Vec<Finding>,
}

type Verdict = Result<(), String>;

fn require(holds: bool, otherwise: impl Fn() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl Observer {
    pub(super) fn new(keys: Vec<[u8; 32]>, corrupt: BTreeSet<u16>) -> Self {
        Self {
            corrupt,
            parties: keys.iter().map(|_| Watch::default()).collect(),
            keys,
            certificates: BTreeMap::new(),
            dealt: BTreeMap::new(),
            result: None,
            findings: Vec::new(),
        }
    }

    /// The set that was certified.
    pub(super) fn certified(&self) -> Option<&Set> {
        self.certificates.values().next()
    }

    /// A party's input was loaded as it is now.
    pub(super) fn loaded(&mut self, party: u16, input: &[i128]) {
        self.dealt.entry(party).or_insert_with(|| input.to_vec());
    }

    /// Judges a step before its actions are done. `place` is as the jobs before it left it.
    pub(super) fn step(&mut self, terms: &Terms, step: &Step, now: Millis, place: &Memory) -> Verdict {
        let me = terms.me();
        let honest = !self.corrupt.contains(&me);
        for change in &step.changes {
            let verdict = self.change(terms, change, now, place);
            if honest {
                verdict?;
            }
        }
        for note in &step.notes {
            let verdict = self.note(me, note, now);
            if honest {
                verdict?;
            }
        }
        for action in &step.actions {
            if let Action::Send { message, .. } = action {
                // PROTOCOL 7: before any signed message is sent, that very message is stored.
                let stored = self.parties[usize::from(me)].stored.contains(&message.digest().0);
                require(stored, || format!("{message:?} is sent and was not stored"))?;
            }
        }
        elements(terms, step, place)?;
        if honest { self.result(terms, place) } else { Ok(()) }
    }

    fn change(&mut self, terms: &Terms, change: &Change, now: Millis, place: &Memory) -> Verdict {
        let me = usize::from(terms.me());
        match change {
            Change::Message(message) => {
                let watch = &mut self.parties[me];
                watch.stored.insert(message.digest().0);
                watch.hide_share(message);
                let kept = message.kind() == MessageKind::Share && message.sender() != terms.me();
                require(!(kept && watch.erased), || "a Share is stored after the secrets were erased".into())?;
                match message.body() {
                    Body::Open { set, .. } => {
                        watch.opens.insert(set.digest(&terms.round()), set.clone());
                    }
                    Body::Ready { set, .. } => {
                        watch.readys.entry(*set).or_default().insert(message.sender());
                    }
                    _ => {}
                }
                if message.sender() == terms.me() { self.says(terms, message, now, place) } else { Ok(()) }
            }
            Change::Secret { name, bytes } => {
                let watch = &mut self.parties[me];
                watch.secrets.insert(*name);
                bytes.chunks(32).for_each(|secret| watch.hide(secret));
                require(!watch.erased, || format!("{name:?} is stored after the secrets were erased"))
            }
            Change::EraseSecrets => {
                let watch = &mut self.parties[me];
                watch.erased = true;
                watch.secrets.clear();
                Ok(())
            }
            Change::EraseSecret(name) => {
                self.parties[me].secrets.remove(name);
                Ok(())
            }
            Change::Ended(_) | Change::Void | Change::Abstains => Ok(()),
        }
    }

    /// The rules about what a party signs.
    fn says(&mut self, terms: &Terms, message: &Sealed, now: Millis, place: &Memory) -> Verdict {
        let watch = &mut self.parties[usize::from(terms.me())];
        let forever = matches!(message.body(), Body::Close { until: Until::Forever, .. });
        require(!watch.abandoned || forever, || format!("{message:?} is signed after Abandon"))?;
        watch.abandoned |= message.kind() == MessageKind::Abandon;
        if let Some(slot) = slot(message) {
            let first = *watch.said.entry(slot).or_insert(message.digest().0);
            require(first == message.digest().0, || format!("{message:?} contradicts what was signed before"))?;
        }
        match message.body() {
            Body::Deal { .. } => {
                require(watch.approved, || "Deal without an approval".into())?;
                require(watch.secrets.contains(&SecretName::Dealing), || "Deal before its key is on disk".into())?;
                require(watch.certified.is_none(), || "Deal after the certificate".into())
            }
            Body::Receipt { .. } => {
                let dealer = message.recipient().unwrap_or(u16::MAX);
                let held = if terms.explicit_recipients(dealer).contains(&terms.me()) {
                    place.holds(Object::Share(dealer))
                } else {
                    watch.secrets.contains(&SecretName::Seed(dealer))
                };
                require(held, || format!("a Receipt to p{dealer} before the share is on disk"))
            }
            Body::Ready { set, .. } => {
                let open = watch.opens.get(set).ok_or("Ready without an Open")?;
                let collected = watch.started.is_some_and(|at| now >= at.after(terms.computation().collect_for));
                sound(terms, open, collected)
            }
            Body::Accept { set, .. } => {
                let readys = watch.readys.get(set).map_or(0, BTreeSet::len);
                require(readys >= usize::from(terms.quorum().q), || format!("Accept on {readys} Readys"))
            }
            Body::Certificate { attempt, set, accepts, .. } => {
                let digest = set.digest(&terms.round());
                watch.certified = Some(digest);
                self.certificates.insert(digest, set.clone());
                require(self.certificates.len() == 1, || "two certificates on different sets".into())?;
                sound(terms, set, true)?;
                let accept = Body::Accept { attempt: *attempt, set: digest }.encode();
                let mut voters = BTreeSet::new();
                for vote in accepts.iter() {
                    let of = wire::envelope::message_digest(&terms.round(), vote.party, None, &accept);
                    let key = self.keys.get(usize::from(vote.party)).filter(|_| terms.is_compute(vote.party));
                    let valid = key.is_some_and(|key| wire::verify(key, &of.0, &vote.signature));
                    require(valid, || "a certificate with a false Accept".into())?;
                    voters.insert(vote.party);
                }
                require(voters.len() >= usize::from(terms.quorum().q), || "a certificate with too few Accepts".into())
            }
            Body::Partial { set, .. } => {
                require(watch.certified == Some(*set), || "a Partial without a certificate".into())?;
                require(place.holds(Object::Partial), || "a Partial before its sum is on disk".into())
            }
            Body::Outcome { .. } => require(place.result().is_some(), || "an Outcome without a result".into()),
            _ => Ok(()),
        }
    }

    fn note(&mut self, me: u16, note: &Note, now: Millis) -> Verdict {
        let watch = &mut self.parties[usize::from(me)];
        match note {
            Note::Joined { .. } => watch.started = Some(now),
            Note::Approved(_) => watch.approved = true,
            Note::OutcomeDiffers { peer } => {
                require(self.corrupt.contains(peer), || format!("p{me} has another result than p{peer}"))?;
            }
            Note::Fault { culprit, kind, reason } => {
                let finding = Finding { by: me, culprit: *culprit, kind: *kind, reason: reason.clone() };
                let blamed = !self.corrupt.contains(culprit);
                require(!blamed, || format!("an honest party is blamed: {finding:?}"))?;
                self.findings.push(finding);
            }
            _ => {}
        }
        let text = format!("{note:?}");
        let known = &self.parties[usize::from(me)].needles;
        let leaks = known.iter().any(|needle| text.contains(needle.as_str()));
        require(!leaks, || format!("a note holds a secret: {text}"))
    }

    /// All results are equal and exact.
    fn result(&mut self, terms: &Terms, place: &Memory) -> Verdict {
        let watch = &mut self.parties[usize::from(terms.me())];
        let Some((totals, finish)) = place.result() else { return Ok(()) };
        if core::mem::replace(&mut watch.released, true) {
            return Ok(());
        }
        let set = watch.certified.and_then(|digest| self.certificates.get(&digest)).ok_or("a result without a set")?;
        let contributors: Vec<u16> = set.dealings.iter().map(|entry| entry.dealer).collect();
        require(contributors == finish.contributors, || "a result of others than were certified".into())?;
        let mut sums = vec![0i128; totals.len()];
        for dealer in &contributors {
            let table = self.dealt.get(dealer).filter(|table| table.len() == sums.len());
            let table = table.ok_or_else(|| format!("p{dealer} is in the sum and never loaded its input"))?;
            sums.iter_mut().zip(table).for_each(|(sum, value)| *sum += value);
        }
        require(sums == totals, || "a total is wrong".into())?;
        let digest = *self.result.get_or_insert(finish.digest);
        require(digest == finish.digest, || "two result digests".into())
    }

    /// After the end of the round there is no secret left at a party that closed it.
    pub(super) fn closed(&self, party: u16, place: &Memory) -> Verdict {
        let watch = &self.parties[usize::from(party)];
        require(watch.secrets.is_empty(), || format!("p{party} closed the round and keeps {:?}", watch.secrets))?;
        let left: Vec<Object> = place.objects().collect();
        require(left.is_empty(), || format!("p{party} closed the round and keeps {left:?}"))
    }
}

/// PROTOCOL 3, 7: elements leave for those alone whom they are for, and go together with the secrets of their kind.
fn elements(terms: &Terms, step: &Step, place: &Memory) -> Verdict {
    let goes = |object: Object| {
        let erases =
            |action: &Action| matches!(action, Action::EraseAll) || matches!(action, Action::Erase(o) if *o == object);
        require(!place.holds(object) || step.actions.iter().any(erases), || format!("{object} is kept for nothing"))
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
        Body::Deal { .. } | Body::Partial { .. } => 0,
    };
    Some((message.kind(), each))
}

impl Watch {
    /// Remembers how a secret would look in text: as hexadecimal, and as Rust prints bytes.
    fn hide(&mut self, secret: &[u8]) {
        let Some(head) = secret.get(..8) else { return };
        self.needles.push(head.iter().map(|byte| format!("{byte:02x}")).collect());
        let list: Vec<String> = head.iter().map(ToString::to_string).collect();
        self.needles.push(list.join(", "));
    }

    fn hide_share(&mut self, message: &Sealed) {
        if let Body::Share { salt, content, .. } = message.body() {
            self.hide(&salt.0);
            if let ShareContent::Seed(seed) = content {
                self.hide(&seed.0);
            }
        }
    }
}
