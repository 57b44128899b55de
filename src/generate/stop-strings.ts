/**
 * Watches a stream of text for stop strings, which may come in several pieces: text that could be the beginning of
 * one is held back until it is clear.
 *
 * @example
 * const watch = new StopWatch(["\nUser:"]);
 * watch.push("Yes.\nUs"); // { text: "Yes.", stopped: false }
 * watch.push("er:"); // { text: "", stopped: true }
 */
export class StopWatch {
  readonly #stops: readonly string[];
  #held = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== "");
  }

  /** Takes new text; gives what may be shown, and whether a stop string is complete. */
  push(text: string): { readonly text: string; readonly stopped: boolean } {
    const all = this.#held + text;
    const positions = this.#stops.map((stop) => all.indexOf(stop)).filter((position) => position >= 0);
    if (positions.length > 0) {
      this.#held = "";
      return { text: all.slice(0, Math.min(...positions)), stopped: true };
    }
    const keep = Math.max(0, ...this.#stops.map((stop) => openEnd(all, stop)));
    this.#held = all.slice(all.length - keep);
    return { text: all.slice(0, all.length - keep), stopped: false };
  }

  /** What was held back, when no more text comes. */
  flush(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}

/** Length of the longest end of `text` with which `stop` begins. */
function openEnd(text: string, stop: string): number {
  for (let n = Math.min(text.length, stop.length - 1); n > 0; n--) {
    if (text.endsWith(stop.slice(0, n))) return n;
  }
  return 0;
}
