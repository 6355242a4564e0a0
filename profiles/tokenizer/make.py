#!/usr/bin/env python3
"""Makes bench's small tokenizer: a byte-level BPE trained on Faker's text, of which guidellm makes its prompts.

    pip install tokenizers==0.23.3 faker==40.54.0
    ./make.py            # writes tokenizer.json and tokenizer_config.json beside itself

It is not a model's own tokenizer: prompts have the asked number of *its* tokens, and another number of the model's.
Deterministic: same versions, same bytes.
"""

import json
from pathlib import Path

from faker import Faker
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SIZE = 2000
TEXTS = 4000
END = "<|endoftext|>"


def texts():
    faker = Faker()
    faker.seed_instance(0)
    for i in range(TEXTS):
        # As guidellm writes them: an index, then text.
        yield f"{i % 10 + 1} {i} {faker.text(max_nb_chars=1000)}"


def main():
    here = Path(__file__).parent
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=[END],
        # Every byte, so that no text is unknown.
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    data = json.loads(tokenizer.to_str())
    (here / "tokenizer.json").write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n")
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END,
        "eos_token": END,
        "clean_up_tokenization_spaces": False,
        # No limit: guidellm encodes more than it keeps.
        "model_max_length": 1000000000,
    }
    (here / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    main()
