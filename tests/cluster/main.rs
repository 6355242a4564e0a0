//! Black-box tests on a real cluster: the commands of the README, and what they left in the cluster and on the disk.
//!
//! `BENCH_TEST_KUBECONFIG` names a cluster whose state may be changed; without it every test here is ignored.
//! They share one cluster and one namespace, so they run one after the other: `--test-threads=1`.

mod adopt;
mod calibrate;
mod ci;
mod collection;
mod experiment;
mod failures;
mod faults;
mod faults_load;
mod gpus;
mod loads;
mod ownership;
mod proxy;
mod published;
mod reasons;
mod rights;
mod rights_each;
mod stack;
mod support;
