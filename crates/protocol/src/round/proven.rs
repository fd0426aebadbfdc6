//! The heavy work of malicious rounds: dealing with commitments and proofs, checking those of others, opening the total
//! (PROTOCOL 5).
//!
//! A table of such a round is one chunk, so all of it is held while a job runs. What several cores can share goes through
//! [`Workplace::spread`]. Every verifier draws its own weights, from a seed that was drawn when the job was made: after what
//! it checks was here.
//!
//! Attacker: dealers and holders that send anything, with good signatures. Nothing here believes a length, a place or a
//! value of theirs. Own shares and inputs are worked on in constant time, but for the library's prover, whose time depends
//! on the owner's own input and shows on the owner's machine alone.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sharing::{
    Bounds, Cells, Commitments, CommittedDealing, DealingKey, Encoded, InputDigest, InputHasher, Opening,
    PartialHasher, SumCheck, TotalsHasher,
};
use wire::{Body, Grievance, Sealed};
use zeroize::Zeroizing;

use super::job::{Done, JobSeed, Made, Opened, Part, ShareError, Summand, Total};
use super::rule::Rule;
use super::terms::Terms;
use super::workplace::{Cores, KEEP_PARTIALS, Object, Workplace};

/// Runs of cells that one task proves or verifies.
const RUNS_AT_ONCE: usize = 8;

/// PROTOCOL 5: commitments to every coefficient, proofs of bounds, a Merkle root over each recipient's cells. The dealer
/// verifies its own dealing before it sends it.
pub(super) fn deal(
    terms: &Terms,
    place: &mut dyn Workplace,
    key: &DealingKey,
    input: &InputDigest,
    seed: &JobSeed,
) -> Result<Made, String> {
    let me = terms.me();
    let dealer = terms.dealer(me).ok_or("this party deals nothing")?;
    let mut bytes = Zeroizing::new(Vec::new());
    place.read(Object::Snapshot, 0, &mut bytes)?;
    let cells = Cells::read(terms.layout().field, &bytes).map_err(|error| error.to_string())?;
    let encoded = encoded(terms, cells)?;
    // PROTOCOL 2.2: a dealing key is bound to one input, so what is dealt must be what the key was drawn for.
    let mut dealt = InputHasher::new(terms.layout());
    dealt.update(&encoded);
    if dealt.finish() != *input {
        return Err("the snapshot is not the input that was approved".to_string());
    }

    let scheme = terms.scheme();
    let dealing = CommittedDealing::new(scheme, dealer, terms.place(me), key, input, &encoded);
    let bounds = terms.bounds(me);
    let seeds = seeds(seed, bounds.runs());
    let proofs = place.spread("proving", bounds.runs(), &|run| {
        dealing.prove(&bounds, run, &mut ChaCha20Rng::from_seed(*seeds[run])).unwrap_or_default()
    });
    let proofs: Vec<u8> = proofs.concat();
    let commitments = dealing.commitments().to_vec();

    let points = Commitments::parse(&commitments, terms.cells(), scheme.threshold()).map_err(|e| e.to_string())?;
    let mut rng = rng(seed, 1);
    let mut check = SumCheck::new(scheme, terms.cells(), &mut rng);
    check.add(dealer, &points);
    let explicit =
        || scheme.explicit_recipients(dealer).into_iter().filter_map(|seat| Some((seat, dealing.explicit(seat)?)));
    if !explicit().all(|(seat, opening)| check.holds(seat, opening)) {
        return Err("the dealing does not pass its own check: this is a bug in smpcd, please report it".to_string());
    }
    let proven = check_bounds(place, &bounds, &points, &proofs, seed);
    if proven.is_err() && terms.keeps(Rule::OwnBounds) {
        return Err("the proofs do not pass their own check: this is a bug in smpcd, please report it".to_string());
    }

    for (seat, opening) in explicit() {
        let Some(&recipient) = terms.computes().get(usize::from(seat)) else { continue };
        let object = Object::dealt(terms, recipient);
        place.create(terms, object)?;
        bytes.clear();
        opening.write_to(&mut bytes);
        place.append(object, &bytes)?;
        place.commit(object)?;
    }
    Ok(Made { shares: dealing.roots(), proven: Some((commitments, proofs)) })
}

