//! The decisions of the autoscalers, exactly as the real controllers make them; time comes in, decisions come out.
//! Nothing here knows the simulator: recorded metrics can be replayed through it as well.

pub mod hpa;
pub mod wva;
