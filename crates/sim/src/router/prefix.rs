//! The EPP's approximate prefix index (`prefix-cache-scorer`), on the numbers of prompts in place of their texts.
//!
//! The real index hashes the prompt in blocks of characters, each hash taking in the one before, the first the model's name
//! (GIE `scheduling/framework/plugins/multi/prefix/plugin.go`, `hashPrompt`), and remembers per server the hashes of the prompts
//! it was sent, in an LRU of blocks (`indexer.go`). Two different prompts of guidellm share no block, since each starts with its
//! own number ("1 17 …"), so a prompt's number and its count of blocks say all there is to say.

use std::collections::VecDeque;

use super::ReplicaId;

/// Characters taken for one token (`plugin.go`, `averageCharactersPerToken`).
pub const CHARS_PER_TOKEN: u32 = 4;
/// Characters in a block when the servers do not say their block size (`DefaultBlockSize`).
pub const BLOCK_CHARS: u32 = 64;
/// Blocks of a prompt looked at; what lies beyond is ignored (`DefaultMaxPrefixBlocks`).
pub const MAX_BLOCKS: u32 = 256;

/// Characters in a block for servers with blocks of `tokens` (`getBlockSize`: 64 tokens are 256 characters).
#[must_use]
pub fn block_chars(tokens: u32) -> u32 {
    if tokens == 0 { BLOCK_CHARS } else { tokens * CHARS_PER_TOKEN }
}

/// Whole blocks in a prompt of `chars` characters (bytes in truth); the rest at the end is not looked at.
#[must_use]
pub fn blocks_of(chars: u32, block_chars: u32) -> u32 {
    (chars / block_chars).min(MAX_BLOCKS)
}

/// What one server still remembers of one prompt: its last `held` blocks.
///
/// The blocks are added from the first to the last, so the LRU loses the first ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    replica: ReplicaId,
    held: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Server {
    /// Prompts from the least to the most recently sent.
    recent: VecDeque<u32>,
    blocks: u32,
}

/// Who remembers which prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixIndex {
    capacity: u32,
    /// By replica number.
    servers: Vec<Server>,
    /// By prompt number, each sorted by replica.
    holders: Vec<Vec<Holder>>,
}

impl PrefixIndex {
    /// `capacity`: blocks remembered per server, at least [`MAX_BLOCKS`] in any real set-up.
    #[must_use]
    pub fn new(capacity: u32) -> Self {
        Self { capacity, servers: Vec::new(), holders: Vec::new() }
    }

    /// What is remembered of a prompt of `blocks` blocks.
    #[must_use]
    pub fn query(&self, prompt: u32, blocks: u32) -> PrefixQuery<'_> {
        let holders = self.holders.get(prompt as usize).map_or(&[][..], Vec::as_slice);
        // The search goes block by block from the first and ends at the first that nobody remembers (`matchLongestPrefix`).
        // Everyone remembers the end of a prompt, so that is block 0 unless someone remembers the whole.
        let whole = blocks > 0 && holders.iter().any(|h| h.held >= blocks);
        PrefixQuery { holders: if whole { holders } else { &[] }, blocks }
    }

    /// Records that the prompt was sent to the replica. The real index does so right after the pick, before the request has
    /// reached the server (`PreRequest`), and never takes it back.
    pub fn add(&mut self, replica: ReplicaId, prompt: u32, blocks: u32) {
        if blocks == 0 {
            return;
        }
        let (server_at, prompt_at) = (replica.0 as usize, prompt as usize);
        if self.servers.len() <= server_at {
            self.servers.resize_with(server_at + 1, Server::default);
        }
        if self.holders.len() <= prompt_at {
            self.holders.resize_with(prompt_at + 1, Vec::new);
        }
        let server = &mut self.servers[server_at];
        let known = &mut self.holders[prompt_at];
        match known.binary_search_by_key(&replica, |h| h.replica) {
            Ok(at) => {
                server.blocks -= known[at].held;
                known[at].held = blocks;
                if let Some(place) = server.recent.iter().position(|&p| p == prompt) {
                    server.recent.remove(place);
                }
            }
            Err(at) => known.insert(at, Holder { replica, held: blocks }),
        }
        server.recent.push_back(prompt);
        server.blocks += blocks;
        while server.blocks > self.capacity {
            let excess = server.blocks - self.capacity;
            let Some(&oldest) = server.recent.front() else { break };
            let holders = &mut self.holders[oldest as usize];
            let Ok(at) = holders.binary_search_by_key(&replica, |h| h.replica) else { break };
            if holders[at].held > excess {
                holders[at].held -= excess;
                server.blocks -= excess;
            } else {
                server.blocks -= holders[at].held;
                holders.remove(at);
                server.recent.pop_front();
            }
        }
    }

    /// Drops a replica that has gone (`CleanUpInactivePods`, every 120 s).
    pub fn forget(&mut self, replica: ReplicaId) {
        let Some(server) = self.servers.get_mut(replica.0 as usize) else { return };
        for prompt in std::mem::take(server).recent {
            self.holders[prompt as usize].retain(|h| h.replica != replica);
        }
    }

    /// Blocks remembered for a replica.
    #[must_use]
    pub fn blocks_held(&self, replica: ReplicaId) -> u32 {
        self.servers.get(replica.0 as usize).map_or(0, |s| s.blocks)
    }
}

