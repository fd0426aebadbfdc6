//! A consortium from an agreement as people write it, by the commands that people type: `init`, `card add`,
//! `agreement sign`. So parties have the roles, the sharing and the times of that agreement.

use std::fs;

use super::{Party, Testbed, free_ports, smpcd};

impl Testbed {
    /// The parties of an agreement, each with its directory, everybody's card and everybody's signature. Their signing
    /// keys take the place of those in the text; nothing else of it changes. Rounds are approved by policy.
    ///
    /// Parties in `unreachable` have no address: they dial out only. The input of a party is what [`Testbed::give`] writes.
    pub(crate) fn founded(agreement: &str, unreachable: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("smpcd-test-").tempdir().expect("a directory");
        let table: toml::Table = agreement.parse().expect("an agreement");
        let text = |table: &toml::Table, key: &str| table[key].as_str().expect("a text").to_owned();
        let drafts = table["party"].as_array().expect("tables").iter().map(|party| party.as_table().expect("a table"));
        let drafts: Vec<&toml::Table> = drafts.collect();
        let base_port = free_ports(u16::try_from(drafts.len()).expect("few parties"));
        let consortium = text(&table, "name");

        let mut parties = Vec::new();
        let mut signed = agreement.to_owned();
        for (port, draft) in (base_port..).zip(drafts) {
            let (id, name) = (text(draft, "id"), text(draft, "name"));
            let home = folder.path().join("t").join(&id);
            let reachable = !unreachable.contains(&id.as_str());
            let address = format!("127.0.0.1:{port}");
            let mut line = vec!["init", home.to_str().expect("a path of text")];
            line.extend(["--consortium", &consortium, "--party", &id, "--name", &name]);
            if reachable {
                line.extend(["--address", &address, "--listen", &address]);
            }
            smpcd(line).exits(0);
            let card = smpcd(["card", "show", home.join(format!("cards/{id}.card")).to_str().expect("text")]).exits(0);
            let key = card.out.split_whitespace().find(|word| word.starts_with("ed25519:")).expect("a key");
            signed = signed.replace(&text(draft, "signing_key"), key);
            parties.push(Party { home, id, reachable, daemon: None, starts: 0 });
        }
        let testbed = Self::at(folder, parties, base_port);
        testbed.exchange(&signed);
        testbed
    }

    /// Every party takes in every card, signs, and is given every signature.
    fn exchange(&self, agreement: &str) {
        let paper = |party: &Party, kind: &str, ending: &str| party.home.join(format!("{kind}/{}.{ending}", party.id));
        let cards: Vec<String> =
            self.parties.iter().map(|party| paper(party, "cards", "card").display().to_string()).collect();
        let cards: Vec<&str> = cards.iter().map(String::as_str).collect();
        for party in 0..self.count() {
            fs::write(self.home(party).join("agreement.toml"), agreement).expect("written");
            self.edit(&self.node_file(party), "policy = \"manual\"", "policy = \"auto\"");
            self.run(party, &[&["card", "add"][..], &cards].concat()).exits(0);
            self.run(party, &["agreement", "sign", "--by", "A. Officer"]).exits(0);
        }
        for from in &self.parties {
            let signature = paper(from, "signatures", "sig");
            for to in &self.parties {
                let copy = to.home.join(format!("signatures/{}.sig", from.id));
                if copy != signature {
                    fs::copy(&signature, copy).expect("copied");
                }
            }
        }
    }

    /// The party of that id.
    pub(crate) fn party(&self, id: &str) -> usize {
        self.parties.iter().position(|party| party.id == id).expect("a party")
    }

    /// Writes the input of a party where a node's directory has it.
    pub(crate) fn give(&self, party: usize, computation: &str, text: &str) {
        fs::write(self.home(party).join(format!("input/{computation}.csv")), text).expect("written");
    }
}
