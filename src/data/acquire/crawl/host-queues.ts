import type { Entry } from "./frontier.ts";

/** One host's waiting entries. */
export interface Host {
  readonly name: string;
  /** Requests under way. */
  active: number;
  /** Rest between requests, in milliseconds. */
  delay: number;
  /** Not before this, in milliseconds of the clock given. */
  readyAt: number;
  /** @internal */ queue: Entry[];
  /** @internal */ head: number;
  /** @internal Entries to be tried again, with the time. */ later: { at: number; entry: Entry }[];
  /** @internal */ stamp: number;
}

interface Turn {
  readonly at: number;
  readonly host: Host;
  readonly stamp: number;
}

/**
 * Whose turn it is: entries queue by host, and the host that may be asked first comes first. All of a host's
 * schemes and ports share one rest.
 */
export class HostQueues {
  readonly #hosts = new Map<string, Host>();
  readonly #turns: Turn[] = [];
  readonly #options: { delay: number; perHost: number };
  #waiting = 0;

  constructor(options: { delay: number; perHost: number }) {
    this.#options = options;
  }

  /** Entries that wait. */
  get size(): number {
    return this.#waiting;
  }

  host(url: string): Host {
    const name = new URL(url).hostname;
    let host = this.#hosts.get(name);
    if (host === undefined) {
      const { delay } = this.#options;
      host = { name, active: 0, delay, readyAt: 0, queue: [], head: 0, later: [], stamp: 0 };
      this.#hosts.set(name, host);
    }
    return host;
  }

  push(entry: Entry): void {
    const host = this.host(entry.url);
    host.queue.push(entry);
    this.#waiting++;
    this.#schedule(host);
  }

  /** Back to where it was taken from. */
  putBack(entry: Entry): void {
    const host = this.host(entry.url);
    if (host.head > 0) host.queue[--host.head] = entry;
    else host.queue.unshift(entry);
    this.#waiting++;
    this.#schedule(host);
  }

  /** Once more, not before `at`. */
  pushLater(entry: Entry, at: number): void {
    const host = this.host(entry.url);
    host.later.push({ at, entry });
    host.later.sort((a, b) => a.at - b.at);
    this.#waiting++;
    this.#schedule(host);
  }

  /** The entry whose turn it is; or how long until the next one; undefined when no host waits for anything but answers. */
  take(now: number): { entry: Entry; host: Host } | { wait: number } | undefined {
    for (;;) {
      const turn = this.#turns[0];
      if (turn === undefined) return undefined;
      if (turn.stamp !== turn.host.stamp) {
        this.#pop();
        continue;
      }
      if (turn.at > now) return { wait: turn.at - now };
      this.#pop();
      const { host } = turn;
      const entry = this.#next(host, now);
      if (entry === undefined) continue;
      this.#waiting--;
      host.active++;
      // With several at a time, begins too are a rest apart.
      host.readyAt = Math.max(host.readyAt, now + host.delay);
      this.#schedule(host);
      return { entry, host };
    }
  }

  /** A request ended; the rest begins now. `rest` where the server asked for a longer one. */
  release(host: Host, now: number, rest = 0): void {
    host.active--;
    host.readyAt = Math.max(host.readyAt, now + Math.max(host.delay, rest));
    this.#schedule(host);
  }

  /** Takes out all of a host's waiting entries that a test holds for. */
  drain(host: Host, test: (entry: Entry) => boolean = () => true): number {
    const before = host.queue.length - host.head + host.later.length;
    host.queue = host.queue.slice(host.head).filter((entry) => !test(entry));
    host.head = 0;
    host.later = host.later.filter(({ entry }) => !test(entry));
    const gone = before - host.queue.length - host.later.length;
    this.#waiting -= gone;
    this.#schedule(host);
    return gone;
  }

  #next(host: Host, now: number): Entry | undefined {
    const first = host.later[0];
    if (first !== undefined && first.at <= now) return host.later.shift()?.entry;
    const entry = host.queue[host.head];
    if (entry === undefined) return undefined;
    host.head++;
    if (host.head > 1000 && host.head * 2 > host.queue.length) {
      host.queue = host.queue.slice(host.head);
      host.head = 0;
    }
    return entry;
  }

  /** Puts the host's next turn into the heap; older turns of it count no more. */
  #schedule(host: Host): void {
    host.stamp++;
    if (host.active >= this.#options.perHost) return;
    const isQueued = host.head < host.queue.length;
    const later = host.later[0]?.at;
    if (!isQueued && later === undefined) return;
    const at = isQueued ? host.readyAt : Math.max(host.readyAt, later ?? 0);
    const turns = this.#turns;
    let i = turns.push({ at, host, stamp: host.stamp }) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((turns[parent]?.at ?? 0) <= at) break;
      this.#swap(i, parent);
      i = parent;
    }
  }

  #pop(): void {
    const turns = this.#turns;
    const last = turns.pop();
    if (last === undefined || turns.length === 0) return;
    turns[0] = last;
    for (let i = 0; ; ) {
      const left = 2 * i + 1;
      const right = left + 1;
      let least = i;
      for (const child of [left, right]) if ((turns[child]?.at ?? Infinity) < (turns[least]?.at ?? 0)) least = child;
      if (least === i) return;
      this.#swap(i, least);
      i = least;
    }
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#turns[a], this.#turns[b]];
    if (first === undefined || second === undefined) return;
    this.#turns[a] = second;
    this.#turns[b] = first;
  }
}
