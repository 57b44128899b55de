import { NuwaError } from "../../text/index.ts";

/** A tokenizer.json that is not as the format wants it. */
export function malformed(where: string, part: string, message: string): NuwaError {
  return new NuwaError("FILE", `malformed tokenizer.json: ${part}: ${message}`, { where });
}

/** A part that is lawful, but that is not built here. */
export function unsupported(where: string, part: string, message: string): NuwaError {
  return new NuwaError("FILE", `unsupported tokenizer.json: ${part}: ${message}`, { where });
}
