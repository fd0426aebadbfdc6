//! What proves that nothing of a round has opened or can (PROTOCOL 4.8).
#![allow(clippy::unwrap_used)] // Helpers of tests, where a failure is to fail the test.

use protocol::agreement::PartyIndex;
use protocol::round::{Terms, check_void};
use testkit::consortium::{Blueprint, Roles};
use testkit::sim::{COMPUTATION, PERIOD};
use wire::{Body, Lock, RoundId, Sealed, Seq, Set, Until, Vote};

const N: u16 = 4;
const FOREVER: Body = Body::Close { until: Until::Forever, lock: None };

fn blueprint(adversary: &str) -> Blueprint {
    let mut blueprint = Blueprint::new(1, &[Roles::ALL; N as usize]);
    blueprint.draft.computations[0].adversary = Some(adversary.into());
    blueprint
}

fn terms(blueprint: &Blueprint, voided: u32, me: u16) -> Terms {
    Terms::new(&blueprint.agreement().unwrap(), COMPUTATION, PERIOD, voided, PartyIndex(me)).unwrap()
}

fn vote(blueprint: &Blueprint, round: RoundId, party: u16, recipient: Option<u16>, body: Body) -> Vote {
    let key = &blueprint.keys[usize::from(party)];
    Vote { party, signature: Sealed::sign(round, party, recipient, body, key).signature() }
}

fn proof(blueprint: &Blueprint, round: RoundId, parties: impl IntoIterator<Item = u16>) -> Vec<Vote> {
    parties.into_iter().map(|party| vote(blueprint, round, party, None, FOREVER)).collect()
}

fn accepts(terms: &Terms, proof: &[Vote]) -> bool {
    check_void(terms, &proof.to_vec().try_into().unwrap()).is_ok()
}

#[test]
fn so_many_parties_have_to_have_closed_it() {
    // Additive: q = n. Against liars all have to have closed it, to others than themselves.
    for (adversary, least) in [("semi-honest", 1), ("malicious", N)] {
        let blueprint = blueprint(adversary);
        let round = terms(&blueprint, 0, 0).round();
        for count in 0..=N {
            // The last ones, so that the party that looks is among them only where all are.
            let proof = proof(&blueprint, round, N - count..N);
            let looking = terms(&blueprint, 0, 0);
            assert_eq!(accepts(&looking, &proof), count >= least, "{adversary}: {count}");
            // Where all have to vote, a compute party's own is proof to itself.
            assert_eq!(accepts(&terms(&blueprint, 0, N - 1), &proof), count > 0, "{adversary}: {count}");
        }
    }
}

#[test]
fn every_part_of_the_proof_counts() {
    let blueprint = blueprint("malicious");
    let looking = terms(&blueprint, 0, 0);
    let (round, next) = (looking.round(), terms(&blueprint, 1, 0).round());
    let whole = proof(&blueprint, round, 0..N);
    assert!(accepts(&looking, &whole));
    let spoilt = |how: &dyn Fn(&mut Vec<Vote>)| {
        let mut proof = whole.clone();
        how(&mut proof);
        accepts(&looking, &proof)
    };
    assert!(!spoilt(&|proof| proof[1].signature[9] ^= 1));
    assert!(!spoilt(&|proof| proof[1].party = N));
    assert!(!spoilt(&|proof| proof.swap(0, 1)));
    assert!(!spoilt(&|proof| proof[1] = proof[2].clone()));
    assert!(!spoilt(&|proof| proof.push(proof[0].clone())));
    let set = Set { dealings: Seq::default(), holders: Seq::default() };
    let lock = Lock { attempt: 1, set, readys: Seq::default() };
    for other in [
        vote(&blueprint, next, 1, None, FOREVER),
        vote(&blueprint, round, 1, Some(0), FOREVER),
        vote(&blueprint, round, 1, None, Body::Close { until: Until::Attempt(1), lock: None }),
        vote(&blueprint, round, 1, None, Body::Close { until: Until::Forever, lock: Some(lock) }),
    ] {
        assert!(!spoilt(&|proof| proof[1] = other.clone()));
    }
}
