import { z } from "zod";
import { NuwaError } from "../text/index.ts";

/** Step (0 for the first update) to the factor on the learning rate, in [0, 1]. */
export type Schedule = (step: number) => number;

/** What every schedule's settings have: the learning rate rises over the first steps, whatever comes after. */
const common = z.looseObject({ name: z.string(), warmup_steps: z.int() });

/** How the learning rate changes over a run. */
export type ScheduleSettings = z.output<typeof common>;

const warmup_steps = z
  .int()
  .min(0)
  .default(0)
  .describe("Steps over which the learning rate rises from near 0 to its full value.");

/** What {@link defineSchedule} takes. */
export interface ScheduleOptions<Keys extends z.ZodRawShape> {
  /** As recipes spell it. */
  readonly name: string;
  /** One sentence for a person. */
  readonly summary: string;
  /** Its settings beside the name and `warmup_steps`, which all have. */
  readonly keys: Keys;
  /** The factor after the warm-up, for steps up to the last. */
  create(settings: z.output<z.ZodObject<Keys>>, run: { readonly warmup: number; readonly steps: number }): Schedule;
}

/** A schedule whose settings are still unchecked data: what a registry holds. */
export interface ScheduleDefinition {
  readonly name: string;
  readonly summary: string;
  readonly schema: z.ZodObject;
  /** @throws NuwaError VALUE where they are not settings of this schedule */
  create(settings: unknown, run: { readonly warmup: number; readonly steps: number }): Schedule;
}

/**
 * Defines a schedule. Put into the registry, or into a plugin's `schedules`, a recipe can name it.
 *
 * @example
 * export const inverseRoot = defineSchedule({
 *   name: "inverse_root",
 *   summary: "Falls with the root of the step.",
 *   keys: {},
 *   create: (_settings, { warmup }) => (step) => Math.sqrt((warmup + 1) / (step + 1)),
 * });
 */
export function defineSchedule<Keys extends z.ZodRawShape>(options: ScheduleOptions<Keys>): ScheduleDefinition {
  const { name, summary, keys, create } = options;
  const own = z.object(keys);
  return {
    name,
    summary,
    schema: z.strictObject({ name: z.literal(name).describe(summary), warmup_steps, ...keys }),
    create(settings, run) {
      const { success, data, error } = own.safeParse(settings);
      if (success) return create(data, run);
      const [issue] = error.issues;
      const where = ["schedule", ...(issue?.path ?? [])].join(".");
      throw new NuwaError("VALUE", issue?.message ?? `not settings of ${name}`, { where, cause: error });
    },
  };
}

/** Whether a plugin's value was made by {@link defineSchedule}. */
export function isScheduleDefinition(value: unknown): value is ScheduleDefinition {
  if (typeof value !== "object" || value === null) return false;
  const named = typeof Reflect.get(value, "name") === "string" && typeof Reflect.get(value, "summary") === "string";
  return (
    named && typeof Reflect.get(value, "create") === "function" && Reflect.get(value, "schema") instanceof z.ZodType
  );
}

/** The schema of a recipe's `schedule`, over those that there are. */
export function scheduleSchema(
  definitions: Iterable<ScheduleDefinition>,
): z.ZodType<ScheduleSettings, Readonly<Record<string, unknown>>> {
  const [first, ...others] = [...definitions].map(({ schema }) => schema);
  if (first === undefined) throw new NuwaError("VALUE", "there is no schedule");
  return z.discriminatedUnion("name", [first, ...others]).pipe(common);
}
