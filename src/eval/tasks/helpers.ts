import type { Document, Fields } from "../prompt/document.ts";

type Helper = (documents: readonly Document[]) => readonly Document[];

/** The same function of every record. */
const each =
  (work: (fields: Fields) => Fields): Helper =>
  (documents) =>
    documents.map((document) => ({ ...document, fields: { ...document.fields, ...work(document.fields) } }));

/** What Jinja cannot say, under names that a task's `process_docs` takes. */
export const helperNames = ["hellaswag", "truthfulqa", "wikitext", "wsc273", "agieval_en", "agieval_zh"] as const;

export const helpers: Readonly<Record<(typeof helperNames)[number], Helper>> = {
  hellaswag: each(hellaswagFields),
  truthfulqa: each(truthfulqaFields),
  wikitext: wikitextPages,
  wsc273: each(winogradFields),
  agieval_en: each((fields) => agievalFields(fields, "en")),
  agieval_zh: each((fields) => agievalFields(fields, "zh")),
};

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** The harness's clean-up of WikiHow's markup: `[title]` marks become full stops, other brackets go. */
export function cleanHellaswag(markup: string): string {
  return markup
    .trim()
    .replaceAll(" [title]", ". ")
    .replaceAll(/\[.*?\]/g, "")
    .replaceAll("  ", " ");
}

/** Python's `str.capitalize`: first character upper case, the others lower. */
function capitalize(sentence: string): string {
  const [first = "", ...rest] = sentence;
  return first.toUpperCase() + rest.join("").toLowerCase();
}

/** The authors' own form, or queries and choices already put together (`query`, `choices`, `gold`), which stay. */
function hellaswagFields(fields: Fields): Fields {
  if ("query" in fields) return { label: fields["gold"] };
  const context = `${text(fields["ctx_a"])} ${capitalize(text(fields["ctx_b"]))}`;
  const endings: readonly unknown[] = Array.isArray(fields["endings"]) ? fields["endings"] : [];
  return {
    query: cleanHellaswag(`${text(fields["activity_label"])}: ${context}`),
    choices: endings.map((ending) => cleanHellaswag(text(ending))),
  };
}

/**
 * The authors' form has each choice as a key with 1 where it is true; Hugging Face's has two lists. Both become
 * `mc1_choices`, `mc2_choices` and the positions of the true ones, `mc1_true`, `mc2_true`.
 */
function truthfulqaFields(fields: Fields): Fields {
  return Object.fromEntries(
    ["mc1", "mc2"].flatMap((name) => {
      const targets = fields[`${name}_targets`];
      if (typeof targets !== "object" || targets === null) return [];
      const lists: Partial<Record<"choices" | "labels", unknown>> = targets;
      const [choices, labels] = Array.isArray(lists.choices)
        ? [lists.choices, Array.isArray(lists.labels) ? lists.labels : []]
        : [Object.keys(targets), Object.values(targets)];
      return [
        [`${name}_choices`, choices],
        [`${name}_true`, labels.flatMap((label: unknown, i: number) => (label === 1 ? [i] : []))],
      ];
    }),
  );
}

/**
 * AGIEval's own form (`passage`, `question`, `options`, `label`, `answer`) as the harness's (`query`, `choices`,
 * `gold`), with the words of AGIEval's zero-shot prompts; records in the harness's form stay.
 */
function agievalFields(fields: Fields, language: "en" | "zh"): Fields {
  if ("query" in fields) return {};
  const options: readonly string[] = Array.isArray(fields["options"]) ? fields["options"].map(text) : [];
  const [passage, question] = [text(fields["passage"]), text(fields["question"])];
  const last = "ABCDEFG"[options.length - 1] ?? "";
  const list = options.join(" ");
  const labels = [fields["label"]]
    .flat()
    .map(text)
    .filter((label) => label !== "");
  const ask = language === "en" ? `Q: ${question}` : `问题：${question}`;
  const choose =
    language === "en"
      ? ` Answer Choices: ${list}\nA: Among A through ${last}, the answer is`
      : ` 选项：${list}\n答案：从A到${last}, 我们应选择`;
  const write = language === "en" ? "\nA: The answer is" : "\n答案：";
  return {
    query: passage + ask + (options.length === 0 ? write : choose),
    choices: options,
    gold: labels.map((label) => "ABCDEFG".indexOf(label)),
  };
}

