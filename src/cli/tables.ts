import {
  bytes,
  count,
  duration,
  type biasTable,
  type diversity,
  type funnel,
  type mixtureOf,
  mixtureRows,
  type removedByRule,
  type Way,
} from "../run/index.ts";

/** Columns of text, the first to the left and the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ");
  return rows.map((row) => `${line(row).trimEnd()}\n`).join("");
}

/** Documents and characters that each rule removed. */
export function removedTable(stages: ReturnType<typeof removedByRule>): string {
  const rows = [["stage/rule", "documents", "characters", "smallest figure", "largest figure"]];
  const figure = (value: number | null): string => (value === null ? "" : String(Number(value.toPrecision(4))));
  for (const [stage, rules] of stages) {
    const sorted = Object.entries(rules).toSorted(([, a], [, b]) => b.documents - a.documents);
    for (const [rule, { documents, characters, smallest, largest }] of sorted) {
      rows.push([`${stage}/${rule}`, count(documents), count(characters), figure(smallest), figure(largest)]);
    }
  }
  return rows.length === 1 ? "nothing was removed\n" : table(rows);
}

/** The data funnel. */
export function reportTable(stages: ReturnType<typeof funnel>): string {
  const rows = [["stage", "documents", "characters", "size", "changed", "removed", "problems", "time"]];
  for (const { stage, summary, seconds } of stages) {
    const { in: before, out, changed } = summary.statistics;
    rows.push([
      stage,
      count(out.documents),
      count(out.characters),
      bytes(out.bytes),
      count(changed),
      count(before.documents - out.documents),
      count(summary.problems.length),
      duration(seconds),
    ]);
  }
  return rows.length === 1 ? "no data stage is done yet\n" : table(rows);
}

/** The bias stage's measured associations. */
export function associationTable(rows: Awaited<ReturnType<typeof biasTable>>): string {
  const lines = rows.map(({ group, attribute, together, sentences, logOdds, standardError, z, pmi }) => [
    `${group} / ${attribute}`,
    count(together),
    count(sentences),
    `${logOdds.toFixed(2)} ± ${(1.96 * standardError).toFixed(2)}`,
    z.toFixed(1),
    pmi.toFixed(2),
  ]);
  return table([
    ["group / attribute", "sentences with both", "with the group", "log-odds (95 %)", "z", "PMI"],
    ...lines,
  ]);
}

/** Lengths and languages of the documents that are left at the end. */
export function shapeTables(stages: ReturnType<typeof funnel>): string {
  const last = stages.at(-1)?.summary.statistics;
  // The first stage alone does not measure lengths.
  if (last === undefined || last.lengths.length === 0) return "";
  const share = (part: number): string => `${((100 * part) / last.out.documents).toFixed(1)} %`;
  const lengths = last.lengths.flatMap((documents, k) =>
    documents === 0
      ? []
      : [[k === 0 ? "0" : `${count(2 ** (k - 1))} to ${count(2 ** k - 1)}`, count(documents), share(documents)]],
  );
  const languages = Object.entries(last.languages)
    .toSorted(([, a], [, b]) => b.characters - a.characters)
    .map(([language, amount]) => [
      language,
      count(amount.documents),
      count(amount.characters),
      share(amount.documents),
    ]);
  return (
    `\nlengths at the end\n${table([["characters", "documents", "share"], ...lengths])}` +
    `\nlanguages at the end\n${table([["language", "documents", "characters", "share"], ...languages])}`
  );
}

const MOST_PARTS = 8;

/** Shares of the text by source, language, domain, length and year, the largest of each. */
export function diversityTable(dimensions: Awaited<ReturnType<typeof diversity>>): string {
  if (dimensions === undefined) return "";
  const rows = Object.entries(dimensions).flatMap(([name, { parts, effective }]) => {
    const rest = parts.length - MOST_PARTS;
    const shown = parts
      .slice(0, MOST_PARTS)
      .map(({ value, documents, characters, share }, i) => [
        i === 0 ? name : "",
        value,
        count(documents),
        count(characters),
        `${(100 * share).toFixed(1)} %`,
        i === 0 ? effective.toFixed(1) : "",
      ]);
    return rest > 0 ? [...shown, ["", `and ${count(rest)} more`, "", "", "", ""]] : shown;
  });
  const header = ["by", "value", "documents", "characters", "share", "effective number"];
  return `\ndiversity at the end\n${table([header, ...rows])}`;
}

