//! The rows. Sorted by part, then by what they are for.

use super::{PROMETHEUS, Part, Right, When};

const NAMES: &[&str] = &[];
const ALL: &[&str] = &["get", "list", "create", "patch", "delete"];
const READ: &[&str] = &["get", "list", "watch"];

const STANDUP: &str = "standup";
const RUN: &str = "run";
const SWAP: &str = "swap";
const RESUME: &str = "resume";
const TEARDOWN: &str = "teardown";
const GC: &str = "gc";
const ADOPT: &str = "adopt";

/// Every command that changes something.
const CHANGING: &[&str] = &[STANDUP, ADOPT, RUN, SWAP, RESUME, TEARDOWN, GC];
const MADE_ONCE: &[&str] = &[STANDUP, RESUME, TEARDOWN, GC];
const RECORDERS: &[&str] = &[STANDUP, ADOPT, RUN, RESUME, TEARDOWN, GC];
const MADE_BY_RUNS: &[&str] = &[RUN, RESUME, TEARDOWN, GC];
const UP_AND_DOWN: &[&str] = &[STANDUP, SWAP, RESUME, TEARDOWN, GC];

/// Why the recorder's verbs are asked of the user: Kubernetes lets nobody grant what he does not hold.
const RECORDER: &str = "the recorder's Role grants it, and nobody can grant what he does not hold";

/// A row of the stack's own namespace.
const fn stack(
    when: When,
    group: &'static str,
    resource: &'static str,
    verbs: &'static [&'static str],
    used_by: &'static [&'static str],
    why: &'static str,
) -> Right {
    only(when, other(Part::Stack, group, resource, verbs, used_by, why))
}

/// A row of any part.
const fn other(
    part: Part,
    group: &'static str,
    resource: &'static str,
    verbs: &'static [&'static str],
    used_by: &'static [&'static str],
    why: &'static str,
) -> Right {
    let when = match part {
        Part::Adapter => When::Adapted,
        Part::Wva => When::Wva,
        Part::Adopted => When::Adopted,
        _ => When::Always,
    };
    Right { part, when, group, resource, verbs, names: NAMES, namespace: None, used_by, why }
}

/// The same, asked at another time than its part's.
const fn only(when: When, mut r: Right) -> Right {
    r.when = when;
    r
}

/// The same, of some names only.
const fn named(mut r: Right, names: &'static [&'static str]) -> Right {
    r.names = names;
    r
}

/// The same, in a fixed namespace.
const fn within(mut r: Right, namespace: &'static str) -> Right {
    r.namespace = Some(namespace);
    r
}

const RBAC: &str = "rbac.authorization.k8s.io";
const MONITORING: &str = "monitoring.coreos.com";

const GATEWAY: &str = "gateway.networking.k8s.io";
const INFERENCE: &str = "inference.networking.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

/// A row of the published stack, in its namespace.
const fn served(
    when: When,
    group: &'static str,
    resource: &'static str,
    verbs: &'static [&'static str],
    used_by: &'static [&'static str],
    why: &'static str,
) -> Right {
    only(when, other(Part::Served, group, resource, verbs, used_by, why))
}

/// A row of what the published stack stands on, in the whole cluster.
const fn platform(group: &'static str, resource: &'static str, verbs: &'static [&'static str], why: &'static str) -> Right {
    only(When::Platform, other(Part::Platform, group, resource, verbs, MADE_ONCE, why))
}

const EXTERNAL: &str = "external.metrics.k8s.io";
const ASKS_METRICS: &[&str] = &[STANDUP, RUN, SWAP, RESUME];
const ACTS_BESIDE: &[&str] = &[STANDUP, SWAP, RUN];
const METRICS_SERVED: &str = "whether the HPA's metrics are served (others, when hpa.metrics names others)";

