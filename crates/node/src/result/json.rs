//! The JSON export: the result object, keys in a fixed order, decimals as strings.

use std::io::{self, Write};

use sharing::decimal::Decimal;

use super::figures::{push, push_decimal, ratio_unit};
use super::meta::ResultRows;
use super::reader::ResultFile;

impl ResultFile {
    /// Writes the result object and a line end. Streams: nothing grows with the table. Columns come one after the
    /// other while the file is by rows, so it is read once for each column and ratio.
    ///
    /// `bundle` is the bundle's path relative to `data_dir`, where one is stored.
    ///
    /// # Errors
    /// What the operating system said, of reading or of writing.
    pub fn write_json(&self, out: &mut dyn Write, bundle: Option<&str>) -> io::Result<()> {
        let meta = self.meta();
        out.write_all(b"{\"round\":{\"computation\":")?;
        string(out, &meta.computation)?;
        out.write_all(b",\"period\":")?;
        string(out, &meta.period)?;
        write!(out, ",\"id\":\"{}\"}},\"status\":\"completed\",\"contributors\":", hex(&meta.round))?;
        list(out, &meta.contributors, |out, _, contributor| string(out, contributor))?;
        if !meta.warnings.is_empty() {
            out.write_all(b",\"warnings\":")?;
            list(out, &meta.warnings, |out, _, warning| string(out, warning))?;
        }
        out.write_all(b",\"columns\":")?;
        list(out, &meta.columns, |out, position, column| {
            self.series(out, &column.name, &column.unit, |text, totals| {
                let total = totals[position];
                if column.sum {
                    figure(text, "sum", column.sum(total));
                }
                if column.mean {
                    figure(text, "mean", column.mean(total, meta.count()));
                }
            })
        })?;
        out.write_all(b",\"ratios\":")?;
        list(out, &meta.ratios, |out, position, ratio| {
            self.series(out, &ratio.name, &ratio_unit(meta, position), |text, totals| {
                match meta.ratio(position, totals) {
                    Some(ratio) => figure(text, "ratio", ratio),
                    // By zero: there is no such figure, and an empty string would be a wrong one.
                    None => text.push_str("\"ratio\":null,"),
                }
            })
        })?;
        write!(out, ",\"digest\":\"sha256:{}\"", hex(&meta.digest))?;
        if let Some(bundle) = bundle {
            out.write_all(b",\"bundle\":")?;
            string(out, bundle)?;
        }
        out.write_all(b"}\n")
    }

    /// One column or ratio: its name, its unit, and an object for each row.
    fn series(
        &self,
        out: &mut dyn Write,
        name: &str,
        unit: &str,
        figures: impl Fn(&mut String, &[i128]),
    ) -> io::Result<()> {
        out.write_all(b"{\"name\":")?;
        string(out, name)?;
        out.write_all(b",\"unit\":")?;
        string(out, unit)?;
        out.write_all(b",\"rows\":[")?;
        let meta = self.meta();
        let end = format!("\"count\":{}}}", meta.count());
        let mut text = String::new();
        let mut blocks = self.blocks();
        while let Some((first, rows)) = blocks.next_block()? {
            text.clear();
            for (row, totals) in (first..).zip(rows) {
                text.push_str(if row == 0 { "{\"row\":" } else { ",{\"row\":" });
                row_name(&mut text, &meta.rows, row)?;
                text.push(',');
                figures(&mut text, totals);
                text.push_str(&end);
            }
            out.write_all(text.as_bytes())?;
        }
        out.write_all(b"]}")
    }
}

/// `"name":"1.00",`
fn figure(text: &mut String, name: &str, value: Decimal) {
    text.push('"');
    text.push_str(name);
    text.push_str("\":\"");
    push_decimal(text, value);
    text.push_str("\",");
}

fn row_name(text: &mut String, rows: &ResultRows, row: u64) -> io::Result<()> {
    match rows {
        ResultRows::Count(_) => push(text, format_args!("\"{row}\"")),
        ResultRows::Labels(_) => text.push_str(&serde_json::to_string(&rows.name(row))?),
    }
    Ok(())
}

fn string(out: &mut dyn Write, text: &str) -> io::Result<()> {
    Ok(serde_json::to_writer(out, text)?)
}

fn list<T>(
    out: &mut dyn Write,
    items: &[T],
    mut each: impl FnMut(&mut dyn Write, usize, &T) -> io::Result<()>,
) -> io::Result<()> {
    out.write_all(b"[")?;
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.write_all(b",")?;
        }
        each(out, position, item)?;
    }
    out.write_all(b"]")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        push(&mut text, format_args!("{byte:02x}"));
        text
    })
}
