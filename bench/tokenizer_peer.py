"""The peers' side of tokenizer.ts: reads {documents, tokenizer, pattern, vocabSizes} from a file, prints figures as JSON.

Needs `tokenizers`; `tiktoken` too where it is installed. One thread; CPU time.
"""
import json
import os
import statistics
import sys
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: E402

task = json.load(open(sys.argv[1], encoding="utf8"))
documents = task["documents"]
size = sum(len(text.encode()) for text in documents)


def speed(encode):
    figures = []
    for _ in range(4):
        start = time.process_time()
        for text in documents:
            encode(text)
        figures.append(size / 1e6 / (time.process_time() - start))
    return statistics.median(figures[1:])


def byte_ranks(vocab):
    order = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    characters = {chr(b): b for b in order}
    for n, b in enumerate(b for b in range(256) if b not in order):
        characters[chr(256 + n)] = b
    special = {token["content"] for token in task["tokenizer"]["added_tokens"]}
    return {bytes(characters[c] for c in token): i for token, i in vocab.items() if token not in special}


result = {}
tokenizer = Tokenizer.from_str(json.dumps(task["tokenizer"]))
result["tokenizers"] = speed(lambda text: tokenizer.encode(text, add_special_tokens=False))
try:
    import tiktoken

    ranks = byte_ranks(task["tokenizer"]["model"]["vocab"])
    encoding = tiktoken.Encoding("peer", pat_str=task["pattern"], mergeable_ranks=ranks, special_tokens={})
    result["tiktoken"] = speed(encoding.encode_ordinary)
    result["tiktoken_equal"] = all(
        encoding.encode_ordinary(text) == tokenizer.encode(text).ids for text in documents[:200]
    )
except ImportError:
    pass
for vocab_size in task["vocabSizes"]:
    fresh = Tokenizer(models.BPE())
    fresh.pre_tokenizer = tokenizer.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=[token["content"] for token in task["tokenizer"]["added_tokens"]],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    start = time.process_time()
    fresh.train_from_iterator(documents, trainer)
    result[f"train_{vocab_size}"] = time.process_time() - start
    model = json.loads(fresh.to_str())["model"]
    result[f"merges_{vocab_size}"] = model["merges"][-5:]
print(json.dumps(result))
