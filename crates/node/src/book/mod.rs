//! What this node knows of its peers: the agreement, their cards and their signatures on it (PROTOCOL 1.3, 6.2).
//!
//! Cards and signatures are files of the node's directory and come from two sides: the operator puts them there, and
//! peers send newer ones over the links. Both ways the same rules hold: signed with the key in the agreement, of this
//! consortium, newest serial wins. A peer may send anything; nothing of it is written before it was verified, and no
//! peer can take a card back or change a signing key.

mod difference;
mod error;
mod files;
#[cfg(test)]
pub(crate) mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use protocol::agreement::{Agreement, AgreementSignature, PartyIndex, SignatureError};
use protocol::card::{CardError, SignedCard};
use tls::{Trust, TrustedParty};
use wire::codec::Text;
use wire::frame::Frame;
use wire::link::{CardSerial, Hello, SectionDigest};

use crate::settings::Settings;
use files::Files;

/// So far in the future, in seconds, a card may cut certificates off: clocks differ, but not by more.
const MOST_AHEAD: u64 = 3600;

pub use difference::{Difference, How, SectionDifference, difference};
pub use error::{BookError, Source};

/// Something new in the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A newer card: the trust and the addresses change.
    Card {
        /// Whose.
        party: PartyIndex,
        /// Its serial.
        serial: u64,
        /// Its digest.
        digest: [u8; 32],
    },
    /// A signature on the agreement that was missing.
    Signature {
        /// Whose.
        party: PartyIndex,
    },
    /// The revocation lists are others: the trust changes.
    Revocations,
}

/// What a look at the files brought.
#[derive(Debug, Default)]
pub struct Rescan {
    /// What is new.
    pub changes: Vec<Change>,
    /// Files that were passed over, each once for each time it was written. What was known before stays in force.
    pub problems: Vec<BookError>,
}

/// The book.
pub struct Book {
    party: PartyIndex,
    agreement: Agreement,
    cards_dir: PathBuf,
    signatures_dir: PathBuf,
    /// Each file of `tls.revoked` with the lists in it.
    revoked: Vec<(PathBuf, Vec<Vec<u8>>)>,
    cards: Vec<Option<SignedCard>>,
    signatures: Vec<Option<AgreementSignature>>,
    files: Files,
}

impl Book {
    /// Reads all files.
    ///
    /// # Errors
    /// Everything that is wrong, at once: a card, signature or revocation list that does not parse or does not count, and
    /// a missing own card. A missing card of a peer is no error, nor is a signature on another version of the agreement.
    pub fn load(settings: &Settings, agreement: Agreement) -> Result<Self, Vec<BookError>> {
        let Some(party) = agreement.party_index(&settings.party) else {
            let agreement = agreement.name().to_owned();
            return Err(vec![BookError::NotAParty { party: settings.party.clone(), agreement }]);
        };
        let parties = agreement.parties().len();
        let mut book = Self {
            party,
            agreement,
            cards_dir: settings.cards.clone(),
            signatures_dir: settings.signatures.clone(),
            revoked: settings.revoked.iter().map(|path| (path.clone(), Vec::new())).collect(),
            cards: (0..parties).map(|_| None).collect(),
            signatures: (0..parties).map(|_| None).collect(),
            files: Files::default(),
        };
        let mut problems = book.rescan().problems;
        for path in &settings.revoked {
            if !path.exists() {
                // A list that was configured must not be silently passed over.
                let source = io::Error::new(io::ErrorKind::NotFound, "there is no such file; see [tls] revoked");
                problems.push(BookError::Read { path: path.clone(), source });
            }
        }
        let own = book.card_file(&settings.party);
        if book.cards[usize::from(party.0)].is_none() && !own.exists() {
            problems.push(BookError::NoOwnCard { path: own });
        }
        if problems.is_empty() { Ok(book) } else { Err(problems) }
    }

