//! The input party's part: approval, one dealing, receipts (PROTOCOL 4.1, 4.2).

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use sharing::{Dealing, DealingKey, InputDigest};
use wire::message::commitments_digest;
use wire::{Body, DealingDigest, MessageKind, Secret32, ShareContent};
use zeroize::Zeroizing;

use super::board::dealing_digest;
use super::context::Context;
use super::holder::Holder;
use super::job::{Job, Made};
use super::restore::secret;
use super::rule::Rule;
use super::step::{Approver, Change, Note, SecretName};
use super::terms::Terms;
use super::workplace::Object;

/// Where this party's dealing stands. One dealing for a round, ever: nothing leads back from `Dealing`.
pub(super) enum Dealer {
    /// This party contributes nothing, or is done with the round.
    Idle,
    /// Nobody has approved yet.
    Asking(Asking),
    /// The input is being read and validated.
    Loading(Loading),
    /// The dealing is being made of the snapshot.
    Dealing(Making),
    /// The dealing is out; Receipts are coming.
    Dealt(Dealt),
}

/// Waiting for an approval.
pub(super) struct Asking {
    /// Errors of the input at the last approval.
    pub(super) errors: Vec<String>,
    /// Whether this party has said that it declines.
    pub(super) declined: bool,
}

/// The input is being read.
pub(super) struct Loading {
    approver: Approver,
}

/// The dealing is being made.
pub(super) struct Making {
    key: DealingKey,
    input: InputDigest,
}

/// The dealing is out.
pub(super) struct Dealt {
    dealing: DealingDigest,
    receipted: BTreeSet<u16>,
    /// Key, snapshot and every share that was to be sent are gone.
    erased: bool,
}

impl Dealer {
    pub(super) fn new(is_input: bool) -> Self {
        if is_input { Self::Asking(Asking { errors: Vec::new(), declined: false }) } else { Self::Idle }
    }

    /// Where a party stands by what it has signed and kept. A dealing that was under way is made again: of the same
    /// snapshot, with the same key.
    pub(super) fn restore(context: &mut Context<'_>, secrets: &[(SecretName, Zeroizing<Vec<u8>>)]) -> Self {
        let me = context.terms.me();
        let kept = secret(secrets, SecretName::Dealing).and_then(|bytes| {
            let (key, input) = bytes.split_first_chunk::<32>()?;
            Some(Making { key: DealingKey::from_bytes(*key), input: InputDigest::from_bytes(input.try_into().ok()?) })
        });
        if let Some(header) = context.ledger.from(MessageKind::Deal, me) {
            let dealing = dealing_digest(header);
            let dealt = Dealt { dealing, receipted: context.board.receipted_by(me, dealing), erased: kept.is_none() };
            // Objects are erased after the commit that says so: a crash may have come between.
            if dealt.erased {
                context.erase(Object::Snapshot);
            }
            let gone = |recipient: &u16| *recipient != me && (dealt.erased || dealt.receipted.contains(recipient));
            for recipient in context.terms.explicit_recipients(me).into_iter().filter(gone) {
                context.erase(Object::ShareFor(recipient));
            }
            return Self::Dealt(dealt);
        }
        if !context.terms.is_input(me) {
            return Self::Idle;
        }
        match kept {
            Some(making) => {
                for recipient in context.terms.explicit_recipients(me) {
                    context.erase(Object::dealt(context.terms, recipient));
                }
                let seed = context.seed();
                context.run(Job::Deal { key: making.key.clone(), input: making.input.clone(), seed });
                Self::Dealing(making)
            }
            None => {
                context.erase(Object::Snapshot);
                let declined = context.ledger.from(MessageKind::Decline, me).is_some();
                Self::Asking(Asking { errors: Vec::new(), declined })
            }
        }
    }