/// One prompt's place in the index.
#[derive(Debug, Clone, Copy)]
pub struct PrefixQuery<'a> {
    holders: &'a [Holder],
    blocks: u32,
}

impl PrefixQuery<'_> {
    /// Blocks of the prompt counted for the replica.
    #[must_use]
    pub fn matched(&self, replica: ReplicaId) -> u32 {
        self.holders.binary_search_by_key(&replica, |h| h.replica).map_or(0, |at| self.holders[at].held.min(self.blocks))
    }

    /// `prefix-cache-scorer`: the share of the prompt's blocks; 0 for a prompt shorter than a block (`Score`).
    #[must_use]
    pub fn score(&self, replica: ReplicaId) -> f64 {
        if self.blocks == 0 { 0.0 } else { f64::from(self.matched(replica)) / f64::from(self.blocks) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ReplicaId = ReplicaId(0);
    const B: ReplicaId = ReplicaId(3);

    #[test]
    fn blocks_are_characters_and_cut_at_256() {
        assert_eq!(block_chars(64), 256);
        assert_eq!(block_chars(0), 64);
        assert_eq!(blocks_of(20_480, 256), 80);
        assert_eq!(blocks_of(20_735, 256), 80);
        assert_eq!(blocks_of(255, 256), 0);
        assert_eq!(blocks_of(1_000_000, 256), 256);
    }

    #[test]
    fn a_prompt_is_remembered_where_it_was_sent() {
        let mut index = PrefixIndex::new(100);
        assert_eq!(index.query(7, 40).score(A), 0.0);
        index.add(A, 7, 40);
        assert_eq!((index.query(7, 40).score(A), index.query(7, 40).score(B)), (1.0, 0.0));
        assert_eq!(index.query(8, 40).score(A), 0.0);
    }

    #[test]
    fn a_prompt_without_a_whole_block_is_neither_kept_nor_matched() {
        let mut index = PrefixIndex::new(100);
        index.add(A, 7, 0);
        assert_eq!(index.query(7, 0).score(A), 0.0);
        assert_eq!(index.blocks_held(A), 0);
    }

    #[test]
    fn the_least_recently_sent_goes_first_and_its_first_blocks_before_its_last() {
        let mut index = PrefixIndex::new(100);
        index.add(A, 1, 40);
        index.add(A, 2, 40);
        index.add(A, 1, 40); // 1 is now the more recent
        index.add(A, 3, 40);
        assert_eq!(index.blocks_held(A), 100);
        // 20 of prompt 2's blocks are left, its last: without the first none count …
        assert_eq!(index.query(2, 40).matched(A), 0);
        assert_eq!(index.query(1, 40).matched(A), 40);
        // … unless someone else remembers the first ones.
        index.add(B, 2, 40);
        assert_eq!((index.query(2, 40).matched(A), index.query(2, 40).matched(B)), (20, 40));
        assert_eq!(index.query(2, 40).score(A), 0.5);
    }

    #[test]
    fn sending_a_half_forgotten_prompt_again_restores_it_whole() {
        let mut index = PrefixIndex::new(100);
        for prompt in 1..=3 {
            index.add(A, prompt, 40);
        }
        index.add(A, 1, 40);
        assert_eq!(index.query(1, 40).matched(A), 40);
        assert_eq!(index.blocks_held(A), 100);
        assert_eq!((index.query(2, 40).matched(A), index.query(3, 40).matched(A)), (0, 40));
    }

    #[test]
    fn a_forgotten_replica_remembers_nothing() {
        let mut index = PrefixIndex::new(100);
        index.add(A, 1, 40);
        index.add(B, 1, 40);
        index.forget(A);
        index.forget(ReplicaId(99));
        assert_eq!((index.query(1, 40).matched(A), index.query(1, 40).matched(B), index.blocks_held(A)), (0, 40, 0));
    }

    /// Against an LRU of single blocks with the real search.
    #[test]
    fn agrees_with_an_index_of_single_blocks() {
        let mut draw = super::super::tests::splitmix(11);
        let (capacity, servers) = (50usize, 3u32);
        let mut index = PrefixIndex::new(capacity as u32);
        let mut lists: Vec<Vec<(u32, u32)>> = vec![Vec::new(); servers as usize];
        let sizes = [12, 30, 7, 20, 1, 15];
        for _ in 0..4000 {
            let prompt = super::super::below(sizes.len(), &mut draw) as u32;
            let blocks = sizes[prompt as usize];
            let query = index.query(prompt, blocks);
            let mut want = vec![0; servers as usize];
            for block in 0..blocks {
                let having: Vec<usize> = (0..lists.len()).filter(|&s| lists[s].contains(&(prompt, block))).collect();
                if having.is_empty() {
                    break;
                }
                having.iter().for_each(|&s| want[s] += 1);
            }
            for server in 0..servers {
                assert_eq!(query.matched(ReplicaId(server)), want[server as usize]);
            }
            let server = super::super::below(servers as usize, &mut draw);
            for block in 0..blocks {
                lists[server].retain(|&b| b != (prompt, block));
                lists[server].push((prompt, block));
                if lists[server].len() > capacity {
                    lists[server].remove(0);
                }
            }
            index.add(ReplicaId(server as u32), prompt, blocks);
        }
    }
}
