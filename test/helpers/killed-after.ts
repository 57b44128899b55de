/**
 * The environment of a process that is killed with SIGKILL right before its n-th change on the disk; counted from when
 * the file `sign` is there, if one is named.
 */
export function killedAfter(operations: number, sign?: string): Record<string, string> {
  const hook = new URL("kill-after.mjs", import.meta.url).href;
  return {
    NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --import=${hook}`,
    NUWA_KILL_AFTER: String(operations),
    ...(sign === undefined ? {} : { NUWA_KILL_SIGN: sign }),
  };
}
