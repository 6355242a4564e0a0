//! Which GPU: by the labels that device plugins, feature discovery and clouds put on nodes. Pure.

use crate::failure::Failure;
use bench_model::exit::Exit;
use bench_model::plan::{Accelerator, NodeFact};
use bench_model::scenario::Scenario;
use std::collections::BTreeMap;

/// Labels that name a node's GPU, the most telling first: NVIDIA's feature discovery, CoreWeave, GKE, AMD's labeller (old and new).
pub const LABELS: [&str; 5] = [
    "nvidia.com/gpu.product",
    "gpu.nvidia.com/class",
    "cloud.google.com/gke-accelerator",
    "amd.com/gpu.product-name",
    "beta.amd.com/gpu.product-name",
];

/// Resources that are GPUs.
pub const RESOURCES: [&str; 2] = ["nvidia.com/gpu", "amd.com/gpu"];

/// Beginnings of the names of resources by which a pod holds an accelerator, whoever made it.
const HELD: [&str; 7] =
    ["nvidia.com/gpu", "nvidia.com/mig-", "amd.com/gpu", "gpu.intel.com/", "habana.ai/gaudi", "google.com/tpu", "aws.amazon.com/neuron"];

/// GPUs that a replica holds; 0 where it asks for none.
pub fn gpus(s: &Scenario) -> f64 {
    let r = &s.model_server.resources;
    let held = |all: &BTreeMap<String, String>| -> f64 {
        all.iter()
            .filter(|(name, _)| HELD.iter().any(|h| name.starts_with(h)))
            .filter_map(|(_, n)| bench_model::quantity::quantity(n))
            .sum()
    };
    // Kubernetes takes the limit of an extended resource for its request.
    Some(held(&r.limits)).filter(|n| *n > 0.0).unwrap_or_else(|| held(&r.requests))
}

/// Short names; one that contains another comes before it.
const NAMES: [&str; 16] =
    ["GB300", "GB200", "B300", "B200", "GH200", "H200", "H100", "A100", "L40S", "L40", "L4", "A10G", "MI355X", "MI325X", "MI300X", "T4"];

/// What people call a product: `NVIDIA-H100-80GB-HBM3` is an H100. One that is not known keeps its name, as far as a label takes it.
pub fn short(product: &str) -> String {
    let words: Vec<String> = product.to_uppercase().split(|c: char| !c.is_ascii_alphanumeric()).map(String::from).collect();
    if let Some(known) = NAMES.iter().find(|n| words.iter().any(|w| w == *n)) {
        return (*known).into();
    }
    let legal: String = product.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).take(63).collect();
    legal.trim_matches(|c: char| !c.is_ascii_alphanumeric()).into()
}

/// The GPU that `model_server.accelerator` means on these nodes; `None` where none is meant, or none can be seen.
///
/// `auto` is the product with the most GPUs, by name among equals: not by which node is listed first, and not by what is free
/// now, so that standing up again means the same one.
///
/// # Errors
/// Exit 6 for a product that no node has.
pub fn choose(nodes: &[NodeFact], wanted: &str) -> anyhow::Result<Option<Accelerator>> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let mut products: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for n in nodes.iter().filter(|n| n.gpus > 0) {
        if let Some(product) = &n.gpu_product {
            *products.entry((product, n.product_label())).or_default() += n.gpus;
        }
    }
    let of = |product: &str, label: &str| Accelerator { label: label.into(), product: product.into(), name: short(product) };
    if wanted == "auto" {
        // The first of the greatest: `max_by_key` would give the last.
        let most = products.values().max();
        return Ok(products.iter().find(|(_, n)| Some(*n) == most).map(|((product, label), _)| of(product, label)));
    }
    if let Some(((product, label), _)) = products.iter().find(|((p, _), _)| *p == wanted) {
        return Ok(Some(of(product, label)));
    }
    // Whoever may not look at nodes knows what he writes.
    if nodes.is_empty() {
        return Ok(Some(of(wanted, LABELS[0])));
    }
    let seen: Vec<&str> = products.keys().map(|(p, _)| *p).collect();
    let seen = if seen.is_empty() { "no node is labelled with one".into() } else { format!("there are {}", seen.join(", ")) };
    Err(Failure::new(Exit::Cluster, format!("no node has GPU {wanted}: {seen}"))
        .hint("write the very value of the nodes' label, or --set model_server.accelerator=auto")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(label: Option<&str>, product: &str, gpus: u32) -> NodeFact {
        NodeFact { gpu_product: Some(product.into()), gpu_label: label.map(Into::into), gpus, ..NodeFact::default() }
    }

    #[test]
    fn products_have_the_names_that_people_use() {
        for (product, name) in [
            ("NVIDIA-H100-80GB-HBM3", "H100"),
            ("NVIDIA-H200", "H200"),
            ("NVIDIA-B200", "B200"),
            ("NVIDIA-GB200", "GB200"),
            ("NVIDIA-A100-SXM4-80GB", "A100"),
            ("NVIDIA-L40S", "L40S"),
            ("NVIDIA-L40", "L40"),
            ("nvidia-l4", "L4"),
            ("nvidia-h100-80gb", "H100"),
            ("AMD_Instinct_MI300X_OAM", "MI300X"),
            ("Some Card/2", "Some-Card-2"),
        ] {
            assert_eq!(short(product), name, "{product}");
        }
    }

    #[test]
    fn the_gpu_is_the_one_that_there_are_most_of_whatever_the_order_of_nodes() {
        let mut nodes = vec![
            node(None, "NVIDIA-A100-SXM4-80GB", 4),
            node(None, "NVIDIA-H100-80GB-HBM3", 8),
            node(None, "NVIDIA-L40S", 8),
            node(None, "NVIDIA-B200", 0),
        ];
        for _ in 0..nodes.len() {
            let found = choose(&nodes, "auto").unwrap().unwrap();
            assert_eq!((found.product.as_str(), found.name.as_str()), ("NVIDIA-H100-80GB-HBM3", "H100"), "8 and 8: by name");
            nodes.rotate_left(1);
        }
        assert_eq!(choose(&nodes, "NVIDIA-L40S").unwrap().unwrap().name, "L40S");
        let refused = choose(&nodes, "NVIDIA-H200").unwrap_err().to_string();
        assert!(refused.contains("NVIDIA-H200") && refused.contains("NVIDIA-A100-SXM4-80GB"), "{refused}");
        assert_eq!(choose(&nodes, "").unwrap(), None);
        assert_eq!(choose(&[], "auto").unwrap(), None);
        assert_eq!(choose(&[], "NVIDIA-H200").unwrap().unwrap().label, "nvidia.com/gpu.product");
    }

    #[test]
    fn the_label_is_the_one_that_the_nodes_have() {
        let nodes = [node(Some("cloud.google.com/gke-accelerator"), "nvidia-h100-80gb", 8)];
        let found = choose(&nodes, "auto").unwrap().unwrap();
        assert_eq!((found.label.as_str(), found.name.as_str()), ("cloud.google.com/gke-accelerator", "H100"));
    }
}
