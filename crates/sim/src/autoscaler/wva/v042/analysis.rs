//! The analysis of one model: averages over the replicas that are not saturated, the trigger, the safety test.

use crate::autoscaler::wva::config::Thresholds;

/// A replica after attribution.
#[derive(Debug, Clone, PartialEq)]
pub struct Replica<'a> {
    pub pod: &'a str,
    pub variant: &'a str,
    /// Peak KV usage, 0..1.
    pub kv: f64,
    /// Peak waiting requests, truncated to an integer.
    pub queue: i64,
}

impl Replica<'_> {
    /// At or above either threshold.
    #[must_use]
    pub fn saturated(&self, t: &Thresholds) -> bool {
        self.kv >= t.kv_cache || self.queue as f64 >= t.queue_length
    }
}

/// The replicas of one variant.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantAnalysis {
    pub name: String,
    /// Replicas that report, saturated ones included.
    pub reporting: usize,
    pub non_saturated: usize,
    /// Averages over the non-saturated replicas; 0 where there are none.
    pub spare_kv: f64,
    pub spare_queue: f64,
}

/// The verdict on one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// Replicas that report, over all variants.
    pub total: usize,
    pub non_saturated: usize,
    /// Average spare KV (0..1) of the non-saturated replicas; 0 where there are none, so any positive trigger fires.
    pub spare_kv: f64,
    /// The same in waiting requests.
    pub spare_queue: f64,
    /// Spare KV is below its trigger.
    pub kv_triggered: bool,
    /// Spare queue is below its trigger.
    pub queue_triggered: bool,
    /// Either trigger: one replica more is wanted.
    pub scale_up: bool,
    /// With the load of the non-saturated replicas on one replica less, both spares stay at or above the triggers.
    pub down_safe: bool,
    /// The spares after that removal; `None` with fewer than two non-saturated replicas.
    pub after_removal: Option<(f64, f64)>,
    /// By name; only variants with a reporting replica.
    pub variants: Vec<VariantAnalysis>,
}

/// Analyses the replicas of a model. They must be sorted by pod name, which fixes the order of summation; within a variant the average
/// comes first, then the sum over variants by name, weighted, as in the original.
#[must_use]
pub fn analyze(replicas: &[Replica<'_>], t: &Thresholds) -> Analysis {
    let mut by_variant: Vec<&Replica<'_>> = replicas.iter().collect();
    by_variant.sort_by(|a, b| a.variant.cmp(b.variant));
    let variants: Vec<VariantAnalysis> =
        by_variant.chunk_by(|a, b| a.variant == b.variant).map(|group| analyze_variant(group, t)).collect();

    let (mut total_kv, mut total_queue, mut non_saturated) = (0.0, 0.0, 0);
    for v in &variants {
        non_saturated += v.non_saturated;
        total_kv += v.spare_kv * v.non_saturated as f64;
        total_queue += v.spare_queue * v.non_saturated as f64;
    }
    let (mut spare_kv, mut spare_queue) = (0.0, 0.0);
    if non_saturated > 0 {
        spare_kv = total_kv / non_saturated as f64;
        spare_queue = total_queue / non_saturated as f64;
    }
    let kv_triggered = spare_kv < t.kv_spare;
    let queue_triggered = spare_queue < t.queue_spare;

    let after_removal = after_removal(replicas, t);
    let down_safe = after_removal.is_some_and(|(kv, queue)| kv >= t.kv_spare && queue >= t.queue_spare);
    Analysis {
        total: replicas.len(),
        non_saturated,
        spare_kv,
        spare_queue,
        kv_triggered,
        queue_triggered,
        scale_up: kv_triggered || queue_triggered,
        down_safe,
        after_removal,
        variants,
    }
}

fn analyze_variant(group: &[&Replica<'_>], t: &Thresholds) -> VariantAnalysis {
    let (mut total_kv, mut total_queue, mut non_saturated) = (0.0, 0.0, 0usize);
    for replica in group.iter().filter(|r| !r.saturated(t)) {
        total_kv += t.kv_cache - replica.kv;
        total_queue += t.queue_length - replica.queue as f64;
        non_saturated += 1;
    }
    let (mut spare_kv, mut spare_queue) = (0.0, 0.0);
    if non_saturated > 0 {
        spare_kv = total_kv / non_saturated as f64;
        spare_queue = total_queue / non_saturated as f64;
    }
    let name = group.first().map_or("", |r| r.variant).to_owned();
    VariantAnalysis { name, reporting: group.len(), non_saturated, spare_kv, spare_queue }
}

/// Spare KV and queue once the load of the non-saturated replicas rests on one of them less. The replica taken away is "an average
/// one" over all variants, though the dearest variant loses it; saturated replicas and their load are ignored altogether.
fn after_removal(replicas: &[Replica<'_>], t: &Thresholds) -> Option<(f64, f64)> {
    let (mut kv, mut queue, mut n) = (0.0, 0i64, 0usize);
    for replica in replicas.iter().filter(|r| !r.saturated(t)) {
        kv += replica.kv;
        // Go's integers wrap; no real queue comes near.
        queue = queue.wrapping_add(replica.queue);
        n += 1;
    }
    if n < 2 {
        return None;
    }
    let remaining = (n - 1) as f64;
    Some((t.kv_cache - kv / remaining, t.queue_length - queue as f64 / remaining))
}
