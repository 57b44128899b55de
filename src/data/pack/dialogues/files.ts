import { join } from "node:path";

/** The files of a folder of dialogues: to learn from, only scored, and questions to be tested with. */
export function dialogueFiles(folder: string): {
  readonly train: string;
  readonly heldOut: string;
  readonly questions: string;
} {
  return {
    train: join(folder, "train.jsonl"),
    heldOut: join(folder, "held-out.jsonl"),
    questions: join(folder, "questions.jsonl"),
  };
}
