//! The compute party's shares: verify, keep, receipt, and sum them behind a certificate (PROTOCOL 4.2, 4.6).

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use sharing::{Salt, Seed};
use wire::{Body, DealingDigest, MessageKind, Sealed, ShareContent};
use zeroize::Zeroizing;

use super::board::dealing_digest;
use super::context::Context;
use super::incoming::Incoming;
use super::job::{Arriving, Job, ShareError, StoreError, Summand};
use super::restore::secret;
use super::rule::Rule;
use super::step::{Change, Millis, SecretName};
use super::unverified::Unverified;
use super::workplace::Object;

/// A share that was verified against its header, or this party's own.
enum Held {
    Seed(Seed),
    /// An explicit one, at the workplace.
    Stored,
}

/// What a Share message says of its share.
enum Told {
    /// A seed, of the share with this digest.
    Seed(Seed, [u8; 32]),
    /// Its elements follow, and have this digest.
    Elements(Option<Salt>, [u8; 32]),
}

/// How long a partial sum that could not be made waits, or a share that could not be looked at: an operator has to make room
/// first.
const SUM_AGAIN: Duration = Duration::from_secs(60);

/// What became of the shares.
enum Stage {
    /// Shares are coming.
    Collecting,
    /// The partial sum is being made.
    Summing,
    /// This node could not make it; it tries again then.
    Stalled(Millis),
    /// The partial sum is on disk, the shares are gone. A party outside of Q goes here without a partial sum.
    Summed,
}

/// The shares of one round.
pub(super) struct Holder {
    shares: BTreeMap<u16, (DealingDigest, Held)>,
    /// Explicit shares whose elements are coming in, or did, by dealer.
    incoming: BTreeMap<u16, Incoming>,
    /// Shares that are to be held against commitments, by dealer.
    unverified: BTreeMap<u16, Unverified>,
    /// This party's own dealing, whose explicit share is at the workplace.
    own: Option<DealingDigest>,
    stage: Stage,
}

impl Holder {
    pub(super) fn new() -> Self {
        let (shares, incoming, unverified) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { shares, incoming, unverified, own: None, stage: Stage::Collecting }
    }

    /// Where a party stands by what it has signed and kept.
    pub(super) fn restore(context: &mut Context<'_>, secrets: &[(SecretName, Zeroizing<Vec<u8>>)]) -> Self {
        let mut holder = Self::new();
        let (terms, ledger) = (context.terms, &*context.ledger);
        let me = terms.me();
        for receipt in ledger.all(MessageKind::Receipt, me) {
            let (Some(dealer), Body::Receipt { dealing }) = (receipt.recipient(), receipt.body()) else { continue };
            let seed = secret(secrets, SecretName::Seed(dealer)).and_then(|bytes| bytes.try_into().ok());
            let held = seed.map_or(Held::Stored, |seed| Held::Seed(Seed::from_bytes(seed)));
            holder.shares.insert(dealer, (*dealing, held));
        }
        holder.own = ledger.from(MessageKind::Deal, me).map(dealing_digest);
        if ledger.from(MessageKind::Partial, me).is_some() {
            // Objects are erased after the commit that says so: a crash may have come between.
            holder.erase(context);
            return holder;
        }
        // What was being written, or was not yet receipted, is begun anew.
        context.erase(Object::Partial);
        let explicit = |dealer: &u16| *dealer != me && terms.explicit_recipients(*dealer).contains(&me);
        for &dealer in terms.inputs().iter().filter(|dealer| explicit(dealer) && !holder.holds(**dealer)) {
            context.erase(Object::Share(dealer));
        }
        holder
    }

    /// The explicit share that stays with its dealer: this party itself.
    pub(super) fn keep_own(&mut self, dealing: DealingDigest) {
        self.own = Some(dealing);
    }

    /// Whether Shares are still of use here.
    pub(super) fn takes_shares(&self) -> bool {
        matches!(self.stage, Stage::Collecting)
    }

    /// Whether this party holds a share of that dealer.
    pub(super) fn holds(&self, dealer: u16) -> bool {
        self.shares.contains_key(&dealer)
    }

