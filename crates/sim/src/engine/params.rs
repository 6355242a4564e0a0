use crate::time::{PS_PER_S, Ps};

/// Why a model server or a load cannot be simulated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// Time of one engine step: `base + per_sequence·n + per_kv_token·ΣKV`, plus, when prompts are processed in it,
/// `prefill_base + per_prompt_token·T + per_prompt_token_squared·T²` (T² of a chunk counts against what came before it).
/// All in picoseconds; integers, so that sums do not depend on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepTime {
    pub base: Ps,
    pub per_sequence: Ps,
    pub per_kv_token: Ps,
    pub prefill_base: Ps,
    pub per_prompt_token: Ps,
    pub per_prompt_token_squared: Ps,
}

impl StepTime {
    /// A step without prompts.
    pub fn decode(&self, sequences: u64, kv_tokens: u64) -> Ps {
        self.base + self.per_sequence * sequences.cast_signed() + self.per_kv_token * kv_tokens.cast_signed()
    }

    /// What a chunk of `tokens` of a prompt adds, of which `before` tokens were processed earlier; without `prefill_base`.
    pub fn chunk(&self, before: u64, tokens: u64) -> Ps {
        let (b, t) = (before.cast_signed(), tokens.cast_signed());
        self.per_prompt_token * t + self.per_prompt_token_squared * ((b + t) * (b + t) - b * b)
    }
}

/// The API server before and behind the engine: one queue, served in order. Tokenizing and parsing a request, and sending out
/// each token, take their time in it, and each waits for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrontEnd {
    pub per_request: Ps,
    pub per_prompt_token: Ps,
    pub per_output_token: Ps,
}

impl FrontEnd {
    /// Work that a request brings on arrival.
    pub fn arrival(&self, prompt_tokens: u32) -> Ps {
        self.per_request + self.per_prompt_token * i64::from(prompt_tokens)
    }
}

/// vLLM v1 on one GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VllmParams {
    pub step: StepTime,
    pub front_end: FrontEnd,
    /// KV cache in blocks.
    pub kv_blocks: u64,
    /// Tokens per block.
    pub block_size: u32,
    /// `max_num_seqs`: requests in the running set.
    pub max_sequences: u32,
    /// `max_num_batched_tokens`: tokens of one step.
    pub max_batched_tokens: u32,
    /// `max_model_len`: prompt and output of one request.
    pub max_model_len: u32,
}

/// No step may take longer: sums over a segment stay within 64 bits.
const MAX_STEP: Ps = 100 * PS_PER_S;

impl VllmParams {
    /// Checks what the engine relies on, and that a request of `longest` tokens (prompt and output) can be served at all.
    ///
    /// # Errors
    /// A sentence that names the limit that is broken.
    pub fn check(&self, longest_prompt: u32, longest_output: u32) -> Result<(), Invalid> {
        let no = |m: String| Err(Invalid(m));
        let positive = [
            ("block size", u64::from(self.block_size)),
            ("KV cache", self.kv_blocks),
            ("max_num_seqs", self.max_sequences.into()),
            ("max_num_batched_tokens", self.max_batched_tokens.into()),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, v)| *v == 0) {
            return no(format!("{name} must be above 0"));
        }
        if self.kv_blocks > 1 << 32 || self.block_size > 1 << 16 || self.max_sequences > 1 << 20 || self.max_batched_tokens > 1 << 24 {
            return no("a KV cache of over 2^32 blocks, blocks of over 65536 tokens, over 2^20 sequences or over 2^24 tokens a step cannot be simulated".into());
        }
        if self.max_sequences > self.max_batched_tokens {
            return no(format!(
                "max_num_batched_tokens ({}) is below max_num_seqs ({}); vLLM refuses to start so",
                self.max_batched_tokens, self.max_sequences
            ));
        }
        let longest = u64::from(longest_prompt) + u64::from(longest_output);
        if longest > u64::from(self.max_model_len) {
            return no(format!(
                "a request can have {longest} tokens ({longest_prompt} of prompt, {longest_output} of output), and max-model-len is {}; vLLM would refuse it",
                self.max_model_len
            ));
        }
        let capacity = self.kv_blocks.saturating_mul(self.block_size.into());
        if longest > capacity {
            return no(format!("one request can need {longest} tokens of KV cache, and a replica has {capacity}; it would never end"));
        }
        let s = &self.step;
        let f = &self.front_end;
        let all = [
            s.base,
            s.per_sequence,
            s.per_kv_token,
            s.prefill_base,
            s.per_prompt_token,
            s.per_prompt_token_squared,
            f.per_request,
            f.per_prompt_token,
            f.per_output_token,
        ];
        if all.iter().any(|v| *v < 0) || s.base == 0 {
            return no("step times must not be negative, and the base of a step must be above 0".into());
        }
        // The largest step: every sequence runs, the cache is full, the whole budget is prompt behind the longest context.
        let (seqs, budget, len) = (i128::from(self.max_sequences), i128::from(self.max_batched_tokens), i128::from(longest_prompt) + 1);
        let work = i128::from(s.base)
            + i128::from(s.prefill_base)
            + i128::from(s.per_sequence) * seqs
            + i128::from(s.per_kv_token) * i128::from(capacity)
            + i128::from(s.per_prompt_token) * budget
            + i128::from(s.per_prompt_token_squared) * 2 * budget * len.max(budget);
        let talk =
            i128::from(f.per_request) + i128::from(f.per_prompt_token) * i128::from(longest_prompt) + i128::from(f.per_output_token) * seqs;
        if work > i128::from(MAX_STEP) || talk > i128::from(MAX_STEP) {
            return no(format!("by these coefficients a single step could take over {} s", MAX_STEP / PS_PER_S));
        }
        Ok(())
    }
}

/// llm-d-inference-sim: a request that was admitted takes `ttft + (output − 1)·itl`, whatever else runs. KV blocks are reserved for
/// prompt and output at admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedParams {
    pub ttft: Ps,
    pub itl: Ps,
    pub kv_blocks: u64,
    pub block_size: u32,
    pub max_sequences: u32,
    pub max_model_len: u32,
}

impl FixedParams {
    /// As [`VllmParams::check`].
    ///
    /// # Errors
    /// A sentence that names the limit that is broken.
    pub fn check(&self, longest_prompt: u32, longest_output: u32) -> Result<(), Invalid> {
        let longest = u64::from(longest_prompt) + u64::from(longest_output);
        let need = longest.div_ceil(u64::from(self.block_size.max(1)));
        if self.block_size == 0 || self.max_sequences == 0 || self.kv_blocks == 0 {
            return Err(Invalid("block size, KV cache and max-num-seqs must be above 0".into()));
        }
        if self.ttft < 0 || self.itl < 0 || self.ttft > MAX_STEP || self.itl > MAX_STEP {
            return Err(Invalid("time to first token and inter-token latency must lie between 0 and 100 s".into()));
        }
        if longest > u64::from(self.max_model_len) {
            return Err(Invalid(format!("a request can have {longest} tokens, and max-model-len is {}", self.max_model_len)));
        }
        if need > self.kv_blocks {
            return Err(Invalid(format!(
                "one request can need {need} KV blocks, and a replica has {}; it would never end",
                self.kv_blocks
            )));
        }
        Ok(())
    }
}
