import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { removeTemporaries, temporaryPath } from "./temporary.ts";
import { replaceLink, writeFolder } from "./whole-folder.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "nuwa-folder-"));
});
afterEach(() => rm(folder, { recursive: true }));

const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });

describe("writeFolder", () => {
  it("makes a folder appear whole, and leaves nothing else", async () => {
    await writeFolder(join(folder, "a"), async (temporary) => {
      expect(await readdir(folder)).not.toContain("a");
      await writeFile(join(temporary, "file"), "content");
      await mkdir(join(temporary, "b"));
      await writeFile(join(temporary, "b", "file"), "");
    });
    expect(await readdir(folder)).toEqual(["a"]);
    expect(await readFile(join(folder, "a", "file"), "utf8")).toBe("content");
  });

  it("replaces a folder that is there", async () => {
    await mkdir(join(folder, "a"));
    await writeFile(join(folder, "a", "old"), "");
    await writeFolder(join(folder, "a"), (temporary) => writeFile(join(temporary, "new"), ""));
    expect(await readdir(join(folder, "a"))).toEqual(["new"]);
    expect(await readdir(folder)).toEqual(["a"]);
  });

  it("leaves what was there when the disk fills, and says so", async () => {
    await mkdir(join(folder, "a"));
    await writeFile(join(folder, "a", "old"), "");
    const failed = writeFolder(join(folder, "a"), async (temporary) => {
      await writeFile(join(temporary, "half"), "");
      throw full;
    });
    await expect(failed).rejects.toMatchObject({ code: "FILE", message: "the disk is full", where: join(folder, "a") });
    expect(await readdir(join(folder, "a"))).toEqual(["old"]);
    expect(await readdir(folder)).toEqual(["a"]);
  });

  it("passes on errors that are not the disk's", async () => {
    const failed = writeFolder(join(folder, "a"), () => Promise.reject(new TypeError("a fault of ours")));
    await expect(failed).rejects.toThrow(TypeError);
  });
});

describe("what a killed process left half written", () => {
  it("is told from all else by its name, and removed", async () => {
    const kept = [".hidden", "a.tmp", ".a.1.tmp", "a.1-2-3.tmp", "run-000001.tmp"];
    for (const name of kept) await writeFile(join(folder, name), "");
    await writeFile(temporaryPath(join(folder, "file")), "half");
    await mkdir(temporaryPath(join(folder, "step-000010")));
    await writeFile(join(temporaryPath(join(folder, ".lock"))), "");
    expect(await readdir(folder)).toHaveLength(kept.length + 3);
    removeTemporaries(folder);
    expect(await readdir(folder)).toEqual(kept.toSorted());
    removeTemporaries(join(folder, "none"));
  });
});

describe("replaceLink", () => {
  it("sets and moves a relative link", async () => {
    await replaceLink(join(folder, "latest"), "step-1");
    await replaceLink(join(folder, "latest"), "step-2");
    expect(await readlink(join(folder, "latest"))).toBe("step-2");
    expect(await readdir(folder)).toEqual(["latest"]);
  });

  it("does not replace a folder", async () => {
    await mkdir(join(folder, "latest"));
    await expect(replaceLink(join(folder, "latest"), "step-1")).rejects.toMatchObject({ code: "FILE" });
    expect(await readdir(folder)).toEqual(["latest"]);
  });
});
