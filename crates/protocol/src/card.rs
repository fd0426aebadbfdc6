//! Cards: what a party says of itself and may change alone (PROTOCOL 6.1, 6.2).
//!
//! A card is signed with the key that is in it, which proves only that its author has that key. It counts for a
//! consortium once [`SignedCard::belongs_to`] found that key in the agreement. Cards arrive from anybody, by mail and
//! over links: sizes are bounded, there is one encoding, and an older or altered card never takes a newer one's place.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64, Encoding};
use wire::Signer;
use wire::codec::{self, Bytes, Text};

use crate::agreement::{Agreement, Digest, is_id, is_line};
use crate::armour::{self, ArmourError};

/// Name in the armour.
const ARMOUR: &str = "SMPCD CARD";
/// Label of what is signed.
const LABEL: &str = "smpcd/1/card";
/// Largest authority certificate: an RSA-4096 corporate authority with long names takes 2 to 3 KiB.
pub const MAX_AUTHORITY: usize = 8 * 1024;
/// Longest name of an organisation in bytes: 200 characters of the longest kind.
const MAX_NAME: usize = 800;
/// Longest address: a DNS name of 253 characters, a colon and a port.
const MAX_ADDRESS: usize = 259;
/// Largest card without its signature.
const MAX_BODY: usize = MAX_AUTHORITY + MAX_NAME + MAX_ADDRESS + 256;
/// Largest signed card.
pub const MAX_CARD: usize = MAX_BODY + 128;

/// What a party says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Name of the consortium: the trust domain of the party's certificates.
    pub consortium: String,
    /// The party's id.
    pub party: String,
    /// The organisation's name, for people.
    pub name: String,
    /// Number of this card, from 1. The newest wins.
    pub serial: u64,
    /// Ed25519 public key, the same as in the agreement.
    pub signing_key: [u8; 32],
    /// The certificate authority of the party, DER.
    pub authority_der: Vec<u8>,
    /// `HOST:PORT` where peers dial it; a party without one dials out.
    pub address: Option<String>,
    /// Certificates that began before this unix time are cut off.
    pub certificates_since: Option<u64>,
}

/// Field by field as it is encoded. A change of it is a change of [`LABEL`].
type Body =
    (Text<32>, Text<32>, Text<MAX_NAME>, u64, [u8; 32], Bytes<MAX_AUTHORITY>, Option<Text<MAX_ADDRESS>>, Option<u64>);
/// A body and the signature over it.
type Signed = (Bytes<MAX_BODY>, [u8; 64]);

/// A card whose rules and signature were checked. There is no other way to one.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedCard {
    card: Card,
    body: Vec<u8>,
    signature: [u8; 64],
}

impl SignedCard {
    /// Signs a card.
    ///
    /// # Errors
    /// [`CardError`] where the card breaks a rule or its key is not the signer's.
    pub fn sign(card: Card, signer: &dyn Signer) -> Result<Self, CardError> {
        card.check()?;
        if card.signing_key != signer.public_key() {
            return Err(CardError::Forged { party: card.party });
        }
        let body = codec::encode(&card.to_body()?);
        let signature = signer.sign(&message(&body));
        Ok(Self { card, body, signature })
    }

    /// Reads and verifies the canonical bytes.
    ///
    /// # Errors
    /// [`CardError`] where they are not canonical, break a rule, or are not signed with the key that they hold.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CardError> {
        if bytes.len() > MAX_CARD {
            return Err(CardError::Malformed);
        }
        let (body, signature): Signed = codec::decode(bytes).map_err(|_| CardError::Malformed)?;
        let card = Card::from_body(codec::decode(&body).map_err(|_| CardError::Malformed)?);
        card.check()?;
        if !wire::verify(&card.signing_key, &message(&body), &signature) {
            return Err(CardError::Forged { party: card.party });
        }
        Ok(Self { card, body: body.to_vec(), signature })
    }

    /// Canonical bytes, as they travel.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = self.body.clone().try_into().expect("the body was encoded within its limit");
        let signed: Signed = (body, self.signature);
        codec::encode(&signed)
    }

    /// As a file, with lines for people before the armour.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let lines = format!("{self}\nThese lines are for people and are not signed: see smpcd card show\n");
        armour::encode(ARMOUR, &lines, &self.to_bytes())
    }

    /// Reads and verifies a file. Lines outside of the armour are ignored.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn from_pem(text: &str) -> Result<Self, CardError> {
        Self::from_bytes(&armour::decode(ARMOUR, text, MAX_CARD)?)
    }

    /// What it says.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Digest of what it says, to be compared by telephone.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(message(&self.body))
    }

    /// Whether it takes the place of `other`: the same party under the same key, and a higher serial.
    #[must_use]
    pub fn supersedes(&self, other: &Self) -> bool {
        let (new, old) = (&self.card, &other.card);
        new.consortium == old.consortium
            && new.party == old.party
            && new.signing_key == old.signing_key
            && new.serial > old.serial
    }

    /// Whether it is the card of a party of this agreement.
    ///
    /// # Errors
    /// [`CardError::OtherConsortium`], [`CardError::NoSuchParty`] and [`CardError::OtherKey`].
    pub fn belongs_to(&self, agreement: &Agreement) -> Result<(), CardError> {
        let Card { consortium, party, signing_key, .. } = &self.card;
        if consortium != agreement.name() {
            return Err(CardError::OtherConsortium {
                party: party.clone(),
                consortium: consortium.clone(),
                ours: agreement.name().into(),
            });
        }
        match agreement.parties().iter().find(|p| p.id == *party) {
            None => Err(CardError::NoSuchParty { party: party.clone() }),
            Some(found) if found.signing_key != *signing_key => Err(CardError::OtherKey { party: party.clone() }),
            Some(_) => Ok(()),
        }
    }
}

