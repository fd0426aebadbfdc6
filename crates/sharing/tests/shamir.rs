//! Thresholds: any k shares are the secret, any k − 1 are nothing, and more than k give a wrong one away.

mod support;

use proptest::prelude::*;
use sharing::{
    Arithmetic, CHUNK_CELLS, Cells, Dealer, Dealing, DealingKey, Encoded, Field, RecombineError, Scheme, ShareForm,
    decode_totals,
};
use support::{FIELDS, ROUND, column, digest, encode, fields, numbered, shares};

fn deal(scheme: Scheme, dealer: Dealer, key: u8, input: &Encoded) -> Dealing {
    let digest = digest(input.cells().field(), std::slice::from_ref(input));
    Dealing::new(scheme, dealer, &DealingKey::from_bytes([key; 32]), &ROUND, &digest)
}

fn bytes(cells: &Cells) -> Vec<u8> {
    let mut bytes = Vec::new();
    cells.write_to(&mut bytes);
    bytes
}

/// Elements as integers; of a scalar the low half.
fn integers(cells: &Cells) -> Vec<u128> {
    let integer = |bytes: &[u8]| bytes.iter().take(16).rev().fold(0, |integer, byte| integer << 8 | u128::from(*byte));
    bytes(cells).chunks_exact(cells.field().element_bytes()).map(integer).collect()
}

/// One cell that holds an integer, zeros around it.
fn single(field: Field, len: usize, cell: usize, integer: u128) -> Cells {
    let width = field.element_bytes();
    let mut bytes = vec![0; len * width];
    let low = width.min(16);
    bytes[cell * width..][..low].copy_from_slice(&integer.to_le_bytes()[..low]);
    Cells::read(field, &bytes).expect("canonical")
}

fn copy(cells: &Cells) -> Cells {
    Cells::read(cells.field(), &bytes(cells)).expect("canonical")
}

/// A scheme, all its seats in any order, and the inputs of some dealers.
#[derive(Clone, Debug)]
struct Case {
    field: Field,
    k: u16,
    order: Vec<u16>,
    inputs: Vec<(Dealer, Vec<i128>)>,
}

fn cases() -> impl Strategy<Value = Case> {
    (fields(), 2u16..=32, 1usize..5, 0usize..20)
        .prop_flat_map(|(field, n, dealers, cells)| {
            let bounds = column(field);
            let value = prop_oneof![8 => bounds.min..=bounds.max, 1 => Just(bounds.min), 1 => Just(bounds.max), 1 => -1..=1i128];
            let dealer = (any::<u16>(), proptest::option::of(0..n))
                .prop_map(|(index, compute)| Dealer { index, compute });
            let input = (dealer, proptest::collection::vec(value, cells));
            (
                Just(field),
                prop_oneof![3 => 2..=n, 1 => Just(2), 1 => Just(n)],
                Just((0..n).collect::<Vec<u16>>()).prop_shuffle(),
                proptest::collection::vec(input, dealers),
            )
        })
        .prop_map(|(field, k, order, inputs)| Case { field, k, order, inputs })
}

impl Case {
    fn scheme(&self) -> Scheme {
        Scheme::shamir(u16::try_from(self.order.len()).expect("few"), self.k)
    }

    /// What every seat holds after all dealings, by seat.
    fn sums(&self) -> Vec<Cells> {
        let scheme = self.scheme();
        let mut sums: Vec<Cells> = self.order.iter().map(|_| Cells::zero(self.field, self.inputs[0].1.len())).collect();
        for (key, (dealer, input)) in (0..).zip(&self.inputs) {
            let encoded = encode(self.field, input);
            let dealing = deal(scheme, *dealer, key, &encoded);
            sums.iter_mut().zip(shares(scheme, &dealing, 3, &encoded)).for_each(|(sum, share)| sum.add(&share));
        }
        sums
    }

