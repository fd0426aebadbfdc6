//! In what a peer's Hello differs from ours: one line for the operator, at both ends alike (PROTOCOL 6.2).
//!
//! The peer chose the texts in its Hello. They are shown escaped and their number is bounded by the Hello itself.

use std::fmt;

use wire::link::Hello;

/// Sections that are named in the line; more than that is "and N more".
const SECTIONS_SHOWN: usize = 8;

/// Ours against theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Another consortium. The link is refused.
    Consortium {
        /// Our name.
        ours: String,
        /// Theirs.
        theirs: String,
    },
    /// Another version of the wire format. The link is refused.
    Protocol {
        /// Our version.
        ours: u16,
        /// Theirs.
        theirs: u16,
    },
    /// Another agreement. The link stays, but no round opens.
    Agreement {
        /// Version of our agreement.
        ours: u32,
        /// Version of theirs.
        theirs: u32,
        /// What differs. Empty where only the version or the order of sections does.
        sections: Vec<SectionDifference>,
    },
}

/// A section of the agreement that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionDifference {
    /// `parties`, `legal` or `computation ID`.
    pub name: String,
    /// How.
    pub how: How,
}

/// How a section differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It says something else.
    Other,
    /// They do not have it.
    OnlyOurs,
    /// We do not have it.
    OnlyTheirs,
}

/// What a peer's Hello says otherwise than ours. The least bearable difference wins.
#[must_use]
pub fn difference(ours: &Hello, theirs: &Hello) -> Option<Difference> {
    if ours.protocol != theirs.protocol {
        return Some(Difference::Protocol { ours: ours.protocol, theirs: theirs.protocol });
    }
    if ours.consortium != theirs.consortium {
        return Some(Difference::Consortium { ours: shown(&ours.consortium), theirs: shown(&theirs.consortium) });
    }
    if ours.agreement == theirs.agreement {
        return None;
    }
    let mut sections = Vec::new();
    for section in ours.sections.iter() {
        let how = match theirs.sections.iter().find(|other| other.name == section.name) {
            None => How::OnlyOurs,
            Some(other) if other.digest != section.digest => How::Other,
            Some(_) => continue,
        };
        sections.push(SectionDifference { name: shown(&section.name), how });
    }
    for section in theirs.sections.iter() {
        if !ours.sections.iter().any(|other| other.name == section.name) {
            sections.push(SectionDifference { name: shown(&section.name), how: How::OnlyTheirs });
        }
    }
    Some(Difference::Agreement { ours: ours.agreement_version, theirs: theirs.agreement_version, sections })
}

impl Difference {
    /// Whether there can be no link at all.
    #[must_use]
    pub fn refuses_link(&self) -> bool {
        match self {
            Self::Consortium { .. } | Self::Protocol { .. } => true,
            Self::Agreement { .. } => false,
        }
    }

    /// The line for the operator, about the peer with that id.
    #[must_use]
    pub fn describe(&self, peer: &str) -> String {
        match self {
            Self::Consortium { ours, theirs } => format!(
                "{peer} is in the consortium {theirs}, and this node is in {ours}; compare `name` in both agreements"
            ),
            Self::Protocol { ours, theirs } => format!(
                "{peer} speaks version {theirs} of the protocol, and this node version {ours}; \
                 install the same version of smpcd at both ends"
            ),
            Self::Agreement { ours, theirs, sections } => {
                let versions = format!("(ours version {ours}, theirs version {theirs})");
                if !sections.is_empty() {
                    let list = list(sections);
                    return format!("the agreement of {peer} differs from ours in: {list} {versions}");
                }
                let what = if ours == theirs { "the order of its computations" } else { "its version" };
                format!("the agreement of {peer} differs from ours only in {what} {versions}")
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe("the peer"))
    }
}

fn list(sections: &[SectionDifference]) -> String {
    let mut names: Vec<String> = sections
        .iter()
        .take(SECTIONS_SHOWN)
        .map(|section| match section.how {
            How::Other => section.name.clone(),
            How::OnlyOurs => format!("{} (theirs has none)", section.name),
            How::OnlyTheirs => format!("{} (ours has none)", section.name),
        })
        .collect();
    if sections.len() > SECTIONS_SHOWN {
        names.push(format!("and {} more", sections.len() - SECTIONS_SHOWN));
    }
    names.join(", ")
}

/// A peer's text, fit for one line of a log.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use wire::codec::Text;
    use wire::link::SectionDigest;