/// PROTOCOL 4.1: dealing reads only the snapshot, whose values are within bounds.
fn encoded(terms: &Terms, cells: Cells) -> Result<Encoded, String> {
    #[cfg(feature = "weakened")]
    if !terms.keeps(Rule::OwnBounds) {
        return Ok(Encoded::unchecked_cells(cells));
    }
    Encoded::restore(terms.columns(), 0, cells).map_err(|error| error.to_string())
}

/// PROTOCOL 5.2: everybody finds the same, so what is wrong names the dealer.
pub(super) fn check(terms: &Terms, place: &mut dyn Workplace, message: &Sealed, seed: &JobSeed) -> Done {
    let checked = match terms.keeps(Rule::ProvenBounds) {
        true => check_message(terms, place, message, seed).map(drop),
        false => Ok(()),
    };
    Done::Checked { dealer: message.sender(), checked }
}

/// How many range proofs of that message hold: all of them, or it is none.
pub(super) fn check_message(
    terms: &Terms,
    cores: &mut dyn Cores,
    message: &Sealed,
    seed: &JobSeed,
) -> Result<u64, String> {
    let (points, proofs) = read(terms, message)?;
    let bounds = terms.bounds(message.sender());
    check_bounds(cores, &bounds, &points, proofs, seed)
        .map_err(|cell| alloc::format!("a range proof that is none, in the run that begins with cell {cell}"))?;
    Ok(bounds.runs() as u64)
}

/// The commitments and proofs of a message.
fn read<'a>(terms: &Terms, message: &'a Sealed) -> Result<(Commitments, &'a [u8]), String> {
    let Body::Commitments { commitments, proofs, .. } = message.body() else {
        return Err("no commitments".to_string());
    };
    let points = Commitments::parse(commitments, terms.cells(), terms.quorum().k).map_err(|error| error.to_string())?;
    Ok((points, proofs))
}

/// All range proofs of one dealing. `Err` is the first cell of a run whose proof is none.
fn check_bounds(
    cores: &mut dyn Cores,
    bounds: &Bounds,
    points: &Commitments,
    proofs: &[u8],
    seed: &JobSeed,
) -> Result<(), u64> {
    if bounds.split(proofs).is_none() {
        return Err(0);
    }
    let tasks = bounds.runs().div_ceil(RUNS_AT_ONCE);
    let seeds = seeds(seed, tasks);
    let found = cores.spread("verifying", tasks, &|task| {
        let runs = task * RUNS_AT_ONCE..bounds.runs().min((task + 1) * RUNS_AT_ONCE);
        match bounds.verify(points, proofs, runs, &mut ChaCha20Rng::from_seed(*seeds[task])) {
            Ok(()) => Vec::new(),
            Err(bad) => (bad.first_cell as u64).to_le_bytes().to_vec(),
        }
    });
    // Nothing that was not looked at passes.
    if found.len() != tasks {
        return Err(0);
    }
    match found.iter().find(|bad| !bad.is_empty()) {
        None => Ok(()),
        Some(bad) => Err(bad.as_slice().try_into().map(u64::from_le_bytes).unwrap_or(0)),
    }
}

/// PROTOCOL 5.1, 5.4: the share gives the root in its header, and its cells are what the dealer has committed to.
pub(super) fn verify(
    terms: &Terms,
    place: &mut dyn Workplace,
    message: &Sealed,
    root: &[u8; 32],
    share: Summand,
    seed: &JobSeed,
) -> Result<(), ShareError> {
    let dealer = message.sender();
    let here = |reason: &str| ShareError::Workplace(reason.to_string());
    let (Some(seat), Some(from)) = (terms.seat(terms.me()), terms.dealer(dealer)) else {
        return Err(here("this party holds no shares"));
    };
    let opening = opening(terms, place, share).map_err(ShareError::Workplace)?;
    let at = terms.place(dealer);
    if opening.root(&at, seat) != *root && terms.keeps(Rule::ShareRoot) {
        return Err(ShareError::Unnamed);
    }
    let (points, _) = read(terms, message).map_err(ShareError::Workplace)?;
    let mut check = SumCheck::new(terms.scheme(), terms.cells(), &mut weights(terms, seed));
    check.add(from, &points);
    if check.holds(seat, &opening) || !terms.keeps(Rule::CommittedShare) {
        return Ok(());
    }
    let Some(cell) = sharing::first_bad_cell(terms.scheme(), from, seat, &points, &opening) else {
        return Err(here(
            "a share whose cells are right and whose sum is not: this is a bug in smpcd, please report it",
        ));
    };
    let (value, blinding) = opening.cell(cell);
    let Body::Commitments { dealing, .. } = message.body() else { return Err(here("no commitments")) };
    let (Ok(index), Ok(path)) = (u32::try_from(cell), opening.path(&at, seat, cell).try_into()) else {
        return Err(here("a table that is too large"));
    };
    Err(ShareError::Cell(Box::new(Grievance::Cell { dealing: *dealing, cell: index, value, blinding, path })))
}

