//! A polynomial from its values at some points, as weights of these values (PROTOCOL 2).
//!
//! Attacker: none here. Points come from the agreement and everything computed is public; what would be fatal is two equal
//! points, and [`crate::Scheme`] lets none through.

use alloc::vec;
use alloc::vec::Vec;

use crate::arithmetic::Arithmetic;

/// The polynomials of degree below the number of nodes, given by their values there (Lagrange's form).
pub(crate) struct Basis<A> {
    nodes: Vec<A>,
    /// For each node the inverse of Π (node − other).
    scales: Vec<A>,
}

impl<A: Arithmetic> Basis<A> {
    /// The nodes have to differ.
    pub(crate) fn new(nodes: impl IntoIterator<Item = u32>) -> Self {
        let nodes: Vec<u32> = nodes.into_iter().collect();
        let scale = |node: &u32| {
            let others = nodes.iter().filter(|other| *other != node);
            let differences = others.map(|other| A::integer(*node).minus(A::integer(*other)));
            differences.fold(A::integer(1), A::times).inverse()
        };
        let scales = nodes.iter().map(scale).collect();
        Self { nodes: nodes.into_iter().map(A::integer).collect(), scales }
    }

    /// The weights of the values at the nodes, in their order, whose sum is the polynomial's value at `point`.
    ///
    /// They are Π (point − other) / Π (node − other); at a node, one and zeros.
    pub(crate) fn at(&self, point: u32) -> Vec<A> {
        let point = A::integer(point);
        let differences: Vec<A> = self.nodes.iter().map(|node| point.minus(*node)).collect();
        // Products of all differences but one: of those before it, times those behind it.
        let mut weights = vec![A::integer(1); differences.len()];
        let mut before = A::integer(1);
        for (weight, difference) in weights.iter_mut().zip(&differences) {
            *weight = before;
            before = before.times(*difference);
        }
        let mut behind = A::integer(1);
        for ((weight, difference), scale) in weights.iter_mut().zip(&differences).zip(&self.scales).rev() {
            *weight = weight.times(behind).times(*scale);
            behind = behind.times(*difference);
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Prime;
    use num_bigint::BigUint;
    use proptest::prelude::*;

    /// Lagrange's formula word for word, in big integers and with Fermat's inverse.
    fn reference(nodes: &[u32], point: u32, p: &BigUint) -> Vec<BigUint> {
        let difference = |a: u32, b: u32| (BigUint::from(a) + p - BigUint::from(b)) % p;
        let weight = |node: &u32| {
            let (mut over, mut under) = (BigUint::from(1u8), BigUint::from(1u8));
            for other in nodes.iter().filter(|other| *other != node) {
                over = over * difference(point, *other) % p;
                under = under * difference(*node, *other) % p;
            }
            over * under.modpow(&(p - BigUint::from(2u8)), p) % p
        };
        nodes.iter().map(weight).collect()
    }

    fn check<E: Prime + PartialOrd + Into<BigUint>>(nodes: &[u32], point: u32) {
        let weights = Basis::<E>::new(nodes.iter().copied()).at(point);
        assert!(weights.iter().all(|weight| *weight < E::PRIME));
        let weights: Vec<BigUint> = weights.into_iter().map(Into::into).collect();
        assert_eq!(weights, reference(nodes, point, &E::PRIME.into()), "{nodes:?} at {point}");
    }

    #[test]
    fn a_line_and_a_parabola() {
        // Through (1, y) and (2, z): 2y − z at 0. Through 1, 2, 3: 3, −3, 1.
        let minus = |value: u64| u64::PRIME - value;
        assert_eq!(Basis::<u64>::new([1, 2]).at(0), [2, minus(1)]);
        assert_eq!(Basis::<u64>::new([1, 2, 3]).at(0), [3, minus(3), 1]);
        // The order is the nodes'.
        assert_eq!(Basis::<u64>::new([3, 1, 2]).at(0), [1, 3, minus(3)]);
        // A constant has one value everywhere; at a node nothing else counts.
        assert_eq!(Basis::<u64>::new([7]).at(0), [1]);
        assert_eq!(Basis::<u64>::new([0, 5, 9]).at(5), [0, 1, 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

        #[test]
        fn agrees_with_big_integers(
            nodes in proptest::sample::subsequence((0..=64u32).collect::<Vec<_>>(), 1..40).prop_shuffle(),
            point in prop_oneof![Just(0u32), 0..=64u32, 0..=65_536u32],
        ) {
            check::<u64>(&nodes, point);
            check::<u128>(&nodes, point);
        }
    }
}
