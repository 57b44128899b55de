# Peer of bench/minhash.ts: datatrove's MinHash signatures of documents that come as JSON lines on stdin, 14 buckets of 8
# hashes over 5 words, MB/s of CPU time, the median of three runs. `python bench/minhash_peer.py < documents.jsonl`
import json, sys, time, tempfile
from datatrove.data import Document
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig

texts = [json.loads(line)["text"] for line in sys.stdin]
size = sum(len(text.encode()) for text in texts)
config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
signer = MinhashDedupSignature(output_folder=tempfile.mkdtemp(), config=config, language="eng")
speeds = []
for run in range(4):
    start = time.process_time()
    for text in texts:
        signer.get_signature(signer.get_shingles(text))
    if run > 0: speeds.append(size / 1e6 / (time.process_time() - start))
    elif time.process_time() - start > 30: speeds = [size / 1e6 / (time.process_time() - start)]; break
print(json.dumps({"megabytesPerSecond": sorted(speeds)[len(speeds) // 2]}))
