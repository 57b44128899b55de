import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import * as z from "zod";
import { NuwaError } from "../text/index.ts";
import { isErrno, writeError } from "./durable.ts";

const holder = z.object({ pid: z.int().positive(), host: z.string(), started: z.string() });

/**
 * Takes a lock file, so that two runs never write one directory. A lock whose process is gone (killed, or the machine
 * was switched off) is taken over; on another host that cannot be known, and the lock stands.
 *
 * @returns the function that gives it back
 * @throws NuwaError FILE when another process holds it
 */
export function takeLock(file: string): () => void {
  for (let attempt = 0; ; attempt++) {
    try {
      const handle = openSync(file, "wx");
      writeSync(handle, JSON.stringify({ pid: process.pid, host: hostname(), started: new Date().toISOString() }));
      closeSync(handle);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw writeError(error, file);
    }
    const held = readHolder(file);
    if (attempt < 3 && isStale(held)) {
      rmSync(file, { force: true });
      continue;
    }
    const who = held === undefined ? "another process" : `process ${held.pid} on ${held.host} since ${held.started}`;
    throw new NuwaError("FILE", `this run is being written by ${who}`, {
      where: file,
      hint: "wait for it, give the recipe another name, or delete the file if that process is gone",
    });
  }
}

function readHolder(file: string): z.infer<typeof holder> | undefined {
  try {
    return holder.safeParse(JSON.parse(readFileSync(file, "utf8"))).data;
  } catch {
    return undefined;
  }
}

/** A lock without a readable holder was cut short while being written: its process is gone too. */
function isStale(held: z.infer<typeof holder> | undefined): boolean {
  if (held === undefined) return true;
  if (held.host !== hostname()) return false;
  if (held.pid === process.pid) return false;
  try {
    process.kill(held.pid, 0);
    return false;
  } catch (error) {
    return isErrno(error, "ESRCH");
  }
}
