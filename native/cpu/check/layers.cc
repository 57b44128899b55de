// Normalisation, loss, embedding and what reduces rows or columns.
#include "check.h"

namespace check {

void layers(Run& run) {
  auto& [k, c, random, results] = run;
  for (const int64_t width : {1, 7, 16, 67}) {
    const int64_t rows = 401, n = rows * width;
    const Floats x = random.floats(n), dout = random.floats(n), weight = random.floats(width), bias = random.floats(width);
    Floats out = empty(n), dx = empty(n), mean = empty(rows), rstd = empty(rows);
    Floats dweight = empty(width), dbias = empty(width), columns = empty(width), total(2);
    k.layerNorm(c, out.data(), mean.data(), rstd.data(), x.data(), weight.data(), bias.data(), rows, width, 0.1f);
    run.keep("layerNorm", out);
    k.layerNormBackward(c, dx.data(), dweight.data(), dbias.data(), dout.data(), x.data(), weight.data(), mean.data(),
                        rstd.data(), rows, width, false, false);
    run.keep("layerNormBackward dx", dx);
    run.keep("layerNormBackward dweight", dweight);
    run.keep("layerNormBackward dbias", dbias);
    k.rmsNorm(c, out.data(), rstd.data(), x.data(), nullptr, rows, width, 0.1f);
    k.rmsNormBackward(c, dx.data(), dweight.data(), dout.data(), x.data(), weight.data(), rstd.data(), rows, width, true,
                      true);
    run.keep("rmsNorm", out);
    run.keep("rmsNormBackward", dx);
    k.columnSum(c, columns.data(), dout.data(), rows, width, false);
    run.keep("columnSum", columns);
    k.sum(c, total.data(), x.data(), n);
    k.sumOfSquares(c, total.data() + 1, x.data(), n);
    run.keep("sums", total);
    const auto ids = random.ids(rows, static_cast<int32_t>(width));
    for (const float smoothing : {0.0f, 0.1f}) {
      Floats logits = x, losses = empty(rows);
      k.crossEntropy(c, losses.data(), logits.data(), ids.data(), nullptr, rows, width, true, 0.5f, smoothing,
                     smoothing);
      run.keep("crossEntropy gradient", logits);
      run.keep("crossEntropy", losses);
    }
    const auto tokens = random.ids(rows, 11);
    Floats table = random.floats(11 * width);
    k.embedding(c, out.data(), table.data(), tokens.data(), rows, width, 11);
    run.keep("embedding", out);
    k.embeddingBackward(c, table.data(), out.data(), tokens.data(), rows, width, 11);
    run.keep("embeddingBackward", table);
    std::vector<int32_t> best(static_cast<size_t>(rows));
    k.argmax(c, best.data(), x.data(), rows, width);
    run.keepAll("argmax", best, 0);
  }
}

}  // namespace check
