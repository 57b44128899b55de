import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { collect, collectSettings } from "../collect/index.ts";
import { crawl, type CrawlOptions } from "./crawl.ts";
import { crawlSettings } from "./settings.ts";
import { everyNameIsLocal, page, readWarcs, storedPaths, TestSite, type Handler } from "./test-site.ts";

let out: string;
let site: TestSite | undefined;
beforeEach(() => void (out = mkdtempSync(path.join(tmpdir(), "nuwa-crawl-"))));
afterEach(async () => {
  await site?.stop();
  site = undefined;
  rmSync(out, { recursive: true, force: true });
});

const quick = { allow_private: true, delay_s: 0, backoff_s: 0.02, sitemaps: false };

async function run(
  routes: Record<string, Handler | string>,
  settings: Record<string, unknown> = {},
  options: Partial<CrawlOptions> = {},
) {
  site ??= await TestSite.start(routes);
  const seeds = [site.url("/")];
  const parsed = crawlSettings.parse({ seeds, ...quick, ...settings });
  return crawl(parsed, { out, resolve: everyNameIsLocal, ...options });
}

const send =
  (status: number, headers: Record<string, string> = {}, body: string | Buffer = ""): Handler =>
  (_request, response) =>
    void response.writeHead(status, { "content-type": "text/html", ...headers }).end(body);

describe("what is fetched", () => {
  test("links, each once, within the host; nothing else", async () => {
    const summary = await run({
      "/": page(["/a", "a#part", "/b?utm_source=x", "http://other.test/", "mailto:a@b.c", "http://[bad", "/gone"]),
      "/a": page(["/", "/b", "/c"]),
      "/b": "<a href=/a rel='nofollow noopener'>a</a><a href=/hidden rel=nofollow>h</a>",
      "/c": "plain text",
    });
    expect(await storedPaths(out)).toEqual(["/", "/a", "/b", "/c"]);
    expect(site?.paths.toSorted()).toEqual(["/", "/a", "/b", "/c", "/gone"]);
    expect(summary).toMatchObject({
      pages: 4,
      pending: 0,
      byStatus: { 200: 4, 404: 1 },
      refused: { scope: 1, malformed: 1, nofollow: 2 },
    });
  });

  test("WARC 1.1 as warcio reads it: warcinfo, response and request, bodies byte for byte", async () => {
    const html = page([], "中文 text ".repeat(500));
    await run({ "/": send(200, { "content-encoding": "gzip", "transfer-encoding": "chunked" }, gzipSync(html)) });
    const records = await readWarcs(out);
    expect(records.map(({ type }) => type)).toEqual(["warcinfo", "response", "request"]);
    expect(records[1]?.payload.toString()).toBe(html);
    // base32(sha1) by an implementation that is not ours: Python's base64.b32encode(hashlib.sha1(b"").digest()).
    const { sha1 } = await import("./warc-writer.ts");
    expect(sha1(Buffer.alloc(0))).toBe("sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ");
  });

  test("what was crawled is read by collect", async () => {
    const gbk = Buffer.concat([
      Buffer.from("<meta charset=gbk><p>"),
      Buffer.from([0xd6, 0xd0, 0xce, 0xc4]),
      Buffer.from("</p><a href='/x'>"),
    ]);
    await run({ "/": send(200, { "content-type": "text/html; charset=gb2312" }, gbk), "/x": page([], "second") });
    const documents = [];
    const settings = collectSettings.parse({ sources: [{ files: "*.warc.gz" }] });
    for await (const document of collect(settings, { cwd: out, onProblem: () => undefined })) documents.push(document);
    expect(documents.map(({ text }) => text.includes("中文"))).toEqual([true, false]);
    expect(documents[1]?.meta["url"]).toBe(site?.url("/x"));
  });

  test("scope prefix and domain, include and exclude, depth", async () => {
    site = await TestSite.start({
      "/docs/": page(["/docs/a", "/blog/", "http://www.site.test:PORT/docs/w"]),
      "/docs/a": page(["/docs/a/deep"]),
      "/docs/a/deep": page(["/docs/a/deeper"]),
      "/docs/a/deeper": page([]),
    });
    const seeds = [site.url("/docs/")];
    await run({}, { seeds, scope: "prefix", max_depth: 2, exclude: ["*nothing*"] });
    expect(await storedPaths(out)).toEqual(["/docs/", "/docs/a", "/docs/a/deep"]);
    const second = path.join(out, "second");
    await run({}, { seeds, include: ["*/docs/?"], exclude: ["*/docs/a"] }, { out: second });
    expect(await storedPaths(second)).toEqual(["/docs/"]);
  });

  test("sitemaps: of robots.txt, an index, packed, and only what is in scope", async () => {
    site = await TestSite.start({
      "/robots.txt": (request, response) =>
        response.end(`Sitemap: http://${request.headers.host}/index.xml\nUser-agent: *\nDisallow: /no`),
      "/index.xml": (request, response) =>
        response.end(
          `<sitemapindex><sitemap><loc>http://${request.headers.host}/one.xml.gz</loc></sitemap></sitemapindex>`,
        ),
      "/one.xml.gz": (request, response) =>
        response.end(
          gzipSync(
            `<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc> http://${request.headers.host}/s?a=1&amp;b=2 </loc></url><url><loc>http://else.test/</loc></url><url><loc>http://${request.headers.host}/no</loc></url></urlset>`,
          ),
        ),
      "/": page([]),
      "/s": page([], "from the sitemap"),
    });
    const summary = await run({}, { sitemaps: true });
    expect(await storedPaths(out)).toEqual(["/", "/s?a=1&b=2"]);
    expect(summary.refused).toEqual({ scope: 1, robots: 1 });
  });

  test("noindex, nofollow, X-Robots-Tag, canonical", async () => {
    const summary = await run({
      "/": page(["/noindex", "/tagged", "/other-bot", "/copy?p=1", "/to-front"]),
      "/noindex": `<meta name="robots" content="NOINDEX, nofollow"><a href="/never">x</a>`,
      "/tagged": send(200, { "x-robots-tag": "noindex" }, page(["/from-tagged"])),
      "/other-bot": send(200, { "x-robots-tag": "otherbot: noindex, nofollow" }, page([])),
      "/copy": `<link rel=canonical href="/copy"><p>copy</p>`,
      "/to-front": `<link rel=canonical href="/"><p>front</p>`,
      "/from-tagged": page([], "found"),
    });
    expect(await storedPaths(out)).toEqual(["/", "/other-bot", "/to-front", "/from-tagged", "/copy"]);
    expect(summary.refused).toEqual({ noindex: 2, nofollow: 1, canonical: 1 });
  });
});

