import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { NuwaError } from "../text/errors.ts";

/**
 * Keeps a second process out of a folder. A lock whose process is gone counts for nothing.
 *
 * @returns how to let go of it
 * @throws NuwaError FILE when a living process holds it
 */
export function lockFolder(folder: string): () => void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message =
      code === "EEXIST" || code === "ENOTDIR" ? "expected a folder, got a file" : `cannot be made (${code})`;
    throw new NuwaError("FILE", message, { where: folder, cause });
  }
  const file = path.join(folder, "lock");
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST" || tries > 3) throw cause;
      const holder = Number(readFileSync(file, "utf8"));
      if (isAlive(holder)) {
        throw new NuwaError("FILE", `is in use by process ${holder}`, {
          where: folder,
          hint: "wait for it to end, or give another folder",
          cause,
        });
      }
      rmSync(file, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
