//! Fixed bytes of everything that two parties, or two versions of one party, must compute alike. A change here is a change of
//! the protocol's version (STYLE 12).
//!
//! The values were computed by other implementations of SHA-256, HMAC, AES-CTR and BLAKE3.

use sharing::{
    Bounds, Cells, Column, Commitments, CommittedDealing, Dealer, Dealing, DealingKey, Encoded, Field, InputDigest,
    InputHasher, Layout, Opening, PartialHasher, Place, Salt, Scheme, Seed, ShareHasher, add_seeded_share, hash,
    seed_digest,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn dealing() -> Dealing {
    let dealer = Dealer { index: 4, compute: None };
    let key = DealingKey::from_bytes([0x11; 32]);
    Dealing::new(Scheme::additive(3), dealer, &key, &[0x22; 32], &InputDigest::from_bytes([0x33; 32]))
}

fn encoded(field: Field) -> Encoded {
    let column = Column { min: -5, max: 5, decimals: 0 };
    Encoded::new(field, &[column], 0, &[0, 1, -1]).expect("within bounds")
}

fn bytes(cells: &Cells) -> Vec<u8> {
    let mut bytes = Vec::new();
    cells.write_to(&mut bytes);
    bytes
}

#[test]
fn hashes() {
    assert_eq!(
        hex(&hash("smpcd/1/round", &[b"a", b"", b"bc"])),
        "2f353766c67412bf4093ed018b238bc655d4f3ddf31213560bdda70e3b3c2ce8"
    );
}

#[test]
fn seeds_and_salts() {
    let dealing = dealing();
    let seed = |j| dealing.seed(j).map(|seed| hex(seed.as_bytes()));
    assert_eq!(seed(0).as_deref(), Some("65e077a06cbc4dd8284e48613518df905d174caafdb992c064e45076c7ce7b32"));
    assert_eq!(seed(1), None);
    assert_eq!(seed(2).as_deref(), Some("083a261457183ef09d8225f99312afa99ce90c7ac28acd56e9d1e77c194f6509"));
    assert_eq!(hex(dealing.salt(0).as_bytes()), "938266a3958df21dde9371ac4162aa07bdbfc9559bcf52e90e6ac3cff3613be8");
    assert_eq!(hex(dealing.salt(1).as_bytes()), "fd1db351cdd3602194dae2314a6d5697585b836a3b772b9c7697f3d08fbcc2a7");
}

#[test]
fn expansion() {
    let expand = |field, chunk| {
        let mut cells = Cells::zero(field, 3);
        add_seeded_share(&mut cells, &Seed::from_bytes([0x44; 32]), chunk);
        hex(&bytes(&cells))
    };
    assert_eq!(expand(Field::Field64, 0), "7755dc2a493eec948e297a87865f04edca0d134626e26e4e");
    assert_eq!(expand(Field::Field64, 1), "588323d654098e047f59151b78cff3909d4879d9908f0067");
    assert_eq!(
        expand(Field::Field128, 0x0102_0304_0506_0708),
        "ca822ecf6e371c641dccf5a3b7ba95442b8665991f9e1f1a70231117dd1b74969f071e85721943907b6d73f34908785c"
    );
}

#[test]
fn explicit_shares() {
    let explicit = dealing().explicit_chunk(7, &encoded(Field::Field64));
    assert_eq!(explicit.len(), 1);
    assert_eq!(explicit[0].0, 1);
    assert_eq!(hex(&bytes(&explicit[0].1)), "6627315a909d67588877b66c14a0bb128fde34f9ca85eb10");
}

/// A dealing of 0, 1, −1 with the key of [`dealing`]: every explicit share, and which shares are seeds.
fn shamir(n: u16, k: u16, dealer: Dealer, field: Field) -> (Vec<(u16, String)>, Vec<u16>) {
    let scheme = Scheme::shamir(n, k);
    let key = DealingKey::from_bytes([0x11; 32]);
    let dealing = Dealing::new(scheme, dealer, &key, &[0x22; 32], &InputDigest::from_bytes([0x33; 32]));
    let explicit =
        dealing.explicit_chunk(7, &encoded(field)).iter().map(|(j, cells)| (*j, hex(&bytes(cells)))).collect();
    (explicit, (0..n).filter(|j| dealing.seed(*j).is_some()).collect())
}

fn owned(shares: &[(u16, &str)]) -> Vec<(u16, String)> {
    shares.iter().map(|(j, share)| (*j, (*share).to_string())).collect()
}

// The polynomials were found by elimination on their powers, not by Lagrange's formula.
#[test]
fn shamir_shares_of_a_dealer_that_computes_nothing() {
    let dealer = Dealer { index: 4, compute: None };
    let (explicit, seeded) = shamir(5, 3, dealer, Field::Field64);
    assert_eq!(seeded, [2, 3]);
    let expected = [
        (0, "85fe60c5d54c14ad307f00c8d18bf5768caf3db71dbf8a57"),
        (1, "439184917c15c36cea08c40d67aa65675dbde123db562c79"),
        (4, "d9c27e1e51566e1b5de5a0d1b8769511691c34aad0319a9a"),
    ];
    assert_eq!(explicit, owned(&expected));
    let (explicit, _) = shamir(5, 3, dealer, Field::Field128);
    let expected = [
        (0, "047cea380330995f10d0e368fb0409ca7ff16dbc8600cbdeaaca731fd39e67705480b33c00f0b64eff6fdc5b5f763542"),
        (1, "1d0156e33fc56e000d71048be79db572c5d6329d15aefa18c4c6f1c66a59c805b11e6e7dcbfe23f3df4bcdf762b23024"),
        (4, "eec69e8b4ee4596aac38d34850e090a44e3d8b19f3c4e5ebe1e2a8edcc2fc1a3fbadc857efe3afe275661a4c4708c588"),
    ];
    assert_eq!(explicit, owned(&expected));
}

#[test]
fn shamir_shares_of_a_compute_party() {
    let dealer = Dealer { index: 1, compute: Some(3) };
    let (explicit, seeded) = shamir(4, 2, dealer, Field::Field64);
    assert_eq!(seeded, [0]);
    let expected = [
        (1, "c040c882f61018d193d6fd835708e837feefbd81f8655f14"),
        (2, "1f612cc47219a439dcc1fc45830cdc53fee79c42f4188f9e"),
        (3, "7f819005ee2130a225adfb07af10d06ffddf7b03f1cbbe28"),
    ];
    assert_eq!(explicit, owned(&expected));
    let (explicit, _) = shamir(4, 2, dealer, Field::Field128);
    let expected = [
        (1, "befd902520642fc9e51f3c97f5c713396f69deb639a64e400d2ff0a149285740a55e1e186e6148a090524c24c4a60e18"),
        (2, "9d7c59383016c7add82fda62f0ab9d55269e4d9256f975e09346e8726ebc8260f88d2d2425926cf0d87b723626fa1524"),
        (3, "7cfb214b40c85e92cb3f782eeb8f2772ddd2bc6d734c9d801a5ee0439350ae804bbd3c30dcc2904021a59848884d1d30"),
    ];
    assert_eq!(explicit, owned(&expected));
}

#[test]
fn encodings() {
    assert_eq!(hex(&bytes(encoded(Field::Field64).cells())), "0000000000000000010000000000000000000000ffffffff");
    assert_eq!(
        hex(&bytes(encoded(Field::Field128).cells())),
        "00000000000000000000000000000000010000000000000000000000000000000000000000000000e4ffffffffffffff"
    );
}

#[test]
fn digests() {
    let input = |field| {
        let mut hasher = InputHasher::new(Layout { field, cells: 3 });
        hasher.update(&encoded(field));
        hex(hasher.finish().as_bytes())
    };
    assert_eq!(input(Field::Field64), "cbbf2bcaacee2e78fb38157a4fd58952372333317868e4301e0a7148a32f0529");
    assert_eq!(input(Field::Field128), "75daf2e0f1f4eab3898b32d4b797e139857ff105593546e6ada8bda0f42fdbad");

    let salt = Salt::from_bytes([0x55; 32]);
    assert_eq!(
        hex(&seed_digest(&salt, &Seed::from_bytes([0x44; 32]))),
        "92710b8b692321505e4f86af4dffdb1ecbc7e7999720bef04b81aa310d3dcbd9"
    );

    let mut share = ShareHasher::new();
    share.update(b"share");
    assert_eq!(hex(&share.digest(&salt)), "164a58af43be8b6affae01c0b7e6e2b10fe484c80df7d65e0165fb4af64474a3");

    let mut partial = PartialHasher::new(&[0x22; 32], 0x0102);
    partial.update(b"partial");
    assert_eq!(hex(&partial.finish()), "b2ea28441726304172f957a39aad32b8e16508991629f6aa8a53429b5eee2882");
}

// Commitments and roots were computed by another implementation of ristretto255 (RFC 9496), the generator from its label.
#[test]
fn openings() {
    let opening = Opening::expand(&Seed::from_bytes([0x44; 32]), 2);
    assert_eq!(
        hex(&bytes(opening.values())),
        "bbc3a9a260fc584e7bee94cb5ee9e37167e0ee9db2cdc5d9a44eab401023ce06\
         04086372bd5cf329a6208a7077fd7551c065337e37ba600ce3b0eaa933853e02"
    );
    assert_eq!(
        hex(&bytes(opening.blindings())),
        "a04a75503a14b346032dfc56635e1abf1c4b7446322cf3eb797a51823c0b190d\
         374d1e0a564cc57d10e553cf801d743d8b309525c24c0200118a22e9c3013b01"
    );
    let mut whole = Vec::new();
    opening.write_to(&mut whole);
    assert_eq!(hex(&whole), hex(&bytes(opening.values())) + &hex(&bytes(opening.blindings())));
}

/// 0, 1, −1 again, of dealer number 9 of the agreement.
fn committed() -> CommittedDealing {
    let (dealer, place) = (Dealer { index: 4, compute: None }, Place { round: [0x22; 32], dealer: 9 });
    let (key, input) = (DealingKey::from_bytes([0x11; 32]), InputDigest::from_bytes([0x33; 32]));
    CommittedDealing::new(Scheme::shamir(5, 3), dealer, place, &key, &input, &encoded(Field::Ristretto255))
}

#[test]
fn commitments_and_roots() {
    let dealing = committed();
    assert_eq!(
        hex(&dealing.commitments()[..96]),
        "b0b3357d4ba00b56b6621b1793cf6661d7e792f2b394f5ba8a2eab2304d4fd31\
         523a67e57fe961060fe79e90883dee581d103fee35237d25de785234f2879b19\
         7c410303894cf225f53ce022180669f7a087b4128990496bfa5ad04ec6139c5f"
    );
    use sha2::Digest;
    assert_eq!(
        hex(&sha2::Sha256::digest(dealing.commitments())),
        "208f99dbdee5f41454a9e23810c74ed7415e2989f59cc3ea7af5467cf2d735ee"
    );
    let mut opening = Vec::new();
    dealing.explicit(1).expect("explicit").write_to(&mut opening);
    assert_eq!(
        hex(&opening),
        "13eaf62371ac798f185ef24ad9301b30f2a479cfcd54b60254400b448a5eb100\
         a47f58b0253e81a91ba9f18253fa46100aac0bb731b90c45fbb1f87df969f00a\
         72a29e48d25105ca2dbc86251522f54e5dd0f426a340f9adc5ff96ed09656f0c\
         9126289e89af259011c30bb7e07760e985d4afb8dbd99cedbc40a19adfbfaa03\
         071d14982d64754fa615165dab21d5e890984aa2aae8526d549903da0c52c20e\
         e876f6ab2bb345e39b535caec50bb7182db2c59412f85226c7f856c20036db0d"
    );
    let expected = [
        "c5477f25f1fa26fd87291ddae19d13db4669af1a02265d12b54840b2b0efd91c",
        "c884f44afa1cffe956a84587e65a46208d28d2e9ba41613a9b4bb37b526b205f",
        "ab3f87aadd65dfdf0a0f394d15d577cd5e04fb945329b8eecab2fb458a5ce6dc",
        "1695bd0cf302a834b05b6e8f785c1fcd7497ac9ebaa79382ff5321a4d4da006e",
        "06698bfbd0c671a917df035d6873b0577528167bcc561046ef5ab657311eb70d",
    ];
    assert_eq!(dealing.roots().iter().map(|root| hex(root)).collect::<Vec<_>>(), expected);
    assert_eq!(
        hex(&Opening::zero(0).root(&Place { round: [0x22; 32], dealer: 9 }, 2)),
        "3e341772bb2b24972b9dfc20b7a762c7f7d70f2fa43b372540669d550e197930"
    );
}

/// A proof that was made once, of [−1, 1] for the last cell of [`committed`]: it stays true as long as the transcript stays.
/// Making it again gives other bytes.
#[test]
fn a_proof_that_was_made_earlier() {
    let columns = [Column { min: -1, max: 1, decimals: 0 }];
    let bounds = Bounds::new(&columns, 3, Place { round: [0x22; 32], dealer: 9 });
    let dealing = committed();
    let commitments = Commitments::parse(dealing.commitments(), 3, 3).expect("commitments");
    let mut rng = <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(1);
    let byte = |at| u8::from_str_radix(&EARLIER[at..at + 2], 16).expect("hex");
    let earlier: Vec<u8> = (0..EARLIER.len()).step_by(2).map(byte).collect();
    let proofs = [&vec![0; bounds.proof_bytes(0)], &earlier[..]].concat();
    assert_eq!(bounds.verify(&commitments, &proofs, 1..2, &mut rng), Ok(()));
}

const EARLIER: &str = "01b2183efd08c266ff1f8ff878267697942870a7da0c0e27b56b13fb2ca59a280274698fdb3c3154e164b1f6a7093aee\
    76dda8f2ab0b2469b4e2d603a94f0ae86c127ef44c0562a5084217aaa2ff6eae3a3970ddc981db7d1db3c0e25c8706f9\
    1896a8a4593f3fdad81796a86d23ba9120070113052f4fd5af3a6bd7ecb06ab6320bdeb9be282d949980ea811562b117\
    1a44b5c49bc747a70203f2f2c4cc59a40f0bf1fbb0888862ba8e526910a6b2503512d12fa6becc771c052667080a2af7\
    0d32853d7251d1da1586f84c68386d1c61a96694d94b383e78fdca9e20e4823b0b965ca902c6a3ee0a73c5b264a2bfe0\
    bbbdcdfdd8147f40889e311c6d2a79d009a813729c07da9f84aa8f578ee3874eb4c77efba4c102da1b975d54ad360ba0\
    6a6087e7b6d1df89c0ba974a70f2b306738cc23ea43220e1cc93255c2a038b6a32";