    /// Looks which files were written since the last time. Cheap where none was.
    pub fn rescan(&mut self) -> Rescan {
        let mut rescan = Rescan::default();
        let mut note = |result: Result<Option<Change>, BookError>| match result {
            Ok(change) => rescan.changes.extend(change),
            Err(problem) => rescan.problems.push(problem),
        };
        for party in self.parties() {
            note(self.rescan_card(party));
            note(self.rescan_signature(party));
        }
        self.rescan_revoked(&mut rescan);
        rescan
    }

    /// A card that a peer sent. None where it is not newer than what is here.
    ///
    /// # Errors
    /// [`BookError`] where it does not count or cannot be kept. The peer that sent it need not be its author.
    pub fn take_card(&mut self, bytes: &[u8]) -> Result<Option<Change>, BookError> {
        let card = SignedCard::from_bytes(bytes).map_err(|error| BookError::Card { from: Source::Peer, error })?;
        let party = self.card_owner(&card, &Source::Peer)?;
        // The operator may have put a newer one there just now.
        let on_disk = self.rescan_card(party);
        if !self.is_newer(party, &card, &Source::Peer)? {
            return on_disk;
        }
        files::write(&self.card_file(&card.card().party), &card.to_pem())?;
        Ok(Some(self.place_card(party, card)))
    }

    /// A signature on the agreement that a peer sent. None where it is here already.
    ///
    /// # Errors
    /// [`BookError`] where it does not count or cannot be kept. The peer that sent it need not be its author.
    pub fn take_signature(&mut self, bytes: &[u8]) -> Result<Option<Change>, BookError> {
        let refused = |error| BookError::Signature { from: Source::Peer, error };
        let signature = AgreementSignature::from_bytes(bytes).map_err(refused)?;
        signature.verify_for(&self.agreement).map_err(refused)?;
        let Some(party) = self.agreement.party_index(&signature.party) else { return Ok(None) };
        if self.signatures[usize::from(party.0)].is_some() {
            return Ok(None);
        }
        files::write(&self.signatures_dir.join(format!("{}.sig", signature.party)), &signature.to_pem())?;
        self.signatures[usize::from(party.0)] = Some(signature);
        Ok(Some(Change::Signature { party }))
    }

    /// The agreement.
    #[must_use]
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// This party.
    #[must_use]
    pub fn party(&self) -> PartyIndex {
        self.party
    }

    /// The newest card of a party.
    #[must_use]
    pub fn card_of(&self, party: PartyIndex) -> Option<&SignedCard> {
        self.cards.get(usize::from(party.0))?.as_ref()
    }

    /// Where a party is dialled.
    #[must_use]
    pub fn address_of(&self, party: PartyIndex) -> Option<&str> {
        self.card_of(party)?.card().address.as_deref()
    }

    /// The addresses of all parties in agreement order.
    #[must_use]
    pub fn addresses(&self) -> Vec<Option<String>> {
        self.parties().map(|party| self.address_of(party).map(str::to_owned)).collect()
    }

    /// Who has not signed, in agreement order. Without all signatures no round opens.
    #[must_use]
    pub fn missing_signatures(&self) -> Vec<PartyIndex> {
        self.parties().filter(|party| self.signatures[usize::from(party.0)].is_none()).collect()
    }

    /// Whose card is missing, in agreement order. They cannot be linked.
    #[must_use]
    pub fn missing_cards(&self) -> Vec<PartyIndex> {
        self.parties().filter(|party| self.card_of(*party).is_none()).collect()
    }

    /// The cards that count: whose, serial, digest.
    pub fn card_digests(&self) -> impl Iterator<Item = (PartyIndex, u64, [u8; 32])> {
        let cards = (0u16..).zip(&self.cards);
        cards.filter_map(|(party, card)| {
            let card = card.as_ref()?;
            Some((PartyIndex(party), card.card().serial, card.digest().0))
        })
    }

