//! Prompts that come again: what a replica still has of them in its KV cache, and what the endpoint picker believes it has.
//!
//! Only engaged when the load's prompts repeat; the published ones do not. A replica remembers whole prompts, the least recently used
//! one goes first, and all together fill at most the blocks that no running request holds.

use super::World;
use crate::input::Server;
use crate::router::{CHARS_PER_TOKEN, block_chars, blocks_of};
use std::collections::BTreeMap;

/// Prompts in the KV cache of one replica.
#[derive(Debug, Default)]
pub(super) struct PromptCache {
    /// Prompt → when it was used last, its blocks.
    held: BTreeMap<u32, (u64, u64)>,
    by_use: BTreeMap<u64, u32>,
    blocks: u64,
    uses: u64,
}

impl PromptCache {
    /// Whether the prompt is there; from now on it is, if it fits into `capacity` blocks.
    pub fn touch(&mut self, prompt: u32, blocks: u64, capacity: u64) -> bool {
        self.uses += 1;
        let before = self.held.remove(&prompt);
        if let Some((used, held)) = before {
            self.by_use.remove(&used);
            self.blocks -= held;
        }
        self.held.insert(prompt, (self.uses, blocks));
        self.by_use.insert(self.uses, prompt);
        self.blocks += blocks;
        let mut there = before.is_some();
        while self.blocks > capacity
            && let Some((_, oldest)) = self.by_use.pop_first()
            && let Some((_, freed)) = self.held.remove(&oldest)
        {
            self.blocks -= freed;
            there &= oldest != prompt;
        }
        there
    }
}

impl World<'_> {
    /// Tokens of the request's prompt that its replica need not process: whole blocks, and never the last token.
    pub(super) fn cached_tokens(&mut self, pod: u32, prompt: Option<u32>, prompt_tokens: u32) -> u32 {
        let (Some(prompt), Server::Vllm(v)) = (prompt, &self.e.server) else { return 0 };
        let p = &mut self.fleet.pods[pod as usize];
        let used = p.engine.as_ref().map_or(0, |e| e.observe(self.now).kv_blocks_used);
        let whole = (prompt_tokens - 1) / v.block_size;
        if p.prompts.touch(prompt, whole.into(), v.kv_blocks.saturating_sub(used)) { whole * v.block_size } else { 0 }
    }

    /// Blocks of a prompt as the endpoint picker counts them.
    pub(super) fn picker_blocks(&self, prompt_tokens: u32) -> u32 {
        let block = match &self.e.server {
            Server::Vllm(v) => v.block_size,
            Server::Fixed(f) => f.block_size,
        };
        blocks_of(prompt_tokens.saturating_mul(CHARS_PER_TOKEN), block_chars(block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_prompt_goes_first() {
        let mut c = PromptCache::default();
        assert!(!c.touch(1, 4, 10));
        assert!(!c.touch(2, 4, 10));
        assert!(c.touch(1, 4, 10));
        // 3 does not fit beside both; 2 was used least recently.
        assert!(!c.touch(3, 4, 10));
        assert!(c.touch(1, 4, 10));
        assert!(!c.touch(2, 4, 10));
        // Nothing fits: nothing is held.
        assert!(!c.touch(9, 11, 10));
        assert_eq!((c.blocks, c.held.len(), c.by_use.len()), (0, 0, 0));
    }
}