    /// The first `count` parts in the case's order.
    fn parts<'a>(&self, sums: &'a [Cells], count: usize) -> Vec<(u16, &'a Cells)> {
        self.order[..count].iter().map(|j| (*j, &sums[usize::from(*j)])).collect()
    }

    fn totals(&self) -> Vec<i128> {
        let cells = self.inputs[0].1.len();
        (0..cells).map(|cell| self.inputs.iter().map(|(_, input)| input[cell]).sum()).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_k_or_more_reconstruct_the_sum_of_all_dealings(case in cases()) {
        let (scheme, sums, n, k) = (case.scheme(), case.sums(), case.order.len(), usize::from(case.k));
        let contributors = u32::try_from(case.inputs.len()).expect("few");
        for count in [k, (k + 1).min(n), (k + n) / 2, n] {
            let total = scheme.recombine(&case.parts(&sums, count)).expect("consistent");
            prop_assert_eq!(decode_totals(&total, contributors, &[column(case.field)], 0), Ok(case.totals()));
        }
        let too_few = scheme.recombine(&case.parts(&sums, k - 1)).err();
        prop_assert_eq!(too_few, Some(RecombineError::TooFew { have: k - 1, need: case.k }));
    }

    #[test]
    fn one_changed_element_is_noticed_where_shares_are_redundant(
        case in cases(), count: prop::sample::Index, part: prop::sample::Index, cell: prop::sample::Index,
        change in prop_oneof![Just(1u128), 1..=u128::from(u32::MAX), Just(0xFFFF_FFFF_0000_0000)],
    ) {
        let (scheme, mut sums, n, k) = (case.scheme(), case.sums(), case.order.len(), usize::from(case.k));
        prop_assume!(!case.totals().is_empty());
        let count = k + count.index(n - k + 1);
        let holder = case.order[part.index(count)];
        let cells = sums[0].len();
        let cell = cell.index(cells);
        let right = scheme.recombine(&case.parts(&sums, count)).expect("consistent");
        sums[usize::from(holder)].add(&single(case.field, cells, cell, change));

        let outcome = scheme.recombine(&case.parts(&sums, count));
        if count > k {
            prop_assert_eq!(outcome.err(), Some(RecombineError::Inconsistent { parts: count, need: case.k }));
        } else {
            // PROTOCOL 4.7: k parts are not redundant. Another total comes out, and nothing shows it.
            let wrong = integers(&outcome.expect("not noticed"));
            for (at, (wrong, right)) in wrong.iter().zip(integers(&right)).enumerate() {
                prop_assert_eq!(*wrong == right, at != cell);
            }
        }
    }

    #[test]
    fn shares_are_the_rows_times_the_coefficients(case in cases(), additive: bool) {
        fn check<A: Arithmetic + Into<u128> + TryFrom<u128> + core::fmt::Debug>(
            scheme: Scheme, dealer: Dealer, secret: &Cells, shares: &[Cells],
        ) -> Result<(), TestCaseError> {
            let element = |integer: u128| A::try_from(integer).ok().expect("canonical");
            let seeded = scheme.seeded_recipients(dealer);
            prop_assert_eq!(seeded.len() + 1, usize::from(scheme.threshold()));
            let coefficients: Vec<Vec<u128>> = core::iter::once(secret)
                .chain(seeded.iter().map(|j| &shares[usize::from(*j)]))
                .map(integers)
                .collect();
            for (j, share) in numbered(shares) {
                let row = scheme.coefficients::<A>(dealer, j);
                prop_assert_eq!(row.len(), coefficients.len());
                prop_assert_eq!(seeded.contains(&j), scheme.form(dealer, j) == ShareForm::Seeded);
                for (cell, share) in integers(share).into_iter().enumerate() {
                    let sum = row.iter().zip(&coefficients).fold(A::integer(0), |sum, (weight, coefficient)| {
                        sum.plus(weight.times(element(coefficient[cell])))
                    });
                    prop_assert_eq!(sum.into(), share);
                }
            }
            Ok(())
        }
        // One path for both schemes.
        let scheme = if additive { Scheme::additive(case.scheme().n()) } else { case.scheme() };
        for (dealer, input) in &case.inputs {
            let encoded = encode(case.field, input);
            let dealing = deal(scheme, *dealer, 1, &encoded);
            let explicit: Vec<u16> = dealing.explicit_chunk(3, &encoded).iter().map(|(j, _)| *j).collect();
            prop_assert_eq!(explicit, scheme.explicit_recipients(*dealer));
            let shares = shares(scheme, &dealing, 3, &encoded);
            match case.field {
                Field::Field64 => check::<u64>(scheme, *dealer, encoded.cells(), &shares)?,
                Field::Field128 => check::<u128>(scheme, *dealer, encoded.cells(), &shares)?,
                // Commitments hold shares to the rows (tests/malicious.rs).
                Field::Ristretto255 => {}
            }
        }
    }
}

