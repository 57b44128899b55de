import { didYouMean, NuwaError } from "../../../text/index.ts";
import type { DocumentTable } from "./document-table.ts";
import type { MixtureShare } from "./meta.ts";
import type { PackSettings } from "./settings.ts";

export type Mixture = PackSettings["mixture"];

/** Where documents come from whose source has no name. */
export const UNNAMED = "(unnamed)";

interface MixtureOptions {
  readonly mixture?: Mixture;
  readonly mixtureTokens?: number | undefined;
}

export function isMixed({ mixture = {} }: MixtureOptions): boolean {
  return Object.keys(mixture).length > 0;
}

/**
 * The training documents with each source repeated or thinned as the recipe asks, in the manner of the Pile (Gao et al. 2020,
 * table 1): whole rounds of a source, and of the rest as many documents as come nearest to the tokens wanted, the same for the same
 * seed. Every round has an order of its own, so that copies stand apart.
 *
 * @param train indices of the documents that may be trained on, in order
 * @param sources names by number
 * @throws NuwaError VALUE for a source that no document has, or when nothing is left
 */
export function mixture(
  table: DocumentTable,
  train: Uint32Array,
  sources: readonly string[],
  options: MixtureOptions,
): { readonly order: Uint32Array; readonly shares: MixtureShare[] } {
  const members = sources.map((): number[] => []);
  for (const index of train) members[table.source(index)]?.push(index);
  const tokens = members.map((indices) => indices.reduce((sum, index) => sum + table.get(index).tokens, 0));
  const epochs = epochsOf(tokens, sources, options);
  const positions: { index: number; position: number }[] = [];
  const reached = members.map((indices, source) => {
    const [times, wanted] = [epochs[source] ?? 0, (epochs[source] ?? 0) * (tokens[source] ?? 0)];
    let sum = 0;
    for (let round = 0; round < Math.ceil(times) && sum < wanted; round++) {
      for (const index of indices) {
        const { tokens: length } = table.get(index);
        // The last document is taken if that comes nearer to what is wanted.
        if (wanted - sum < length / 2) break;
        positions.push({ index, position: spread(table.order(index), round) });
        sum += length;
        if (sum >= wanted) break;
      }
    }
    return sum;
  });
  const total = reached.reduce((sum, part) => sum + part, 0);
  if (total === 0) throw new NuwaError("VALUE", "the mixture leaves nothing to train on", { where: "pack.mixture" });
  const wishes = epochs.map((times, source) => times * (tokens[source] ?? 0));
  const wish = wishes.reduce((sum, part) => sum + part, 0);
  const shares = sources.map((source, i) => ({
    source,
    documents: members[i]?.length ?? 0,
    tokens: tokens[i] ?? 0,
    epochs: tokens[i] === 0 ? 0 : (reached[i] ?? 0) / (tokens[i] ?? 1),
    wanted: (wishes[i] ?? 0) / wish,
    share: (reached[i] ?? 0) / total,
  }));
  const order = Uint32Array.from(
    positions.toSorted((a, b) => a.position - b.position || a.index - b.index),
    ({ index }) => index,
  );
  return { order, shares };
}

function epochsOf(tokens: readonly number[], sources: readonly string[], options: MixtureOptions): number[] {
  const { mixture: wishes = {}, mixtureTokens } = options;
  const missing = Object.keys(wishes).find((name) => !sources.includes(name));
  if (missing !== undefined) {
    throw new NuwaError("VALUE", `no document comes from a source "${missing}"`, {
      where: "pack.mixture",
      hint: didYouMean(missing, sources),
    });
  }
  const weights = sources.map((name) => {
    const wish = wishes[name];
    return wish !== undefined && "weight" in wish ? wish.weight : 0;
  });
  const sum = weights.reduce((a, b) => a + b, 0);
  const natural = tokens.reduce((total, part, i) => ((weights[i] ?? 0) > 0 ? total + part : total), 0);
  return sources.map((name, i) => {
    const wish = wishes[name];
    if (wish === undefined) return 1;
    if ("epochs" in wish) return wish.epochs;
    const own = tokens[i] ?? 0;
    return own === 0 ? 0 : ((mixtureTokens ?? natural) * wish.weight) / sum / own;
  });
}

/** Another position in [0, 1) for each round, in no visible relation to the first. */
function spread(position: number, round: number): number {
  let bits = (Math.floor(position * 2 ** 32) ^ Math.imul(round, 0x9e3779b1)) >>> 0;
  if (round === 0) return position;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
}
