//! A party's secret keys as files.
