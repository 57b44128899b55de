import { existsSync, readFileSync, rmSync, truncateSync } from "node:fs";
import * as path from "node:path";
import { writeWhole } from "../../../io/whole-file.ts";
import { NuwaError } from "../../../text/errors.ts";
import type { CommonCrawlSettings } from "./settings.ts";

/** Two slices in one folder would be one archive that nobody can explain. @throws NuwaError USAGE */
export function requireSame(folder: string, settings: CommonCrawlSettings): void {
  const file = path.join(folder, "slice.json");
  const { delay_ms: _delay, tries: _tries, index: _index, data: _data, ...what } = settings;
  const own = `${JSON.stringify(what, null, 2)}\n`;
  if (!existsSync(file)) writeWhole(file, own);
  else if (readFileSync(file, "utf8") !== own) {
    throw new NuwaError("USAGE", "holds another slice", { where: folder, hint: "take this one into another folder" });
  }
}

/** The figures of a log's last whole line, zeros where there is none; a line that was cut short is dropped. */
export function readLog(log: string, figures: 3): [number, number, number];
export function readLog(log: string, figures: 4): [number, number, number, number];
export function readLog(log: string, figures: number): number[] {
  const none = Array.from({ length: figures }, () => 0);
  if (!existsSync(log)) return none;
  const text = readFileSync(log, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole === "") return none;
  if (whole.length !== text.length) truncateSync(log, Buffer.byteLength(whole));
  const found = (whole.trim().split("\n").at(-1) ?? "").split(" ").map(Number);
  if (found.length === figures && found.every((figure) => Number.isSafeInteger(figure) && figure >= 0)) return found;
  rmSync(log);
  return none;
}
