import { closeSync, existsSync, fdatasyncSync, ftruncateSync, mkdirSync, openSync, writeSync } from "node:fs";
import * as path from "node:path";
import { NuwaError } from "../../../text/errors.ts";
import { readLog } from "./log.ts";
import { WarcWriter, type RefersTo, type WarcEnd } from "./warc-writer.ts";

/** An address to be fetched. */
export interface Entry {
  readonly url: string;
  /** Links away from a seed. */
  readonly depth: number;
  readonly kind: "page" | "sitemap";
  /** Redirects in a row that led here. */
  readonly hops: number;
  /** A seed, or where one redirects to: widens the scope. */
  readonly seed: boolean;
}

/** What became of an entry: one line of the log, written when its records are in the WARC file. */
export interface Visit {
  readonly url: string;
  readonly kind: Entry["kind"];
  /** `stored`: a response record; `revisit`: as before; `redirect`; `read`: a sitemap; else a rule refused it, or it failed. */
  readonly outcome: "stored" | "revisit" | "redirect" | "read" | "refused" | "failed";
  readonly rule?: string;
  /** What went wrong, for a person. */
  readonly message?: string;
  readonly status?: number;
  /** As received. */
  readonly bytes?: number;
  readonly etag?: string;
  readonly lastModified?: string;
  readonly digest?: string;
  readonly date?: string;
  /** New entries that it brought. */
  readonly links?: readonly Entry[];
  /** Links that a rule refused, by rule. */
  readonly refused?: Readonly<Record<string, number>>;
}

/** What a second crawl asks with, and what a revisit refers to. */
export interface Known extends RefersTo {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

type PackedEntry = [url: string, depth: number, kind?: 0 | 1, hops?: number, seed?: 0 | 1];
type PackedVisit = Omit<Visit, "links"> & { links?: PackedEntry[]; warc?: WarcEnd };
type Line =
  | { t: "open"; version: 1; key: string }
  | { t: "add"; entries: PackedEntry[] }
  | { t: "visit"; visit: PackedVisit }
  | { t: "recrawl" };

/**
 * What a crawl knows, kept in an append-only log of JSON lines. A line is a whole step (what a page was, where its WARC
 * records end, which new addresses it named), written in one go: whatever instant the process is killed at, the log
 * holds whole steps and perhaps the begin of one, which is cut off when it is opened again, as are WARC records that no
 * line names. So an address is fetched again only if it was in flight.
 *
 * Memory holds every address that was seen, some 300 bytes each.
 */
export class Frontier {
  /** All that were seen, in order; true when done. */
  readonly #entries = new Map<string, { entry: Entry; done: boolean }>();
  readonly #known = new Map<string, Known>();
  readonly #digests = new Map<string, RefersTo>();
  readonly #descriptor: number;
  readonly #onVisit: (visit: Visit) => void;
  warcEnd: WarcEnd | undefined;

  private constructor(descriptor: number, onVisit: (visit: Visit) => void) {
    this.#descriptor = descriptor;
    this.#onVisit = onVisit;
  }

  /**
   * Opens a crawl's folder, or begins one.
   *
   * @param key what may not differ from the settings that the crawl was begun with
   * @param onVisit told of every visit, those of the log included
   * @throws NuwaError VALUE when it was begun with other settings; FILE when the log is damaged
   */
  static open(folder: string, key: string, onVisit: (visit: Visit) => void, onRecrawl: () => void): Frontier {
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, "frontier.jsonl");
    const isNew = !existsSync(file) || readLog(file).next().done === true;
    if (isNew && WarcWriter.size(folder, 0) > 0) {
      throw new NuwaError("FILE", "holds WARC files of a crawl, but not its frontier.jsonl", {
        where: folder,
        hint: "give another folder",
      });
    }
    const descriptor = openSync(file, isNew ? "w" : "r+");
    const frontier = new Frontier(descriptor, onVisit);
    if (isNew) {
      frontier.#write({ t: "open", version: 1, key });
      return frontier;
    }
    let number = 0;
    let end = 0;
    let behind = false;
    for (const line of readLog(file)) {
      number++;
      if (behind) break;
      let value: Line;
      try {
        value = JSON.parse(line.text) as Line;
      } catch (cause) {
        throw new NuwaError("FILE", "damaged line in the log of a crawl", { where: `${file}:${number}`, cause });
      }
      if (number === 1) checkOpening(value, key, folder);
      const warc = value.t === "visit" ? value.visit.warc : undefined;
      // The machine went down before the WARC file reached the disk: all from here on is done again.
      behind = warc !== undefined && WarcWriter.size(folder, warc.file) < warc.end;
      if (behind) break;
      if (value.t === "recrawl") onRecrawl();
      frontier.#replay(value);
      end = line.end;
    }
    ftruncateSync(descriptor, end);
    frontier.#end = end;
    return frontier;
  }

