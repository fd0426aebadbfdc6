//! Every field of every message, changed (PROTOCOL 3): what a party can sign instead of the truth.

use protocol::round::MAX_ATTEMPTS;
use wire::message::Votes;
use wire::{Body, Closing, Lock, MAX_PARTIES, Secret32, Seq, Set, ShareContent, Text, Until, Vote};

/// Something that its signer might say instead.
pub struct Lie {
    /// What is changed.
    pub what: &'static str,
    /// What is said.
    pub body: Body,
    /// Whether the statement itself is provably wrong, so that whoever reads it names its signer.
    pub provable: bool,
}

/// Adds a lie: the body with a change to some of its fields.
macro_rules! lie {
    ($lies:ident, $what:expr, $provable:expr, $kind:ident { $($field:ident),+ } => $change:expr) => {{
        let mut body = $lies.0.clone();
        if let Body::$kind { $($field,)+ .. } = &mut body {
            $change;
        }
        $lies.1.push(Lie { what: $what, body, provable: $provable });
    }};
}

/// Ways to spoil a list of votes.
const VOTES: [&str; 6] = ["signature", "party", "one less", "reversed", "doubled", "none"];
/// Ways to spoil a set.
const SETS: [&str; 9] = [
    "dealing",
    "dealer",
    "repeated dealer",
    "below the least",
    "empty",
    "reversed",
    "holder missing",
    "holder repeated",
    "holder of no seat",
];
/// Ways to spoil the Closes in an Open.
const CLOSES: [&str; 9] =
    ["signature", "party", "one less", "reversed", "doubled", "none", "until", "not so far", "another lock"];

/// Ways to spoil a byte string.
fn spoilt_bytes(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let changed = |at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    vec![
        ("first byte", changed(0)),
        ("last byte", changed(bytes.len() - 1)),
        ("one byte less", bytes[..bytes.len() - 1].to_vec()),
        ("one byte more", [bytes, &[0]].concat()),
        ("no bytes", Vec::new()),
    ]
}

