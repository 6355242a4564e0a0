//! The kinds that `bench` knows, so that no discovery is needed before the first request.

/// A resource type of the API.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    pub kind: &'static str,
    /// Empty for the core group.
    pub group: &'static str,
    pub version: &'static str,
    pub plural: &'static str,
    pub namespaced: bool,
}

const fn k(kind: &'static str, group: &'static str, version: &'static str, plural: &'static str, namespaced: bool) -> Kind {
    Kind { kind, group, version, plural, namespaced }
}

/// In the order in which objects are deleted: what acts on others first, what holds others last.
pub const KINDS: &[Kind] = &[
    k("ScaledObject", "keda.sh", "v1alpha1", "scaledobjects", true),
    k("TriggerAuthentication", "keda.sh", "v1alpha1", "triggerauthentications", true),
    k("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers", true),
    k("HTTPRoute", "gateway.networking.k8s.io", "v1", "httproutes", true),
    k("Gateway", "gateway.networking.k8s.io", "v1", "gateways", true),
    k("GatewayParameters", "gateway.kgateway.dev", "v1alpha1", "gatewayparameters", true),
    k("GatewayClass", "gateway.networking.k8s.io", "v1", "gatewayclasses", false),
    k("InferencePool", "inference.networking.k8s.io", "v1", "inferencepools", true),
    k("VariantAutoscaling", "llmd.ai", "v1alpha1", "variantautoscalings", true),
    k("Job", "batch", "v1", "jobs", true),
    k("Deployment", "apps", "v1", "deployments", true),
    k("StatefulSet", "apps", "v1", "statefulsets", true),
    k("ReplicaSet", "apps", "v1", "replicasets", true),
    k("Pod", "", "v1", "pods", true),
    k("PodMonitor", "monitoring.coreos.com", "v1", "podmonitors", true),
    k("ServiceMonitor", "monitoring.coreos.com", "v1", "servicemonitors", true),
    k("Prometheus", "monitoring.coreos.com", "v1", "prometheuses", true),
    k("APIService", "apiregistration.k8s.io", "v1", "apiservices", false),
    k("Service", "", "v1", "services", true),
    k("RoleBinding", "rbac.authorization.k8s.io", "v1", "rolebindings", true),
    k("Role", "rbac.authorization.k8s.io", "v1", "roles", true),
    k("ClusterRoleBinding", "rbac.authorization.k8s.io", "v1", "clusterrolebindings", false),
    k("ClusterRole", "rbac.authorization.k8s.io", "v1", "clusterroles", false),
    k("ServiceAccount", "", "v1", "serviceaccounts", true),
    k("Secret", "", "v1", "secrets", true),
    k("ConfigMap", "", "v1", "configmaps", true),
    k("PersistentVolumeClaim", "", "v1", "persistentvolumeclaims", true),
    k("Lease", "coordination.k8s.io", "v1", "leases", true),
    k("Event", "", "v1", "events", true),
    k("CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions", false),
    k("Route", "route.openshift.io", "v1", "routes", true),
    k("SecurityContextConstraints", "security.openshift.io", "v1", "securitycontextconstraints", false),
    k("Node", "", "v1", "nodes", false),
    k("Namespace", "", "v1", "namespaces", false),
];

/// A known kind.
///
/// # Panics
/// For a name that is not in [`KINDS`]: only names written in this program are passed.
pub fn kind(name: &str) -> &'static Kind {
    KINDS.iter().find(|k| k.kind == name).unwrap_or_else(|| panic!("kind {name} is not in KINDS"))
}

impl Kind {
    /// By what an object says of itself.
    pub fn find(kind: &str, api_version: &str) -> Option<&'static Self> {
        KINDS.iter().find(|k| k.kind == kind && k.api_version() == api_version)
    }

    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.into() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Path of all objects of this kind, in a namespace or in all.
    pub fn collection(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { format!("/api/{}", self.version) } else { format!("/apis/{}/{}", self.group, self.version) };
        match namespace {
            Some(ns) if self.namespaced => format!("{root}/namespaces/{ns}/{}", self.plural),
            _ => format!("{root}/{}", self.plural),
        }
    }
}