pub const TABLE: &[Right] = &[
    // The stack's namespace.
    stack(When::Always, "", "configmaps", ALL, CHANGING, "the stack's record, records of runs, the gateway's and the load's files"),
    stack(When::Always, "coordination.k8s.io", "leases", ALL, CHANGING, "the lease that keeps a second bench out"),
    stack(When::Always, "apps", "deployments", ALL, MADE_ONCE, "model servers and gateway"),
    stack(When::Always, "apps", "deployments/scale", &["patch"], &[RUN, SWAP, RESUME], "sets the start replicas"),
    stack(When::Always, "", "services", ALL, MADE_ONCE, "model servers and gateway; which one leads to an adopted stack"),
    stack(When::Always, "", "services/proxy", &["get", "create"], &[STANDUP, ADOPT, RUN, RESUME], "asks the endpoint, and warms it up"),
    stack(When::Always, "", "pods", ALL, CHANGING, "the recorder; replaces model servers before a run; says why something does not start"),
    stack(When::Always, "", "pods/log", &["get"], MADE_BY_RUNS, "shows progress, keeps the logs of a run"),
    // A websocket is opened by GET, which servers up to 1.34 take for `get`; from 1.35 they ask for `create` too, as for SPDY.
    stack(When::Always, "", "pods/exec", &["get", "create"], MADE_BY_RUNS, "streams the recorder in and the results out"),
    stack(When::Always, "", "events", &["list"], CHANGING, "says why something does not start"),
    stack(When::Always, "batch", "jobs", ALL, MADE_BY_RUNS, "the load"),
    stack(When::Always, "", "serviceaccounts", ALL, RECORDERS, "the recorder's account"),
    stack(When::Always, RBAC, "roles", ALL, RECORDERS, "the recorder's Role, which only reads"),
    stack(When::Always, RBAC, "rolebindings", ALL, RECORDERS, "the recorder's Role"),
    stack(When::Always, "", "pods", READ, RECORDERS, RECORDER),
    stack(When::Always, "", "pods/log", &["get"], RECORDERS, RECORDER),
    stack(When::Always, "", "events", READ, RECORDERS, RECORDER),
    stack(When::Always, "apps", "deployments", READ, RECORDERS, RECORDER),
    stack(When::Always, "autoscaling", "horizontalpodautoscalers", READ, RECORDERS, RECORDER),
    stack(When::Always, "llmd.ai", "variantautoscalings", READ, RECORDERS, RECORDER),
    stack(When::Always, "autoscaling", "horizontalpodautoscalers", ALL, CHANGING, "the arm's HPA, and whether somebody else's is there"),
    stack(When::Always, "llmd.ai", "variantautoscalings", &["get", "list", "delete"], CHANGING, "no arm but wva may leave one"),
    stack(When::Variant, "llmd.ai", "variantautoscalings", &["create", "patch"], &[STANDUP, RUN, SWAP, RESUME], "what WVA decides about"),
    stack(When::Keda, "keda.sh", "scaledobjects", ALL, CHANGING, "what KEDA makes the arm's HPA from"),
    stack(When::Keda, "keda.sh", "triggerauthentications", ALL, CHANGING, "how OpenShift's Prometheus lets KEDA in"),
    stack(
        When::PodMonitor,
        MONITORING,
        "podmonitors",
        ALL,
        UP_AND_DOWN,
        "lets Prometheus scrape the model servers (not with monitoring.pod_monitor=never)",
    ),
    stack(When::Adapted, EXTERNAL, "vllm:num_requests_waiting", &["list"], ASKS_METRICS, METRICS_SERVED),
    stack(When::Adapted, EXTERNAL, "vllm:kv_cache_usage_perc", &["list"], ASKS_METRICS, METRICS_SERVED),
    stack(When::WvaAdapted, EXTERNAL, "inferno_desired_replicas", &["list"], ASKS_METRICS, METRICS_SERVED),
    // The published stack.
    served(When::Vllm, "", "serviceaccounts", ALL, MADE_ONCE, "the model servers' account, which may do nothing"),
    served(When::Vllm, "", "persistentvolumeclaims", &["get", "create"], &[STANDUP, RESUME], "the weights' claim, which stays"),
    served(When::Vllm, "batch", "jobs", ALL, MADE_ONCE, "loads the model's weights"),
    served(When::Vllm, "", "secrets", ALL, MADE_ONCE, "the Hub's token out of $HF_TOKEN; helm's record of the scheduler"),
    served(When::Vllm, "", "secrets", &["update"], MADE_ONCE, "helm's record of the scheduler"),
    served(When::GatewayApi, GATEWAY, "gateways", ALL, MADE_ONCE, "the Gateway"),
    served(When::GatewayApi, GATEWAY, "httproutes", ALL, MADE_ONCE, "the way from the Gateway to the pool"),
    served(When::GatewayApi, "gateway.kgateway.dev", "gatewayparameters", ALL, MADE_ONCE, "size of a proxy of kgateway's"),
    served(When::Scheduler, INFERENCE, "inferencepools", &["get", "list", "watch", "create", "update", "patch", "delete"], MADE_ONCE, POOL),
    served(When::GatewayApi, "networking.istio.io", "destinationrules", &["get", "create", "update", "patch", "delete"], MADE_ONCE, POOL),
    served(When::Scheduler, MONITORING, "servicemonitors", ALL, MADE_ONCE, POOL),
    served(When::Scheduler, "", "configmaps", &["update"], MADE_ONCE, POOL),
    served(When::Scheduler, "", "services", &["update"], MADE_ONCE, POOL),
    served(When::Scheduler, "", "serviceaccounts", &["update"], MADE_ONCE, POOL),
    served(When::Scheduler, "apps", "deployments", &["update"], MADE_ONCE, POOL),
    served(When::Scheduler, RBAC, "roles", &["get", "create", "update", "patch", "delete"], MADE_ONCE, POOL),
    served(When::Scheduler, RBAC, "rolebindings", &["get", "create", "update", "patch", "delete"], MADE_ONCE, POOL),
    served(When::Scheduler, "", "pods", READ, MADE_ONCE, PICKER_ROLE),
    served(When::Scheduler, "inference.networking.x-k8s.io", "inferenceobjectives", READ, MADE_ONCE, PICKER_ROLE),
    served(When::Scheduler, "llm-d.ai", "inferenceobjectives", READ, MADE_ONCE, PICKER_ROLE),
    served(When::Scheduler, "llm-d.ai", "inferencemodelrewrites", READ, MADE_ONCE, PICKER_ROLE),
    served(When::Scheduler, "inference.networking.x-k8s.io", "inferencemodelrewrites", READ, MADE_ONCE, PICKER_ROLE),
    served(When::Keda, "", "secrets", &["get", "create", "patch"], ASKS_METRICS, "the token by which KEDA asks OpenShift's Prometheus"),
    served(When::OpenShift, "", "serviceaccounts/token", &["create"], CHANGING, "a token by which the Thanos querier is asked"),
    // Somebody's stack.
    other(Part::Adopted, GATEWAY, "gateways", &["list"], &[ADOPT], WAY_IN),
    other(Part::Adopted, GATEWAY, "httproutes", &["list"], &[ADOPT], WAY_IN),
    other(Part::Adopted, INFERENCE, "inferencepools", &["list"], &[ADOPT, RUN], WAY_IN),
    other(Part::Adopted, "autoscaling", "horizontalpodautoscalers", &["create"], &[TEARDOWN, RESUME, GC], GIVEN_BACK),
    other(Part::Adopted, "llmd.ai", "variantautoscalings", &["create"], &[TEARDOWN, RESUME, GC], GIVEN_BACK),
    other(
        Part::Adopted,
        "keda.sh",
        "scaledobjects",
        &["get", "list", "create", "delete"],
        &[ADOPT, SWAP, TEARDOWN, RESUME, GC],
        GIVEN_BACK,
    ),
    // Prometheus' namespace.
    named(other(Part::Prometheus, "", "services/proxy", &["get"], CHANGING, "asks Prometheus through the API server"), &[PROMETHEUS]),
    // Reading in the whole cluster.
    other(Part::Viewer, "", "nodes", &["list"], &["preflight", STANDUP], "whether there are GPUs enough, and the nodes' architecture"),
    other(Part::Viewer, "", "namespaces", &["get"], CHANGING, "whether a namespace is there, and on its way out"),
    other(
        Part::Viewer,
        MONITORING,
        "prometheuses",
        &["list"],
        CHANGING,
        "finds Prometheus (else monitoring.prometheus.namespace and .service)",
    ),
    other(Part::Viewer, "", "services", &["list"], CHANGING, "finds Prometheus' Service (else monitoring.prometheus.service)"),
    other(
        Part::Viewer,
        "apiregistration.k8s.io",
        "apiservices",
        &["get"],
        &["preflight", STANDUP, SWAP],
        "who serves the external metrics",
    ),
    other(
        Part::Viewer,
        "llmd.ai",
        "variantautoscalings",
        &["list"],
        &[STANDUP, SWAP],
        "whether another namespace serves the same model under WVA",
    ),
    other(Part::Viewer, "apps", "deployments", &["list"], ACTS_BESIDE, "whether another WVA acts in the cluster"),
    other(Part::Viewer, "keda.sh", "scaledobjects", &["list"], ACTS_BESIDE, "whether KEDA scales the model servers"),
    // Namespaces that bench makes.
    other(
        Part::Namespaces,
        "",
        "namespaces",
        &["get", "list", "create", "patch", "delete"],
        UP_AND_DOWN,
        "makes a namespace that is not there, and removes what it made",
    ),
    other(Part::Namespaces, "*", "*", &["list"], MADE_ONCE, ANYBODY),
    // Gateway API, its control plane, monitoring.
    platform(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        &["get", "list", "create", "update", "patch", "delete"],
        "CRDs, made and removed",
    ),
    platform("", "namespaces", &["get", "list", "create", "patch", "delete"], "namespaces of Istio and of a Prometheus"),
    platform("*", "*", &["list"], ANYBODY),
    platform("", "configmaps", &["get", "list", "create", "update", "patch", "delete"], "charts; OpenShift's cluster-monitoring-config"),
    platform(
        "",
        "secrets",
        &["get", "list", "create", "update", "patch", "delete"],
        "helm's releases; the certificate of an own Prometheus",
    ),
    platform("", "services", &["get", "list", "create", "update", "patch", "delete"], CHARTS),
    platform("", "serviceaccounts", &["get", "list", "create", "update", "patch", "delete"], CHARTS),
    platform("", "pods", &["list"], "whether they have come up; who uses which GPU"),
    platform("apps", "deployments", &["get", "list", "create", "update", "patch", "delete"], CHARTS),
    platform("autoscaling", "horizontalpodautoscalers", &["get", "list", "create", "update", "patch", "delete"], CHARTS),
    platform("policy", "poddisruptionbudgets", &["get", "list", "create", "update", "patch", "delete"], CHARTS),
    platform(RBAC, "roles", &["get", "list", "create", "update", "patch", "delete", "bind", "escalate"], ROLES),
    platform(RBAC, "rolebindings", &["get", "list", "create", "update", "patch", "delete"], ROLES),
    platform(RBAC, "clusterroles", &["get", "list", "create", "update", "patch", "delete", "bind", "escalate"], ROLES),
    platform(RBAC, "clusterrolebindings", &["get", "list", "create", "update", "patch", "delete"], ROLES),
    platform(ADMISSION, "mutatingwebhookconfigurations", &["get", "list", "create", "update", "patch", "delete"], CHARTS),
    platform(ADMISSION, "validatingwebhookconfigurations", &["get", "list", "create", "update", "patch", "delete"], CHARTS),
    platform(MONITORING, "prometheuses", &["get", "list", "create", "update", "patch", "delete"], "a Prometheus of bench's own"),
    platform(GATEWAY, "gatewayclasses", &["get", "list", "delete"], "whether the control plane takes its class; goes with it"),
    only(
        When::InstallsKeda,
        other(
            Part::Platform,
            "apiregistration.k8s.io",
            "apiservices",
            &["get", "create", "update", "patch", "delete"],
            UP_AND_DOWN,
            CHARTS,
        ),
    ),
    platform("route.openshift.io", "routes", &["get"], "where the Thanos querier is"),
    // prometheus-adapter.
    other(Part::Adapter, "apiregistration.k8s.io", "apiservices", ALL, UP_AND_DOWN, "the external metrics API of an own adapter"),
    other(Part::Adapter, "", "configmaps", ALL, UP_AND_DOWN, "an adapter's rules, own or somebody's"),
    other(Part::Adapter, "", "services", ALL, UP_AND_DOWN, "an adapter's Service"),
    other(Part::Adapter, "", "serviceaccounts", ALL, UP_AND_DOWN, "an own adapter's account"),
    other(Part::Adapter, "apps", "deployments", ALL, UP_AND_DOWN, "an own adapter; whose Deployment somebody's is"),
    other(Part::Adapter, "", "pods", &["list", "delete"], UP_AND_DOWN, "restarts an adapter, which reads its rules only once"),
    other(Part::Adapter, RBAC, "clusterroles", ALL, UP_AND_DOWN, "an own adapter reads the cluster"),
    other(Part::Adapter, RBAC, "clusterrolebindings", ALL, UP_AND_DOWN, "an own adapter reads the cluster"),
    within(other(Part::Adapter, RBAC, "rolebindings", ALL, UP_AND_DOWN, "an own adapter knows who asks it"), "kube-system"),
    named(
        other(Part::Adapter, RBAC, "clusterroles", &["bind"], UP_AND_DOWN, "an own adapter asks whether a request is allowed"),
        &["system:auth-delegator"],
    ),
    within(
        named(
            other(Part::Adapter, RBAC, "roles", &["bind"], UP_AND_DOWN, "an own adapter knows who asks it"),
            &["extension-apiserver-authentication-reader"],
        ),
        "kube-system",
    ),
    within(other(Part::Adapter, "", "namespaces", READ, UP_AND_DOWN, ADAPTER_ROLE), ""),
    within(other(Part::Adapter, "", "pods", READ, UP_AND_DOWN, ADAPTER_ROLE), ""),
    within(other(Part::Adapter, "", "services", READ, UP_AND_DOWN, ADAPTER_ROLE), ""),
    within(other(Part::Adapter, "", "configmaps", READ, UP_AND_DOWN, ADAPTER_ROLE), ""),
    within(other(Part::Adapter, EXTERNAL, "*", READ, UP_AND_DOWN, ADAPTER_ROLE), ""),
    within(other(Part::Adapter, MONITORING, "prometheuses", &["list"], UP_AND_DOWN, CERTIFICATE), ""),
    within(other(Part::Adapter, "", "secrets", &["get"], UP_AND_DOWN, CERTIFICATE), ""),
    // WVA.
    within(
        other(
            Part::Wva,
            "",
            "secrets",
            &["get", "list"],
            UP_AND_DOWN,
            "helm keeps releases in Secrets; bench looks for WVA's in all namespaces",
        ),
        "",
    ),
    within(other(Part::Wva, "", "secrets", &["get"], UP_AND_DOWN, CERTIFICATE), ""),
    within(other(Part::Wva, MONITORING, "prometheuses", &["list"], UP_AND_DOWN, CERTIFICATE), ""),
    within(other(Part::Wva, "apps", "deployments", &["list"], UP_AND_DOWN, "finds a WVA that helm knows nothing of"), ""),
    other(
        Part::Wva,
        "",
        "secrets",
        &["create", "update", "patch", "delete"],
        UP_AND_DOWN,
        "helm's record of the release; handed over to another stack",
    ),
    other(Part::Wva, "", "configmaps", ALL, UP_AND_DOWN, "WVA's settings, own or somebody's"),
    other(Part::Wva, "", "services", ALL, UP_AND_DOWN, "WVA's chart"),
    other(Part::Wva, "", "serviceaccounts", ALL, UP_AND_DOWN, "WVA's chart"),
    other(Part::Wva, "apps", "deployments", ALL, UP_AND_DOWN, "WVA's chart"),
    other(
        Part::Wva,
        "",
        "pods",
        &["list", "delete"],
        &[STANDUP, RUN, SWAP, RESUME],
        "restarts WVA's controller, whose gauge outlives a VariantAutoscaling",
    ),
    other(Part::Wva, MONITORING, "servicemonitors", ALL, UP_AND_DOWN, "WVA's chart"),
    other(Part::Wva, RBAC, "roles", ALL, UP_AND_DOWN, "WVA's chart"),
    other(Part::Wva, RBAC, "rolebindings", ALL, UP_AND_DOWN, "WVA's chart"),
    other(Part::Wva, RBAC, "clusterroles", ALL, UP_AND_DOWN, "WVA's chart"),
    other(Part::Wva, RBAC, "clusterrolebindings", ALL, UP_AND_DOWN, "WVA's chart"),
    named(
        other(Part::Wva, RBAC, "clusterroles", &["bind"], UP_AND_DOWN, "WVA's chart binds OpenShift's reader of metrics"),
        &["cluster-monitoring-view"],
    ),
    other(
        Part::Wva,
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        &["get", "create", "patch"],
        &[STANDUP, SWAP, RESUME],
        "WVA's chart",
    ),
    within(other(Part::Wva, "", "configmaps", &["get", "list", "watch", "create", "update", "patch", "delete"], UP_AND_DOWN, WVA_ROLE), ""),
    within(
        other(
            Part::Wva,
            "coordination.k8s.io",
            "leases",
            &["get", "list", "watch", "create", "update", "patch", "delete"],
            UP_AND_DOWN,
            WVA_ROLE,
        ),
        "",
    ),
    within(other(Part::Wva, "", "events", &["create", "patch"], UP_AND_DOWN, WVA_ROLE), ""),
    within(other(Part::Wva, "", "nodes", &["get", "list", "watch", "update", "patch"], UP_AND_DOWN, WVA_ROLE), ""),
    within(other(Part::Wva, "", "nodes/status", &["get", "list", "watch", "update", "patch"], UP_AND_DOWN, WVA_ROLE), ""),
    within(other(Part::Wva, "", "pods", READ, UP_AND_DOWN, WVA_ROLE), ""),
    within(other(Part::Wva, "apps", "deployments", &["get", "list", "watch", "update", "patch"], UP_AND_DOWN, WVA_ROLE), ""),
    within(other(Part::Wva, "llmd.ai", "variantautoscalings", &["*"], UP_AND_DOWN, WVA_ROLE), ""),
    within(other(Part::Wva, "llmd.ai", "variantautoscalings/status", &["get", "update", "patch"], UP_AND_DOWN, WVA_ROLE), ""),
    within(other(Part::Wva, "llmd.ai", "variantautoscalings/finalizers", &["get", "update", "patch"], UP_AND_DOWN, WVA_ROLE), ""),
    within(other(Part::Wva, "llmd.llm-d.ai", "variantautoscalings", &["*"], UP_AND_DOWN, WVA_ROLE), ""),
    within(other(Part::Wva, "llmd.llm-d.ai", "variantautoscalings/status", &["get"], UP_AND_DOWN, WVA_ROLE), ""),
    within(other(Part::Wva, MONITORING, "servicemonitors", READ, UP_AND_DOWN, WVA_ROLE), ""),
    within(other(Part::Wva, "", "/metrics", &["get"], UP_AND_DOWN, WVA_ROLE), ""),
    within(other(Part::Wva, "authentication.k8s.io", "tokenreviews", &["create"], UP_AND_DOWN, WVA_ROLE), ""),
    within(other(Part::Wva, "authorization.k8s.io", "subjectaccessreviews", &["create"], UP_AND_DOWN, WVA_ROLE), ""),
];

const ADAPTER_ROLE: &str = "an own adapter's ClusterRole grants it, and nobody can grant what he does not hold";
const WVA_ROLE: &str = "the roles of WVA's chart grant it, and nobody can grant what he does not hold";
const CERTIFICATE: &str = "the certificate by which Prometheus is verified";
const WAY_IN: &str = "by which way requests come to the model servers";
const GIVEN_BACK: &str = "what scales the stack is set aside for another arm, and made again as it was";
const POOL: &str = "the scheduler's chart";
const PICKER_ROLE: &str = "the scheduler's Role grants it, and nobody can grant what he does not hold";
const CHARTS: &str = "charts of the control plane, of a Prometheus and of KEDA";
const ROLES: &str =
    "those charts, and the scheduler's metrics, have roles of their own, wider than this one; OpenShift's cluster-monitoring-view";
const ANYBODY: &str = "whether anybody has anything, of whatever kind, in a namespace, or of a CRD, that would go";