/// Every field of what that party says, changed. For parties that all hold shares.
#[must_use]
pub fn lies(by: u16, body: &Body) -> Vec<Lie> {
    let mut lies = (body, Vec::new());
    match body {
        Body::Propose { voided, .. } => {
            lie!(lies, "computation", true, Propose { computation } => *computation = Text::truncated("other"));
            lie!(lies, "period", true, Propose { period } => *period = Text::truncated("2027"));
            lie!(lies, "voided", true, Propose { voided } => *voided += 1);
            for how in VOTES.into_iter().filter(|_| *voided > 0) {
                lie!(lies, how, how != "one less", Propose { proof } => *proof = spoil(proof, how));
            }
        }
        Body::Deal { shares, commitments } => {
            for seat in 0..shares.len() {
                // Nobody holds the digest of the dealer's own share against anything in a semi-honest round.
                let provable = usize::from(by) != seat;
                lie!(lies, "digest", provable, Deal { shares } => *shares = change(shares, |all| flip(&mut all[seat])));
            }
            lie!(lies, "one less", true, Deal { shares } => *shares = change(shares, |all| all.truncate(all.len() - 1)));
            lie!(lies, "one more", true, Deal { shares } => *shares = change(shares, |all| all.push([0; 32])));
            lie!(lies, "none", true, Deal { shares } => *shares = Seq::default());
            match commitments {
                Some(_) => {
                    lie!(lies, "no commitments", true, Deal { commitments } => *commitments = None);
                    lie!(lies, "other commitments", true, Deal { commitments } => commitments.iter_mut().for_each(flip));
                }
                None => lie!(lies, "commitments", true, Deal { commitments } => *commitments = Some([7; 32])),
            }
        }
        Body::Share { salt, .. } => {
            lie!(lies, "dealing", true, Share { dealing } => flip(&mut dealing.0));
            match salt {
                Some(_) => {
                    lie!(lies, "salt", true, Share { salt } => salt.iter_mut().for_each(|salt| flip(&mut salt.0)));
                    lie!(lies, "no salt", true, Share { salt } => *salt = None);
                }
                None => lie!(lies, "a salt", true, Share { salt } => *salt = Some(Secret32([7; 32]))),
            }
            lie!(lies, "elements", true, Share { content } => *content = ShareContent::Elements);
            lie!(lies, "seed", true, Share { content } => *content = ShareContent::Seed(Secret32([7; 32])));
        }
        Body::Commitments { commitments, proofs, .. } => {
            lie!(lies, "dealing", true, Commitments { dealing } => flip(&mut dealing.0));
            for (what, bytes) in spoilt_bytes(commitments) {
                lie!(lies, what, true, Commitments { commitments } => *commitments = bytes.try_into().expect("short"));
            }
            for (what, bytes) in spoilt_bytes(proofs) {
                lie!(lies, what, true, Commitments { proofs } => *proofs = bytes.try_into().expect("short"));
            }
        }
        // What a complaint is worth depends on the share.
        Body::Complaint { .. } => lie!(lies, "dealer", false, Complaint { dealer } => *dealer = (*dealer + 1) % 3),
        Body::Receipt { .. } => lie!(lies, "dealing", false, Receipt { dealing } => flip(&mut dealing.0)),
        Body::Dealt { .. } => {
            lie!(lies, "dealing", true, Dealt { dealing } => flip(&mut dealing.0));
            for how in VOTES {
                let provable = !matches!(how, "one less" | "none");
                lie!(lies, how, provable, Dealt { receipts } => *receipts = spoil(receipts, how));
            }
        }
        Body::Open { closes, .. } => {
            for other in [0, MAX_ATTEMPTS + 1, u32::MAX] {
                lie!(lies, "attempt", true, Open { attempt } => *attempt = other);
            }
            lie!(lies, "the next attempt", true, Open { attempt } => *attempt += 1);
            for how in SETS {
                lie!(lies, how, true, Open { set, receipts } => {
                    *set = spoil_set(set, how);
                    *receipts = change(receipts, |all| all.truncate(set.dealings.len()));
                });
            }
            // A set that Closes show a lock on needs no Receipts; those that come with it have to be right.
            let locked = closes.iter().any(|close| close.lock.is_some());
            for how in VOTES {
                lie!(lies, how, true, Open { receipts } => *receipts = spoil_first(receipts, how));
            }
            lie!(lies, "a list less", true, Open { receipts } => *receipts = change(receipts, |all| drop(all.pop())));
            lie!(lies, "no lists", !locked, Open { receipts } => *receipts = Seq::default());
            if closes.is_empty() {
                let close = Closing { party: by, until: Until::Forever, lock: None, signature: [9; 64] };
                lie!(lies, "a Close", true, Open { closes } => *closes = change(closes, |all| all.push(close)));
            } else {
                for how in CLOSES {
                    lie!(lies, how, true, Open { closes } => *closes = spoil_closes(closes, how));
                }
            }
        }
        Body::Ready { .. } => {
            for (other, provable) in attempts() {
                lie!(lies, "attempt", provable, Ready { attempt } => *attempt = other);
            }
            lie!(lies, "set", false, Ready { set } => flip(&mut set.0));
        }
        Body::Accept { .. } => {
            for (other, provable) in attempts() {
                lie!(lies, "attempt", provable, Accept { attempt } => *attempt = other);
            }
            lie!(lies, "set", false, Accept { set } => flip(&mut set.0));
        }
        Body::Certificate { receipts, .. } => {
            lie!(lies, "attempt", true, Certificate { attempt } => *attempt += 1);
            // Whoever holds a certificate, or the Receipts, does not read them again.
            lie!(lies, "set", false, Certificate { set } => *set = change_dealings(set, |all| all.truncate(all.len() - 1)));
            for how in VOTES {
                lie!(lies, how, false, Certificate { accepts } => *accepts = spoil(accepts, how));
                lie!(lies, how, false, Certificate { receipts } => *receipts = spoil_first(receipts, how));
            }
            for kept in 0..receipts.len() {
                lie!(lies, "lists", false, Certificate { receipts } => {
                    *receipts = change(receipts, |all| all.truncate(kept));
                });
            }
        }
        Body::Partial { .. } => {
            lie!(lies, "set", false, Partial { set } => flip(&mut set.0));
            lie!(lies, "digest", false, Partial { digest } => flip(digest));
        }
        Body::Outcome { .. } => {
            lie!(lies, "result", false, Outcome { result } => result.iter_mut().for_each(flip));
        }
        Body::Decline { .. } => {
            lie!(lies, "reason", false, Decline { reason } => *reason = Text::truncated("x"));
        }
        Body::Abandon { .. } => {
            lie!(lies, "reason", false, Abandon { reason } => *reason = Text::truncated("x"));
        }
        Body::Close { lock, .. } => {
            for (other, provable) in attempts() {
                let below = lock.as_ref().is_some_and(|lock| lock.attempt > other);
                lie!(lies, "until", provable || below, Close { until } => *until = Until::Attempt(other));
            }
            lie!(lies, "forever", false, Close { until } => *until = Until::Forever);
            match lock {
                None => {
                    let made = Lock { attempt: 1, set: no_set(), readys: Votes::default() };
                    lie!(lies, "a lock", true, Close { lock } => *lock = Some(made));
                }
                Some(held) => {
                    lie!(lies, "no lock", false, Close { lock } => *lock = None);
                    for other in [0, held.attempt + 1, MAX_ATTEMPTS + 1] {
                        lie!(lies, "lock attempt", true, Close { until, lock } => {
                            *until = Until::Attempt(MAX_ATTEMPTS);
                            *lock = Some(Lock { attempt: other, ..held.clone() });
                        });
                    }
                    for how in SETS {
                        let set = spoil_set(&held.set, how);
                        lie!(lies, how, true, Close { lock } => *lock = Some(Lock { set, ..held.clone() }));
                    }
                    for how in VOTES {
                        let readys = spoil(&held.readys, how);
                        lie!(lies, how, true, Close { lock } => *lock = Some(Lock { readys, ..held.clone() }));
                    }
                }
            }
        }
    }
    lies.1
}

