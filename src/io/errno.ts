import { NuwaError } from "../text/errors.ts";

/** What an error of the operating system means to a user, by its errno: the message, and a hint where one helps. */
const reasons: Readonly<Record<string, readonly [message: string, hint?: string]>> = {
  ENOSPC: ["the disk is full", "free some space and run again; nothing finished is lost"],
  EDQUOT: ["the disk quota is used up", "free some space and run again; nothing finished is lost"],
  EFBIG: ["the file is larger than this system allows", "raise the limit (`ulimit -f`), or write to another disk"],
  ENOENT: ["there is no such file or folder"],
  EEXIST: ["there is something of that name already"],
  ENOTEMPTY: ["the folder is not empty"],
  EACCES: ["not allowed to read or write it", "check the permissions of the file and of its folder"],
  EPERM: ["not permitted"],
  EROFS: ["the disk is read-only"],
  EISDIR: ["expected a file, got a folder"],
  ENOTDIR: ["expected a folder, got a file"],
  ENAMETOOLONG: ["the name is too long"],
  ELOOP: ["a symbolic link leads back to itself"],
  EIO: ["the disk failed to read or write", "check the disk; the system's log says more"],
  ESTALE: ["the network file system lost the file", "run again"],
  EMFILE: ["too many open files", "raise the limit (`ulimit -n`)"],
  ENFILE: ["too many open files in the whole system"],
  EADDRINUSE: ["the port is in use", "choose another with --port"],
};

/** Whether an error of the operating system is one of `codes`. */
export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  const code = errnoOf(error);
  return code !== undefined && codes.includes(code);
}

/** An error's errno, such as `ENOENT`; undefined for an error that did not come from the operating system. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return "syscall" in error || Object.hasOwn(reasons, error.code) ? error.code : undefined;
}

/**
 * An error of the operating system as a user is told it; anything else (a {@link NuwaError}, a fault of ours) is
 * returned as it is.
 *
 * @param path the file or folder; where it is left out, the one that the error names
 * @example catch (error) { throw fileError(error, path); }
 */
export function fileError(error: unknown, path?: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || !(error instanceof Error)) return error;
  const [message, hint] = reasons[errno] ?? [error.message];
  const named = "path" in error && typeof error.path === "string" ? error.path : undefined;
  return new NuwaError("FILE", message, { where: path ?? named, hint, cause: error });
}
