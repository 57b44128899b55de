import { Registry } from "../text/index.ts";
import { gpt } from "./families/gpt/family.ts";
import { gpt2 } from "./families/gpt2/family.ts";
import { llama } from "./families/llama/family.ts";
import type { Family } from "./family.ts";

/** The families of models that there are. A new one is one line here. */
export const families = new Registry<Family>("model family", [gpt2, llama, gpt]);

/** What a recipe's model is when it names no family. */
export const DEFAULT_FAMILY = gpt.name;
