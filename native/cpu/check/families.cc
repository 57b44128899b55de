// Functions, axes, recurrences and experts: see src/tensor/families.ts.
#include "check.h"

namespace check {

namespace {

void functions(Run& run) {
  auto& [k, c, random, results] = run;
  for (const int64_t n : {1, 7, 33, 20011}) {
    const Floats x = random.floats(n), dout = random.floats(n), above = random.positive(n);
    for (int kind = 0; kind < 6; kind++) {
      Floats out = empty(n), dx = random.floats(n), from = kind == nuwa::kLog ? above : x;
      for (float& value : from) value += kind == nuwa::kLog ? 0.1f : 0.0f;
      k.unary(c, out.data(), from.data(), n, kind);
      run.keep("unary", out);
      k.unaryBackward(c, dx.data(), dout.data(), from.data(), n, kind, kind % 2 == 0);
      run.keep("unaryBackward", dx);
    }
  }
  for (const int64_t width : {1, 5, 16, 67}) {
    const int64_t rows = 201, n = rows * width;
    const Floats x = random.floats(n), dout = random.floats(n), drows = random.floats(rows);
    Floats out = empty(n), dx = random.floats(n), sums = empty(rows);
    for (const bool logarithm : {false, true}) {
      k.softmax(c, out.data(), x.data(), rows, width, logarithm);
      run.keep("softmax", out);
      k.softmaxBackward(c, dx.data(), dout.data(), out.data(), rows, width, logarithm, logarithm);
      run.keep("softmaxBackward", dx, 1e-3);
    }
    k.logSumExp(c, sums.data(), x.data(), rows, width);
    run.keep("logSumExp", sums);
    k.logSumExpBackward(c, dx.data(), drows.data(), x.data(), sums.data(), rows, width, true);
    run.keep("logSumExpBackward", dx, 1e-3);
  }
}

void axes(Run& run) {
  auto& [k, c, random, results] = run;
  const int64_t sizes[][3] = {{1, 1, 1}, {3, 5, 1}, {7, 2, 300}, {1, 9001, 1}, {20, 3, 17}, {1, 2, 9001}};
  for (const auto& [outer, size, inner] : sizes) {
    const int64_t n = outer * size * inner, picks = 3 * outer * inner;
    const Floats x = random.floats(n), small = random.floats(outer * inner), dout = random.floats(picks);
    Floats out = random.floats(n), reduced = empty(outer * inner), picked = empty(picks);
    k.copyBlocks(c, out.data(), x.data(), outer, inner, size * inner, size * inner, true);
    k.copyBlocks(c, out.data(), x.data(), outer, inner, size * inner, size * inner, false);
    run.keep("copyBlocks", out);
    k.swapAxes(c, out.data(), x.data(), 1, outer, size, inner, 1);
    run.keep("swapAxes", out);
    k.swapAxes(c, out.data(), x.data(), 1, outer, 1, size, inner);
    run.keep("swapAxes of blocks", out);
    const auto ids = random.ids(picks, static_cast<int32_t>(size));
    k.gather(c, picked.data(), x.data(), ids.data(), outer, size, 3, inner);
    run.keep("gather", picked);
    k.gatherBackward(c, out.data(), dout.data(), ids.data(), outer, size, 3, inner);
    run.keep("gatherBackward", out);
    k.sumAxis(c, reduced.data(), x.data(), outer, size, inner, 0.5f);
    run.keep("sumAxis", reduced);
    k.broadcastAxis(c, out.data(), small.data(), outer, size, inner, 2.0f, true);
    run.keep("broadcastAxis", out);
  }
}

void recurrences(Run& run) {
  auto& [k, c, random, results] = run;
  const int64_t sizes[][3] = {{1, 1, 1}, {5, 3, 7}, {35, 2, 33}, {2, 2, 270}};
  for (const auto& [B, T, H] : sizes) {
    for (int kind = 0; kind < 4; kind++) {
      const bool lstm = kind == nuwa::kLstm, gru = kind == nuwa::kGru;
      const int64_t N = (lstm ? 4 : gru ? 3 : 1) * H;
      Floats weight = random.floats(N * H);
      for (float& value : weight) value /= static_cast<float>(H);
      const Floats bias = random.floats(N), hidden = random.floats(B * H), cell = random.floats(B * H);
      const Floats dout = random.floats(B * T * H), dlast = random.floats(B * H);
      Floats gates = random.floats(B * T * N), out = empty(B * T * H), memory = empty(B * T * H);
      Floats hiddenGates = empty(B * T * N), dhidden = empty(B * H), dcell = empty(B * H);
      float* kept = lstm || gru ? memory.data() : nullptr;
      const float* start = lstm ? cell.data() : nullptr;
      k.recurrent(c, out.data(), gates.data(), kept, hidden.data(), start, weight.data(), bias.data(), B, T, H, kind);
      run.keep("recurrent", out, 1e-3);
      k.recurrentBackward(c, gates.data(), gru ? hiddenGates.data() : nullptr, dhidden.data(),
                          lstm ? dcell.data() : nullptr, dout.data(), lstm ? dlast.data() : nullptr, kept, out.data(),
                          hidden.data(), start, weight.data(), B, T, H, kind);
      run.keep("recurrentBackward gates", gates, 1e-3);
      run.keep("recurrentBackward dhidden", dhidden, 1e-3);
    }
  }
}

void experts(Run& run) {
  auto& [k, c, random, results] = run;
  const int64_t sizes[][4] = {{1, 1, 1, 1}, {50, 6, 2, 9}, {7, 20, 3, 33}};
  for (const auto& [rows, count, choices, width] : sizes) {
    const int64_t slots = rows * choices, outputs = 5;
    const Floats logits = random.floats(rows * count), x = random.floats(slots * width), weights = random.floats(slots);
    const Floats matrices = random.floats(count * width * outputs), dout = random.floats(rows * outputs);
    std::vector<int32_t> ids(static_cast<size_t>(slots)), tokens = ids, position = ids;
    std::vector<int32_t> offsets(static_cast<size_t>(count + 1));
    Floats shares = empty(count), out = empty(slots * outputs), dx = empty(slots * width), dmatrices = random.floats(count * width * outputs);
    Floats combined = empty(rows * outputs), dy = empty(slots * outputs), dweights = empty(slots);
    k.topK(c, ids.data(), logits.data(), rows, count, choices);
    run.keepAll("topK", ids, 0);
    for (const int64_t capacity : {rows, int64_t{2}}) {
      k.groupRows(c, tokens.data(), position.data(), offsets.data(), shares.data(), ids.data(), rows, choices, count,
                  capacity);
      run.keepAll("groupRows", position, 0);
      k.groupedGemm(c, out.data(), x.data(), matrices.data(), offsets.data(), count, width, outputs,
                    nuwa::kGroupedForward, false);
      k.groupedGemm(c, dx.data(), out.data(), matrices.data(), offsets.data(), count, width, outputs,
                    nuwa::kGroupedInput, false);
      k.groupedGemm(c, dmatrices.data(), out.data(), x.data(), offsets.data(), count, width, outputs,
                    nuwa::kGroupedWeight, true);
      run.keep("groupedGemm", out);
      run.keep("groupedGemm input", dx);
      run.keep("groupedGemm weight", dmatrices);
      k.combineRows(c, combined.data(), out.data(), weights.data(), position.data(), rows, choices, outputs, false);
      k.combineRows(c, combined.data(), out.data(), nullptr, position.data(), rows, choices, outputs, true);
      run.keep("combineRows", combined);
      k.combineRowsBackward(c, dy.data(), dweights.data(), dout.data(), out.data(), weights.data(), position.data(),
                            rows, choices, outputs);
      run.keep("combineRowsBackward", dy);
      run.keep("combineRowsBackward weights", dweights);
    }
  }
}

}  // namespace

void families(Run& run) {
  functions(run);
  axes(run);
  recurrences(run);
  experts(run);
}

}  // namespace check
