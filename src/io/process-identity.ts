import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import * as z from "zod";
import { isErrno } from "./errno.ts";

/** Which process, so that another one can say whether it still lives. */
export const processIdentity = z.object({
  pid: z.int().positive(),
  host: z.string(),
  /** The machine's start, the process's start (clock ticks since), the namespace of its pid: where /proc tells them. */
  boot: z.string().optional(),
  start: z.string().optional(),
  namespace: z.string().optional(),
});

export type ProcessIdentity = z.infer<typeof processIdentity>;

/** The identity of this process. */
export function ownIdentity(): ProcessIdentity {
  return {
    pid: process.pid,
    host: hostname(),
    boot: bootId(),
    start: startTime(process.pid),
    namespace: pidNamespace(),
  };
}

/**
 * Whether a process is known to be gone. A process of another host, or of a container whose pids are not visible from
 * here, never is. A pid that was given to another process since counts as gone, where /proc tells when that one began.
 */
export function isGone(other: ProcessIdentity): boolean {
  if (other.host !== hostname()) return false;
  const boot = bootId();
  if (other.boot !== undefined && boot !== undefined && other.boot !== boot) return true;
  const namespace = pidNamespace();
  if (other.namespace !== undefined && namespace !== undefined && other.namespace !== namespace) return false;
  if (!isAlive(other.pid)) return true;
  const start = startTime(other.pid);
  return other.start !== undefined && start !== undefined && other.start !== start;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !isErrno(error, "ESRCH");
  }
}

function bootId(): string | undefined {
  return readText("/proc/sys/kernel/random/boot_id")?.trim();
}

/** Field 22 of /proc/PID/stat (proc(5)); the second field, the program's name, may hold spaces and brackets. */
function startTime(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

function pidNamespace(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
