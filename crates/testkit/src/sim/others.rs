//! What an adversary says instead: other sets, other headers, other dealings.

use wire::message::Votes;
use wire::{Body, Closing, DealingDigest, MAX_PARTIES, Seq, Set};

/// Other sets that could be opened with the same Receipts: without one of the dealings, or without one of the holders.
pub(super) fn other_opens(body: &Body, least: usize, holders: usize) -> Vec<Body> {
    let Body::Open { attempt, set, receipts, closes } = body else { return Vec::new() };
    let open = |set: Set, receipts: Vec<Votes>, closes: &Seq<Closing, MAX_PARTIES>| -> Body {
        Body::Open { attempt: *attempt, set, receipts: receipts.try_into().unwrap_or_default(), closes: closes.clone() }
    };
    let mut all = Vec::new();
    if receipts.len() != set.dealings.len() {
        return all;
    }
    for place in 0..set.dealings.len() {
        if set.dealings.len() > least {
            let (mut dealings, mut receipts) = (set.dealings.to_vec(), receipts.to_vec());
            dealings.remove(place);
            receipts.remove(place);
            let set = Set { dealings: dealings.try_into().unwrap_or_default(), holders: set.holders.clone() };
            all.push(open(set, receipts, closes));
        }
    }
    for place in 0..set.holders.len() {
        if set.holders.len() > holders {
            let mut fewer = set.holders.to_vec();
            fewer.remove(place);
            let without = |votes: &Votes| -> Votes {
                let fewer = votes.iter().enumerate().filter(|(of, _)| *of != place).map(|(_, vote)| vote.clone());
                fewer.collect::<Vec<_>>().try_into().unwrap_or_default()
            };
            let receipts = receipts.iter().map(without).collect();
            let set = Set { dealings: set.dealings.clone(), holders: fewer.try_into().unwrap_or_default() };
            all.push(open(set, receipts, closes));
        }
    }
    all
}

/// The first dealer and its Receipts twice.
pub(super) fn repeating(body: &Body) -> Body {
    let mut body = body.clone();
    if let Body::Open { set, receipts, .. } = &mut body {
        let (mut dealings, mut lists) = (set.dealings.to_vec(), receipts.to_vec());
        if !dealings.is_empty() && lists.len() == dealings.len() {
            dealings.insert(1, dealings[0]);
            lists.insert(1, lists[0].clone());
        }
        set.dealings = dealings.try_into().unwrap_or_default();
        *receipts = lists.try_into().unwrap_or_default();
    }
    body
}

/// Commitments or a Share under another dealing.
pub(super) fn under(mut body: Body, second: Option<DealingDigest>) -> Body {
    if let (Body::Commitments { dealing, .. } | Body::Share { dealing, .. }, Some(second)) = (&mut body, second) {
        *dealing = second;
    }
    body
}

/// Another header of the same shares: only the digest of a share that nobody else checks is another one.
pub(super) fn second_header(shares: &[[u8; 32]], commitments: Option<[u8; 32]>, seat: usize) -> Body {
    let mut shares = shares.to_vec();
    if let Some(digest) = shares.get_mut(seat) {
        digest[0] ^= 1;
    }
    Body::Deal { shares: shares.try_into().unwrap_or_default(), commitments }
}
