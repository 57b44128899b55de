import type { BenchTrainResult } from "./train.ts";

const none = "-";
const whole = (value: number): string => Math.round(value).toLocaleString("en-US");

/** One line a shape, ours beside the peer's best, then the peer's variants. */
export function resultTable(results: readonly BenchTrainResult[]): readonly (readonly string[])[] {
  const ours = ["shape", "tokens/s", "GFLOP/s", "of peak", "memory MB"];
  const header = [...ours, "peer tokens/s", "peer's best", "peer MB", "ratio", "memory ratio"];
  const rows = results.map((result) => {
    const { peer } = result;
    return [
      result.shape,
      whole(result.tokens_per_s),
      whole(result.gflops),
      result.peak_share === null ? none : `${(100 * result.peak_share).toFixed(0)} %`,
      whole(result.peak_rss_mb),
      peer === null ? none : whole(peer.tokens_per_s),
      peer?.best ?? none,
      peer === null ? none : whole(peer.peak_rss_mb),
      result.ratio === null ? none : `${result.ratio.toFixed(2)} x`,
      result.memory_ratio === null ? none : `${result.memory_ratio.toFixed(2)} x`,
    ];
  });
  return [header, ...rows];
}

export function variantTable(results: readonly BenchTrainResult[]): readonly (readonly string[])[] {
  const rows = results.flatMap(({ shape, peer }) =>
    (peer?.variants ?? []).map(({ variant, tokens_per_s: rate, peak_rss_mb: memory, note }) => [
      `${shape} ${peer?.name ?? ""} ${variant}`,
      rate === null ? (note ?? none) : `${whole(rate)} tokens/s`,
      rate === null ? "" : `${whole(memory)} MB`,
    ]),
  );
  return rows;
}
