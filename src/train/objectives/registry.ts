import { Registry } from "../../text/registry.ts";
import type { ObjectiveDefinition } from "./define.ts";
import { dialogue } from "./dialogue.ts";
import { nextToken } from "./next-token.ts";

/** What can be learned, in the order in which a recipe does it. */
export const objectives = new Registry<ObjectiveDefinition>("objective", [nextToken, dialogue]);
