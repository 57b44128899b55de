import http from "node:http";
import type { AddressInfo } from "node:net";
import { readdirSync, readFileSync } from "node:fs";
import * as path from "node:path";
import { WARCParser } from "warcio";
import type { Resolve } from "./address.ts";

/** For tests: what a server saw of one request. */
export interface SeenRequest {
  readonly host: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  /** When it came, and when the answer was handed over to be sent: milliseconds, before the client can have it. */
  readonly begin: number;
  end: number;
}

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** For tests: a web server on the loopback address that answers for any host name, and notes who asked for what. */
export class TestSite {
  readonly seen: SeenRequest[] = [];
  readonly #server: http.Server;
  readonly #routes: Record<string, Handler | string>;

  private constructor(routes: Record<string, Handler | string>) {
    this.#routes = routes;
    this.#server = http.createServer((request, response) => this.#answer(request, response));
  }

  static async start(routes: Record<string, Handler | string>): Promise<TestSite> {
    const site = new TestSite(routes);
    await new Promise<void>((resolve) => site.#server.listen(0, "127.0.0.1", resolve));
    return site;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(pathname: string, host = "site.test"): string {
    return `http://${host}:${this.port}${pathname}`;
  }

  /** Paths asked for, robots.txt and sitemap.xml left out. */
  get paths(): string[] {
    return this.seen.map(({ url }) => url).filter((url) => url !== "/robots.txt" && url !== "/sitemap.xml");
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const seen = {
      host: request.headers.host ?? "",
      url: request.url ?? "",
      headers: request.headers,
      begin: performance.now(),
      end: Number.NaN,
    };
    this.seen.push(seen);
    const { end } = response;
    response.end = ((...values: Parameters<typeof end>) => {
      seen.end = performance.now();
      return end.apply(response, values);
    }) as typeof end;
    const pathname = (request.url ?? "").split("?")[0] ?? "";
    const handler =
      this.#routes[request.url ?? ""] ??
      this.#routes[pathname] ??
      Object.entries(this.#routes).find(
        ([route]) => route.endsWith("*") && pathname.startsWith(route.slice(0, -1)),
      )?.[1];
    if (handler === undefined) return void response.writeHead(404).end("nothing here");
    if (typeof handler !== "string") return handler(request, response);
    const type = /^\s*</u.test(handler) ? "text/html; charset=utf-8" : "text/plain";
    response.writeHead(200, { "content-type": type }).end(handler);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** For tests: every name is this machine. */
export const everyNameIsLocal: Resolve = (_host, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }]);

export const page = (links: readonly string[], body = ""): string =>
  `<!doctype html><html><head><title>x</title></head><body>${body}${links
    .map((link) => `<a href="${link}">${link}</a>`)
    .join("\n")}</body></html>`;

/** For tests: one record as warcio, a reader that we did not write, sees it. */
export interface ReadRecord {
  readonly type: string;
  readonly url: string;
  readonly status: number;
  readonly payload: Buffer;
  /** WARC headers, names in lower case. */
  readonly headers: Map<string, string>;
}

export async function readWarcs(folder: string): Promise<ReadRecord[]> {
  const records: ReadRecord[] = [];
  const names = readdirSync(folder).filter((name) => name.endsWith(".warc.gz"));
  for (const name of names.sort()) {
    const file = readFileSync(path.join(folder, name));
    for await (const record of WARCParser.iterRecords([file])) {
      const payload = Buffer.from(await record.readFully(true));
      records.push({
        type: record.warcType ?? "",
        url: record.warcTargetURI ?? "",
        status: Number(record.httpHeaders?.statusCode ?? 0),
        payload,
        headers: new Map(record.warcHeaders.headers.entries()),
      });
    }
  }
  return records;
}

/** The pages in a folder's WARC files, status 200, in order. */
export async function storedPaths(folder: string): Promise<string[]> {
  const records = await readWarcs(folder);
  const pages = records.filter(({ type, status }) => type === "response" && status === 200);
  return pages.map(({ url }) => new URL(url).pathname + new URL(url).search);
}