/// Other attempts than the first, and whether there can be none such.
fn attempts() -> [(u32, bool); 4] {
    [(0, true), (2, false), (MAX_ATTEMPTS, false), (MAX_ATTEMPTS + 1, true)]
}

fn flip(digest: &mut [u8; 32]) {
    digest[7] ^= 1;
}

/// A list with a change.
fn change<T: Clone, const MAX: usize>(list: &Seq<T, MAX>, how: impl FnOnce(&mut Vec<T>)) -> Seq<T, MAX> {
    let mut all = list.to_vec();
    how(&mut all);
    all.try_into().unwrap_or_default()
}

fn change_dealings(set: &Set, how: impl FnOnce(&mut Vec<wire::SetEntry>)) -> Set {
    Set { dealings: change(&set.dealings, how), holders: set.holders.clone() }
}

fn spoil(votes: &Votes, how: &str) -> Votes {
    change(votes, |votes| match (how, votes.first_mut()) {
        ("signature", Some(vote)) => vote.signature[3] ^= 1,
        ("party", Some(vote)) => vote.party = 63,
        ("one less", _) => drop(votes.pop()),
        ("reversed", _) => votes.reverse(),
        ("doubled", Some(Vote { party, signature })) => {
            let again = Vote { party: *party, signature: *signature };
            votes.push(again);
        }
        _ => votes.clear(),
    })
}

/// Lists of Receipts, of which the first is spoilt.
fn spoil_first(receipts: &Seq<Votes, MAX_PARTIES>, how: &str) -> Seq<Votes, MAX_PARTIES> {
    change(receipts, |all| {
        if let Some(first) = all.first_mut() {
            *first = spoil(first, how);
        }
    })
}

fn spoil_set(set: &Set, how: &str) -> Set {
    let holders =
        |how: &dyn Fn(&mut Vec<u16>)| Set { dealings: set.dealings.clone(), holders: change(&set.holders, how) };
    match how {
        "dealing" => change_dealings(set, |all| flip(&mut all[0].dealing.0)),
        "dealer" => change_dealings(set, |all| all[1].dealer = 63),
        "repeated dealer" => change_dealings(set, |all| all[1] = all[0]),
        "below the least" => change_dealings(set, |all| all.truncate(2)),
        "empty" => change_dealings(set, Vec::clear),
        "reversed" => change_dealings(set, |all| all.reverse()),
        "holder missing" => holders(&|all| all.truncate(2)),
        "holder repeated" => holders(&|all| all[1] = all[0]),
        _ => holders(&|all| all[1] = 63),
    }
}

fn spoil_closes(closes: &Seq<Closing, MAX_PARTIES>, how: &str) -> Seq<Closing, MAX_PARTIES> {
    change(closes, |all| match how {
        "signature" => all[0].signature[3] ^= 1,
        "party" => all[0].party = 63,
        "one less" => all.truncate(2),
        "reversed" => all.reverse(),
        "doubled" => all[1] = all[0].clone(),
        "until" => all[0].until = Until::Forever,
        "not so far" => all[0].until = Until::Attempt(0),
        "another lock" => {
            all[0].lock = match &all[0].lock {
                Some(_) => None,
                None => Some(Lock { attempt: 1, set: no_set(), readys: Votes::default() }),
            };
        }
        _ => all.clear(),
    })
}

fn no_set() -> Set {
    Set { dealings: Seq::default(), holders: Seq::default() }
}