describe("traps", () => {
  test("redirects: loops end, chains are followed to the limit, robots and scope are asked at each hop", async () => {
    const summary = await run({
      "/robots.txt": "User-agent: *\nDisallow: /private",
      "/": page(["/loop", "/self", "/chain0", "/to-private", "/out", "/nowhere"]),
      "/loop": send(302, { location: "/loop2" }),
      "/loop2": send(302, { location: "/loop" }),
      "/self": send(301, { location: "/self" }),
      "/chain*": (request, response) => {
        const number = Number(/\d+/u.exec(request.url ?? "")?.[0]);
        response.writeHead(307, { location: `/chain${number + 1}` }).end();
      },
      "/to-private": send(302, { location: "/private/x" }),
      "/out": send(302, { location: "http://elsewhere.test/" }),
      "/nowhere": send(302),
    });
    expect(site?.paths.filter((url) => url.startsWith("/chain"))).toHaveLength(11);
    expect(site?.paths.filter((url) => /loop|self|private/u.test(url))).toEqual([
      "/loop",
      "/self",
      "/to-private",
      "/loop2",
    ]);
    expect(summary.refused).toMatchObject({ redirect_loop: 1, redirect_limit: 1, robots: 1, scope: 1 });
    expect(summary.failed).toEqual({ redirect_nowhere: 1 });
    expect(summary.pages).toBe(1);
  });

  test("an endless calendar and a path that grows end by themselves", async () => {
    const summary = await run(
      {
        "/": page(["/calendar/2024/1", "/more/"]),
        "/calendar/*": (request, response) => {
          const [, year = 0, month = 0] = /(\d+)\/(\d+)$/u.exec(request.url ?? "")?.map(Number) ?? [];
          const links = [`/calendar/${year}/${month + 1}`, `/calendar/${year + 1}/1`];
          response.writeHead(200, { "content-type": "text/html" }).end(page(links));
        },
        "/more/*": page(["more/"]),
      },
      { max_per_template: 12, max_depth: 1000 },
    );
    expect(site?.paths.filter((url) => url.startsWith("/calendar"))).toHaveLength(12);
    expect(site?.paths.filter((url) => url.startsWith("/more"))).toEqual(["/more/", "/more/more/"]);
    expect(summary.refused["trap_template"]).toBeGreaterThan(0);
    expect(summary.refused["trap_path"]).toBe(1);
  });

  test("huge pages, gzip bombs, what is no gzip, unwanted types, resets", async () => {
    const bomb = gzipSync(Buffer.alloc(20e6));
    let resets = 0;
    let sent = 0;
    const summary = await run(
      {
        "/": page(["/huge", "/declared", "/bomb", "/broken", "/picture", "/reset", "/flaky"]),
        "/huge": (_request, response) => {
          response.writeHead(200, { "content-type": "text/html" });
          const more = (): void => {
            while (!response.destroyed && sent < 100e6) {
              sent += 65_536;
              if (!response.write(Buffer.alloc(65_536, "x"))) return void response.once("drain", more);
            }
          };
          more();
        },
        "/declared": send(200, { "content-length": "5000000" }, "x"),
        "/bomb": send(200, { "content-encoding": "gzip" }, bomb),
        "/broken": send(200, { "content-encoding": "gzip" }, "no gzip at all"),
        "/picture": send(200, { "content-type": "image/png" }, "png"),
        "/reset": (request) => void request.socket.destroy(),
        "/flaky": (request, response) => {
          if (++resets < 3) request.socket.destroy();
          else response.writeHead(200, { "content-type": "text/html" }).end(page([], "at last"));
        },
      },
      { max_page_mb: 1, retries: 2 },
    );
    expect(await storedPaths(out)).toEqual(["/", "/flaky"]);
    expect(summary.refused).toEqual({ too_large: 3, content_type: 1 });
    expect(summary.failed).toEqual({ encoding: 1, network: 1 });
    expect(sent).toBeLessThan(20e6);
    expect(summary.pending).toBe(0);
  });

  test("answers that do not begin, and bodies that do not end, are given up and tried again", async () => {
    // A clock of the test's own: 5 ms for each turn of the event loop, in which both sides of a connection go on.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    let running = true;
    const tick = (): void => {
      if (!running) return;
      vi.advanceTimersByTime(5);
      setImmediate(tick);
    };
    setImmediate(tick);
    try {
      const summary = await run(
        {
          "/": page(["/slow", "/silent"]),
          "/slow": (_request, response) => {
            response.writeHead(200, { "content-type": "text/html" });
            const more = (): void => {
              if (response.destroyed) return;
              response.write("x");
              setImmediate(more);
            };
            more();
          },
          "/silent": () => undefined,
        },
        { total_timeout_s: 10, first_byte_timeout_s: 5, retries: 2 },
      );
      expect(summary.failed).toEqual({ timeout: 2 });
      expect(await storedPaths(out)).toEqual(["/"]);
      for (const path of ["/slow", "/silent"]) expect(site?.paths.filter((url) => url === path)).toHaveLength(3);
    } finally {
      running = false;
      vi.useRealTimers();
    }
  });

  test("private addresses: literals, names, redirects; nothing connects", async () => {
    site = await TestSite.start({ "/": page([]), "/x": page([]) });
    const { port } = site;
    const seeds = [
      `http://127.0.0.1:${port}/`,
      `http://[::ffff:7f00:1]:${port}/`,
      `http://2130706433:${port}/x`,
      site.url("/"),
    ];
    const summary = await run({}, { seeds, allow_private: false, scope: "any" });
    expect(site.seen).toEqual([]);
    expect(summary.refused).toEqual({ address: 4 });
    expect(summary.pages).toBe(0);
  });
});

