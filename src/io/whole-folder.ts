/** Folders and links that are either whole or not there. */
import { mkdir, open, readdir, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileError, isErrno } from "./errno.ts";
import { flushFolder, makeFolder } from "./folders.ts";
import { temporaryPath } from "./temporary.ts";

/**
 * Fills a new folder beside `target` and renames it to `target`: at any instant `target` is whole, old, or absent.
 * One that is there already is replaced.
 *
 * @throws NuwaError FILE when the disk is full or the folder cannot be written; what was there before is untouched
 * @example await writeFolder("checkpoints/step-000500", async (folder) => saveModel(folder, model));
 */
export async function writeFolder(target: string, fill: (folder: string) => Promise<void>): Promise<void> {
  makeFolder(dirname(target));
  const temporary = temporaryPath(target);
  try {
    await mkdir(temporary);
    await fill(temporary);
    await flushFiles(temporary);
    const replaced = temporaryPath(target);
    await rename(target, replaced).catch((error: unknown) => {
      if (!isErrno(error, "ENOENT")) throw error;
    });
    await rename(temporary, target);
    flushFolder(dirname(target));
    await rm(replaced, { recursive: true, force: true });
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw fileError(error, target);
  }
}

async function flushFiles(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await flushFiles(path);
    else if (entry.isFile()) {
      const file = await open(path, "r");
      try {
        await file.sync();
      } finally {
        await file.close();
      }
    }
  }
  flushFolder(folder);
}

/**
 * Points the symbolic link `link` at `name`, a sibling, in one step.
 * @throws NuwaError FILE when it cannot be written
 */
export async function replaceLink(link: string, name: string): Promise<void> {
  const temporary = temporaryPath(link);
  try {
    await symlink(name, temporary);
    await rename(temporary, link);
    flushFolder(dirname(link));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileError(error, link);
  }
}
