//! The two ConfigMaps the controller reads in every reconcile, as far as they decide: the interval and the thresholds.
//!
//! Parsing YAML is the caller's business; here begins what happens to a parsed entry: validation, the overlay of non-zero fields,
//! the traps of both.

use std::collections::BTreeMap;

use super::duration::go_duration_ns;

/// The thresholds in force for one model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// KV usage (0..1) at or above which a replica is saturated.
    pub kv_cache: f64,
    /// Waiting requests at or above which a replica is saturated.
    pub queue_length: f64,
    /// Average spare KV (0..1) below which a replica is added.
    pub kv_spare: f64,
    /// Average spare queue (requests) below which a replica is added.
    pub queue_spare: f64,
}

/// The values built into the controller.
pub const BUILT_IN: Thresholds = Thresholds { kv_cache: 0.80, queue_length: 5.0, kv_spare: 0.10, queue_spare: 3.0 };

impl Default for Thresholds {
    fn default() -> Self {
        BUILT_IN
    }
}

impl From<bench_model::scenario::Thresholds> for Thresholds {
    fn from(t: bench_model::scenario::Thresholds) -> Self {
        Self {
            kv_cache: t.kv_cache_threshold,
            queue_length: t.queue_length_threshold,
            kv_spare: t.kv_spare_trigger,
            queue_spare: t.queue_spare_trigger,
        }
    }
}

impl Thresholds {
    /// All fields zero: what an entry that sets nothing parses to.
    pub const ZERO: Self = Self { kv_cache: 0.0, queue_length: 0.0, kv_spare: 0.0, queue_spare: 0.0 };

    /// Takes over the non-zero fields of `over`. So a zero can never be configured: it means "inherit".
    pub fn overlay(&mut self, over: &Self) {
        for (field, value) in [
            (&mut self.kv_cache, over.kv_cache),
            (&mut self.queue_length, over.queue_length),
            (&mut self.kv_spare, over.kv_spare),
            (&mut self.queue_spare, over.queue_spare),
        ] {
            if value != 0.0 {
                *field = value;
            }
        }
    }

    /// The controller's check of one raw entry, before any overlay: an override that sets `kvSpareTrigger` alone has a
    /// `kvCacheThreshold` of 0, fails the rule across both and is dropped. NaN passes, as in the original.
    pub fn validate(&self) -> Result<(), Invalid> {
        if self.kv_cache < 0.0 || self.kv_cache > 1.0 {
            return Err(Invalid::KvCache);
        }
        if self.queue_length < 0.0 {
            return Err(Invalid::QueueLength);
        }
        if self.kv_spare < 0.0 || self.kv_spare > 1.0 {
            return Err(Invalid::KvSpare);
        }
        if self.queue_spare < 0.0 {
            return Err(Invalid::QueueSpare);
        }
        if self.kv_cache < self.kv_spare {
            return Err(Invalid::SpareAboveCache);
        }
        Ok(())
    }
}

/// Why an entry of `capacity-scaling-config` is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("kvCacheThreshold is outside 0..1")]
    KvCache,
    #[error("queueLengthThreshold is negative")]
    QueueLength,
    #[error("kvSpareTrigger is outside 0..1")]
    KvSpare,
    #[error("queueSpareTrigger is negative")]
    QueueSpare,
    #[error("kvSpareTrigger is above kvCacheThreshold (an unset threshold counts as 0)")]
    SpareAboveCache,
}

/// One parsed entry of `capacity-scaling-config`. Fields the text leaves out are zero or empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub model_id: String,
    pub namespace: String,
    pub thresholds: Thresholds,
}

/// What a read of `capacity-scaling-config` gives.
#[derive(Debug, Clone, PartialEq)]
pub enum CapacityConfigMap {
    /// The API answered NotFound: the built-in values hold.
    NotFound,
    /// Any other API error: the last good read stays in force (before the first one the built-in values).
    Unreadable,
    /// The entries by data key; `None` is text that does not parse and is skipped.
    Found(BTreeMap<String, Option<Entry>>),
}

impl CapacityConfigMap {
    /// A map with these thresholds as its only entry.
    #[must_use]
    pub fn only_default(thresholds: Thresholds) -> Self {
        let entry = Entry { model_id: String::new(), namespace: String::new(), thresholds };
        Self::Found(BTreeMap::from([("default".to_owned(), Some(entry))]))
    }
}

/// The controller's cache of the last good read, with the invalid entries already gone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfigCache {
    default: Option<Thresholds>,
    /// In the order of their keys; the original's order is random, which shows only where several match one model.
    overrides: Vec<Entry>,
}

impl ConfigCache {
    /// Takes over a fresh read. Returns the keys that were skipped, with the reason (`None`: the text did not parse).
    pub fn read(&mut self, map: &CapacityConfigMap) -> Vec<(String, Option<Invalid>)> {
        let mut skipped = Vec::new();
        let entries = match map {
            CapacityConfigMap::Unreadable => return skipped,
            CapacityConfigMap::NotFound => {
                *self = Self { default: Some(BUILT_IN), overrides: Vec::new() };
                return skipped;
            }
            CapacityConfigMap::Found(entries) => entries,
        };
        *self = Self::default();
        for (key, entry) in entries {
            let Some(entry) = entry else {
                skipped.push((key.clone(), None));
                continue;
            };
            if let Err(invalid) = entry.thresholds.validate() {
                skipped.push((key.clone(), Some(invalid)));
            } else if key == "default" {
                self.default = Some(entry.thresholds);
            } else {
                self.overrides.push(entry.clone());
            }
        }
        self.default.get_or_insert(BUILT_IN);
        skipped
    }

