import type { JsonValue } from "../../../text/document.ts";
import { NuwaError } from "../../../text/errors.ts";
import { fillTemplate, parseTemplate, textOf, valueAt, type Template } from "../../template.ts";
import type { Message, Question } from "./dialogue.ts";
import { hashNumber, shuffleByHash } from "./order.ts";
import type { FactSetSettings } from "./settings.ts";

/** Something that the data says: `key` has `answer`. */
export interface Fact {
  readonly key: string;
  readonly answer: string;
  /** The record it stands in, with `key` and `answer` added for templates. */
  readonly record: { readonly [field: string]: JsonValue };
}

/** The facts that one part of the settings gives, and what was left out. */
export interface FactSet {
  readonly settings: FactSetSettings;
  readonly facts: readonly Fact[];
  /** How many records were left out, and why. */
  readonly leftOut: { readonly [reason: string]: number };
}

/** A record with some fields replaced; undefined when a field's value is not in its table. */
function withValues(record: { [field: string]: JsonValue }, tables: FactSetSettings["values"]) {
  const changed = { ...record };
  for (const [path, table] of Object.entries(tables)) {
    const value = textOf(valueAt(record, path));
    if (value === undefined || !Object.hasOwn(table, value)) return undefined;
    changed[path] = table[value] ?? "";
  }
  return changed;
}

/**
 * Gathers the facts of one set. A key that the records answer in two ways is ambiguous and left out whole;
 * the same fact twice counts once.
 */
export async function gatherFacts(
  settings: FactSetSettings,
  records: AsyncIterable<{ readonly record: JsonValue }>,
  seed: number,
): Promise<FactSet> {
  const keyTemplate = parseTemplate(settings.key);
  const answerTemplate = parseTemplate(settings.answer);
  const byKey = new Map<string, Fact | "ambiguous">();
  const leftOut: { [reason: string]: number } = {};
  const leave = (reason: string) => {
    leftOut[reason] = (leftOut[reason] ?? 0) + 1;
  };

  for await (const { record } of records) {
    if (typeof record !== "object" || record === null || Array.isArray(record)) {
      leave("not a record with fields");
      continue;
    }
    const wanted = Object.entries(settings.where).every(([path, value]) => valueAt(record, path) === value);
    const changed = wanted ? withValues(record, settings.values) : undefined;
    if (changed === undefined) {
      leave(wanted ? "value not in the table" : "where");
      continue;
    }
    const key = fillTemplate(keyTemplate, changed);
    const answer = fillTemplate(answerTemplate, changed);
    if ("missing" in key || "missing" in answer) {
      leave(`no ${"missing" in key ? key.missing : "missing" in answer ? answer.missing : ""}`);
    } else if (answer.text.length > settings.max_answer_characters) {
      leave("answer too long");
    } else if (key.text.length > settings.max_key_characters) {
      leave("key too long");
    } else {
      const known = byKey.get(key.text);
      const fact = { key: key.text, answer: answer.text, record: { ...changed, key: key.text, answer: answer.text } };
      if (known === undefined) byKey.set(key.text, fact);
      else if (known === "ambiguous" || known.answer !== answer.text) byKey.set(key.text, "ambiguous");
      else leave("said before");
    }
  }

  const facts = [...byKey.values()].filter((fact) => fact !== "ambiguous");
  if (facts.length < byKey.size) leftOut["ambiguous"] = byKey.size - facts.length;
  const drawn = shuffleByHash(facts, seed, (fact) => `${settings.name}\n${fact.key}`);
  const limit = settings.limit ?? drawn.length;
  if (drawn.length > limit) leftOut["limit"] = drawn.length - limit;
  return { settings, facts: drawn.slice(0, limit), leftOut };
}

/** Fills a phrasing; its fields must be in every fact of the set, so a missing one is the recipe's mistake. */
function phrase(template: Template, fact: Fact, set: string): string {
  const filled = fillTemplate(template, fact.record);
  if ("text" in filled) return filled.text;
  throw new NuwaError(
    "VALUE",
    `phrasing "${template.source}" names the field "${filled.missing}", which "${fact.key}" does not have`,
    {
      where: `dialogues.facts "${set}"`,
      hint: "use {key}, {answer} or a field of the records",
    },
  );
}

/** One question with its reply, for training. */
export interface Exchange {
  readonly set: string;
  readonly name: string;
  readonly messages: readonly [Message, Message];
}

/** Every fact in every training phrasing, `repeats` times. Replies take turns when there are several. */
export function trainingExchanges(set: FactSet, repeats: number, seed: number): Exchange[] {
  const { settings } = set;
  const replies = [settings.reply].flat().map(parseTemplate);
  const questions = settings.train.map(parseTemplate);
  return set.facts.flatMap((fact) =>
    questions.flatMap((question, q) =>
      Array.from({ length: repeats }, (_, repeat): Exchange => {
        const name = `${settings.name}\n${fact.key}\n${q}\n${repeat}`;
        const reply = replies[hashNumber(seed, name) % replies.length] ?? parseTemplate("{answer}");
        return {
          set: settings.name,
          name,
          messages: [
            { role: "user", content: phrase(question, fact, settings.name) },
            { role: "assistant", content: phrase(reply, fact, settings.name) },
          ],
        };
      }),
    ),
  );
}

/**
 * Every fact in every held-out phrasing.
 * @throws NuwaError VALUE when a held-out phrasing is also trained on, since the test would then measure nothing
 */
export function heldOutQuestions(set: FactSet, system: string | undefined): Question[] {
  const { settings } = set;
  const trained = settings.held_out.find((phrasing) => settings.train.includes(phrasing));
  if (trained !== undefined) {
    throw new NuwaError("VALUE", `"${trained}" stands both in train and in held_out`, {
      where: `dialogues.facts "${settings.name}"`,
      hint: "held-out phrasings must be unseen in training",
    });
  }
  const before: Message[] = system === undefined ? [] : [{ role: "system", content: system }];
  return set.facts.flatMap((fact) =>
    settings.held_out.map(parseTemplate).map((question) => ({
      messages: [...before, { role: "user" as const, content: phrase(question, fact, settings.name) }],
      answer: fact.answer,
      set: settings.name,
      key: fact.key,
    })),
  );
}
