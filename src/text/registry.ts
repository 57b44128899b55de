import { NuwaError } from "./errors.ts";
import { didYouMean } from "./nearest.ts";

/**
 * What there is of one kind (optimizers, model families, stages …), by name and in order. It does not change: those of
 * a plugin are added by making a larger one with {@link Registry.with}, which is handed to whoever looks names up.
 *
 * @example
 * export const optimizers = new Registry("optimizer", [adamw, muon]);
 * optimizers.get("adamv"); // NuwaError VALUE: unknown optimizer "adamv" (did you mean "adamw"?)
 */
export class Registry<Entry extends { readonly name: string }> implements Iterable<Entry> {
  /** What an entry is called in messages: `optimizer`. */
  readonly kind: string;
  readonly #entries: ReadonlyMap<string, Entry>;

  /** @throws NuwaError VALUE when two entries have one name */
  constructor(kind: string, entries: Iterable<Entry>) {
    this.kind = kind;
    const byName = new Map<string, Entry>();
    for (const entry of entries) {
      if (byName.has(entry.name)) throw new NuwaError("VALUE", `there are two of the ${kind} "${entry.name}"`);
      byName.set(entry.name, entry);
    }
    this.#entries = byName;
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  find(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** @throws NuwaError VALUE with the nearest name when there is none of this one */
  get(name: string, where?: string): Entry {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    throw new NuwaError("VALUE", `unknown ${this.kind} "${name}"`, { where, hint: didYouMean(name, this.names) });
  }

  /** These entries, then more. */
  with(more: Iterable<Entry>): Registry<Entry> {
    return new Registry(this.kind, [...this, ...more]);
  }

  [Symbol.iterator](): IterableIterator<Entry> {
    return this.#entries.values();
  }
}
