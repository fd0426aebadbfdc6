//! Checks what others hand in, with no secret and no daemon: a result with all that it stands on, or a fault with its
//! evidence (PROTOCOL 5.4, 5.5).
//!
//! The agreement is the reader's own: it says whose keys count, and nothing in the file is believed about that. Every byte
//! of a file is read for something, so a changed one is noticed.
//!
//! Attacker: whoever made the file, with the keys of t compute parties and of any contributors. It may claim anything; it
//! passes only where the claim is true. An honest party is never named.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rand_core::CryptoRng;
use sharing::Opening;
use wire::dossier::{CertificateProof, Claim, Dossier, FaultKind};
use wire::message::commitments_digest;
use wire::{Body, DealingDigest, DecodeError, Envelope, Grievance, MessageKind, Sealed, SetDigest, Until};
use zeroize::Zeroizing;

use super::board::{Board, dealing_digest};
use super::job::JobSeed;
use super::ledger::{Ledger, Taken};
use super::proof::{Judge, strictly_increasing};
use super::proven;
use super::receiver::result_digest;
use super::terms::{Terms, TermsError};
use super::workplace::Cores;
use crate::agreement::{Agreement, Digest, PartyIndex};

/// A file proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// It is none of these files, or was cut or changed.
    #[error("it is no bundle and no evidence of this version, or a byte of it was changed: {0}")]
    NotADossier(#[from] DecodeError),
    /// It is about another agreement.
    #[error("it is about the agreement {theirs}, and the one given is {ours}")]
    OtherAgreement {
        /// In the file.
        theirs: Digest,
        /// The one given.
        ours: Digest,
    },
    /// There is no such round.
    #[error("{0}")]
    NoSuchRound(#[from] TermsError),
    /// Semi-honest rounds prove nothing to others.
    #[error("the round is semi-honest: nothing in it binds a party to what it contributes")]
    SemiHonest,
    /// A message is not what it has to be.
    #[error("message {number}: {reason}")]
    Message {
        /// From 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// What is there does not show what is claimed.
    #[error("{0}")]
    Claim(String),
}

/// What a file proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proven {
    /// A result.
    Result(Box<VerifiedResult>),
    /// A party's fault.
    Fault {
        /// The round, COMPUTATION/PERIOD.
        round: String,
        /// Its id.
        culprit: String,
        /// What it did.
        kind: FaultKind,
    },
}

/// A result that was checked from the commitments up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedResult {
    /// The computation's id.
    pub computation: String,
    /// The period.
    pub period: String,
    /// v: how many rounds of this period are void.
    pub voided: u32,
    /// Round id.
    pub round: [u8; 32],
    /// Ids of the contributors.
    pub contributors: Vec<String>,
    /// Ids of the holders whose partial sums were checked.
    pub holders: Vec<String>,
    /// The totals, row by row, in units of the last decimal.
    pub totals: Vec<i128>,
    /// The result's digest.
    pub digest: [u8; 32],
    /// The result party that made the bundle.
    pub by: String,
    /// Signatures that were checked.
    pub signatures: u64,
    /// How many of them are Receipts.
    pub receipts: u64,
    /// How many of them are Accepts.
    pub accepts: u64,
    /// Commitments that were checked.
    pub commitments: u64,
    /// Range proofs that were checked.
    pub proofs: u64,
}

type Checked<T> = Result<T, NotProven>;

fn claim<T>(reason: &str) -> Checked<T> {
    Err(NotProven::Claim(reason.to_string()))
}

/// Checks a file under that agreement. `rng` is for the verifier's own weights, `cores` for what can be shared.
///
/// # Errors
/// [`NotProven`] where the file does not prove what it claims.
pub fn examine(agreement: &Agreement, file: &[u8], rng: &mut dyn CryptoRng, cores: &mut dyn Cores) -> Checked<Proven> {
    let dossier = Dossier::decode(file)?;
    let (theirs, ours) = (Digest(dossier.agreement), agreement.digest());
    if theirs != ours {
        return Err(NotProven::OtherAgreement { theirs, ours });
    }
    let terms = Terms::new(agreement, &dossier.computation, &dossier.period, dossier.voided, PartyIndex(0))?;
    examine_in(terms, &dossier, rng, cores)
}