    use super::*;

    fn hello(version: u32, sections: &[(&str, u8)]) -> Hello {
        let digest = sharing::hash("test", &[format!("{version} {sections:?}").as_bytes()]);
        let sections: Vec<_> =
            sections.iter().map(|(name, d)| SectionDigest { name: Text::truncated(name), digest: [*d; 32] }).collect();
        Hello {
            protocol: 1,
            software: Text::truncated("test"),
            consortium: Text::truncated("northern-retail"),
            agreement_version: version,
            agreement: digest,
            sections: sections.try_into().unwrap(),
            cards: Vec::new().try_into().unwrap(),
            signed_by: Vec::new().try_into().unwrap(),
        }
    }

    fn line(ours: &Hello, theirs: &Hello) -> Option<String> {
        difference(ours, theirs).map(|difference| difference.describe("p2"))
    }

    #[test]
    fn equal_agreements_do_not_differ() {
        let ours = hello(3, &[("parties", 1), ("legal", 2)]);
        let mut theirs = ours.clone();
        theirs.software = Text::truncated("other software");
        assert_eq!(difference(&ours, &theirs), None);
    }

    #[test]
    fn changed_missing_and_additional_sections_are_named() {
        let ours = hello(3, &[("parties", 1), ("legal", 2), ("computation average-expenditure", 3)]);
        let theirs = hello(2, &[("parties", 1), ("legal", 9), ("computation average-expenditure", 8)]);
        assert_eq!(
            line(&ours, &theirs).unwrap(),
            "the agreement of p2 differs from ours in: legal, computation average-expenditure \
             (ours version 3, theirs version 2)"
        );
        let theirs = hello(3, &[("parties", 1), ("legal", 2), ("computation turnover", 3)]);
        assert_eq!(
            line(&ours, &theirs).unwrap(),
            "the agreement of p2 differs from ours in: computation average-expenditure (theirs has none), \
             computation turnover (ours has none) (ours version 3, theirs version 3)"
        );
        assert!(!difference(&ours, &theirs).unwrap().refuses_link());
    }

    #[test]
    fn version_and_order_are_differences_too() {
        let ours = hello(3, &[("legal", 1), ("computation a", 2), ("computation b", 3)]);
        let newer = hello(4, &[("legal", 1), ("computation a", 2), ("computation b", 3)]);
        assert!(line(&ours, &newer).unwrap().contains("only in its version (ours version 3, theirs version 4)"));
        let turned = hello(3, &[("legal", 1), ("computation b", 3), ("computation a", 2)]);
        assert!(line(&ours, &turned).unwrap().contains("only in the order of its computations"));
    }

    #[test]
    fn another_consortium_or_protocol_refuses_the_link_and_names_both() {
        let ours = hello(3, &[]);
        let mut theirs = ours.clone();
        theirs.consortium = Text::truncated("southern-retail");
        let found = difference(&ours, &theirs).unwrap();
        assert!(found.refuses_link());
        assert!(found.describe("p2").starts_with("p2 is in the consortium southern-retail, and this node is in north"));
        theirs.protocol = 2;
        let found = difference(&ours, &theirs).unwrap();
        assert!(found.refuses_link());
        assert!(found.describe("p2").starts_with("p2 speaks version 2 of the protocol, and this node version 1"));
    }

    #[test]
    fn a_peers_texts_cannot_break_the_line_or_flood_it() {
        let ours = hello(3, &[]);
        let names: Vec<String> = (0..100).map(|i| format!("computation \n\u{1b}[31m{i}")).collect();
        let theirs = hello(3, &names.iter().map(|name| (name.as_str(), 1)).collect::<Vec<_>>());
        let line = line(&ours, &theirs).unwrap();
        assert!(line.chars().all(|c| !c.is_control()), "{line}");
        assert!(line.contains("and 92 more") && line.len() < 600, "{line}");
    }
}
