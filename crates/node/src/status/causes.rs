//! Whom a round waits for, one cause for each party: what an operator can ask the other one about.

use std::collections::BTreeMap;

use protocol::round::Wait;
use wire::MessageKind;

/// The cause of each party's waits, in the order in which the parties are waited for. `unlinked` names the parties
/// without a live link and says since when: nothing can come of them, whatever it is.
pub(super) fn of(waits: &[Wait], unlinked: &BTreeMap<String, String>) -> Vec<String> {
    let mut parties: Vec<&str> = Vec::new();
    for wait in waits {
        if !parties.contains(&wait.party.as_str()) {
            parties.push(&wait.party);
        }
    }
    let cause = |party: &str| match unlinked.get(party) {
        Some(since) => format!("no link since {since}"),
        None => words(waits.iter().filter(|wait| wait.party == party)),
    };
    parties.into_iter().map(|party| format!("{party}: {}", cause(party))).collect()
}

/// The earliest of a party's waits; where that is about dealings, all dealings that it is about.
fn words<'a>(mut waits: impl Iterator<Item = &'a Wait>) -> String {
    let Some(first) = waits.next() else { return String::new() };
    let like_it = waits.filter(|wait| wait.message == first.message);
    let about: Vec<&str> = std::iter::once(first).chain(like_it).filter_map(|wait| wait.about.as_deref()).collect();
    let Some(message) = first.message else { return "has not approved".to_owned() };
    match message {
        MessageKind::Deal => "has not dealt yet (its operator may have to approve)".to_owned(),
        MessageKind::Commitments => "has not proven its contribution yet".to_owned(),
        MessageKind::Share => "its share has not come".to_owned(),
        MessageKind::Receipt => match about[..] {
            [dealer] => format!("has not confirmed the share of {dealer}"),
            _ => format!("has not confirmed the shares of {}", about.join(", ")),
        },
        MessageKind::Open => "has not proposed who takes part".to_owned(),
        MessageKind::Ready | MessageKind::Accept => "has not agreed to who takes part".to_owned(),
        MessageKind::Close => "has not given up an attempt that came to nothing".to_owned(),
        MessageKind::Certificate => "has not sent what was agreed on".to_owned(),
        MessageKind::Partial => "has not sent its partial sum".to_owned(),
        MessageKind::Outcome => "has not said that it has the result".to_owned(),
        other => format!("has not sent {}", other.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(party: &str, message: Option<MessageKind>, about: Option<&str>) -> Wait {
        Wait { party: party.into(), message, about: about.map(Into::into) }
    }

    #[test]
    fn each_party_has_one_cause_and_a_missing_link_is_the_first() {
        let receipt = |party, about| wait(party, Some(MessageKind::Receipt), Some(about));
        let waits = [
            wait("p1", None, None),
            wait("p2", Some(MessageKind::Deal), None),
            wait("p3", Some(MessageKind::Share), None),
            receipt("p4", "p1"),
            receipt("p2", "p1"),
            receipt("p5", "p1"),
            receipt("p5", "p3"),
        ];
        let unlinked = [("p3".to_owned(), "10:02".to_owned()), ("p9".to_owned(), "1:00".to_owned())].into();
        assert_eq!(
            of(&waits, &unlinked),
            [
                "p1: has not approved",
                "p2: has not dealt yet (its operator may have to approve)",
                "p3: no link since 10:02",
                "p4: has not confirmed the share of p1",
                "p5: has not confirmed the shares of p1, p3",
            ]
        );
        assert!(of(&[], &unlinked).is_empty());
    }

    #[test]
    fn no_cause_is_told_in_the_words_of_the_protocol() {
        for kind in MessageKind::ALL {
            let cause = of(&[wait("p2", Some(kind), Some("p1"))], &BTreeMap::new());
            let said = ["Propose", "Dealt", "Decline", "Abandon", "Complaint"].contains(&kind.name());
            // These are waited for nowhere.
            assert!(said || !cause[0].contains(kind.name()), "{cause:?}");
        }
    }
}
