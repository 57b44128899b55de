/** Libraries that start several promises for a file and wait for the first that fails. */
const LIBRARIES = /[\\/]node_modules[\\/](unpdf|hyparquet|hyparquet-compressors)[\\/]/;
let listening = false;

/**
 * A damaged file lets promises inside these libraries fail that nobody waits for, which would end the process although
 * the file's own error is caught and named. From the first call on such rejections are let go; all others end the
 * process as before, unless the program has a listener of its own.
 */
export function letGoOfStrayRejections(): void {
  if (listening) return;
  listening = true;
  process.on("unhandledRejection", onRejection);
}

function onRejection(reason: unknown): void {
  if (reason instanceof Error && LIBRARIES.test(reason.stack ?? "")) return;
  if (process.listenerCount("unhandledRejection") === 1) throw reason;
}
