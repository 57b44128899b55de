import { type Plugin, withPlugins } from "../io/plugins.ts";
import { Registry } from "../text/index.ts";
import { gpt } from "./families/gpt/family.ts";
import { gpt2 } from "./families/gpt2/family.ts";
import { llama } from "./families/llama/family.ts";
import { type Family, isFamily } from "./family.ts";

/** The families of models that there are. A new one is one line here. */
export const families = new Registry<Family>("model family", [gpt2, llama, gpt]);

/** The families with those of plugins. @throws NuwaError VALUE for what is no family, or a name that is taken */
export function familiesWith(plugins: readonly Plugin[]): Registry<Family> {
  return withPlugins(families, "families", plugins, isFamily);
}

/** What a recipe's model is when it names no family. */
export const DEFAULT_FAMILY = gpt.name;