/// PROTOCOL 5.4: a cell under the header's root that is not what was committed to. Else the accuser is the culprit.
pub(super) fn judge(terms: &Terms, complaint: &Sealed, root: &[u8; 32], message: &Sealed) -> Done {
    let (accuser, dealer) = (complaint.sender(), message.sender());
    let holds = complaint_holds(terms, complaint, root, message) || !terms.keeps(Rule::JudgedComplaint);
    Done::Judged { accuser, dealer, holds }
}

pub(super) fn complaint_holds(terms: &Terms, complaint: &Sealed, root: &[u8; 32], message: &Sealed) -> bool {
    let Body::Complaint { grievance: Grievance::Cell { cell, value, blinding, path, .. }, .. } = complaint.body()
    else {
        return false;
    };
    let (Some(seat), Some(from)) = (terms.seat(complaint.sender()), terms.dealer(message.sender())) else {
        return false;
    };
    let Ok(cell) = usize::try_from(*cell) else { return false };
    let at = terms.place(message.sender());
    if !sharing::verify_path(root, &at, seat, terms.cells(), cell, value, blinding, path) {
        return false;
    }
    // Commitments that are none have named their dealer already.
    let Ok((points, _)) = read(terms, message) else { return true };
    !sharing::cell_holds(terms.scheme(), from, seat, &points, cell, value, blinding)
}

