import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { page, readWarcs, storedPaths, TestSite } from "../data/acquire/crawl/test-site.ts";
import { killedAfter } from "../../test/helpers/killed-after.ts";
import { nuwa, startNuwa } from "./test-cli.ts";
import { seeded } from "./test-corpus.ts";

const PAGES = 240;
let folder: string;
let site: TestSite;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "nuwa-crawl-run-"));
  site = await TestSite.start({
    "/": page(Array.from({ length: 12 }, (_, k) => `/list/${k}`)),
    "/list/*": (request, response) => {
      const list = Number(/\d+/u.exec(request.url ?? "")?.[0]);
      const links = Array.from({ length: 20 }, (_, k) => `/page/${20 * list + k}`);
      response.writeHead(200, { "content-type": "text/html" }).end(page(links, `list ${list}`));
    },
    "/page/*": (request, response) =>
      void setTimeout(() => {
        const words = `${request.url} 河 and the stone in it. `.repeat(40);
        response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page(["/"], words));
      }, 4),
  });
});
afterAll(async () => {
  await site.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("nuwa data crawl", () => {
  test(
    "killed with SIGKILL at any instant, it goes on: no page lost, none twice, whole records",
    { timeout: 120_000 },
    async () => {
      const random = seeded(Number(process.env["NUWA_KILL_SEED"] ?? 7));
      const options = ["data", "crawl", `http://127.0.0.1:${site.port}/`, "--allow-private", "--delay", "0"];
      options.push("--set", "concurrency_per_host=4", "--set", "warc_mb=0.02", "--out", "crawl");
      let kills = 0;
      for (let round = 0; round < 12; round++) {
        const child = startNuwa(options, folder, killedAfter(5 + Math.floor(random() * 80)));
        const [code] = (await once(child, "exit")) as [number | null];
        if (code === null) kills++;
      }
      expect(kills).toBeGreaterThan(5);
      const last = await run([...options, "--json"]);
      expect(last.code).toBe(0);
      expect(JSON.parse(last.stdout)).toMatchObject({ pages: PAGES + 13, pending: 0, interrupted: false });
      const out = path.join(folder, "crawl");
      const stored = await storedPaths(out);
      expect(stored).toHaveLength(PAGES + 13);
      expect(new Set(stored).size).toBe(PAGES + 13);
      // Only what was in flight at a kill was asked for twice.
      expect(site.paths.length).toBeLessThanOrEqual(PAGES + 13 + 4 * kills);
      const records = await readWarcs(out);
      expect(records.filter(({ type }) => type === "request")).toHaveLength(PAGES + 13);
      expect(readdirSync(out).filter((name) => name.endsWith(".warc.gz")).length).toBeGreaterThan(2);
    },
  );

  test("its pages go through collect and extract", { timeout: 60_000 }, () => {
    const recipe = 'collect: {sources: [{files: "crawl/*.warc.gz"}]}\nextract:\n';
    writeFileSync(path.join(folder, "r.yaml"), recipe);
    const { code, stderr } = nuwa(["data", "extract", "r.yaml", "--dir", "run"], folder);
    expect(stderr).not.toContain("nuwa:");
    expect(code).toBe(0);
    const statistics = JSON.parse(
      readFileSync(path.join(folder, "run/data/extract/statistics.json"), "utf8"),
    ) as unknown;
    expect(statistics).toMatchObject({ statistics: { in: { documents: PAGES + 13 } } });
  });

  test("wrong input is named", () => {
    const said = (...options: string[]) => nuwa(["data", "crawl", "--out", "wrong", ...options], folder).stderr;
    expect(said()).toMatch(/expected an address to begin at/u);
    expect(said("ftp://a.example/")).toMatch(/http or https address/u);
    expect(said("http://a.example/", "--delay", "soon")).toMatch(/delay_s/u);
    expect(said("http://a.example/", "--scope", "planet")).toMatch(/host.*domain.*prefix.*any/u);
    expect(said("http://a.example/", "--set", "max_pagse=3")).toMatch(/max_pages/u);
  });
});

/** As `nuwa`, but lets this process answer as the web server meanwhile. */
async function run(options: readonly string[]): Promise<{ code: number | null; stdout: string }> {
  const child = startNuwa(options, folder);
  let stdout = "";
  child.stdout?.on("data", (piece: Buffer) => (stdout += piece.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout };
}
