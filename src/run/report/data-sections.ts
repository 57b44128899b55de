import { bytes, count } from "../progress.ts";
import { barChart } from "./charts.ts";
import type { ReportData } from "./gather.ts";
import { mixtureRows } from "../inspect.ts";
import { html, tableOf, type Html } from "./html.ts";
import { section } from "./section.ts";

/** Documents and characters that each stage left. */
export function funnelSection({ funnel, recipe }: ReportData): Html | undefined {
  if (funnel.length === 0) return undefined;
  const rows = funnel.map(({ stage, summary: { statistics } }) => [
    stage,
    count(statistics.in.documents),
    count(statistics.out.documents),
    count(statistics.in.documents - statistics.out.documents),
    count(statistics.changed),
    count(statistics.out.characters),
    bytes(statistics.out.bytes),
  ]);
  const bars = funnel.map(({ stage, summary: { statistics } }) => ({
    label: stage,
    value: statistics.out.characters,
    text: count(statistics.out.characters),
  }));
  const languages = Object.entries(funnel.at(-1)?.summary.statistics.languages ?? {})
    .filter(([language]) => language !== "und")
    .toSorted(([, a], [, b]) => b.characters - a.characters)
    .slice(0, 8)
    .map(
      ([language, amount]) =>
        `${language} ${count(amount.documents)} documents, ${count(amount.characters)} characters`,
    );
  return section(
    "From raw documents to training text",
    recipe.language,
    "Each stage repairs or removes what would teach the model something wrong; these are the characters and documents left after it.",
    html`<figure>${barChart(bars, "characters")}</figure>
      ${tableOf(["stage", "documents in", "documents out", "removed", "changed", "characters out", "size"], rows)}${languages.length > 0 && html`<p>Languages at the end: ${languages.join("; ")}.</p>`}`,
  );
}

/** What each rule removed, with examples to judge it by. */
export function removedSection({ funnel, examples, recipe }: ReportData): Html | undefined {
  const rules = funnel.flatMap(({ stage, summary }) =>
    Object.entries(summary.statistics.removed).map(([rule, statistics]) => ({ stage, rule, ...statistics })),
  );
  if (rules.length === 0) return undefined;
  const sorted = rules.toSorted((a, b) => b.documents - a.documents);
  const figure = (value: number | null): string => (value === null ? "" : String(Number(value.toPrecision(3))));
  const shown = sorted.map(({ stage, rule, documents, characters, smallest, largest }) => {
    const entries = examples.get(`${stage}/${rule}`) ?? [];
    const label = html`${stage} / <b>${rule}</b>: ${count(documents)} documents, ${count(characters)}
      characters${smallest !== null && html` (figures ${figure(smallest)} to ${figure(largest)})`}`;
    if (entries.length === 0) return html`<p>${label}</p>`;
    return html`<details>
      <summary>${label}</summary>
      ${entries.map(
        (entry) =>
          html`<blockquote>${entry.excerpt}</blockquote>
            <div class="where">
              ${entry.source} ·
              ${entry.id}${entry.value !== undefined && html` · ${figure(entry.value)}, bound ${entry.threshold === undefined ? "none" : figure(entry.threshold)}`}${entry.detail !== undefined && html` · ${entry.detail}`}
            </div>`,
      )}
    </details>`;
  });
  const bars = sorted.slice(0, 15).map(({ stage, rule, documents }) => ({
    label: `${stage}/${rule}`,
    value: documents,
    text: count(documents),
  }));
  const widest = Math.max(...bars.map(({ label }) => label.length));
  return section(
    "What was removed, and why",
    recipe.language,
    "A rule removes a document when one of its figures crosses a bound; open a rule to see what it took, and judge for yourself.",
    html`<figure>${barChart(bars, "documents", Math.min(320, 20 + 7 * widest))}</figure>
      ${shown}`,
  );
}