/// As [`examine`], of a round whose terms are known.
///
/// # Errors
/// [`NotProven`] where the file does not prove what it claims.
pub fn examine_in(terms: Terms, dossier: &Dossier, rng: &mut dyn CryptoRng, cores: &mut dyn Cores) -> Checked<Proven> {
    let equivocates =
        matches!(dossier.claim, Claim::Fault { kind: FaultKind::Equivocation | FaultKind::HiddenLock, .. });
    if !terms.is_malicious() && !equivocates {
        return Err(NotProven::SemiHonest);
    }
    let mut seed: JobSeed = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *seed);
    let messages = messages(&terms, dossier)?;
    let examiner = Examiner { terms, messages, seed };
    match dossier.claim {
        Claim::Result => examiner.result(dossier, cores).map(|result| Proven::Result(Box::new(result))),
        Claim::Fault { culprit, kind } => {
            examiner.fault(dossier, culprit, kind, cores)?;
            let terms = &examiner.terms;
            let round = format!("{}/{}", terms.computation().id, terms.period());
            Ok(Proven::Fault { round, culprit: terms.party_id(culprit).to_string(), kind })
        }
    }
}

/// Every message parsed, of this round, and signed by a party that may say such a thing.
fn messages(terms: &Terms, dossier: &Dossier) -> Checked<Vec<Sealed>> {
    let read = |(number, bytes): (usize, &[u8])| {
        let refused = |reason: &str| NotProven::Message { number, reason: reason.to_string() };
        let envelope = Envelope::parse(bytes).map_err(|error| refused(&error.to_string()))?;
        if envelope.round() != terms.round() {
            return Err(refused("it belongs to another round"));
        }
        let key = terms.key(envelope.sender()).ok_or_else(|| refused("its sender is no party of the agreement"))?;
        let message = envelope.verify_by(terms.verify(), key).map_err(|error| refused(&error.to_string()))?;
        if terms.may_say(message.body(), message.sender()) {
            Ok(message)
        } else {
            Err(refused("its sender may not say it"))
        }
    };
    (1..).zip(dossier.messages.iter().map(|bytes| &**bytes)).map(read).collect()
}

struct Examiner {
    terms: Terms,
    messages: Vec<Sealed>,
    seed: JobSeed,
}

impl Examiner {
    fn fault(&self, dossier: &Dossier, culprit: u16, kind: FaultKind, cores: &mut dyn Cores) -> Checked<()> {
        let about_a_sum = kind == FaultKind::BadPartial;
        if !about_a_sum && (dossier.certificate.is_some() || !dossier.partials.is_empty()) {
            return claim("it holds what its claim does not need");
        }
        let messages: Vec<&Sealed> = self.messages.iter().collect();
        match (kind, &messages[..]) {
            (FaultKind::Equivocation, [one, other]) => equivocation(culprit, one, other),
            (FaultKind::HiddenLock, [accept, close]) => hidden_lock(culprit, accept, close),
            (FaultKind::BadCommitments, [deal, commitments]) => {
                self.dealing(culprit, deal, commitments)?;
                let checked = proven::check_message(&self.terms, cores, commitments, &self.seed);
                if checked.is_err() { Ok(()) } else { claim("the commitments and their range proofs are good") }
            }
            (FaultKind::BadShare | FaultKind::FalseComplaint, [deal, commitments, complaint]) => {
                let dealer = deal.sender();
                let dealing = self.dealing(dealer, deal, commitments)?;
                let (of, seat) = self.accusation(complaint, dealer)?;
                let Body::Deal { shares, .. } = deal.body() else { return claim("the header is none") };
                let root = shares.get(usize::from(seat)).filter(|_| of == dealing);
                let Some(root) = root else { return claim("the complaint is about another dealing") };
                let holds = proven::complaint_holds(&self.terms, complaint, root, commitments);
                let at_fault = if holds { dealer } else { complaint.sender() };
                match (holds == (kind == FaultKind::BadShare), at_fault == culprit) {
                    (true, true) => Ok(()),
                    (true, false) => claim("another party is at fault"),
                    (false, _) if holds => claim("the cell is not what was committed to: the complaint is right"),
                    (false, _) => {
                        claim("the cell is what was committed to, or no cell of that share: the complaint is wrong")
                    }
                }
            }
            (FaultKind::ReceiptedComplaint, [receipt, complaint]) => {
                let (Body::Receipt { dealing }, Some(dealer)) = (receipt.body(), receipt.recipient()) else {
                    return claim("the first message is no Receipt");
                };
                let (of, _) = self.accusation(complaint, dealer)?;
                let both = [receipt.sender(), complaint.sender()] == [culprit; 2];
                if both && of == *dealing {
                    Ok(())
                } else {
                    claim("Receipt and complaint are not about the same dealing")
                }
            }
            (FaultKind::BadPartial, _) => {
                let certificate = dossier.certificate.as_ref();
                let Some((sum, rest)) = certificate.map(|certificate| self.sum(certificate)).transpose()? else {
                    return claim("it holds no certificate");
                };
                let ([message], [partial]) = (rest, &dossier.partials[..]) else {
                    return claim("it does not hold one partial sum");
                };
                if partial.holder != culprit || message.sender() != culprit {
                    return claim("the partial sum is another party's");
                }
                let seat = self.announced(&sum, message, partial.holder, &partial.elements)?;
                let check = proven::sum_check(&self.terms, &sum.commitments, &self.seed).map_err(NotProven::Claim)?;
                let opening = Opening::read(&partial.elements, self.terms.cells()).ok();
                let good = opening.is_some_and(|opening| check.holds(seat, &opening));
                if good { claim("the partial sum is what the commitments fix") } else { Ok(()) }
            }
            _ => claim("it does not hold the messages that its claim needs"),
        }
    }

