import { lstatSync } from "node:fs";
import type { Stage } from "./stage.ts";

/** Which data stages' documents stay on the disk. */
export type KeepData = "all" | "last" | "none";

/**
 * Deletes documents that every stage which reads them has read. Those that no stage of the chain reads are what the
 * recipe is for, and stay.
 *
 * What is a link belongs to another run, as the data of a sweep's variant do, and is not this run's to delete.
 *
 * @param stages the whole chain
 * @param done the stages that are done, as this run has found or made them
 */
export function releaseDocuments(stages: readonly Stage[], done: readonly Stage[], keep: KeepData): void {
  if (keep === "all") return;
  const writers = stages.filter(({ shards }) => shards !== undefined && !isLink(shards.folder));
  for (const writer of keep === "last" ? writers.slice(0, -1) : writers) {
    const readers = stages.filter(({ after }) => after.includes(writer.name));
    const isRead = readers.length > 0 && readers.every((reader) => done.includes(reader));
    if (isRead && done.includes(writer)) writer.shards?.release();
  }
}

/** Whether a stage's folder is a symbolic link to that of another run. */
export function isLink(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