describe("politeness, measured at the server", () => {
  test("robots.txt is asked for first, once for each host, and obeyed", async () => {
    const summary = await run({
      "/robots.txt": "User-agent: *\nDisallow: /\n\nUser-agent: Nuwa\nDisallow: /no\nAllow: /no/but\n",
      "/": page(["/no", "/no/but", "/no/x", "/yes"]),
      "/no/but": page([]),
      "/yes": page([], "yes"),
    });
    expect(site?.seen.map(({ url }) => url)).toEqual(["/robots.txt", "/", "/no/but", "/yes"]);
    expect(site?.seen[0]?.headers["user-agent"]).toMatch(/^Nuwa\//u);
    expect(summary.refused).toEqual({ robots: 2 });
  });

  test.each([
    [404, ["/"]],
    [403, ["/"]],
    [500, []],
    [429, []],
  ])("robots.txt that answers %i", async (status, fetched) => {
    const summary = await run({ "/robots.txt": send(status), "/": page([]) }, { retries: 1 });
    expect(site?.paths).toEqual(fetched);
    expect(summary.pending).toBe(1 - fetched.length);
    if (fetched.length === 0) expect(summary.refused).toEqual({ robots_unreachable: 1 });
  });

  test("the rest between requests of one host is kept, others are asked meanwhile", async () => {
    site = await TestSite.start({
      "/": page(["/a", "/b", "/c"]),
      "/a": page([], "a"),
      "/b": page([], "b"),
      "/c": page([], "c"),
    });
    const hosts = ["one.test", "two.test", "three.test"];
    const seeds = hosts.map((host) => site?.url("/", host));
    await run({}, { seeds, delay_s: 0.15 });
    for (const host of hosts) {
      const own = site.seen.filter((request) => request.host.startsWith(host));
      expect(own).toHaveLength(5);
      for (const [i, request] of own.slice(1).entries()) {
        expect(request.begin - (own[i]?.end ?? 0)).toBeGreaterThanOrEqual(150);
      }
    }
    // Each host is asked before any rest is over: one after another they would come five by five.
    expect(new Set(site.seen.slice(0, 3).map(({ host }) => host)).size).toBe(3);
  });

  test("Crawl-delay, and several at a time to one host", async () => {
    let active = 0;
    let most = 0;
    let came = 0;
    const links = Array.from({ length: 8 }, (_, i) => `/p/x${String.fromCharCode(97 + i)}`);
    const waiting: (() => void)[] = [];
    // Answers are held back until three requests wait or the last has come, and a little longer, for a fourth to show.
    const slow: Handler = (request, response) => {
      most = Math.max(most, ++active);
      waiting.push(() => {
        active--;
        response.writeHead(200, { "content-type": "text/html" }).end(page([], request.url ?? ""));
      });
      if (++came % 3 === 0 || came === links.length) {
        setTimeout(() => {
          for (const answer of waiting.splice(0)) answer();
        }, 60);
      }
    };
    await run({ "/": page(links), "/p/*": slow }, { concurrency_per_host: 3 });
    expect(most).toBe(3);
    await site?.stop();
    site = undefined;
    const second = path.join(out, "second");
    await run(
      { "/robots.txt": "User-agent: *\nCrawl-delay: 0.2", "/": page(["/a"]), "/a": page([]) },
      {},
      { out: second },
    );
    const [, first, next] = (site as TestSite | undefined)?.seen ?? [];
    expect((next?.begin ?? 0) - (first?.end ?? 0)).toBeGreaterThanOrEqual(200);
  });

  test("429 with Retry-After: the host rests that long, then the page is there", async () => {
    let asked = 0;
    await run({
      "/": page(["/busy", "/else"]),
      "/busy": (_request, response) => {
        if (++asked === 1) response.writeHead(429, { "retry-after": "1" }).end();
        else response.writeHead(200, { "content-type": "text/html" }).end(page([]));
      },
      "/else": page([], "else"),
    });
    const busy = site?.seen.filter(({ url }) => url === "/busy") ?? [];
    const other = site?.seen.find(({ url }) => url === "/else");
    expect((busy[1]?.begin ?? 0) - (busy[0]?.end ?? 0)).toBeGreaterThanOrEqual(1000);
    expect((other?.begin ?? 0) - (busy[0]?.end ?? 0)).toBeGreaterThanOrEqual(1000);
  });
});

describe("again", () => {
  test("stopped and called again, it goes on; the summary is of both", async () => {
    const links = Array.from({ length: 20 }, (_, i) => `/p${i}`);
    const routes = {
      "/": page(links),
      "/p*": (request: { url?: string | undefined }, response: { end(text: string): void }) =>
        response.end(page([], request.url)),
    };
    const stop = new AbortController();
    const first = await run(routes, {}, { signal: stop.signal, onProgress: ({ pages }) => pages >= 7 && stop.abort() });
    expect(first).toMatchObject({ interrupted: true, pages: 7, pending: 14 });
    const second = await run(routes);
    expect(second).toMatchObject({ interrupted: false, pages: 21, pending: 0 });
    expect((await storedPaths(out)).toSorted()).toEqual(["/", ...links].toSorted());
  });

  test("a second crawl asks only for what changed, and writes revisits", async () => {
    let version = 1;
    const routes: Record<string, Handler> = {
      "/": send(200, {}, page(["/tagged", "/dated", "/changing"])),
      "/tagged": (request, response) => {
        if (request.headers["if-none-match"] === '"t1"') response.writeHead(304).end();
        else response.writeHead(200, { "content-type": "text/html", etag: '"t1"' }).end(page([], "tagged"));
      },
      "/dated": (request, response) => {
        const date = "Sat, 01 Jun 2024 00:00:00 GMT";
        if (request.headers["if-modified-since"] === date) response.writeHead(304).end();
        else response.writeHead(200, { "content-type": "text/html", "last-modified": date }).end(page([], "dated"));
      },
      "/changing": (_request, response) =>
        void response.writeHead(200, { "content-type": "text/html" }).end(page([], `v${version}`)),
    };
    await run(routes);
    version = 2;
    const summary = await run(routes, {}, { recrawl: true });
    expect(summary).toMatchObject({ pages: 4, revisits: 3, byStatus: { 200: 2, 304: 2 } });
    const revisits = (await readWarcs(out)).filter(({ type }) => type === "revisit");
    expect(revisits.map(({ url }) => new URL(url).pathname)).toEqual(["/", "/tagged", "/dated"]);
    const profiles = revisits.map(({ headers }) => headers.get("warc-profile")?.split("/").at(-1));
    expect(profiles).toEqual(["identical-payload-digest", "server-not-modified", "server-not-modified"]);
    expect(revisits[1]?.headers.get("warc-refers-to-target-uri")).toBe(site?.url("/tagged"));
  });

  test("other settings than it was begun with, a folder in use, a seed that is none", async () => {
    await run({ "/": page([]) });
    await expect(run({}, { max_depth: 3 })).rejects.toThrow(/begun with max_depth = 20, not 3/u);
    await expect(run({}, { seeds: ["mailto:a@b.org"] })).rejects.toThrow(/http or https address/u);
  });

  test("files are cut by size, each opens with warcinfo", async () => {
    const links = Array.from({ length: 6 }, (_, i) => `/p${i}`);
    const noise = (): string => Array.from({ length: 2000 }, () => Math.random().toString(36)).join(" ");
    await run({ "/": page(links), "/p*": (_request, response) => void response.end(noise()) }, { warc_mb: 0.01 });
    const records = await readWarcs(out);
    const infos = records.filter(({ type }) => type === "warcinfo");
    expect(infos.length).toBeGreaterThan(3);
    expect(await storedPaths(out)).toHaveLength(7);
  });
});
