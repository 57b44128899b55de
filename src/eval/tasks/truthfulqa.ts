import { z } from "zod";
import { findFile, readJson, readText } from "./files.ts";
import type { ChoiceMetric, MultipleChoiceTask } from "./task.ts";

const targets = z.record(z.string(), z.union([z.literal(0), z.literal(1)]));
const questions = z.array(z.object({ question: z.string(), mc1_targets: targets, mc2_targets: targets }));

/**
 * TruthfulQA (Lin et al. 2022): 0-shot after six fixed pairs, which are read as data.
 * mc1 asks for the one best answer, mc2 for the share of probability on true answers.
 */
function truthfulqa(name: string, field: "mc1_targets" | "mc2_targets", metric: ChoiceMetric): MultipleChoiceTask {
  return {
    kind: "multiple_choice",
    name,
    fewShot: 0,
    metric,
    async load(dataDir) {
      const places = (file: string) => [`truthfulqa/v0/${file}`, `truthfulqa/${file}`, file];
      const file = findFile(dataDir, name, places("mc_task.json"));
      const primerFile = findFile(dataDir, name, places("qa-primer.txt"));
      const primer = (await readText(primerFile)).trimEnd();
      const items = (await readJson(file, questions)).map((record, i) => {
        const choices = Object.keys(record[field]);
        const labels = Object.values(record[field]).map((label) => label === 1);
        return {
          id: String(i),
          query: `${primer}\n\nQ: ${record.question}\nA:`,
          choices,
          gold: labels.indexOf(true),
          labels,
        };
      });
      return {
        items,
        fewShotPool: [],
        sampler: "first",
        poolIsTest: false,
        description: "",
        files: [file, primerFile],
      };
    },
  };
}

export const truthfulqaMc1 = truthfulqa("truthfulqa_mc1", "mc1_targets", "acc");
export const truthfulqaMc2 = truthfulqa("truthfulqa_mc2", "mc2_targets", "mc2");
