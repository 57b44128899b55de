import { closeSync, openSync, readSync } from "node:fs";

/** The whole lines of a file, with the offset behind each; what follows the last newline is left out. */
export function* readLog(file: string): Generator<{ text: string; end: number }> {
  const descriptor = openSync(file, "r");
  try {
    const chunk = Buffer.alloc(1 << 20);
    const parts: Buffer[] = [];
    let end = 0;
    for (let read = readSync(descriptor, chunk); read > 0; read = readSync(descriptor, chunk)) {
      let from = 0;
      for (let at = chunk.indexOf(0x0a); at >= 0 && at < read; at = chunk.indexOf(0x0a, from)) {
        parts.push(Buffer.from(chunk.subarray(from, at)));
        const line = Buffer.concat(parts);
        parts.length = 0;
        end += line.length + 1;
        from = at + 1;
        yield { text: line.toString("utf8"), end };
      }
      parts.push(Buffer.from(chunk.subarray(from, read)));
    }
  } finally {
    closeSync(descriptor);
  }
}
