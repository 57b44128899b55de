import pc from "picocolors";

/** What the progress writer needs of a stream: stderr, or a list of strings in a test. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Where {@link Progress} writes, and how often. */
export interface ProgressOptions {
  readonly stream?: ProgressStream;
  /** Milliseconds; a test puts its own clock here. */
  readonly now?: () => number;
  /** Seconds between lines where there is no terminal. */
  readonly interval?: number;
  readonly quiet?: boolean;
}

/** How far a stage is. */
export interface Bar {
  /** @param note shown after the figures: the loss, the shard */
  update(done: number, note?: string): void;
  setTotal(total: number): void;
  /** Ends the bar with a line that stays. */
  done(summary: string): void;
}

/**
 * Progress on stderr: on a terminal one bar that redraws itself, with rate and time left; elsewhere a plain line now
 * and then. Colours go when `NO_COLOR` is set (picocolors sees to it).
 */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #interval: number;
  readonly #quiet: boolean;
  readonly #terminal: boolean;
  #drawn = "";

  constructor(options: ProgressOptions = {}) {
    this.#stream = options.stream ?? process.stderr;
    this.#now = options.now ?? (() => performance.now());
    this.#interval = (options.interval ?? 5) * 1000;
    this.#quiet = options.quiet ?? false;
    this.#terminal = this.#stream.isTTY === true && process.env["TERM"] !== "dumb";
  }

  /** A line that stays. */
  line(text: string): void {
    if (this.#quiet) return;
    this.#erase();
    this.#stream.write(`${text}\n`);
    this.#draw(this.#drawn);
  }

  /** Something the user should know that stops nothing. Shown even when quiet. */
  warn(text: string): void {
    this.#erase();
    this.#stream.write(`${pc.yellow("warning:")} ${text}\n`);
    this.#draw(this.#drawn);
  }

  /** @param total undefined while it is not known */
  bar(name: string, unit: string, total?: number): Bar {
    const start = this.#now();
    let first: number | undefined;
    let all = total;
    let lastDrawn = Number.NEGATIVE_INFINITY;
    let lastPlain = start;
    return {
      setTotal: (value) => {
        all = value;
      },
      update: (done, note = "") => {
        if (this.#quiet) return;
        // Work that an earlier run did says nothing about this run's speed.
        first ??= done;
        const now = this.#now();
        const seconds = (now - start) / 1000;
        const rate = seconds > 0 ? (done - first) / seconds : 0;
        if (this.#terminal) {
          if (now - lastDrawn < 80) return;
          lastDrawn = now;
          this.#drawn = barLine(name, unit, done, all, rate, note, this.#stream.columns ?? 80);
          this.#erase();
          this.#draw(this.#drawn);
        } else if (now - lastPlain >= this.#interval) {
          lastPlain = now;
          this.#stream.write(`${figures(name, unit, done, all, rate, note)}\n`);
        }
      },
      done: (summary) => {
        this.#erase();
        this.#drawn = "";
        const seconds = (this.#now() - start) / 1000;
        this.line(`${pc.green("✓")} ${name.padEnd(10)} ${summary}  ${pc.dim(duration(seconds))}`);
      },
    };
  }

  /** Takes an unfinished bar off the screen: before an error message. */
  clear(): void {
    this.#erase();
    this.#drawn = "";
  }

  #erase(): void {
    if (this.#terminal && this.#drawn !== "") this.#stream.write("\r\u001b[2K");
  }

  #draw(text: string): void {
    if (this.#terminal && text !== "") this.#stream.write(text);
  }
}

function figures(
  name: string,
  unit: string,
  done: number,
  total: number | undefined,
  rate: number,
  note: string,
): string {
  const left = total !== undefined && rate > 0 && total > done ? `, ${duration((total - done) / rate)} left` : "";
  const of = total === undefined ? "" : `/${count(total)}`;
  const share = total === undefined || total === 0 ? "" : ` (${Math.floor((done / total) * 100)}%)`;
  const speed = rate > 0 ? `, ${count(rate)} ${unit}/s` : "";
  return `${name}: ${count(done)}${of} ${unit}${share}${speed}${left}${note === "" ? "" : `, ${note}`}`;
}

function barLine(
  name: string,
  unit: string,
  done: number,
  total: number | undefined,
  rate: number,
  note: string,
  columns: number,
): string {
  const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total);
  const width = 20;
  const filled = share === undefined ? 0 : Math.round(share * width);
  const bar = share === undefined ? "" : `${pc.cyan("█".repeat(filled))}${pc.dim("░".repeat(width - filled))} `;
  const barLength = share === undefined ? 0 : width + 1;
  const text = figures("", unit, done, total, rate, note).slice(2);
  const room = Math.max(10, columns - 14 - barLength);
  return `  ${name.padEnd(10)} ${bar}${text.length > room ? `${text.slice(0, room - 1)}…` : text}`;
}

/** `8,123`, `1.2M`, `0.45`: as many digits as a reader needs. */
export function count(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${(value / 1e9).toFixed(size >= 1e11 ? 0 : 1)}G`;
  if (size >= 1e6) return `${(value / 1e6).toFixed(size >= 1e8 ? 0 : 1)}M`;
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

/** `512 B`, `1.5 kB`, `2.0 GB`: decimal units, as disks are sold. */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let size = value;
  while (size >= 1000 && at < units.length - 1) {
    size /= 1000;
    at++;
  }
  return at === 0 ? `${Math.round(size)} B` : `${size.toFixed(size >= 100 ? 0 : 1)} ${units[at] ?? ""}`;
}