    /// Digest of all revocation lists.
    #[must_use]
    pub fn revocations_digest(&self) -> [u8; 32] {
        let lists: Vec<&[u8]> = self.revoked.iter().flat_map(|(_, lists)| lists).map(Vec::as_slice).collect();
        sharing::hash("smpcd/1/revocations", &lists)
    }

    /// Whom to trust by the cards and revocation lists of this moment.
    #[must_use]
    pub fn trust(&self) -> Trust {
        // A list speaks only for certificates of its own issuer, so every party is given all of them.
        let crls: Vec<Vec<u8>> = self.revoked.iter().flat_map(|(_, lists)| lists).cloned().collect();
        let parties = self.cards.iter().flatten().map(|signed| {
            let card = signed.card();
            TrustedParty {
                id: card.party.clone(),
                authority_der: card.authority_der.clone(),
                certificates_since: card.certificates_since,
                crls: crls.clone(),
            }
        });
        Trust { consortium: self.agreement.name().to_owned(), parties: parties.collect() }
    }

    /// What this node says first on a link.
    #[must_use]
    pub fn hello(&self) -> Hello {
        // A validated agreement has no more parties and sections, and no longer ids, than a Hello holds.
        let sections = self
            .agreement
            .sections()
            .iter()
            .map(|section| SectionDigest { name: Text::truncated(&section.name), digest: section.digest.0 });
        let cards = self
            .cards
            .iter()
            .flatten()
            .map(|signed| CardSerial { party: Text::truncated(&signed.card().party), serial: signed.card().serial });
        let signed_by = self.signatures.iter().flatten().map(|signature| Text::truncated(&signature.party));
        Hello {
            protocol: wire::PROTOCOL_VERSION,
            software: Text::truncated(concat!("smpcd ", env!("CARGO_PKG_VERSION"))),
            consortium: Text::truncated(self.agreement.name()),
            agreement_version: self.agreement.version(),
            agreement: self.agreement.digest().0,
            sections: sections.collect::<Vec<_>>().try_into().unwrap_or_default(),
            cards: cards.collect::<Vec<_>>().try_into().unwrap_or_default(),
            signed_by: signed_by.collect::<Vec<_>>().try_into().unwrap_or_default(),
        }
    }

    /// In what a peer differs.
    #[must_use]
    pub fn difference(&self, theirs: &Hello) -> Option<Difference> {
        difference(&self.hello(), theirs)
    }

    /// What a peer does not have: newer cards, and signatures where it has the same agreement.
    #[must_use]
    pub fn lacking(&self, theirs: &Hello) -> Vec<Frame> {
        let mut frames = Vec::new();
        for signed in self.cards.iter().flatten() {
            let card = signed.card();
            let newest = theirs.cards.iter().filter(|have| *have.party == *card.party).map(|have| have.serial).max();
            if newest.is_none_or(|serial| serial < card.serial) {
                frames.push(Frame::Card(signed.to_bytes()));
            }
        }
        if theirs.agreement == self.agreement.digest().0 {
            for signature in self.signatures.iter().flatten() {
                if !theirs.signed_by.iter().any(|party| **party == *signature.party) {
                    frames.push(Frame::Signature(signature.to_bytes()));
                }
            }
        }
        frames
    }

    fn parties(&self) -> impl Iterator<Item = PartyIndex> + use<> {
        (0u16..).take(self.cards.len()).map(PartyIndex)
    }

    fn id(&self, party: PartyIndex) -> &str {
        self.agreement.party(party).map_or("", |party| party.id.as_str())
    }

    fn card_file(&self, id: &str) -> PathBuf {
        self.cards_dir.join(format!("{id}.card"))
    }