    /// Receipts each share that is there with its header, then sums behind a certificate.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        if !context.terms.is_compute(context.terms.me()) {
            return;
        }
        match self.stage {
            Stage::Collecting if context.board.certified.is_none() => self.collect(context),
            Stage::Collecting => self.sum(context),
            Stage::Stalled(until) if context.now >= until => self.sum(context),
            Stage::Summing | Stage::Stalled(_) | Stage::Summed => {}
        }
    }

    fn collect(&mut self, context: &mut Context<'_>) {
        let me = context.terms.me();
        let headers: Vec<(u16, DealingDigest)> = context.board.headers.iter().map(|(&d, &h)| (d, h)).collect();
        for (dealer, dealing) in headers {
            // PROTOCOL 4.8: who holds evidence against a dealer gives it no Receipt any more.
            if self.holds(dealer) || (context.terms.is_malicious() && refused(context, dealer)) {
                continue;
            }
            if dealer == me {
                if self.own == Some(dealing) {
                    self.keep(context, dealer, dealing, Held::Stored);
                }
            } else if let Some(unverified) = self.unverified.get_mut(&dealer) {
                unverified.verify(context, dealer);
            } else if let Some(incoming) = self.incoming.get_mut(&dealer) {
                incoming.advance(context);
            } else {
                match verify(context, dealer, dealing) {
                    Some(Told::Seed(seed, root)) if context.terms.is_malicious() => {
                        self.unverified.insert(dealer, Unverified::new(Some(seed), root));
                        if let Some(unverified) = self.unverified.get_mut(&dealer) {
                            unverified.verify(context, dealer);
                        }
                    }
                    Some(Told::Seed(seed, _)) => self.keep(context, dealer, dealing, Held::Seed(seed)),
                    Some(Told::Elements(salt, digest)) => {
                        self.incoming.insert(dealer, Incoming::begin(context, dealer, salt, digest));
                    }
                    None => {}
                }
            }
        }
    }

    /// Holds a share from now on, and receipts it.
    fn keep(&mut self, context: &mut Context<'_>, dealer: u16, dealing: DealingDigest, held: Held) {
        if let Held::Seed(seed) = &held {
            // PROTOCOL 7: before Receipt, the share is on disk, sealed. An explicit one is already.
            let bytes = Zeroizing::new(seed.as_bytes().to_vec());
            context.change(Change::Secret { name: SecretName::Seed(dealer), bytes });
        }
        self.shares.insert(dealer, (dealing, held));
        context.publish(Some(dealer), Body::Receipt { dealing });
    }

    /// Elements of an explicit share arrived. What was not asked for is a fault.
    pub(super) fn chunk(&mut self, context: &mut Context<'_>, peer: u16, index: u64, elements: Zeroizing<Vec<u8>>) {
        let useless = !self.takes_shares();
        let taken = match self.incoming.get_mut(&peer) {
            Some(incoming) => incoming.arrive(context, index, elements),
            // What was granted before may still come.
            None if useless => Ok(()),
            None => Err("elements of a share that were not granted"),
        };
        if let Err(refused) = taken {
            context.fault(peer, Some(MessageKind::Share), refused);
        }
    }

    /// A chunk of an explicit share was taken in, the last one perhaps.
    pub(super) fn stored(
        &mut self,
        context: &mut Context<'_>,
        dealer: u16,
        stored: Result<Option<Arriving>, StoreError>,
    ) {
        let dealing = context.board.headers.get(&dealer).copied();
        let (true, Some(incoming), Some(dealing)) = (self.collects(context), self.incoming.get_mut(&dealer), dealing)
        else {
            // The round went on without it.
            return context.erase(Object::Share(dealer));
        };
        match stored {
            Ok(Some(share)) => incoming.go_on(context, share),
            Ok(None) if context.terms.is_malicious() => {
                let root = incoming.digest();
                self.unverified.insert(dealer, Unverified::new(None, root));
            }
            Ok(None) => self.keep(context, dealer, dealing, Held::Stored),
            Err(StoreError::Workplace(reason)) => {
                context.fault(context.terms.me(), None, &reason);
                incoming.stall(context);
            }
            Err(error @ (StoreError::NotCanonical | StoreError::Unnamed)) => {
                incoming.refuse();
                context.erase(Object::Share(dealer));
                refuse(context, dealer, &error.to_string());
            }
        }
    }

    /// A share was held against what its dealer has committed to (PROTOCOL 5.1).
    pub(super) fn verified(&mut self, context: &mut Context<'_>, dealer: u16, verified: Result<(), ShareError>) {
        let dealing = context.board.headers.get(&dealer).copied();
        let (true, Some(unverified), Some(dealing)) =
            (self.collects(context), self.unverified.get_mut(&dealer), dealing)
        else {
            // The round went on without it.
            return context.erase(Object::Share(dealer));
        };
        let error = match verified {
            Ok(()) => {
                let held = unverified.seed.take().map_or(Held::Stored, Held::Seed);
                self.unverified.remove(&dealer);
                // Evidence may have come meanwhile.
                if refused(context, dealer) {
                    return context.erase(Object::Share(dealer));
                }
                return self.keep(context, dealer, dealing, held);
            }
            Err(error) => error,
        };
        if let ShareError::Workplace(reason) = &error {
            // This node's own affair: the share is as good as it was.
            context.fault(context.terms.me(), None, reason);
            return unverified.stall(context.now.after(SUM_AGAIN));
        }
        unverified.seed = None;
        context.erase(Object::Share(dealer));
        match error {
            ShareError::Unnamed => refuse(context, dealer, "a share that does not give the root in its header"),
            // PROTOCOL 5.4: at most one valid complaint a dealer is published.
            ShareError::Cell(_) if context.board.is_guilty(dealer) => {
                refuse(context, dealer, "a share that is not what it has committed to");
            }
            ShareError::Workplace(_) => {}
            ShareError::Cell(grievance) => {
                context.publish(None, Body::Complaint { dealer, grievance: *grievance });
            }
        }
    }

    /// A peer may have lost what we granted it.
    pub(super) fn link_up(&self, context: &mut Context<'_>, peer: u16) {
        if let Some(incoming) = self.incoming.get(&peer).filter(|_| self.collects(context)) {
            incoming.grant_again(context);
        }
    }

    fn collects(&self, context: &Context<'_>) -> bool {
        self.takes_shares() && context.board.certified.is_none()
    }

    fn sum(&mut self, context: &mut Context<'_>) {
        let Some(certified) = &context.board.certified else { return };
        if !certified.set.holders.contains(&context.terms.me()) {
            self.stage = Stage::Summed;
            self.erase(context);
            return;
        }
        let summands: Option<Vec<Summand>> = certified
            .set
            .dealings
            .iter()
            .map(|entry| match self.shares.get(&entry.dealer) {
                Some((dealing, held)) if *dealing == entry.dealing => Some(match held {
                    Held::Seed(seed) => Summand::Seed(seed.clone()),
                    Held::Stored => Summand::Stored(Object::Share(entry.dealer)),
                }),
                _ => None,
            })
            .collect();
        // Q lists this party only by its own Receipts, so a share that is missing here is our own fault: sum nothing.
        let Some(summands) = summands else {
            let reason = "this node is listed as a holder and lacks a share; it sends no partial sum";
            context.fault(context.terms.me(), Some(MessageKind::Certificate), reason);
            self.stage = Stage::Summed;
            self.erase(context);
            return;
        };
        self.stage = Stage::Summing;
        context.run(Job::Sum { summands });
    }

    /// The partial sum is on disk: publish it, forget the shares.
    pub(super) fn summed(&mut self, context: &mut Context<'_>, digest: [u8; 32]) {
        let (Stage::Summing, Some(certified)) = (&self.stage, &context.board.certified) else { return };
        let set = certified.digest;
        self.stage = Stage::Summed;
        context.publish(None, Body::Partial { set, digest });
        self.erase(context);
    }

    /// The partial sum could not be made, for want of disk space say. The shares stay: nobody else has them.
    pub(super) fn stalled(&mut self, context: &mut Context<'_>, reason: &str) {
        if matches!(self.stage, Stage::Summing) {
            context.fault(context.terms.me(), None, reason);
            self.stage = Stage::Stalled(context.now.after(SUM_AGAIN));
        }
    }

    /// When it tries again what it could not do: to make the partial sum, or to take in a share.
    pub(super) fn again(&self) -> Option<Millis> {
        match self.stage {
            Stage::Collecting => {
                let unverified = self.unverified.values().filter_map(Unverified::again);
                self.incoming.values().filter_map(Incoming::again).chain(unverified).min()
            }
            Stage::Stalled(until) => Some(until),
            Stage::Summing | Stage::Summed => None,
        }
    }

    /// Forgets every share: whoever holds the certificate, or gave up (PROTOCOL 4.6, 4.8).
    pub(super) fn erase(&mut self, context: &mut Context<'_>) {
        self.stage = Stage::Summed;
        self.shares.clear();
        self.incoming.clear();
        self.unverified.clear();
        context.ledger.forget_shares();
        context.change(Change::EraseSecrets);
        let terms = context.terms;
        for &dealer in terms.inputs().iter().filter(|&&d| terms.explicit_recipients(d).contains(&terms.me())) {
            context.erase(Object::Share(dealer));
        }
    }

    /// Whether this party has done what the certificate asks of it.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Summed)
    }
}