impl fmt::Display for SignedCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Card { consortium, party, name, serial, signing_key, address, certificates_since, .. } = &self.card;
        writeln!(f, "Card {serial} of {party} ({name}) in {consortium}")?;
        writeln!(f, "signing key         ed25519:{}", Base64::encode_string(signing_key))?;
        writeln!(f, "address             {}", address.as_deref().unwrap_or("none: it dials out only"))?;
        if let Some(since) = certificates_since {
            writeln!(f, "certificates since  {}", Moment(*since))?;
        }
        write!(f, "digest              {}", self.digest())
    }
}

impl fmt::Debug for SignedCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "card {} of {} in {}", self.card.serial, self.card.party, self.card.consortium)
    }
}

/// Seconds since 1970 that print as RFC 3339, in UTC; bare where the year has more than four digits.
struct Moment(u64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The first second of the year 10000.
        const END: u64 = 253_402_300_800;
        let Self(seconds) = *self;
        if seconds >= END {
            return write!(f, "{seconds} seconds after 1970");
        }
        // Counted from 1 March of the year 0, where leap days end their years; eras have 400 years.
        let day = seconds / 86_400 + 719_468;
        let (era, day) = (day / 146_097, day % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year + u64::from(month <= 2);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

fn message(body: &[u8]) -> [u8; 32] {
    sharing::hash(LABEL, &[body])
}

impl Card {
    fn check(&self) -> Result<(), CardError> {
        let refused = |field| Err(CardError::Field { field });
        if !is_id(&self.consortium) {
            return refused("consortium: write 1 to 32 of a-z, 0-9 and '-'");
        }
        if !is_id(&self.party) {
            return refused("party: write 1 to 32 of a-z, 0-9 and '-'");
        }
        if !is_line(&self.name) {
            return refused("name: write one line of at most 200 characters");
        }
        if self.serial == 0 {
            return refused("serial: counts from 1");
        }
        if self.authority_der.is_empty() || self.authority_der.len() > MAX_AUTHORITY {
            return refused("certificate authority: one certificate of at most 8 KiB");
        }
        if self.address.as_deref().is_some_and(|address| !is_address(address)) {
            return refused("address: write HOST:PORT, such as smpc.example.org:7601");
        }
        Ok(())
    }

    fn to_body(&self) -> Result<Body, CardError> {
        let too_long = |_| CardError::Malformed;
        Ok((
            self.consortium.as_str().try_into().map_err(too_long)?,
            self.party.as_str().try_into().map_err(too_long)?,
            self.name.as_str().try_into().map_err(too_long)?,
            self.serial,
            self.signing_key,
            self.authority_der.clone().try_into().map_err(too_long)?,
            self.address.as_deref().map(Text::try_from).transpose().map_err(too_long)?,
            self.certificates_since,
        ))
    }

    fn from_body(body: Body) -> Self {
        let (consortium, party, name, serial, signing_key, authority, address, certificates_since) = body;
        Self {
            consortium: String::from(&*consortium),
            party: String::from(&*party),
            name: String::from(&*name),
            serial,
            signing_key,
            authority_der: authority.to_vec(),
            address: address.map(|a| String::from(&*a)),
            certificates_since,
        }
    }
}

/// `HOST:PORT`, the host a name, an IPv4 address or an IPv6 address in brackets.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let port = !port.starts_with(['+', '0']) && port.parse::<u16>().is_ok();
    let host = match host.strip_prefix('[').map(|h| h.strip_suffix(']')) {
        Some(inner) => inner.is_some_and(|h| h.parse::<core::net::Ipv6Addr>().is_ok()),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')),
    };
    text.len() <= MAX_ADDRESS && port && host
}

/// A card was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// Not a card file.
    #[error("not a card: {0}")]
    Armour(#[from] ArmourError),
    /// The bytes are not a card in its one encoding.
    #[error("not a card that this version reads; ask its party to send it again")]
    Malformed,
    /// A field breaks its rule.
    #[error("{field}")]
    Field {
        /// Which, and how it is written.
        field: &'static str,
    },
    /// Not signed with the key that it holds.
    #[error("the card of '{party}' is not signed with the key in it; ask that party to send it again")]
    Forged {
        /// Whose card it is said to be.
        party: String,
    },
    /// The card of another consortium.
    #[error("the card of '{party}' is for the consortium '{consortium}', not for '{ours}'")]
    OtherConsortium {
        /// Whose.
        party: String,
        /// The consortium in the card.
        consortium: String,
        /// The consortium here.
        ours: String,
    },
    /// Nobody in the agreement.
    #[error("there is no party '{party}' in the agreement")]
    NoSuchParty {
        /// Whose.
        party: String,
    },
    /// Its signing key is not the agreement's.
    #[error(
        "the signing key in the card of '{party}' is not the one in the agreement; \
         a new signing key takes a new version of the agreement, signed by every party"
    )]
    OtherKey {
        /// Whose.
        party: String,
    },
}

#[cfg(test)]
mod tests;