    fn rescan_card(&mut self, party: PartyIndex) -> Result<Option<Change>, BookError> {
        let path = self.card_file(self.id(party));
        let Some(bytes) = self.files.read_if_changed(&path)? else { return Ok(None) };
        let from = Source::File(path.clone());
        let card = SignedCard::from_pem(&text(&path, bytes)?)
            .map_err(|error| BookError::Card { from: from.clone(), error })?;
        if card.card().party != self.id(party) {
            return Err(BookError::Misplaced { path, found: card.card().party.clone() });
        }
        self.card_owner(&card, &from)?;
        Ok(self.is_newer(party, &card, &from)?.then(|| self.place_card(party, card)))
    }

    /// Whose card it is, once it counts for this agreement.
    fn card_owner(&self, card: &SignedCard, from: &Source) -> Result<PartyIndex, BookError> {
        let refused = |error| BookError::Card { from: from.clone(), error };
        card.belongs_to(&self.agreement).map_err(refused)?;
        let party = &card.card().party;
        if let Some(since) = lies_ahead(card) {
            return Err(BookError::LiesAhead { from: from.clone(), party: party.clone(), since });
        }
        self.agreement.party_index(party).ok_or_else(|| refused(CardError::NoSuchParty { party: party.clone() }))
    }

    /// Newest serial wins.
    fn is_newer(&self, party: PartyIndex, card: &SignedCard, from: &Source) -> Result<bool, BookError> {
        let Some(known) = self.card_of(party) else { return Ok(true) };
        let serial = card.card().serial;
        if known.card().serial == serial && known.card() != card.card() {
            return Err(BookError::TwoCards { from: from.clone(), party: card.card().party.clone(), serial });
        }
        Ok(card.supersedes(known))
    }

    fn place_card(&mut self, party: PartyIndex, card: SignedCard) -> Change {
        let (serial, digest) = (card.card().serial, card.digest().0);
        self.cards[usize::from(party.0)] = Some(card);
        Change::Card { party, serial, digest }
    }

    fn rescan_signature(&mut self, party: PartyIndex) -> Result<Option<Change>, BookError> {
        let path = self.signatures_dir.join(format!("{}.sig", self.id(party)));
        let Some(bytes) = self.files.read_if_changed(&path)? else { return Ok(None) };
        let refused = |error| BookError::Signature { from: Source::File(path.clone()), error };
        let signature = AgreementSignature::from_pem(&text(&path, bytes)?).map_err(refused)?;
        match signature.verify_for(&self.agreement) {
            Ok(()) => {}
            // Of the version before: it is missing now, and `agreement status` says so.
            Err(SignatureError::OtherAgreement { .. }) => return Ok(None),
            Err(error) => return Err(refused(error)),
        }
        if signature.party != self.id(party) {
            return Err(BookError::Misplaced { path, found: signature.party });
        }
        let known = &mut self.signatures[usize::from(party.0)];
        let new = known.is_none();
        *known = Some(signature);
        Ok(new.then_some(Change::Signature { party }))
    }

    fn rescan_revoked(&mut self, rescan: &mut Rescan) {
        let mut changed = false;
        for (path, lists) in &mut self.revoked {
            let read = self.files.read_if_changed(path).and_then(|bytes| {
                bytes
                    .map(|bytes| tls::read_revocation_lists(&bytes))
                    .transpose()
                    .map_err(|error| BookError::Revocations { path: path.clone(), error })
            });
            match read {
                Ok(None) => {}
                Ok(Some(new)) => {
                    *lists = new;
                    changed = true;
                }
                Err(problem) => rescan.problems.push(problem),
            }
        }
        if changed {
            rescan.changes.push(Change::Revocations);
        }
    }
}

/// The time before which a card cuts certificates off, where it lies so far in the future that no certificate could
/// pass. Such a card locks its party out until
/// then, and no later card may take the time back.
#[must_use]
pub fn lies_ahead(card: &SignedCard) -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    card.card().certificates_since.filter(|since| *since > now.saturating_add(MOST_AHEAD))
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, BookError> {
    String::from_utf8(bytes).map_err(|_| BookError::Read {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, "it is not a text file; copy it again"),
    })
}
