//! The compute party's shares: verify, keep, receipt, and sum them behind a certificate (PROTOCOL 4.2, 4.6).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use sharing::{Salt, Seed};
use wire::{Body, DealingDigest, MessageKind, Sealed, ShareContent};
use zeroize::Zeroizing;

use super::context::Context;
use super::job::{Job, Object, Summand};
use super::step::{Change, Millis, SecretName};

/// A share that was verified against its header, or this party's own.
enum Held {
    Seed(Seed),
    Own,
}

/// How long a partial sum that could not be made waits: an operator has to make room first.
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
    /// This party's own dealing, whose explicit share is at the workplace.
    own: Option<DealingDigest>,
    stage: Stage,
}

impl Holder {
    pub(super) fn new() -> Self {
        Self { shares: BTreeMap::new(), own: None, stage: Stage::Collecting }
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
            if self.holds(dealer) {
                continue;
            }
            let held = if dealer == me {
                (self.own == Some(dealing)).then_some(Held::Own)
            } else {
                verify(context, dealer, dealing)
            };
            let Some(held) = held else { continue };
            if let Held::Seed(seed) = &held {
                // PROTOCOL 7: before Receipt, the share is on disk, sealed.
                let bytes = Zeroizing::new(seed.as_bytes().to_vec());
                context.change(Change::Secret { name: SecretName::Seed(dealer), bytes });
            }
            self.shares.insert(dealer, (dealing, held));
            context.publish(Some(dealer), Body::Receipt { dealing });
        }
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
                    Held::Own => Summand::Stored(Object::Share(entry.dealer)),
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

    /// When it tries again to make the partial sum.
    pub(super) fn again(&self) -> Option<Millis> {
        if let Stage::Stalled(until) = self.stage { Some(until) } else { None }
    }

    /// Forgets every share: whoever holds the certificate, or gave up (PROTOCOL 4.6, 4.8).
    pub(super) fn erase(&mut self, context: &mut Context<'_>) {
        self.stage = Stage::Summed;
        self.shares.clear();
        context.ledger.forget_shares();
        context.change(Change::EraseSecrets);
        context.erase(Object::Share(context.terms.me()));
    }

    /// Whether this party has done what the certificate asks of it.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Summed)
    }
}

/// A Share is one under D_i only if its salted digest is the one in the header.
fn verify(context: &mut Context<'_>, dealer: u16, dealing: DealingDigest) -> Option<Held> {
    let me = context.terms.me();
    let seat = context.terms.seat(me)?;
    let share = context.ledger.share(dealer, me)?;
    let header = context.ledger.from(MessageKind::Deal, dealer)?;
    let reason = match check(share, header, dealing, usize::from(seat)) {
        Ok(seed) => return Some(Held::Seed(seed)),
        Err(reason) => reason,
    };
    context.ledger.refuse_share(dealer, me);
    context.fault(dealer, Some(MessageKind::Share), reason);
    None
}

fn check(share: &Sealed, header: &Sealed, dealing: DealingDigest, seat: usize) -> Result<Seed, &'static str> {
    let (Body::Share { dealing: of, salt, content }, Body::Deal { shares }) = (share.body(), header.body()) else {
        return Err("not a share");
    };
    if *of != dealing {
        return Err("a share of another dealing than the header that came first");
    }
    let ShareContent::Seed(seed) = content else {
        return Err("a share in elements, which this version does not take");
    };
    let (seed, salt) = (Seed::from_bytes(seed.0), Salt::from_bytes(salt.0));
    match shares.get(seat) {
        Some(digest) if *digest == sharing::seed_digest(&salt, &seed) => Ok(seed),
        _ => Err("a share that its header does not name"),
    }
}
