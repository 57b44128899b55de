import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { diskWriter, pointTo, writeDirectory } from "./durable.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "nuwa-durable-"));
});
afterEach(() => rm(folder, { recursive: true }));

const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });

describe("writeDirectory", () => {
  it("makes a directory appear whole, and leaves nothing else", async () => {
    await writeDirectory(join(folder, "a"), async (temporary) => {
      expect(await readdir(folder)).toEqual([".tmp-a"]);
      await diskWriter.writeFile(join(temporary, "file"), "content");
    });
    expect(await readdir(folder)).toEqual(["a"]);
    expect(await readFile(join(folder, "a", "file"), "utf8")).toBe("content");
  });

  it("replaces a directory that is there", async () => {
    await mkdir(join(folder, "a"));
    await writeFile(join(folder, "a", "old"), "");
    await writeDirectory(join(folder, "a"), (temporary) => writeFile(join(temporary, "new"), ""));
    expect(await readdir(join(folder, "a"))).toEqual(["new"]);
    expect(await readdir(folder)).toEqual(["a"]);
  });

  it("leaves what was there when the disk fills, and says so", async () => {
    await mkdir(join(folder, "a"));
    await writeFile(join(folder, "a", "old"), "");
    const failed = writeDirectory(join(folder, "a"), async (temporary) => {
      await writeFile(join(temporary, "half"), "");
      throw full;
    });
    await expect(failed).rejects.toMatchObject({ code: "FILE", message: expect.stringMatching(/the disk is full/) });
    expect(await readdir(join(folder, "a"))).toEqual(["old"]);
    expect(await readdir(folder)).toEqual(["a"]);
  });

  it("clears what a killed run left half-written", async () => {
    await mkdir(join(folder, ".tmp-a"));
    await writeFile(join(folder, ".tmp-a", "half"), "");
    await writeDirectory(join(folder, "a"), (temporary) => writeFile(join(temporary, "new"), ""));
    expect(await readdir(join(folder, "a"))).toEqual(["new"]);
  });

  it("passes on errors that are not the disk's", async () => {
    const failed = writeDirectory(join(folder, "a"), () => Promise.reject(new TypeError("a fault of ours")));
    await expect(failed).rejects.toThrow(TypeError);
  });
});

describe("pointTo", () => {
  it("sets and moves a relative link", async () => {
    await pointTo(join(folder, "latest"), "step-1");
    await pointTo(join(folder, "latest"), "step-2");
    expect(await readlink(join(folder, "latest"))).toBe("step-2");
    expect(await readdir(folder)).toEqual(["latest"]);
  });
});
