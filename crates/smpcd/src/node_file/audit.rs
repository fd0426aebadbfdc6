//! The `[audit]` table: how the log is kept, and what has to be free on its disk.

use std::time::Duration;

use node::settings::Audit;

use super::Reader;

/// The shortest that the audit log may be kept: a round may take 14 days, and somebody has to have time to look.
const KEEP_AT_LEAST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The smallest file of the audit log that is sealed: smaller ones would be many.
const SEGMENT_AT_LEAST: u64 = 64 << 10;

impl Reader {
    pub(super) fn audit(&mut self) -> Audit {
        let default = Audit::default();
        let segment = self.size("audit.segment").unwrap_or(default.segment);
        if segment < SEGMENT_AT_LEAST {
            self.refuse("audit.segment", "is less than 64KiB: write for example \"64MiB\"");
        }
        let reserve = self.size("audit.reserve").unwrap_or(default.reserve);
        Audit { segment, keep: self.keep(), reserve }
    }

    /// How long the audit log is kept; none: for ever.
    fn keep(&mut self) -> Option<Duration> {
        const KEY: &str = "audit.keep";
        let text = self.text(KEY).filter(|text| text != "forever")?;
        match humantime::parse_duration(&text) {
            Ok(keep) if keep >= KEEP_AT_LEAST => return Some(keep),
            Ok(_) => self.refuse(KEY, "is less than 30 days: write for example \"400d\" or \"forever\""),
            Err(_) => self.refuse(KEY, "is no length of time: write for example \"400d\" or \"forever\""),
        }
        None
    }

    /// A size such as `"64MiB"`, in bytes.
    fn size(&mut self, key: &str) -> Option<u64> {
        let text = self.text(key)?;
        let unit = |(name, shift): (&str, u32)| {
            let number: u64 = text.strip_suffix(name)?.trim_end().parse().ok()?;
            number.checked_mul(1 << shift).filter(|size| *size > 0)
        };
        let size = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)].into_iter().find_map(unit);
        if size.is_none() {
            self.refuse(key, "is no size: write a whole number of KiB, MiB, GiB or TiB, for example \"64MiB\"");
        }
        size
    }
}