#[test]
fn every_place_is_checked_and_every_cell_is_dealt() {
    // Around the ends of the blocks in which cells are multiplied.
    for (field, cells) in FIELDS.into_iter().flat_map(|field| [1, 511, 512, 513, 1025].map(|cells| (field, cells))) {
        let scheme = Scheme::shamir(5, 3);
        let values: Vec<i128> = (0..).map(|cell: i128| cell * 7 - 1000).take(cells).collect();
        let input = encode(field, &values);
        let dealing = deal(scheme, Dealer { index: 1, compute: None }, 9, &input);
        let shares = shares(scheme, &dealing, 0, &input);
        assert!(scheme.recombine(&numbered(&shares)).expect("consistent") == *input.cells());
        for holder in 0..5 {
            for cell in [0, cells / 2, cells.min(512) - 1, cells - 1] {
                // +1 and −1, one bit as it were.
                for down in [false, true] {
                    let (mut changed, change) = (copy(&shares[holder]), single(field, cells, cell, 1));
                    if down {
                        changed.sub(&change)
                    } else {
                        changed.add(&change)
                    };
                    let mut parts = numbered(&shares);
                    parts[holder].1 = &changed;
                    let inconsistent = |parts: &[(u16, &Cells)]| match scheme.recombine(parts) {
                        Err(RecombineError::Inconsistent { parts: count, need: 3 }) => count == parts.len(),
                        _ => false,
                    };
                    assert!(inconsistent(&parts), "{field:?} {cells} {holder} {cell}");
                    parts.rotate_left(holder);
                    assert!(inconsistent(&parts));
                    // The wrong one first, and one further part.
                    assert!(inconsistent(&parts[..4]));
                }
            }
        }
    }
}

#[test]
fn a_table_of_two_chunks_is_dealt_chunk_by_chunk() {
    for field in FIELDS {
        let scheme = Scheme::shamir(4, 2);
        let values: Vec<i128> = (0..).take(CHUNK_CELLS + 3).map(|cell: i128| cell - 77).collect();
        let chunks: Vec<Encoded> = values.chunks(CHUNK_CELLS).map(|chunk| encode(field, chunk)).collect();
        let key = DealingKey::from_bytes([4; 32]);
        let dealer = Dealer { index: 0, compute: Some(2) };
        let dealing = Dealing::new(scheme, dealer, &key, &ROUND, &digest(field, &chunks));
        let mut first = Vec::new();
        for (number, chunk) in (0..).zip(&chunks) {
            let shares = shares(scheme, &dealing, number, chunk);
            assert!(scheme.recombine(&numbered(&shares)[1..3]).expect("two parts") == *chunk.cells());
            assert!(scheme.recombine(&numbered(&shares)).expect("consistent") == *chunk.cells());
            first.push(integers(&shares[0])[0]);
        }
        assert_ne!(first[0], first[1], "a key stream is never used twice");
    }
}

#[test]
fn parts_that_are_wrong_together_may_agree() {
    // Of m parts, m − k wrong ones are always noticed. More of them can lie on a polynomial of their own choice: here two
    // of three holders, k = 2, so with the third right they are noticed, and without it they are not.
    let scheme = Scheme::shamir(3, 2);
    let input = encode(Field::Field64, &[1000]);
    let dealing = deal(scheme, Dealer { index: 0, compute: None }, 1, &input);
    let mut shares = shares(scheme, &dealing, 0, &input);
    // + 5 + 0·point for everybody is another secret, honestly shared.
    shares[0].add(&single(Field::Field64, 1, 0, 5));
    shares[1].add(&single(Field::Field64, 1, 0, 5));
    assert_eq!(scheme.recombine(&numbered(&shares)).err(), Some(RecombineError::Inconsistent { parts: 3, need: 2 }));
    assert_eq!(integers(&scheme.recombine(&numbered(&shares)[..2]).expect("not noticed")), [1005]);
    shares[2].add(&single(Field::Field64, 1, 0, 5));
    assert_eq!(integers(&scheme.recombine(&numbered(&shares)).expect("not noticed")), [1005]);
}

#[test]
fn an_inconsistency_names_nobody() {
    let text = RecombineError::Inconsistent { parts: 4, need: 3 }.to_string();
    assert_eq!(
        text,
        "4 partial sums were checked against each other, of which 3 would do, and they do not agree: a dealing or a \
         partial sum is wrong, and nothing shows whose; there is no result"
    );
}
