// Preloaded into a process under test (`--import`), kills it with SIGKILL right before its n-th change on the disk, in
// whatever thread that falls: NUWA_KILL_AFTER=n, counted once the file NUWA_KILL_SIGN is there, if that is set. A number
// of operations, not of milliseconds, so that a fast machine and a busy one are killed at the same instants.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";

const after = Number(process.env.NUWA_KILL_AFTER);
const sign = process.env.NUWA_KILL_SIGN;
const { existsSync } = fs;

/** One count for all threads: environment data goes to each new one. */
const key = "nuwa-kill-after";
const shared = getEnvironmentData(key) ?? new SharedArrayBuffer(4);
setEnvironmentData(key, shared);
const count = new Int32Array(shared);

function step() {
  if (sign !== undefined && Atomics.load(count, 0) === 0 && !existsSync(sign)) return;
  if (Atomics.add(count, 0, 1) + 1 >= after) process.kill(process.pid, "SIGKILL");
}

function watch(object, names) {
  for (const name of names) {
    const original = object[name];
    object[name] = function (...values) {
      step();
      return original.apply(this, values);
    };
  }
}

const names = [
  "open",
  "write",
  "writev",
  "writeFile",
  "appendFile",
  "rename",
  "rm",
  "unlink",
  "rmdir",
  "mkdir",
  "mkdtemp",
];
const more = ["symlink", "link", "copyFile", "truncate", "ftruncate", "fsync"];
watch(
  fs,
  [...names, ...more].map((name) => `${name}Sync`),
);
watch(fs, [...names, ...more]);
watch(
  fs.promises,
  [...names, ...more].filter((name) => typeof fs.promises[name] === "function"),
);
const handle = await fs.promises.open(process.execPath);
watch(Object.getPrototypeOf(handle), ["write", "writev", "writeFile", "appendFile", "truncate", "sync"]);
await handle.close();
Atomics.store(count, 0, 0);
syncBuiltinESMExports();