  #end = 0;

  get size(): number {
    return this.#entries.size;
  }

  has(url: string): boolean {
    return this.#entries.has(url);
  }

  /** Entries that are not done, in the order they were found. */
  *pending(): Generator<Entry> {
    for (const { entry, done } of this.#entries.values()) if (!done) yield entry;
  }

  /** All entries, done ones too. */
  *all(): Generator<Entry> {
    for (const { entry } of this.#entries.values()) yield entry;
  }

  /** What an earlier crawl into this folder found there. */
  known(url: string): Known | undefined {
    return this.#known.get(url);
  }

  /** The first page with this payload. */
  sameAs(digest: string): RefersTo | undefined {
    return this.#digests.get(digest);
  }

  /** Adds entries that were not seen yet; tells which. */
  add(entries: readonly Entry[]): Entry[] {
    const added = entries.filter(({ url }) => !this.#entries.has(url));
    if (added.length > 0) this.#commit({ t: "add", entries: added.map(packEntry) });
    return added;
  }

  /** Everything once more: all addresses are pending again, asked with what is known of them. */
  recrawl(): void {
    this.#commit({ t: "recrawl" });
  }

  /** Notes what became of an entry. `links` must be new, and `warc` the end of the records that were just written. */
  done(visit: Visit, warc?: WarcEnd): void {
    const { links, ...rest } = visit;
    const packed = links === undefined || links.length === 0 ? {} : { links: links.map(packEntry) };
    this.#commit({ t: "visit", visit: { ...rest, ...packed, ...(warc === undefined ? {} : { warc }) } });
  }

  close(): void {
    fdatasyncSync(this.#descriptor);
    closeSync(this.#descriptor);
  }

  #commit(line: Line): void {
    this.#write(line);
    this.#replay(line);
  }

  #write(line: Line): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    for (let at = 0; at < bytes.length; ) {
      const written = writeSync(this.#descriptor, bytes, at, bytes.length - at, this.#end);
      at += written;
      this.#end += written;
    }
  }

  #replay(line: Line): void {
    if (line.t === "add") for (const entry of line.entries) this.#insert(unpackEntry(entry));
    if (line.t === "recrawl") {
      for (const state of this.#entries.values()) state.done = false;
      this.#digests.clear();
    }
    if (line.t !== "visit") return;
    const { links, warc, ...rest } = line.visit;
    const visit: Visit = { ...rest, ...(links === undefined ? {} : { links: links.map(unpackEntry) }) };
    const state = this.#entries.get(visit.url);
    if (state !== undefined) state.done = true;
    for (const entry of visit.links ?? []) this.#insert(entry);
    if (warc !== undefined) this.warcEnd = warc;
    const { url, digest, date, etag, lastModified } = visit;
    if (visit.outcome === "stored" && digest !== undefined && date !== undefined) {
      this.#known.set(url, { url, digest, date, etag, lastModified });
      if (!this.#digests.has(digest)) this.#digests.set(digest, { url, digest, date });
    }
    this.#onVisit(visit);
  }

  #insert(entry: Entry): void {
    if (!this.#entries.has(entry.url)) this.#entries.set(entry.url, { entry, done: false });
  }
}

function checkOpening(line: Line, key: string, folder: string): void {
  if (line.t !== "open" || line.version !== 1) {
    throw new NuwaError("FILE", "expected the log of a crawl of version 1", { where: folder });
  }
  if (line.key === key) return;
  const before = new Map(JSON.parse(line.key) as [string, unknown][]);
  const now = JSON.parse(key) as [string, unknown][];
  const changed = now.filter(([name, value]) => JSON.stringify(before.get(name)) !== JSON.stringify(value));
  const [name, value] = changed[0] ?? ["", undefined];
  throw new NuwaError(
    "VALUE",
    `the crawl in this folder was begun with ${name} = ${JSON.stringify(before.get(name))}, not ${JSON.stringify(value)}`,
    { where: folder, hint: "give the settings it was begun with, or another folder" },
  );
}

function packEntry({ url, depth, kind, hops, seed }: Entry): PackedEntry {
  const packed: PackedEntry = [url, depth, kind === "page" ? 0 : 1, hops, seed ? 1 : 0];
  while (packed.length > 2 && packed.at(-1) === 0) packed.pop();
  return packed;
}

function unpackEntry([url, depth, kind = 0, hops = 0, seed = 0]: PackedEntry): Entry {
  return { url, depth, kind: kind === 0 ? "page" : "sitemap", hops, seed: seed === 1 };
}
