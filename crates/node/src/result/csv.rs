//! The CSV export: one line for each row, one column for each figure, made to be opened in a spreadsheet.
//!
//! The header is `row`, then `COLUMN.sum` and `COLUMN.mean` as far as they are released, `RATIO.ratio` for each derived
//! figure (blank where its denominator is zero), and at the end `count`, the number of contributors, once. Decimals
//! have a point and all their places; fields are quoted where RFC 4180 asks for it; lines end in LF.

use std::io::{self, Write};

use sharing::decimal::Decimal;

use super::figures::{push, push_decimal};
use super::reader::ResultFile;

impl ResultFile {
    /// Writes the export. Streams: nothing grows with the table.
    ///
    /// # Errors
    /// What the operating system said, of reading or of writing.
    pub fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let meta = self.meta();
        let mut text = String::from("row");
        let mut head = |name: &str, figure: &str| {
            text.push(',');
            push_field(&mut text, &format!("{name}.{figure}"));
        };
        for column in &meta.columns {
            if column.sum {
                head(&column.name, "sum");
            }
            if column.mean {
                head(&column.name, "mean");
            }
        }
        for ratio in &meta.ratios {
            head(&ratio.name, "ratio");
        }
        text.push_str(",count\n");

        let count = meta.count();
        let mut blocks = self.blocks();
        while let Some((first, rows)) = blocks.next_block()? {
            for (row, totals) in (first..).zip(rows) {
                push_field(&mut text, &meta.rows.name(row));
                let mut figure = |value: Option<Decimal>| {
                    text.push(',');
                    if let Some(value) = value {
                        push_decimal(&mut text, value);
                    }
                };
                for (column, total) in meta.columns.iter().zip(totals) {
                    if column.sum {
                        figure(Some(column.sum(*total)));
                    }
                    if column.mean {
                        figure(Some(column.mean(*total, count)));
                    }
                }
                for position in 0..meta.ratios.len() {
                    figure(meta.ratio(position, totals));
                }
                push(&mut text, format_args!(",{count}\n"));
            }
            out.write_all(text.as_bytes())?;
            text.clear();
        }
        Ok(())
    }
}

/// Adds a field, quoted where it must be.
pub(crate) fn push_field(text: &mut String, field: &str) {
    let blank_edge = field.starts_with([' ', '\t']) || field.ends_with([' ', '\t']);
    if blank_edge || field.contains([',', '"', '\n', '\r']) {
        text.push('"');
        text.push_str(&field.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(field);
    }
}
