"""torch.nn.LSTM, GRU or RNN, forward and backward, on the beat of bench/recurrent.ts.

Reads one line of JSON with the sizes, then one empty line a round; answers each round with its milliseconds a step, of wall and of processor time.
"""

import json
import sys
import time

import torch

job = json.loads(sys.stdin.readline())
torch.set_num_threads(job["threads"])
torch.manual_seed(0)
kinds = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn_tanh": torch.nn.RNN}
module = kinds[job["kind"]](job["I"], job["H"], batch_first=True)
x = torch.randn(job["B"], job["T"], job["I"], requires_grad=True)
dout = torch.randn(job["B"], job["T"], job["H"])


def step():
    module.zero_grad(set_to_none=True)
    x.grad = None
    output, _ = module(x)
    output.backward(dout)


step()
step()
print(json.dumps({"torch": torch.__version__}), flush=True)
for _ in sys.stdin:
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(job["steps"]):
        step()
    spent = [time.perf_counter() - start, time.process_time() - cpu]
    print(json.dumps([seconds * 1000 / job["steps"] for seconds in spent]), flush=True)
