# Peer of bench/filter.ts: datatrove's Gopher, C4 and FineWeb filters on the same English texts, MB/s of CPU time.
# Language identification is left out (its model is a download). `python bench/filter_peer.py [folder]`
import sys, time, glob
from datatrove.data import Document
from datatrove.pipeline.filters import (C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter)

folder = sys.argv[1] if len(sys.argv) > 1 else "../shared/data/novels-en"
docs, size = [], 0
for path in sorted(glob.glob(folder + "/*.txt"))[:2]:
    part, n = [], 0
    for line in open(path, encoding="utf8").read().split("\n"):
        part.append(line); n += len(line.encode()) + 1
        if n >= 3500:
            docs.append("\n".join(part)); size += n; part, n = [], 0
docs = docs[:400]; size = sum(len(d.encode()) for d in docs)
makers = {"Gopher repetition": GopherRepetitionFilter, "Gopher quality": GopherQualityFilter,
          "C4": lambda: C4QualityFilter(filter_no_terminal_punct=False), "FineWeb": FineWebQualityFilter}
total = 0.0
for name, make in makers.items():
    try:
        f = make(); f.filter(Document(text=docs[0], id="0"))
        start = time.process_time()
        for i, d in enumerate(docs): f.filter(Document(text=d, id=str(i)))
        used = time.process_time() - start; total += used
        print(f"{name}: {size / 1e6 / used:.2f} MB/s")
    except Exception as error:
        print(f"{name}: cannot run here ({type(error).__name__}: {str(error)[:80]})")
if total: print(f"those that ran, together: {size / 1e6 / total:.2f} MB/s")