    /// The thresholds for a model: built-in values, overlaid by `default`, overlaid by the first override that names both the
    /// model and the namespace. The result is not validated again.
    #[must_use]
    pub fn resolve(&self, model: &str, namespace: &str) -> Thresholds {
        let mut out = BUILT_IN;
        if let Some(default) = &self.default {
            out.overlay(default);
        }
        if let Some(over) = self.overrides.iter().find(|o| o.model_id == model && o.namespace == namespace) {
            out.overlay(&over.thresholds);
        }
        out
    }
}

/// What a read of the main ConfigMap gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MainConfigMap {
    /// Absent or unreadable: the reconcile returns an error.
    Missing,
    /// The text of `GLOBAL_OPT_INTERVAL`; absent and empty both mean 60 s.
    Found { interval: Option<String> },
}

/// Why a reconcile returned an error; nothing is analysed then, and no requeue is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReconcileError {
    #[error("the main ConfigMap cannot be read")]
    MainConfig,
    #[error("GLOBAL_OPT_INTERVAL `{0}` is no Go duration")]
    Interval(String),
}

impl MainConfigMap {
    /// The interval until the next reconcile, in ns (it may be zero or negative: then no requeue follows).
    pub fn interval_ns(&self) -> Result<i64, ReconcileError> {
        match self {
            Self::Missing => Err(ReconcileError::MainConfig),
            Self::Found { interval } => match interval.as_deref() {
                None | Some("") => Ok(60_000_000_000),
                Some(text) => go_duration_ns(text).ok_or_else(|| ReconcileError::Interval(text.to_owned())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(model: &str, namespace: &str, t: Thresholds) -> Option<Entry> {
        Some(Entry { model_id: model.to_owned(), namespace: namespace.to_owned(), thresholds: t })
    }

    #[test]
    fn an_absent_interval_is_a_minute_and_a_bad_one_an_error() {
        let found = |i: Option<&str>| MainConfigMap::Found { interval: i.map(str::to_owned) }.interval_ns();
        assert_eq!(found(None), Ok(60_000_000_000));
        assert_eq!(found(Some("")), Ok(60_000_000_000));
        assert_eq!(found(Some("2m")), Ok(120_000_000_000));
        assert_eq!(found(Some("soon")), Err(ReconcileError::Interval("soon".to_owned())));
        assert_eq!(MainConfigMap::Missing.interval_ns(), Err(ReconcileError::MainConfig));
    }

    #[test]
    fn a_partial_override_of_the_trigger_is_dropped_and_of_the_queue_kept() {
        let trigger = Thresholds { kv_spare: 0.3, ..Thresholds::ZERO };
        let queue = Thresholds { queue_length: 15.0, queue_spare: 9.0, ..Thresholds::ZERO };
        let mut cache = ConfigCache::default();
        let map = BTreeMap::from([("x".to_owned(), entry("m", "n", trigger)), ("y".to_owned(), entry("m", "o", queue))]);
        let skipped = cache.read(&CapacityConfigMap::Found(map));
        assert_eq!(skipped, [("x".to_owned(), Some(Invalid::SpareAboveCache))]);
        assert_eq!(cache.resolve("m", "n"), BUILT_IN);
        assert_eq!(cache.resolve("m", "o"), Thresholds { queue_length: 15.0, queue_spare: 9.0, ..BUILT_IN });
    }

    #[test]
    fn a_merged_configuration_is_not_validated_again() {
        // Each entry passes alone; together the threshold is below the trigger.
        let default = Thresholds { kv_cache: 0.9, kv_spare: 0.5, ..Thresholds::ZERO };
        let over = Thresholds { kv_cache: 0.2, ..Thresholds::ZERO };
        let mut cache = ConfigCache::default();
        cache.read(&CapacityConfigMap::Found(BTreeMap::from([
            ("default".to_owned(), entry("", "", default)),
            ("x".to_owned(), entry("m", "n", over)),
        ])));
        assert_eq!(cache.resolve("m", "n"), Thresholds { kv_cache: 0.2, kv_spare: 0.5, ..BUILT_IN });
    }

    #[test]
    fn an_unreadable_map_leaves_the_last_good_one_in_force_and_a_missing_one_the_built_in_values() {
        let other = Thresholds { kv_cache: 0.5, ..BUILT_IN };
        let mut cache = ConfigCache::default();
        cache.read(&CapacityConfigMap::Unreadable);
        assert_eq!(cache.resolve("m", "n"), BUILT_IN);
        cache.read(&CapacityConfigMap::only_default(other));
        cache.read(&CapacityConfigMap::Unreadable);
        assert_eq!(cache.resolve("m", "n"), other);
        cache.read(&CapacityConfigMap::NotFound);
        assert_eq!(cache.resolve("m", "n"), BUILT_IN);
    }
}
