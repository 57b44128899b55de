import type { z } from "zod";
import { NuwaError } from "../../text/index.ts";

/** Checks a config.json. @throws NuwaError CHECKPOINT naming the key, what was expected and what came */
export function parseJsonConfig<T extends z.ZodType>(schema: T, json: unknown, where: string): z.output<T> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = issue?.path.join(".") ?? "";
  throw new NuwaError("CHECKPOINT", `${key}: ${issue?.message ?? "not a model's config"}`, {
    where,
    cause: parsed.error,
  });
}
