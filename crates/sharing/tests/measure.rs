//! What a cell of a malicious round costs. Run:
//! `cargo test --release -p sharing --test measure -- --ignored --nocapture --test-threads 1`

#[path = "support/malicious.rs"]
mod support;

use std::time::Instant;

use sharing::{Commitments, Dealer, Scheme, SumCheck};
use support::{Dealt, column, deal, encode, place, rng};

const CELLS: usize = 1024;

/// Prints milliseconds a cell.
fn measure<T>(what: &str, cells: usize, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = work();
    println!("{what}: {:.4} ms a cell", start.elapsed().as_secs_f64() * 1000.0 / cells as f64);
    out
}

#[test]
#[ignore = "a measurement"]
fn a_cell_of_a_malicious_round() {
    let dealer = Dealer { index: 0, compute: None };
    for (k, n) in [(2, 3), (3, 5)] {
        let scheme = Scheme::shamir(n, k);
        for (bits, max) in [(8, 255), (16, 65_535), (32, i128::from(u32::MAX)), (64, i128::from(u64::MAX))] {
            println!("k = {k}, n = {n}, {bits} bits");
            let columns = [column(0, max)];
            let values: Vec<i128> = (0..CELLS as i128).map(|cell| cell * 77 % (max + 1)).collect();
            let encoded = encode(&columns, &values);
            // Generators, once a process.
            let warm = deal(scheme, dealer, place(1, 1), &columns, &encode(&columns, &values[..16]));
            measure("generators, once (for 1 cell)", 1, || warm.proven());
            let dealt: Dealt =
                measure("dealing and parsing", CELLS, || deal(scheme, dealer, place(1, 1), &columns, &encoded));
            let bytes = dealt.dealing.commitments();
            let commitments =
                measure("parsing commitments", CELLS, || Commitments::parse(bytes, CELLS, k)).expect("points");
            let share = dealt.share(0);
            let mut check = SumCheck::new(scheme, CELLS, &mut rng(1));
            measure("sum check, adding a dealer", CELLS, || check.add(dealer, &commitments));
            assert!(measure("sum check, a share", CELLS, || check.holds(0, &share)));
            measure("roots of all seats", CELLS, || dealt.dealing.roots());
            let dealt = measure("proving", CELLS, || dealt.proven());
            println!("proofs: {} bytes a cell", dealt.proofs.len() / CELLS);
            measure("verifying", CELLS, || dealt.verify(&dealt.bounds, &dealt.proofs)).expect("true");
            measure("the dealer's own check", CELLS, || dealt.dealing.check(&dealt.bounds, &dealt.proofs, &mut rng(2)))
                .expect("good");
        }
    }
}
