import { leaderboardTasks } from "../../eval/index.ts";

/** Scores that others published, to set ours beside. In percent. */
export interface PublishedScore {
  readonly model: string;
  readonly parameters: string;
  readonly arc_challenge: number;
  readonly hellaswag: number;
  readonly mmlu: number;
  readonly truthfulqa_mc2: number;
}

/**
 * The Open LLM Leaderboard v1 (25-, 10-, 5- and 0-shot): its tables of September 2023, and of chance, guessing evenly.
 * gpt2's line is that of the leaderboard's own archive.
 */
export const leaderboard: readonly PublishedScore[] = [
  { model: "chance", parameters: "0", arc_challenge: 25, hellaswag: 25, mmlu: 25, truthfulqa_mc2: 45 },
  { model: "gpt2", parameters: "124M", arc_challenge: 21.8, hellaswag: 31.6, mmlu: 25.9, truthfulqa_mc2: 40.7 },
  { model: "gpt2-xl", parameters: "1.5B", arc_challenge: 30.3, hellaswag: 51.4, mmlu: 26.4, truthfulqa_mc2: 38.5 },
  { model: "falcon-7b", parameters: "7B", arc_challenge: 47.9, hellaswag: 78.1, mmlu: 27.8, truthfulqa_mc2: 34.3 },
  { model: "Llama-2-7b", parameters: "7B", arc_challenge: 53.1, hellaswag: 78.6, mmlu: 46.9, truthfulqa_mc2: 38.8 },
];

/** The leaderboard's mean of the four. */
export function meanOf(score: PublishedScore): number {
  return leaderboardTasks.reduce((sum, { task }) => sum + score[task], 0) / leaderboardTasks.length;
}

/**
 * nanoGPT's README on tiny Shakespeare by character: 4 layers, 4 heads, 128 wide, context 64, batch 12, 2,000 steps on a
 * CPU. Nats per character on its last tenth.
 */
export const nanoGptShakespeare = { model: "nanoGPT, tiny Shakespeare by character, on a CPU", loss: 1.88 };

/** What bits per byte of English text are like. Each with its source. */
export const bitsPerByte: readonly { readonly what: string; readonly value: number }[] = [
  { what: "guessing every byte", value: 8 },
  { what: "letters by frequency (Shannon 1951)", value: 4.1 },
  { what: "people guessing (Shannon 1951)", value: 1.3 },
];
