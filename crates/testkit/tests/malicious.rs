//! Rounds that stand against parties that do as they please (PROTOCOL 5).

use testkit::consortium::{Roles, column};
use testkit::sim::{Cluster, Plan};

fn plan(seed: u64, parties: usize) -> Plan {
    let columns = vec![column("amount", 0, "-1000", "1000"), column("heads", 0, "0", "9")];
    let mut plan = Plan::smooth(seed, &vec![Roles::ALL; parties], 3, columns);
    plan.malicious();
    plan
}

#[test]
fn honest_rounds_complete_with_both_schemes() {
    for seed in 0..4 {
        let report = Cluster::new(plan(seed, 3)).run().unwrap_or_else(|violation| panic!("{violation}"));
        assert!(report.findings.is_empty() && report.proven.is_empty(), "{report:?}");
        let mut threshold = plan(seed, 4);
        threshold.shamir(2);
        let report = Cluster::new(threshold).run().unwrap_or_else(|violation| panic!("{violation}"));
        assert!(report.findings.is_empty() && report.proven.is_empty(), "{report:?}");
    }
}