    /// Nothing is dealt any more once the contributors are certified (PROTOCOL 4.6).
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        self.receipts(context);
        if context.board.certified.is_none() {
            return;
        }
        match self {
            Self::Idle => {}
            Self::Dealt(dealt) => dealt.erase(context),
            Self::Asking(_) | Self::Loading(_) | Self::Dealing(_) => {
                context.change(Change::EraseSecret(SecretName::Dealing));
                context.erase(Object::Snapshot);
                *self = Self::Idle;
            }
        }
    }

    pub(super) fn approve(self, context: &mut Context<'_>, approver: Approver) -> Self {
        match self {
            // PROTOCOL 4.1: once collect_for is over, only a person approves; nor does a policy overrule a person.
            Self::Asking(asking) if approver == Approver::Policy && (context.collect_is_over() || asking.declined) => {
                Self::Asking(asking)
            }
            Self::Asking(_) => {
                context.run(Job::Load);
                Self::Loading(Loading { approver })
            }
            Self::Dealt(_) if !context.terms.keeps(Rule::OneDealing) => {
                forget_dealing(context);
                context.run(Job::Load);
                Self::Loading(Loading { approver })
            }
            later => later,
        }
    }

    /// Before its own dealing a party may decline, and approve later.
    pub(super) fn decline(self, context: &mut Context<'_>, reason: &str) -> Self {
        match self {
            Self::Asking(asking) => {
                if !asking.declined {
                    context.note(Note::Declined { reason: reason.into() });
                    context.publish(None, Body::Decline { reason: wire::Text::truncated(reason) });
                }
                Self::Asking(Asking { declined: true, ..asking })
            }
            later => later,
        }
    }

    /// The input was read. Only a good one is an approval: operator, bounds, then the audit log (PROTOCOL 4.1).
    pub(super) fn loaded(self, context: &mut Context<'_>, loaded: Result<InputDigest, Vec<String>>) -> Self {
        match (self, loaded) {
            (Self::Loading(Loading { approver }), Ok(input)) => {
                context.note(Note::Approved(approver));
                let key = DealingKey::random(&mut *context.rng);
                // PROTOCOL 7: before Deal, dealing key and input snapshot are on disk.
                let mut bytes = Zeroizing::new(Vec::with_capacity(64));
                bytes.extend_from_slice(key.as_bytes());
                bytes.extend_from_slice(input.as_bytes());
                context.change(Change::Secret { name: SecretName::Dealing, bytes });
                let seed = context.seed();
                context.run(Job::Deal { key: key.clone(), input: input.clone(), seed });
                Self::Dealing(Making { key, input })
            }
            (Self::Loading(_), Err(errors)) => {
                context.note(Note::InputRefused { errors: u32::try_from(errors.len()).unwrap_or(u32::MAX) });
                context.erase(Object::Snapshot);
                Self::Asking(Asking { errors, declined: false })
            }
            (other, _) => {
                // The round went on without it.
                context.erase(Object::Snapshot);
                other
            }
        }
    }

    /// The dealing could not be made. Nothing of it has left this party, so it may be approved again.
    pub(super) fn failed(self, context: &mut Context<'_>, error: String) -> Self {
        context.change(Change::EraseSecret(SecretName::Dealing));
        forget_dealing(context);
        match self {
            Self::Dealing(_) => Self::Asking(Asking { errors: alloc::vec![error], declined: false }),
            other => other,
        }
    }

    /// The dealing is made: header to all, its share to each peer; the own one stays.
    pub(super) fn dealt(self, context: &mut Context<'_>, holder: &mut Holder, dealt: Made) -> Self {
        let Self::Dealing(Making { key, input }) = self else {
            // The round went on without it.
            forget_dealing(context);
            return self;
        };
        let terms = context.terms;
        let (Some(dealer), Ok(shares)) = (terms.dealer(terms.me()), dealt.shares.try_into()) else { return Self::Idle };
        let made = Dealing::new(terms.scheme(), dealer, &key, &terms.round().0, &input);
        let commitments = dealt.proven.as_ref().map(|(points, proofs)| commitments_digest(points, proofs));
        let header = context.publish(None, Body::Deal { shares, commitments });
        let dealing = dealing_digest(&header);
        if let Some((commitments, proofs)) = dealt.proven {
            // PROTOCOL 1: an agreement that needs more bytes than these may have is refused.
            let (Ok(commitments), Ok(proofs)) = (commitments.try_into(), proofs.try_into()) else { return Self::Idle };
            context.publish(None, Body::Commitments { dealing, commitments, proofs });
        }
        for (seat, &to) in (0u16..).zip(terms.computes()) {
            let content = match made.seed(seat) {
                Some(seed) => ShareContent::Seed(Secret32(*seed.as_bytes())),
                None if to == terms.me() => {
                    holder.keep_own(dealing);
                    continue;
                }
                None => ShareContent::Elements,
            };
            let salt = (!terms.is_malicious()).then(|| Secret32(*made.salt(seat).as_bytes()));
            context.publish(Some(to), Body::Share { dealing, salt, content });
        }
        Self::Dealt(Dealt { dealing, receipted: BTreeSet::new(), erased: false })
    }

    /// Takes note of Receipts that came in.
    fn receipts(&mut self, context: &mut Context<'_>) {
        let Self::Dealt(dealt) = self else { return };
        let me = context.terms.me();
        let receipted = context.board.receipted_by(me, dealt.dealing);
        let fresh: Vec<u16> = receipted.difference(&dealt.receipted).copied().collect();
        if fresh.is_empty() {
            return;
        }
        for recipient in fresh.into_iter().filter(|&party| party != me) {
            // It holds its share durably. Any k shares together would be the input.
            forget_share(context, recipient);
        }
        let count = receipted.len();
        dealt.receipted = receipted;
        let quorum = context.terms.quorum();
        // With fewer than h Receipts a dealing cannot be in any sum.
        if count >= usize::from(quorum.h) {
            let receipts = context.board.votes_for(me, dealt.dealing);
            context.publish(None, Body::Dealt { dealing: dealt.dealing, receipts });
        }
        // PROTOCOL 7: a dealer erases key and snapshot when all compute parties have receipted.
        if count == usize::from(quorum.n) {
            dealt.erase(context);
        }
    }

    /// Whether an explicit share for that party is kept here until it receipts.
    pub(super) fn keeps_share_for(&self, terms: &Terms, recipient: u16) -> bool {
        let Self::Dealt(dealt) = self else { return false };
        let gone = dealt.erased || dealt.receipted.contains(&recipient);
        !gone && recipient != terms.me() && terms.explicit_recipients(terms.me()).contains(&recipient)
    }

    /// Whether every compute party holds its share of this party's dealing.
    pub(super) fn is_delivered(&self, computes: &[u16]) -> bool {
        matches!(self, Self::Dealt(dealt) if computes.iter().all(|party| dealt.receipted.contains(party)))
    }

    /// Compute parties whose Receipt is missing, once the dealing is out.
    pub(super) fn missing_receipts(&self, computes: &[u16]) -> Vec<u16> {
        match self {
            Self::Dealt(dealt) => computes.iter().copied().filter(|p| !dealt.receipted.contains(p)).collect(),
            _ => Vec::new(),
        }
    }
}

