//! What the parties have seen of each other's logs, and how people go on with one that was put back.

use std::fs;

use super::Testbed;

impl Testbed {
    /// Records of a party's log that another one has seen; 0 where it has seen none.
    fn witnessed(&self, by: usize, party: usize) -> u64 {
        if self.is_up(by) {
            // What it was shown last it may not have looked at yet.
            let peer = self.until("all that was shown is looked at", || {
                let peer = self.status(by).map(|_| self.peer(by, party))?;
                (peer["connected"] == false && peer["log"]["waiting"] == false).then_some(peer)
            });
            return peer["log"]["witnessed"].as_u64().unwrap_or(0);
        }
        let file = self.data(by).join(format!("audit/witnessed/{}.checkpoint", self.id(party)));
        let note = fs::read_to_string(file).unwrap_or_default();
        note.lines().nth(1).map_or(0, |size| size.parse().expect("a size"))
    }

    /// Who has seen more of a party's log than there is of it on its disk. Its daemon is down.
    pub(crate) fn ahead(&self, party: usize) -> Vec<usize> {
        assert!(!self.is_up(party));
        let log = fs::read_to_string(self.data(party).join("audit/log.jsonl")).unwrap_or_default();
        let records = log.matches('\n').count() as u64;
        (0..self.count()).filter(|&by| by != party && self.witnessed(by, party) > records).collect()
    }

    /// A party whose log was put back has recovered; its people go on, and so do those who have seen more of it (`ahead`). Where
    /// nobody has, its guard may still know of a checkpoint that it has signed.
    pub(crate) fn goes_on(&self, party: usize, ahead: &[usize]) {
        let id = self.id(party);
        let signs = |status: &serde_json::Value| status["rollback"].is_null();
        let said = ["--by", "Ann Ames", "--reason", "the disk was put back"];
        if !ahead.is_empty() {
            self.until(&format!("{id} finds its log behind"), || {
                self.status(party).filter(|status| status["log_behind"].is_string())
            });
        }
        let status = self.until(&format!("{id} signs again"), || self.status(party).filter(signs));
        if status["log_behind"].is_string() {
            self.run(party, &[&["audit", "acknowledge"][..], &said].concat()).exits(0);
            self.linked();
        }
        for &other in ahead.iter().filter(|&&other| self.is_up(other)) {
            self.until(&format!("{} sees that", self.id(other)), || {
                self.status(other).filter(|_| self.peer(other, party)["log"]["alarm"].is_string())
            });
            self.run(other, &[&["audit", "acknowledge", "--log", id][..], &said].concat()).exits(0);
        }
        self.until(&format!("{id} signs again"), || self.status(party).filter(signs));
        self.linked();
    }
}
