//! One replica of the model server, from the request's arrival at its front-end to the last token's delivery.
//!
//! - [`vllm`]: the scheduler of vLLM v1, coalesced: between events the decode set is fixed, so many steps are one closed form.
//!   With `exact` it takes each step by itself; both agree to the bit.
//! - [`naive`]: the same rules written token by token and request by request, as an oracle for tests.
//! - [`fixed`]: llm-d-inference-sim, whose times do not depend on its load.
//!
//! The caller asks for [`Engine::next_event`], and calls [`Engine::advance`] when that moment has come; at any moment in between
//! it may submit, abort or observe. Nothing here knows the cluster or the client.

pub mod fixed;
pub mod naive;
mod params;
pub mod segment;
#[cfg(test)]
mod tests;
pub mod vllm;

pub use params::{FixedParams, FrontEnd, Invalid, StepTime, VllmParams};

use crate::time::Ps;

/// A request as it reaches a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submit {
    /// The caller's own number.
    pub id: u32,
    pub prompt_tokens: u32,
    /// Tokens to generate, at least 1: guidellm sends `ignore_eos`.
    pub output_tokens: u32,
    /// Of the prompt, already in the replica's prefix cache.
    pub cached_tokens: u32,
}

/// What a replica tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// A token after silence reaches the client at `at`: the very first one, or the first after a preemption.
    Token { id: u32, at: Ps },
    /// The last token reaches the client at `at`.
    Done { id: u32, at: Ps },
    /// Evicted for lack of KV blocks at `at`; it waits for a recompute, and its client hears nothing.
    Preempted { id: u32, at: Ps },
}

/// What `/metrics` would show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    pub running: u32,
    pub waiting: u32,
    pub kv_blocks_used: u64,
    /// Counters since the start of the replica.
    pub prompt_tokens: u64,
    pub generated_tokens: u64,
    pub finished: u64,
    pub preemptions: u64,
    /// Steps of the engine; 0 where there are none.
    pub steps: u64,
}

/// A model server of one kind.
pub trait Engine {
    /// A request arrives at `now`. Returns a ticket for [`Engine::abort`].
    fn submit(&mut self, now: Ps, request: Submit) -> u32;
    /// The client gave `id` up at `now`. Returns the tokens generated for it by then; a finished one is ignored, with 0.
    fn abort(&mut self, now: Ps, ticket: u32, id: u32) -> u32;
    /// When something changes next by itself; [`crate::time::NEVER`] when nothing does.
    fn next_event(&self) -> Ps;
    /// Carries out what happens at [`Engine::next_event`].
    fn advance(&mut self, told: &mut Vec<Told>);
    /// State at `now`, which lies between the last event and the next one.
    fn observe(&self, now: Ps) -> Gauges;
    fn kv_blocks(&self) -> u64;
}