/// PROTOCOL 4.6: sum the shares of S and put the partial sum on disk.
pub(super) fn sum(terms: &Terms, place: &mut dyn Workplace, summands: Vec<Summand>) -> Result<[u8; 32], String> {
    let seat = terms.seat(terms.me()).ok_or("this party holds no shares")?;
    let mut total = Opening::zero(terms.cells());
    for summand in summands {
        total.add(&opening(terms, place, summand)?);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    total.write_to(&mut bytes);
    place.create(terms, Object::Partial)?;
    place.append(Object::Partial, &bytes)?;
    place.commit(Object::Partial)?;
    Ok(partial_digest(terms, seat, &bytes))
}

/// The digest that a holder announces.
pub(super) fn partial_digest(terms: &Terms, seat: u16, bytes: &[u8]) -> [u8; 32] {
    let mut hasher = PartialHasher::new(&terms.round().0, seat);
    hasher.update(bytes);
    hasher.finish()
}

fn opening(terms: &Terms, place: &mut dyn Workplace, share: Summand) -> Result<Opening, String> {
    match share {
        Summand::Seed(seed) => Ok(Opening::expand(&seed, terms.cells())),
        Summand::Stored(object) => {
            let mut bytes = Zeroizing::new(Vec::new());
            place.read(object, 0, &mut bytes)?;
            Opening::read(&bytes, terms.cells()).map_err(|error| error.to_string())
        }
    }
}

/// PROTOCOL 5.3: the commitments fix every partial sum. Every one is checked, the total of k good ones too.
pub(super) fn open(
    terms: &Terms,
    place: &mut dyn Workplace,
    dealings: &[Sealed],
    parts: Vec<(u16, [u8; 32], Part)>,
    seed: &JobSeed,
) -> Result<Opened, String> {
    let check = sum_check(terms, dealings, seed)?;
    let mut opened = Opened { unannounced: Vec::new(), wrong: Vec::new(), total: None };
    let mut good: Vec<(u16, u16, Opening)> = Vec::new();
    for (holder, digest, part) in parts {
        let seat = terms.seat(holder).ok_or("a partial sum of a party that holds no shares")?;
        let bytes = match part {
            Part::Elements(bytes) => bytes,
            Part::Own => {
                let mut bytes = Zeroizing::new(Vec::new());
                place.read(Object::Partial, 0, &mut bytes)?;
                bytes
            }
        };
        if partial_digest(terms, seat, &bytes) != digest {
            opened.unannounced.push(holder);
            continue;
        }
        let holds = |opening: &Opening| check.holds(seat, opening) || !terms.keeps(Rule::CommittedSums);
        match Opening::read(&bytes, terms.cells()).ok().filter(holds) {
            Some(opening) => good.push((holder, seat, opening)),
            None => opened.wrong.push((holder, bytes.to_vec())),
        }
    }
    if good.len() < usize::from(terms.quorum().k) {
        return Ok(opened);
    }
    let shares: Vec<(u16, &Opening)> = good.iter().map(|(_, seat, opening)| (*seat, opening)).collect();
    let total = terms.scheme().recombine_openings(&shares).map_err(|error| error.to_string())?;
    let totals = decode(terms, &check, &total, dealings.len())?;
    let mut hasher = TotalsHasher::new();
    hasher.update(&totals);
    place.append_totals(terms, 0, &totals)?;
    let partials = good.into_iter().map(|(holder, _, opening)| {
        let mut bytes = Vec::new();
        opening.write_to(&mut bytes);
        (holder, bytes)
    });
    opened.total = Some(Total { digest: hasher.finish(), partials: partials.collect() });
    Ok(opened)
}

/// The check that the commitments of S make of every partial sum and of the total.
pub(super) fn sum_check(terms: &Terms, dealings: &[Sealed], seed: &JobSeed) -> Result<SumCheck, String> {
    let mut check = SumCheck::new(terms.scheme(), terms.cells(), &mut weights(terms, seed));
    for message in dealings {
        let dealer = terms.dealer(message.sender()).ok_or("a dealing of a party that contributes nothing")?;
        check.add(dealer, &read(terms, message)?.0);
    }
    Ok(check)
}

/// The totals, after the check against Σ E_{i,0} and the bounds.
///
/// Neither can fail where k partial sums were good and k of the holders of every dealing in S honest.
pub(super) fn decode(terms: &Terms, check: &SumCheck, total: &Opening, dealings: usize) -> Result<Vec<i128>, String> {
    if !check.total_holds(total) && terms.keeps(Rule::CommittedSums) {
        return Err("the total is not what the commitments fix, although every part of it is".to_string());
    }
    let contributors = u32::try_from(dealings).unwrap_or(u32::MAX);
    sharing::decode_totals(total.values(), contributors, terms.columns(), 0)
        .map_err(|_| "a total lies outside of what the contributors' bounds allow".to_string())
}

/// Whether a table is small enough that its partial sums are kept for people.
pub(super) fn values_for_people(terms: &Terms, partials: &[(u16, Vec<u8>)]) -> Vec<(u16, Vec<u8>)> {
    if terms.layout().cells > KEEP_PARTIALS {
        return Vec::new();
    }
    partials.iter().map(|(holder, bytes)| (*holder, bytes[..bytes.len() / 2].to_vec())).collect()
}

/// PROTOCOL 5.1: the verifier's own random weights, drawn after what it checks was here.
fn weights(terms: &Terms, seed: &JobSeed) -> ChaCha20Rng {
    if terms.keeps(Rule::FreshWeights) { rng(seed, 0) } else { rng(&Zeroizing::new([0; 32]), 0) }
}

/// A generator for one purpose of a job.
fn rng(seed: &JobSeed, stream: u64) -> ChaCha20Rng {
    let mut rng = ChaCha20Rng::from_seed(**seed);
    rng.set_stream(stream);
    rng
}

/// A seed for each task, so that what they draw does not depend on who runs first.
fn seeds(seed: &JobSeed, tasks: usize) -> Vec<JobSeed> {
    let mut rng = rng(seed, 2);
    let seed = |_| {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        bytes
    };
    (0..tasks).map(seed).collect()
}
