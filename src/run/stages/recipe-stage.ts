import type * as z from "zod";
import type { DocumentFigure } from "../../data/define-stage.ts";
import type { TrainingChoices } from "../../train/index.ts";
import type { Document } from "../../text/index.ts";
import type { RunDirectory } from "../manifest/run-directory.ts";
import type { Recipe } from "../settings/general.ts";
import type { Stage } from "./stage.ts";

/** What a stage is made from beside its own section. */
export interface StageLinks {
  readonly recipe: Recipe;
  readonly directory: RunDirectory;
  /** The recipe's file, for messages. */
  readonly where: string;
  /**
   * The name of the last stage before this one that writes documents: what a stage that reads documents reads.
   * @throws NuwaError VALUE when the recipe has none
   */
  documents(): string;
  /**
   * The name of the last stage before this one that leaves a language model: what is trained further, or measured.
   * @throws NuwaError VALUE when the recipe has none
   */
  model(): string;
  /**
   * A stage that this one cannot do without.
   * @returns its name
   * @throws NuwaError VALUE when the recipe leaves it out
   */
  require(stage: string): string;
}

/** Which part of a run a stage belongs to: `data` is `nuwa data NAME`, `training` is `nuwa NAME`. */
export type StageGroup = "data" | "tokenizer" | "training" | "results";

/** What {@link defineRecipeStage} takes. */
export interface StageDefinition<Settings> {
  /** Its section in a recipe, its record in the manifest. */
  readonly name: string;
  readonly group: StageGroup;
  /** What it does, in one sentence: for `--help` and for the recipe's comments. */
  readonly summary: string;
  /** The recipe section. */
  readonly schema: z.ZodType<Settings>;
  /** Whether it writes documents, which the next stage reads. Default: no. */
  readonly writesDocuments?: boolean;
  /** Whether it leaves a language model, which the next stage goes on with. Default: no. */
  readonly writesModel?: boolean;
  /** Of a stage that trains: its section of the report. */
  readonly report?: { readonly title: string; readonly lead: string } | undefined;
  /** General keys that its section takes over unless it has its own. */
  readonly inherits?: readonly string[];
  /** The stage after which a plugin's stage comes; without it, after the last one of its group. */
  readonly after?: string;
  /**
   * The link of the chain; undefined where these settings ask for nothing.
   * @throws NuwaError VALUE for settings that cannot work with the rest of the recipe
   */
  readonly create: (settings: Settings, links: StageLinks) => Stage | undefined;
  /** The same stage where plugins add families, optimizers and the like; without it, it does not depend on them. */
  readonly with?: (choices: TrainingChoices) => RecipeStage;
  /** Figures of a document that the stage's rules look at, for `nuwa data why`. */
  readonly figures?: ((settings: Settings, document: Document) => Promise<readonly DocumentFigure[]>) | undefined;
}

/** A stage that a recipe can ask for. All there are stand in one ordered list, `list.ts`. */
export interface RecipeStage extends StageDefinition<unknown> {
  readonly writesDocuments: boolean;
  readonly writesModel: boolean;
  readonly inherits: readonly string[];
}

/** Makes an entry of the list of stages; its functions check the section by the schema. */
export function defineRecipeStage<Settings>(
  definition: StageDefinition<Settings>,
): RecipeStage & { readonly schema: z.ZodType<Settings> } {
  const { schema, create, figures } = definition;
  return {
    writesDocuments: false,
    writesModel: false,
    inherits: [],
    ...definition,
    create: (settings, links) => create(schema.parse(settings), links),
    figures: figures && ((settings, document) => figures(schema.parse(settings), document)),
  };
}