/** How long the documents are that are left at the end. */
export function lengthsSection({ funnel, recipe }: ReportData): Html | undefined {
  const lengths = funnel.at(-1)?.summary.statistics.lengths ?? [];
  const bars = lengths.flatMap((documents, k) =>
    documents === 0
      ? []
      : [
          {
            label: k === 0 ? "0" : `${count(2 ** (k - 1))} to ${count(2 ** k - 1)}`,
            value: documents,
            text: count(documents),
          },
        ],
  );
  if (bars.length === 0) return undefined;
  return section(
    "How long the documents are",
    recipe.language,
    "Documents that are left at the end, by their length in characters.",
    html`<figure>${barChart(bars, "documents")}</figure>`,
  );
}

const SHOWN_PARTS = 12;

/** What the documents that are left consist of. */
export function diversitySection({ diversity, recipe }: ReportData): Html | undefined {
  if (diversity === undefined) return undefined;
  const tables = Object.entries(diversity).map(([name, { parts, effective }]) => {
    const rows = parts
      .slice(0, SHOWN_PARTS)
      .map(({ value, documents, characters, share }) => [
        value,
        count(documents),
        count(characters),
        `${(100 * share).toFixed(1)} %`,
      ]);
    const more = parts.length - SHOWN_PARTS;
    return html`<h3>By ${name} (effective number ${effective.toFixed(1)})</h3>
      ${tableOf([name, "documents", "characters", "share"], rows)}${more > 0 && html`<p>and ${count(more)} more.</p>`}`;
  });
  return section(
    "How diverse the text is",
    recipe.language,
    "Shares of the characters that are left. The effective number says how many equally large parts would be as diverse.",
    html`${tables}`,
  );
}

/** Lines, paragraphs and numbers taken out of documents that were kept. */
export function partsSection({ funnel, examples, recipe }: ReportData): Html | undefined {
  const rows = funnel.flatMap(({ stage, summary }) =>
    Object.entries(summary.statistics.parts ?? {}).map(([rule, { documents, parts }]) => [
      `${stage} / ${rule}`,
      count(parts),
      count(documents),
      examples.get(`${stage}/${rule}`)?.[0]?.excerpt ?? "",
    ]),
  );
  if (rows.length === 0) return undefined;
  return section(
    "What was taken out of documents, or changed in them",
    recipe.language,
    "These rules leave the document and remove or correct a part of it.",
    tableOf(["rule", "parts", "documents", "example"], rows),
  );
}

const SHOWN_PROBLEMS = 20;

/** Files and records that were skipped. */
export function problemsSection({ funnel, recipe }: ReportData): Html | undefined {
  const problems = funnel.flatMap(({ summary }) => summary.problems);
  if (problems.length === 0) return undefined;
  const more = problems.length - SHOWN_PROBLEMS;
  return section(
    "Input that could not be read",
    recipe.language,
    "These files or records were damaged, unknown or empty; they were skipped, and everything else went on.",
    html`${tableOf(
      ["where", "what"],
      problems.slice(0, SHOWN_PROBLEMS).map(({ where, message }) => [where, message]),
    )}${more > 0 && html`<p>and ${count(more)} more.</p>`}`,
  );
}

/** The tokenizer and the packed tokens. */
export function tokensSection({ pack, recipe }: ReportData): Html | undefined {
  if (pack === undefined) return undefined;
  const splits = Object.entries(pack.splits).flatMap(([name, split]) => (split === undefined ? [] : [{ name, split }]));
  const rows = splits.map(({ name, split }) => [
    name === "val" ? "held out" : "training",
    count(split.tokens),
    count(split.documents),
    bytes(split.bytes),
    (split.bytes / Math.max(1, split.tokens)).toFixed(2),
    (split.characters / Math.max(1, split.tokens)).toFixed(2),
  ]);
  return section(
    "Tokens",
    recipe.language,
    `The model reads text in pieces called tokens, of which it knows ${count(pack.vocab_size)}; the held-out ones are never trained on and show what it has really learned.`,
    html`${tableOf(["part", "tokens", "documents", "size", "bytes a token", "characters a token"], rows)}${
      pack.mixture !== undefined &&
      html`<h3>Mixture</h3>
        ${tableOf(["source", "documents", "tokens", "epochs", "share wanted", "share reached"], mixtureRows(pack.mixture))}`
    }`,
  );
}