/** What each source gives to training. */
export function mixtureTable(shares: Awaited<ReturnType<typeof mixtureOf>>): string {
  if (shares === undefined) return "";
  const header = ["source", "documents", "tokens", "epochs", "share wanted", "share reached"];
  return `\nmixture\n${table([header, ...mixtureRows(shares)])}`;
}

/** What rules took out of documents that were kept. */
export function partsTable(stages: ReturnType<typeof funnel>): string {
  const rows = stages.flatMap(({ stage, summary }) =>
    Object.entries(summary.statistics.parts ?? {}).map(([rule, { documents, parts }]) => [
      `${stage}/${rule}`,
      count(parts),
      count(documents),
    ]),
  );
  return rows.length === 0 ? "" : `\ntaken out of documents\n${table([["stage/rule", "parts", "documents"], ...rows])}`;
}

/** The rules that removed most documents, with examples. */
export function exampleLines(
  stages: ReturnType<typeof funnel>,
  examples: ReadonlyMap<
    string,
    readonly {
      readonly source: string;
      readonly excerpt: string;
      readonly value?: number | undefined;
      readonly threshold?: number | undefined;
    }[]
  >,
  most = 15,
): string {
  const rules = stages.flatMap(({ stage, summary }) =>
    Object.entries(summary.statistics.removed).map(([rule, { documents }]) => ({ key: `${stage}/${rule}`, documents })),
  );
  const figure = (value: number): string => String(Number(value.toPrecision(4)));
  const lines = rules
    .toSorted((a, b) => b.documents - a.documents)
    .slice(0, most)
    .flatMap(({ key, documents }) => [
      `${key}  ${count(documents)} documents`,
      ...(examples.get(key) ?? []).map(({ source, excerpt, value, threshold }) => {
        const decided =
          value === undefined
            ? ""
            : ` ${figure(value)}${threshold === undefined ? "" : ` (bound ${figure(threshold)})`}`;
        return `    ${source}${decided}: ${excerpt}`;
      }),
    ]);
  return lines.length === 0 ? "" : `\nremoved most\n${lines.join("\n")}\n`;
}

/** Input that was skipped, by file and line: the first 50; `--json` has them all. */
export function problemLines(stages: ReturnType<typeof funnel>): string {
  const all = stages.flatMap(({ summary }) => summary.problems);
  if (all.length === 0) return "";
  const lines = all.slice(0, 50).map(({ where, message }) => `  ${where}: ${message}`);
  if (all.length > lines.length) lines.push(`  and ${count(all.length - lines.length)} more (--json has them all)`);
  return `\nproblems:\n${lines.join("\n")}\n`;
}

/** One document's way through the stages. */
export function wayLines(way: Way): string {
  const lines = [`${way.id}  ${way.source}`];
  for (const { stage, outcome, characters, entry } of way.steps) {
    const length = characters === undefined ? "" : `, ${count(characters)} characters`;
    const verb = stage === "collect" ? "read" : outcome;
    const reason =
      entry === undefined
        ? ""
        : `: rule ${entry.rule}${entry.value === undefined ? "" : `, ${Number(entry.value.toPrecision(4))} where the bound is ${entry.threshold ?? "none"}`}${entry.detail === undefined ? "" : ` (${entry.detail})`}`;
    lines.push(`  ${stage.padEnd(8)} ${verb}${length}${reason}`);
  }
  if (way.figures !== undefined) {
    lines.push("", "  the filter's figures:");
    for (const { rule, value, threshold, passes } of way.figures) {
      const bound = threshold === null ? "rule off" : `bound ${threshold}`;
      lines.push(
        `  ${passes ? "✓" : "✗"} ${rule.padEnd(36)} ${String(Number(value.toPrecision(4))).padStart(10)}  (${bound})`,
      );
    }
  }
  lines.push("", `  ${way.excerpt.replaceAll(/\s+/g, " ")}`);
  return `${lines.join("\n")}\n`;
}
