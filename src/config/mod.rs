//! From files and flags to typed settings. No cluster, no clock, nothing written.