impl Dealt {
    /// PROTOCOL 4.6, 7: key and snapshot go when all compute parties have receipted or the contributors are certified, and
    /// with them what was kept for those that have not.
    fn erase(&mut self, context: &mut Context<'_>) {
        if core::mem::replace(&mut self.erased, true) {
            return;
        }
        context.change(Change::EraseSecret(SecretName::Dealing));
        context.erase(Object::Snapshot);
        for &recipient in context.terms.computes() {
            if recipient != context.terms.me() && !self.receipted.contains(&recipient) {
                forget_share(context, recipient);
            }
        }
    }
}

/// Forgets a share that was to be sent: the message, and the elements of an explicit one.
fn forget_share(context: &mut Context<'_>, recipient: u16) {
    let me = context.terms.me();
    context.ledger.forget_share(me, recipient);
    context.change(Change::EraseSecret(SecretName::ShareTo(recipient)));
    if context.terms.explicit_recipients(me).contains(&recipient) {
        context.erase(Object::ShareFor(recipient));
    }
}

/// Forgets what a dealing was made of, and its explicit shares.
fn forget_dealing(context: &mut Context<'_>) {
    let terms = context.terms;
    context.erase(Object::Snapshot);
    for recipient in terms.explicit_recipients(terms.me()) {
        context.erase(Object::dealt(terms, recipient));
    }
}
