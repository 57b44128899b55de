import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NuwaError } from "../text/errors.ts";
import { WholeFile, writeWhole, writeWholeAsync } from "./whole-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nuwa-whole-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const text = "女娲\n".repeat(1000);

/** Both forms are to do the same. */
const forms: readonly [string, (path: string, data: string | Uint8Array) => unknown][] = [
  ["writeWhole", writeWhole],
  ["writeWholeAsync", writeWholeAsync],
];

describe.each(forms)("%s", (_, write) => {
  test("writes text as UTF-8 and bytes as they are, makes folders, and leaves nothing else", async () => {
    await write(join(folder, "a/b/text"), text);
    await write(join(folder, "a/b/bytes"), Uint8Array.of(0, 255, 10));
    await write(join(folder, "a/b/empty"), "");
    expect(readFileSync(join(folder, "a/b/text"), "utf8")).toBe(text);
    expect([...readFileSync(join(folder, "a/b/bytes"))]).toEqual([0, 255, 10]);
    expect(readdirSync(join(folder, "a/b"))).toEqual(["bytes", "empty", "text"]);
    await write(join(folder, "a/b/text"), "new");
    expect(readFileSync(join(folder, "a/b/text"), "utf8")).toBe("new");
  });

  test("says what is in the way", async () => {
    writeFileSync(join(folder, "file"), "");
    const attempt = async (path: string): Promise<unknown> => {
      try {
        await write(path, "x");
      } catch (error) {
        return error instanceof NuwaError ? [error.code, error.message, error.where] : error;
      }
      return "written";
    };
    const below = join(folder, "file/below");
    expect(await attempt(below)).toEqual(["FILE", "expected a folder, got a file", join(folder, "file")]);
    expect(await attempt(folder)).toEqual(["FILE", "expected a file, got a folder", folder]);
    expect(await attempt(join(folder, "n".repeat(300)))).toEqual([
      "FILE",
      "the name is too long",
      join(folder, "n".repeat(300)),
    ]);
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

test("a file that is written piece by piece is there when it is whole", async () => {
  const path = join(folder, "pieces");
  await writeWholeAsync(path, async (append) => {
    await append(Buffer.from("one "));
    expect(readdirSync(folder)).not.toContain("pieces");
    await append(Buffer.from("two"));
  });
  expect(readFileSync(path, "utf8")).toBe("one two");
});

test("a writer that fails leaves what was there before", async () => {
  const path = join(folder, "kept");
  writeFileSync(path, "old");
  const failed = writeWholeAsync(path, async (append) => {
    await append(Buffer.from("half"));
    throw new TypeError("a fault of ours");
  });
  await expect(failed).rejects.toThrow(TypeError);
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(folder)).toEqual(["kept"]);
});

test("two who write one file at once each write a whole one", async () => {
  const path = join(folder, "both");
  const writers = ["a", "b", "c", "d"].map((letter) =>
    writeWholeAsync(path, async (append) => {
      for (let i = 0; i < 50; i++) await append(Buffer.from(letter.repeat(1000)));
    }),
  );
  await Promise.all(writers);
  expect(readFileSync(path, "utf8")).toMatch(/^(a{50000}|b{50000}|c{50000}|d{50000})$/);
  expect(readdirSync(folder)).toEqual(["both"]);
});

describe("WholeFile", () => {
  test("can be read back before it is there, and written on after", () => {
    const file = new WholeFile(join(folder, "log"));
    file.write("hello ");
    const bytes = new Uint8Array(10);
    expect(file.read(bytes, 2)).toBe(4);
    expect(Buffer.from(bytes.subarray(0, 4)).toString()).toBe("llo ");
    file.write("world");
    expect(readdirSync(folder)).not.toContain("log");
    file.publish();
    expect(readFileSync(join(folder, "log"), "utf8")).toBe("hello world");
    file.write("!");
    file.close();
    file.close();
    expect(readFileSync(join(folder, "log"), "utf8")).toBe("hello world!");
  });

  test("closed before it is published was never there", () => {
    const file = new WholeFile(join(folder, "gone"));
    file.write("x");
    file.close();
    expect(readdirSync(folder)).toEqual([]);
  });
});

/** A limit on the size of files is refused like a full disk, and any user may set one; the signal that comes with it is ignored. */
test("a disk that takes no more is said in one message, and leaves what was there before", () => {
  const path = join(folder, "large");
  writeFileSync(path, "old");
  const module = join(import.meta.dirname, "../../dist/src/io/whole-file.js");
  const program = `
    const { writeWhole, writeWholeAsync } = await import(${JSON.stringify(module)});
    for (const write of [writeWhole, writeWholeAsync]) {
      try { await write(${JSON.stringify(path)}, new Uint8Array(1 << 20)); } catch (error) { console.log(error.toLine()); }
    }`;
  const { stdout } = spawnSync(
    "sh",
    ["-c", 'trap "" XFSZ; ulimit -f 16; exec "$0" --input-type=module -e "$1"', process.execPath, program],
    { encoding: "utf8" },
  );
  const line = `${path}: the file is larger than this system allows (raise the limit (\`ulimit -f\`), or write to another disk)`;
  expect(stdout.trim().split("\n")).toEqual([line, line]);
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(folder)).toEqual(["large"]);
});
