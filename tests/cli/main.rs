//! The binary as its users meet it: what it prints, how it exits, what it reads. No cluster.

mod calibrate;
mod ci;
mod compare;
mod docs;
mod elsewhere;
mod ends;
mod exits;
mod experiment;
mod explain;
mod exports;
mod formats;
mod fuzz;
mod gate;
mod grafana;
mod harness;
mod help;
mod manifests;
mod plan;
mod predict;
mod schemas;
mod secrets;
mod shelf;
mod stack;
mod stored;
mod support;
