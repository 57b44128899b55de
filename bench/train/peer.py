"""The same training step in PyTorch: one line of JSON a step, with its seconds and the memory peak so far.

Run by `nuwa bench train`; by hand:

    python3 bench/train/peer.py '{"layers": 4, "heads": 4, "width": 128, "vocabulary": 512, "T": 128, "batch": 16,
        "threads": 2, "steps": 10}' eager-float32

The model is GPT-2's (learned positions, LayerNorm, GELU, tied head) with PyTorch's own fastest parts:
scaled_dot_product_attention, one product for query, key and value, fused AdamW.
"""

import json
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.heads, -1).transpose(1, 2) for part in self.qkv(self.norm1(x)).split(C, dim=2))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    def __init__(self, layers, heads, width, vocabulary, T):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(T, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens, targets):
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.norm(x), self.tokens.weight)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))


def peak_mb():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def main():
    shape = json.loads(sys.argv[1])
    mode, precision = sys.argv[2].split("-")
    torch.set_num_threads(shape["threads"])
    torch.manual_seed(1)
    model = Gpt(*(shape[name] for name in ("layers", "heads", "width", "vocabulary", "T")))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    forward = torch.compile(model) if mode == "compile" else model
    tokens, targets = torch.randint(shape["vocabulary"], (2, shape["batch"], shape["T"]))
    print(json.dumps({"version": torch.__version__}), flush=True)
    # The first steps compile and allocate; the reader knows which ones to leave out.
    for _ in range(shape["steps"]):
        before = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            loss = forward(tokens, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds = time.perf_counter() - before
        print(json.dumps({"seconds": seconds, "peak_rss_mb": peak_mb(), "loss": loss.item()}), flush=True)


main()
