import { z } from "zod";
import { NuwaError } from "../../text/errors.ts";
import { findFile, readJsonLines } from "./files.ts";
import type { LastWordTask } from "./task.ts";

/** LAMBADA (Paperno et al. 2016) in OpenAI's version: say the passage's last word greedily. */
export const lambada: LastWordTask = {
  kind: "last_word",
  name: "lambada_openai",
  async load(dataDir) {
    const file = findFile(dataDir, "lambada_openai", ["lambada/lambada_test.jsonl", "lambada_test.jsonl"]);
    const records = await readJsonLines(file, z.object({ text: z.string() }));
    const items = records.map(({ text }, i) => {
      const end = text.lastIndexOf(" ");
      if (end < 0) throw new NuwaError("DATA", "a passage of one word", { where: `${file}:${i + 1}` });
      return { context: text.slice(0, end), word: text.slice(end) };
    });
    return { items, files: [file] };
  },
};
