import { readFile } from "node:fs/promises";
import { type DialogueRecord, readRecord } from "../../data/pack/dialogues/index.ts";
import type { JsonValue } from "../../text/document.ts";
import { NuwaError } from "../../text/errors.ts";
import { isErrno } from "../../io/errno.ts";

export interface Dialogue extends DialogueRecord {
  /** `file:line`, for errors. */
  readonly where: string;
}

export interface DialogueFile {
  readonly dialogues: readonly Dialogue[];
  /** Records that were skipped: where, and why. */
  readonly problems: readonly { readonly where: string; readonly message: string }[];
}

/**
 * Reads dialogues from JSON lines, or from one JSON array, in any of the usual shapes (see {@link readRecord}). A record that cannot be used is named and skipped.
 *
 * @throws NuwaError FILE when the file is missing or no record can be used
 */
export async function readDialogues(path: string): Promise<DialogueFile> {
  const content = await readFile(path, "utf8").catch((error: unknown) => {
    if (isErrno(error, "ENOENT", "EACCES", "EISDIR")) {
      throw new NuwaError("FILE", `cannot read dialogues: ${error instanceof Error ? error.message : ""}`, {
        where: path,
        hint: "expected a .jsonl file with one dialogue a line",
      });
    }
    throw error;
  });
  const dialogues: Dialogue[] = [];
  const problems: { where: string; message: string }[] = [];
  for (const { where, json } of records(content, path)) {
    const outcome = json();
    if (typeof outcome === "string") problems.push({ where, message: outcome });
    else dialogues.push({ where, ...outcome });
  }
  if (dialogues.length === 0) {
    const [first] = problems;
    throw new NuwaError("FILE", first === undefined ? "the file has no dialogues" : first.message, {
      where: first?.where ?? path,
      hint: 'expected lines such as {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}',
    });
  }
  return { dialogues, problems };
}

type Outcome = Omit<Dialogue, "where"> | string;

function* records(content: string, path: string): Generator<{ where: string; json: () => Outcome }> {
  if (content.trimStart().startsWith("[")) {
    let all: JsonValue;
    try {
      all = JSON.parse(content);
    } catch (error) {
      yield { where: path, json: () => `not valid JSON: ${error instanceof Error ? error.message : ""}` };
      return;
    }
    const list = Array.isArray(all) ? all : [];
    for (const [index, value] of list.entries()) yield { where: `${path}#${index + 1}`, json: () => check(value) };
    return;
  }
  for (const [index, line] of content.split("\n").entries()) {
    if (line.trim() === "") continue;
    yield { where: `${path}:${index + 1}`, json: () => parse(line) };
  }
}

function parse(line: string): Outcome {
  let value: JsonValue;
  try {
    value = JSON.parse(line);
  } catch {
    return "not a whole line of JSON";
  }
  return check(value);
}

function check(value: JsonValue): Outcome {
  const read = readRecord(value);
  return "fault" in read ? read.fault : read;
}