const capitalized = new Set(["A", "An", "The", "She", "He", "It", "They", "My", "His", "Her", "Their"]);

/** The nouns as they must read in the pronoun's place: possessive, and in lower case within a sentence. */
function winogradFields(fields: Fields): Fields {
  const [pronoun, at] = [text(fields["pronoun"]), Number(fields["pronoun_loc"])];
  const whole = text(fields["text"]).replaceAll("  ", " ");
  const possessive = ["my", "his", "her", "our", "their"].includes(pronoun.toLowerCase()) ? "'s" : "";
  const beginsSentence = whole.at(at - 2) === ".";
  const options: readonly unknown[] = Array.isArray(fields["options"]) ? fields["options"] : [];
  return {
    text: whole,
    options: options.map((option) => {
      const noun = text(option) + possessive;
      const first = noun.trim().split(/\s+/u)[0] ?? "";
      return !beginsSentence && capitalized.has(first) ? noun.replaceAll(first, first.toLowerCase()) : noun;
    }),
  };
}

/** Undoes WikiText's tokenization, by the replacements that the harness makes, in its order. */
export function detokenizeWikitext(page: string): string {
  return page
    .replaceAll("s '", "s'")
    .replaceAll(/\/' [0-9]\//g, "/'[0-9]/")
    .replaceAll(" @-@ ", "-")
    .replaceAll(" @,@ ", ",")
    .replaceAll(" @.@ ", ".")
    .replaceAll(" : ", ": ")
    .replaceAll(" ; ", "; ")
    .replaceAll(" . ", ". ")
    .replaceAll(" ! ", "! ")
    .replaceAll(" ? ", "? ")
    .replaceAll(" , ", ", ")
    .replaceAll(/\(\s*([^)]*?)\s*\)/g, "($1)")
    .replaceAll(/\[\s*([^\]]*?)\s*\]/g, "[$1]")
    .replaceAll(/\{\s*([^}]*?)\s*\}/g, "{$1}")
    .replaceAll(/"\s*([^"]*?)\s*"/g, '"$1"')
    .replaceAll(/'\s*([^']*?)\s*'/g, "'$1'")
    .replaceAll("= = = =", "====")
    .replaceAll("= = =", "===")
    .replaceAll("= =", "==")
    .replaceAll(` ${String.fromCodePoint(176)} `, String.fromCodePoint(176))
    .replaceAll(" \n", "\n")
    .replaceAll("\n ", "\n")
    .replaceAll(" N ", " 1 ")
    .replaceAll(" 's", "'s");
}

/**
 * Cuts the raw file into pages: a page starts at a heading of the first level, ` = Title = `. Blank lines before the
 * first heading belong to no page, which gives the harness's 62 pages, 241,335 words and 1,290,527 bytes.
 */
export function splitWikitext(raw: string): string[] {
  const pages: string[][] = [];
  for (const line of raw.split("\n")) {
    const page = pages.at(-1);
    if (page === undefined ? line.trim() !== "" : /^ = [^=].*[^=] = $/.test(line)) pages.push([line]);
    else page?.push(line);
  }
  return pages.map((lines) => lines.join("\n"));
}

/** Pages out of the raw file; records that have a `page` each, as Hugging Face's, stay. */
function wikitextPages(documents: readonly Document[]): Document[] {
  return documents
    .flatMap(({ fields, where }) =>
      "page" in fields
        ? [{ page: text(fields["page"]), where }]
        : splitWikitext(text(fields["text"])).map((page, i) => ({ page, where: `${where}, page ${i + 1}` })),
    )
    .map(({ page, where }, i) => ({ id: String(i), fields: { page, text: detokenizeWikitext(page) }, where }));
}