    fn result(&self, dossier: &Dossier, cores: &mut dyn Cores) -> Checked<VerifiedResult> {
        let terms = &self.terms;
        let Some(certificate) = &dossier.certificate else { return claim("it holds no certificate") };
        let (sum, rest) = self.sum(certificate)?;
        let mut proofs = 0;
        for message in &sum.commitments {
            proofs += proven::check_message(terms, cores, message, &self.seed).map_err(|reason| {
                NotProven::Claim(format!("the dealing of {}: {reason}", terms.party_id(message.sender())))
            })?;
        }
        let Some(([outcome], partials)) = rest.split_last().map(|(last, before)| (core::slice::from_ref(last), before))
        else {
            return claim("it holds no outcome");
        };
        if partials.len() != dossier.partials.len() || partials.len() < usize::from(terms.quorum().k) {
            return claim("it does not hold the partial sums that a total takes");
        }
        if !strictly_increasing(dossier.partials.iter().map(|partial| partial.holder)) {
            return claim("its partial sums are not in agreement order");
        }
        let check = proven::sum_check(terms, &sum.commitments, &self.seed).map_err(NotProven::Claim)?;
        let mut openings = Vec::new();
        for (message, partial) in partials.iter().zip(dossier.partials.iter()) {
            let seat = self.announced(&sum, message, partial.holder, &partial.elements)?;
            let opening = Opening::read(&partial.elements, terms.cells()).ok().filter(|o| check.holds(seat, o));
            let Some(opening) = opening else {
                let holder = terms.party_id(partial.holder);
                return Err(NotProven::Claim(format!("the partial sum of {holder} is not what the commitments fix")));
            };
            openings.push((seat, opening));
        }
        let shares: Vec<(u16, &Opening)> = openings.iter().map(|(seat, opening)| (*seat, opening)).collect();
        let total = terms.scheme().recombine_openings(&shares).map_err(|error| NotProven::Claim(error.to_string()))?;
        let totals = proven::decode(terms, &check, &total, sum.commitments.len()).map_err(NotProven::Claim)?;
        let mut hasher = sharing::TotalsHasher::new();
        hasher.update(&totals);
        let contributors: Vec<u16> = certificate.set.dealings.iter().map(|entry| entry.dealer).collect();
        let digest = result_digest(terms, &contributors, &hasher.finish());
        if *outcome.body() != (Body::Outcome { result: Some(digest) }) || outcome.recipient().is_some() {
            return claim("its maker told the others of another result");
        }
        let ids = |parties: &[u16]| parties.iter().map(|&party| terms.party_id(party).to_string()).collect();
        let votes: usize = certificate.receipts.iter().map(|votes| votes.len()).sum();
        Ok(VerifiedResult {
            computation: terms.computation().id.clone(),
            period: terms.period().to_string(),
            voided: terms.voided(),
            round: terms.round().0,
            contributors: ids(&contributors),
            holders: dossier.partials.iter().map(|partial| terms.party_id(partial.holder).to_string()).collect(),
            totals,
            digest,
            by: terms.party_id(outcome.sender()).to_string(),
            signatures: (self.messages.len() + votes + certificate.accepts.len()) as u64,
            receipts: votes as u64,
            accepts: certificate.accepts.len() as u64,
            commitments: (contributors.len() * terms.cells() * usize::from(terms.quorum().k)) as u64,
            proofs,
        })
    }

