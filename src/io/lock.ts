import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import * as z from "zod";
import { NuwaError } from "../text/errors.ts";
import { errnoOf, fileError, isErrno } from "./errno.ts";
import { makeFolder } from "./folders.ts";
import { hashBytes } from "./hash.ts";
import { isGone, ownIdentity, processIdentity } from "./process-identity.ts";
import { temporaryPath } from "./temporary.ts";

const holderSchema = processIdentity.extend({ started: z.string() });
type Holder = z.infer<typeof holderSchema>;

/**
 * Takes a lock file, so that two processes, or two threads, never write one folder. The lock of a process that is gone
 * (killed, or the machine was switched off) is taken over; on another host that cannot be known, and the lock stands.
 *
 * The file appears by link(2) with its holder in it, so that it is never empty. Taking over is guarded by a second lock,
 * named after the very lock that is replaced: who holds it, and finds that lock still in place, is alone in replacing it.
 *
 * @param subject what is locked, as a message begins: "this run"
 * @returns the function that gives it back
 * @throws NuwaError FILE when another process holds it, or it cannot be written
 * @example const release = takeLock("runs/sample/.lock", "this run");
 */
export function takeLock(file: string, subject: string): () => void {
  makeFolder(dirname(file));
  const content = JSON.stringify({ ...ownIdentity(), started: new Date().toISOString(), id: randomUUID() });
  for (;;) {
    if (create(file, content)) return () => release(file, content);
    const held = readLock(file);
    if (held === undefined) continue; // given back meanwhile
    const holder = parseHolder(held);
    if (holder === undefined ? isBeingWritten(file, held) : !isGone(holder)) throw isHeld(file, subject, holder);
    const releaseGuard = takeLock(`${file}.${hashBytes(held).slice(0, 16)}`, subject);
    try {
      if (readLock(file) !== held) continue; // another process has replaced it
      replace(file, content);
      return () => release(file, content);
    } finally {
      releaseGuard();
    }
  }
}

/** Makes the lock, unless there is one. @returns whether it was made */
function create(file: string, content: string): boolean {
  const temporary = temporaryPath(file);
  try {
    writeFileSync(temporary, content, { flag: "wx", flush: true });
    try {
      linkSync(temporary, file);
    } catch (error) {
      // Over NFS the answer to a link that was made can be lost; the count of links is not.
      if (statSync(temporary).nlink === 2) return true;
      if (!isErrno(error, "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS")) throw error;
      writeFileSync(file, content, { flag: "wx" }); // a file system without links, as on memory sticks
    }
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw fileError(error, file);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function replace(file: string, content: string): void {
  const temporary = temporaryPath(file);
  try {
    writeFileSync(temporary, content, { flag: "wx", flush: true });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw fileError(error, file);
  }
}

function release(file: string, content: string): void {
  if (readLock(file) === content) rmSync(file, { force: true });
}

function readLock(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw fileError(error, file);
  }
}

/** Undefined for a lock that was cut short, by a process that died over it. */
function parseHolder(text: string): Holder | undefined {
  try {
    return holderSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Where links do not exist, a lock is empty for an instant while its holder writes itself into it. */
function isBeingWritten(file: string, text: string): boolean {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  return readLock(file) !== text;
}

function isHeld(file: string, subject: string, holder: Holder | undefined): NuwaError {
  const process =
    holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host} since ${holder.started}`;
  return new NuwaError("FILE", `${subject} is being written by ${process}`, {
    where: file,
    hint: "wait for it, write to another folder, or delete the file if that process is gone",
  });
}
