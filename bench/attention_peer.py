"""PyTorch's attention for bench/attention.ts: reads lines "B T H D causal", answers with milliseconds of a forward and
a backward. Argument: threads."""

import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]))
inputs = {}
for line in sys.stdin:
    B, T, H, D, causal = map(int, line.split())
    if (B, T, H, D) not in inputs:
        # Laid out (B, T, H, D) as a linear layer leaves it, seen as (B, H, T, D).
        inputs[B, T, H, D] = [torch.rand(B, T, H, D).sub(0.5).requires_grad_() for _ in range(3)]
    leaves = inputs[B, T, H, D]
    q, k, v = (x.transpose(1, 2) for x in leaves)
    start = time.perf_counter()
    y = F.scaled_dot_product_attention(q, k, v, is_causal=causal == 1)
    middle = time.perf_counter()
    grads = torch.autograd.grad(y, leaves, torch.ones_like(y))
    end = time.perf_counter()
    print((middle - start) * 1000, (end - middle) * 1000, flush=True)