    /// A dealer's header, and the commitments that it names.
    fn dealing(&self, dealer: u16, deal: &Sealed, commitments: &Sealed) -> Checked<DealingDigest> {
        let dealing = dealing_digest(deal);
        let named = match (deal.body(), commitments.body()) {
            (
                Body::Deal { shares, commitments: Some(named) },
                Body::Commitments { dealing: of, commitments, proofs },
            ) => {
                shares.len() == self.terms.computes().len()
                    && *of == dealing
                    && *named == commitments_digest(commitments, proofs)
            }
            _ => false,
        };
        let by_dealer = deal.sender() == dealer && commitments.sender() == dealer;
        let to_all = deal.recipient().is_none() && commitments.recipient().is_none();
        if named && by_dealer && to_all { Ok(dealing) } else { claim("header and commitments do not belong together") }
    }

    /// The dealing that a complaint about a cell is about, and the seat of whoever complains.
    fn accusation(&self, complaint: &Sealed, dealer: u16) -> Checked<(DealingDigest, u16)> {
        let seat = self.terms.seat(complaint.sender()).filter(|_| complaint.recipient().is_none());
        match (complaint.body(), seat) {
            (Body::Complaint { dealer: of, grievance: Grievance::Cell { dealing, .. } }, Some(seat))
                if *of == dealer =>
            {
                Ok((*dealing, seat))
            }
            _ => claim("the complaint is not about a cell of that dealer's"),
        }
    }

    /// The certificate, with the dealings of S. What is not of them is given back.
    fn sum(&self, certificate: &CertificateProof) -> Checked<(Sum, &[Sealed])> {
        let terms = &self.terms;
        let (ledger, board) = (Ledger::default(), Board::default());
        let judge = Judge { terms, ledger: &ledger, board: &board };
        let CertificateProof { attempt, set, accepts, receipts } = certificate;
        let digest = set.digest(&terms.round());
        let judged = judge
            .set(set)
            .and_then(|()| judge.quorum(accepts, MessageKind::Accept, *attempt, digest))
            .and_then(|()| judge.receipts_of(set, receipts));
        judged.map_err(|reason| NotProven::Claim(format!("the certificate: {reason}")))?;
        let Some((dealings, rest)) = self.messages.split_at_checked(2 * set.dealings.len()) else {
            return claim("it does not hold every dealing of the sum");
        };
        let mut commitments = Vec::new();
        for (entry, pair) in set.dealings.iter().zip(dealings.chunks(2)) {
            let [deal, message] = pair else { return claim("it does not hold every dealing of the sum") };
            if self.dealing(entry.dealer, deal, message)? != entry.dealing {
                return claim("a dealing is not the one that was certified");
            }
            commitments.push(message.clone());
        }
        let holders = set.holders.iter().copied().collect();
        Ok((Sum { digest, holders, commitments }, rest))
    }

    /// A partial sum of a holder of Q, under that set, with the elements that it announced.
    fn announced(&self, sum: &Sum, message: &Sealed, holder: u16, elements: &[u8]) -> Checked<u16> {
        let seat = self.terms.seat(holder).filter(|_| sum.holders.contains(&holder));
        let Some(seat) = seat else { return claim("a partial sum of a party that is no holder") };
        let digest = proven::partial_digest(&self.terms, seat, elements);
        let said = Body::Partial { set: sum.digest, digest };
        let same = message.sender() == holder && message.recipient().is_none() && *message.body() == said;
        if same { Ok(seat) } else { claim("a partial sum that its holder did not announce") }
    }
}

/// A certified sum.
struct Sum {
    digest: SetDigest,
    holders: BTreeSet<u16>,
    /// The Commitments of S.
    commitments: Vec<Sealed>,
}

/// PROTOCOL 3: two statements where one may be made.
fn equivocation(culprit: u16, one: &Sealed, other: &Sealed) -> Checked<()> {
    let mut ledger = Ledger::default();
    let both = [one.sender(), other.sender()] == [culprit; 2];
    if both && ledger.take(one) == Taken::New && ledger.take(other) == Taken::Conflict {
        Ok(())
    } else {
        claim("the two statements do not contradict each other")
    }
}

/// PROTOCOL 4.5: an Accept beside a Close of that attempt, or of a later one, that shows no lock so high.
fn hidden_lock(culprit: u16, accept: &Sealed, close: &Sealed) -> Checked<()> {
    let both = [accept.sender(), close.sender()] == [culprit; 2];
    let to_all = accept.recipient().is_none() && close.recipient().is_none();
    match (accept.body(), close.body()) {
        (Body::Accept { attempt, .. }, Body::Close { until, lock })
            if both
                && to_all
                && *until >= Until::Attempt(*attempt)
                && lock.as_ref().is_none_or(|lock| lock.attempt < *attempt) =>
        {
            Ok(())
        }
        _ => claim("Accept and Close do not contradict each other"),
    }
}
