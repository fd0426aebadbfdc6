//! `smpcd result verify`: checks the bundle of a result, offline and with no secret (PROTOCOL 5.5).

use std::path::{Path, PathBuf};

use node::result::{Place, ResultMeta, ratio_unit};
use protocol::agreement::{Agreement, Computation};
use protocol::round::{Proven, VerifiedResult};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Sheet, failure, hex};
use crate::commands::say;
use crate::dossier_file::{Kind, Under, verify};
use crate::exit::{Exit, Failure};

/// What a bundle does not show, whatever is in it.
const NOT_SHOWN: &str = "Not shown: that the figures are true. A contributor may have entered any value within the agreed \
bounds. The agreement is taken for the one that the parties signed: compare its digest with what they read out.";

/// Arguments of `smpcd result verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The bundle.bin of a result; or, with --config, a round COMPUTATION/PERIOD whose result is stored there
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    #[command(flatten)]
    under: Under,
    /// For programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let bundle = file_of(&args.bundle, &args.under)?;
    let agreement = args.under.load()?;
    let proven = verify(&bundle, Kind::Bundle, &agreement)?;
    let Proven::Result(result) = proven else {
        return Err(Failure::new(Exit::Unverified, format!("{}: it is no bundle of a result", bundle.display())));
    };
    let Some(computation) = agreement.computation(&result.computation) else {
        let line = format!("the agreement has no computation {}", result.computation);
        return Err(Failure::new(Exit::Unverified, line));
    };
    let meta = ResultMeta::new(
        computation,
        &result.period,
        result.round,
        agreement.digest().0,
        result.contributors.clone(),
        result.digest,
    );
    if args.json {
        let object = serde_json::to_string(&Report::new(&agreement, &result, &meta))
            .map_err(|error| Failure::new(Exit::Other, format!("cannot write the report: {error}")))?;
        return say(&object);
    }
    say(&text(&agreement, computation, &result, &meta))
}

/// The file; or that of a round, where a node is named and there is no such file.
fn file_of(bundle: &Path, under: &Under) -> Result<PathBuf, Failure> {
    let Some(data_dir) = under.data_dir()?.filter(|_| !bundle.exists()) else { return Ok(bundle.to_owned()) };
    let place = Place::of_round(&data_dir, &bundle.to_string_lossy()).map_err(failure)?;
    if place.stored_bundle().is_some() {
        return Ok(place.bundle());
    }
    let round = format!("{}/{}", place.computation(), place.period());
    if place.result().exists() {
        let line = format!(
            "the result of {round} has no bundle: only rounds with adversary = \"malicious\" can be verified by others"
        );
        return Err(Failure::new(Exit::Unverified, line));
    }
    Err(failure(place.none()))
}

fn rows<'a>(meta: &ResultMeta, result: &'a VerifiedResult) -> impl Iterator<Item = (u64, &'a [i128])> {
    (0..).zip(result.totals.chunks(meta.columns.len().max(1)))
}

fn text(agreement: &Agreement, computation: &Computation, result: &VerifiedResult, meta: &ResultMeta) -> String {
    let mut sheet = Sheet::new(meta);
    rows(meta, result).all(|(row, totals)| sheet.add(row, totals));
    let mut text = sheet.text("--json shows all of them");
    let messages = result.signatures - result.receipts - result.accepts;
    let parties = |ids: &[String]| ids.join(", ");
    let v =
        if result.voided > 0 { format!(", after {} void rounds of this period", result.voided) } else { String::new() };
    let inputs = agreement.parties().iter().filter(|party| party.roles.input).count();
    let lines = [
        ("agreement", format!("{} version {}, {}", agreement.name(), agreement.version(), agreement.digest())),
        ("round", format!("{}{v}", hex(&result.round))),
        ("bundle", format!("made by {}", result.by)),
        (
            "contributors",
            format!(
                "{} of {inputs} input parties, at least {} needed: {}",
                result.contributors.len(),
                computation.min_contributors,
                parties(&result.contributors)
            ),
        ),
        (
            "signatures",
            format!(
                "{} good: {} Receipts, {} Accepts, {messages} messages",
                result.signatures, result.receipts, result.accepts
            ),
        ),
        ("commitments", format!("{}, as the contributors signed them", result.commitments)),
        ("range proofs", format!("{} good: every input is within the agreed bounds", result.proofs)),
        (
            "partial sums",
            format!("{} good, of {}: each is what the commitments fix", result.holders.len(), parties(&result.holders)),
        ),
        ("total", format!("what the commitments fix, in every cell: {}", result.totals.len())),
    ];
    text.push_str("VERIFIED: these are the exact totals of what the contributors committed to\n");
    for (name, what) in lines {
        text.push_str(&format!("  {name:<13} {what}\n"));
    }
    text.push_str(NOT_SHOWN);
    text
}

/// The named figures of one row's totals.
type Figures<'a> = dyn Fn(&[i128]) -> Vec<(&'static str, Value)> + 'a;

/// The report for programs. Figures are as in `result show --json`.
#[derive(Serialize)]
struct Report<'a> {
    verified: bool,
    round: Value,
    agreement: Value,
    by: &'a str,
    contributors: &'a [String],
    holders: &'a [String],
    checked: Value,
    columns: Vec<Value>,
    ratios: Vec<Value>,
    digest: String,
    not_shown: &'a str,
}

impl<'a> Report<'a> {
    fn new(agreement: &Agreement, result: &'a VerifiedResult, meta: &ResultMeta) -> Self {
        let series = |name: &str, unit: &str, figures: &Figures<'_>| {
            let row = |(row, totals): (u64, &[i128])| {
                let mut object = Map::new();
                object.insert("row".to_owned(), meta.rows.name(row).into_owned().into());
                object.extend(figures(totals).into_iter().map(|(figure, value)| (figure.to_owned(), value)));
                object.insert("count".to_owned(), meta.count().into());
                Value::Object(object)
            };
            json!({"name": name, "unit": unit, "rows": rows(meta, result).map(row).collect::<Vec<_>>()})
        };
        let columns = meta.columns.iter().enumerate().map(|(position, column)| {
            series(&column.name, &column.unit, &|totals| {
                let total = totals[position];
                let sum = column.sum.then(|| ("sum", column.sum(total).to_string().into()));
                let mean = column.mean.then(|| ("mean", column.mean(total, meta.count()).to_string().into()));
                sum.into_iter().chain(mean).collect()
            })
        });
        let ratios = meta.ratios.iter().enumerate().map(|(position, ratio)| {
            series(&ratio.name, &ratio_unit(meta, position), &|totals| {
                vec![("ratio", meta.ratio(position, totals).map_or(Value::Null, |ratio| ratio.to_string().into()))]
            })
        });
        Self {
            verified: true,
            round: json!({
                "computation": result.computation,
                "period": result.period,
                "id": hex(&result.round),
                "v": result.voided,
            }),
            agreement: json!({
                "name": agreement.name(),
                "version": agreement.version(),
                "digest": agreement.digest().to_string(),
            }),
            by: &result.by,
            contributors: &result.contributors,
            holders: &result.holders,
            checked: json!({
                "signatures": result.signatures,
                "receipts": result.receipts,
                "accepts": result.accepts,
                "commitments": result.commitments,
                "range_proofs": result.proofs,
                "partial_sums": result.holders.len(),
                "cells": result.totals.len(),
            }),
            columns: columns.collect(),
            ratios: ratios.collect(),
            digest: format!("sha256:{}", hex(&result.digest)),
            not_shown: NOT_SHOWN,
        }
    }
}
