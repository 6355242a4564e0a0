//! Whole cycles of standup, run, swap and teardown against an API server in memory, with a crash or a lost answer at every
//! single call. Time is virtual: waits cost nothing.

mod adopt;
mod api;
mod apply;
mod benches;
mod charts;
mod controllers;
mod cycle;
mod ends;
mod experiment;
mod gateways;
mod gc;
mod helm;
mod interrupts;
mod keda;
mod lab;
mod losses;
mod machines;
mod metrics;
mod normal;
mod openshift;
mod pods;
mod setting;
mod stacks;
mod world;