/// Whether there is evidence against that dealer.
fn refused(context: &Context<'_>, dealer: u16) -> bool {
    context.board.is_guilty(dealer) && context.terms.keeps(Rule::EvidenceFirst)
}

/// A Share is one under D_i only if its salted digest is the one in the header. Of an explicit one, that shows when all
/// elements are here.
fn verify(context: &mut Context<'_>, dealer: u16, dealing: DealingDigest) -> Option<Told> {
    let me = context.terms.me();
    let seat = context.terms.seat(me)?;
    let share = context.ledger.share(dealer, me)?;
    let header = context.ledger.from(MessageKind::Deal, dealer)?;
    let explicit = context.terms.explicit_recipients(dealer).contains(&me);
    match check(share, header, dealing, usize::from(seat), explicit, context.terms.is_malicious()) {
        Ok(told) => Some(told),
        Err(reason) => {
            refuse(context, dealer, reason);
            None
        }
    }
}

/// What does not belong to its header is no share, and counts as silence.
fn refuse(context: &mut Context<'_>, dealer: u16, reason: &str) {
    context.ledger.refuse_share(dealer, context.terms.me());
    context.fault(dealer, Some(MessageKind::Share), reason);
}

fn check(
    share: &Sealed,
    header: &Sealed,
    dealing: DealingDigest,
    seat: usize,
    explicit: bool,
    malicious: bool,
) -> Result<Told, &'static str> {
    let (Body::Share { dealing: of, salt, content }, Body::Deal { shares, .. }) = (share.body(), header.body()) else {
        return Err("not a share");
    };
    if *of != dealing {
        return Err("a share of another dealing than the header that came first");
    }
    if salt.is_some() == malicious {
        return Err("a share with a salt where there is none, or without one where there is");
    }
    let digest = *shares.get(seat).ok_or("a header without this party's share")?;
    let salt = salt.as_ref().map(|salt| Salt::from_bytes(salt.0));
    match content {
        ShareContent::Elements if explicit => Ok(Told::Elements(salt, digest)),
        ShareContent::Seed(seed) if !explicit => {
            let seed = Seed::from_bytes(seed.0);
            // In malicious rounds that shows when it is expanded.
            let named = salt.is_none_or(|salt| sharing::seed_digest(&salt, &seed) == digest);
            if named { Ok(Told::Seed(seed, digest)) } else { Err("a share that its header does not name") }
        }
        // PROTOCOL 2.1: who gets which is a function of the agreement alone.
        ShareContent::Elements => Err("a share in elements where the agreement's scheme has a seed"),
        ShareContent::Seed(_) => Err("a seed where the agreement's scheme has a share in elements"),
    }
}
