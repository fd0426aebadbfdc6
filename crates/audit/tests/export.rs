//! Records in the forms of other tools.

use audit::{CSV_HEAD, DigestOf, Draft, Event, Record, csv_row, rfc5424};

fn record(draft: Draft) -> Record {
    draft.at("2026-11-22T09:08:07.000123Z".parse().expect("a time")).number(7, &"p1".into(), &"0.1.0".into())
}

#[test]
fn a_row_has_the_columns_of_the_head() {
    let plain = record(Draft::new(Event::ShareSent).round("average", "2026-Q3", &[0xab; 32]).peer("p2"));
    let id = "ab".repeat(32);
    let row = csv_row(&plain);
    assert_eq!(
        row,
        format!("7,2026-11-22T09:08:07.000123Z,p1,average,2026-Q3,{id},share.sent,,p2,sent,,done,daemon,0.1.0")
    );
    assert_eq!(row.split(',').count(), CSV_HEAD.split(',').count());
    let digests =
        record(Draft::new(Event::DealtSent).digest(DigestOf::Message, [1; 32]).digest(DigestOf::Header, [2; 32]));
    let (one, two) = ("01".repeat(32), "02".repeat(32));
    assert!(csv_row(&digests).contains(&format!(",sent,message=sha256:{one} header=sha256:{two},done,")));
}

#[test]
fn no_cell_is_a_formula_or_ends_early() {
    let draft = Draft::new(Event::AbandonReceived { reason: "a \"b\", =c".into() }).peer("=p2,x");
    let row = csv_row(&record(draft));
    assert!(row.contains(r#","{""reason"":""a \""b\"", =c""}",_p2_x,"#), "{row}");
    assert!(csv_row(&record(Draft::new(Event::RoundVoid).peer("+p2"))).contains(",'+p2,"));
}

#[test]
fn a_syslog_line_has_every_field_in_its_place() {
    let draft = Draft::new(Event::AbandonReceived { reason: "x] \"y\" \\ é".into() });
    let line = rfc5424(&record(draft.round("average", "2026-Q3", &[0xab; 32]).peer("p2")));
    let expected = format!(
        "<108>1 2026-11-22T09:08:07.000123Z p1 smpcd - abandon.received [smpcd@32473 seq=\"7\" round=\"average/2026-Q3\" \
         id=\"{}\" peer=\"p2\" direction=\"received\" detail=\"{{\\\"reason\\\":\\\"x\\] \\\\\\\"y\\\\\\\" \\\\\\\\ é\\\"}}\" \
         outcome=\"done\" actor=\"daemon\" version=\"0.1.0\"] \u{feff}p2 abandoned the round: x] \"y\" \\ é",
        "ab".repeat(32)
    );
    assert_eq!(line, expected);
    let failed = record(Draft::new(Event::RoundAbandoned { reason: "late".into() }));
    assert!(rfc5424(&failed).starts_with("<108>1 "));
    let refused = record(Draft::new(Event::InputRefused { problems: 1 }));
    assert!(rfc5424(&refused).starts_with("<108>1 "));
    assert!(rfc5424(&refused).ends_with("] input refused, problems: 1"));
}
