import type { JsonValue } from "../../../text/document.ts";
import { NuwaError } from "../../../text/errors.ts";
import { lastAnswerOnly, readRecord, type Dialogue, type Message, type Question } from "./dialogue.ts";
import { gatherFacts, heldOutQuestions, trainingExchanges, type Exchange, type FactSet } from "./facts.ts";
import { hashNumber, shuffleByHash } from "./order.ts";
import type { DialogueSettings, FactSetSettings } from "./settings.ts";

/** A record and where it stands, `file:line` or `file#n`. */
export interface LocatedRecord {
  readonly record: JsonValue;
  readonly where: string;
}

/** The records that dialogues are made from. */
export interface DialogueSources {
  /** The records behind one fact set. */
  readonly recordsOf: (set: FactSetSettings) => AsyncIterable<LocatedRecord>;
  /** The records of dialogue files. */
  readonly dialogues: AsyncIterable<LocatedRecord>;
  readonly onProblem: (problem: { readonly where: string; readonly message: string }) => void;
}

/** Dialogues to train on, dialogues and questions that are held out, and the facts behind them. */
export interface MadeDialogues {
  /** In training order. */
  readonly train: readonly Dialogue[];
  /** Whole dialogues kept for the held-out loss. */
  readonly heldOut: readonly Dialogue[];
  /** Held-out phrasings of trained facts. */
  readonly questions: readonly Question[];
  readonly sets: readonly FactSet[];
}

/** Strings exchanges into dialogues of 1 to `turns` turns; lengths are drawn evenly. */
function chain(exchanges: readonly Exchange[], settings: DialogueSettings): Dialogue[] {
  const before: Message[] = settings.system === undefined ? [] : [{ role: "system", content: settings.system }];
  const dialogues: Dialogue[] = [];
  for (let start = 0; start < exchanges.length; ) {
    const turns = 1 + (hashNumber(settings.seed, `turns ${start}`) % settings.turns);
    const company = exchanges.slice(start, start + turns);
    const sets = [...new Set(company.map((exchange) => exchange.set))];
    dialogues.push({
      messages: [...before, ...company.flatMap((exchange) => exchange.messages)],
      source: `facts: ${sets.join(", ")}`,
    });
    start += turns;
  }
  return dialogues;
}

function smallTalk(settings: DialogueSettings): Exchange[] {
  return settings.fixed.flatMap(({ user, assistant }, n) =>
    user.flatMap((content, phrasing) =>
      Array.from({ length: settings.repeats }, (_, repeat) => ({
        set: "small talk",
        name: `small talk\n${n}\n${phrasing}\n${repeat}`,
        messages: [
          { role: "user", content },
          { role: "assistant", content: assistant },
        ] as const,
      })),
    ),
  );
}

/**
 * Makes the dialogues that supervised fine-tuning learns from: those in files, those made from facts, small talk.
 * The same settings and records give the same dialogues in the same order.
 *
 * @throws NuwaError DATA when nothing at all comes out
 */
export async function makeDialogues(settings: DialogueSettings, sources: DialogueSources): Promise<MadeDialogues> {
  const sets: FactSet[] = [];
  for (const set of settings.facts) {
    const gathered = await gatherFacts(set, sources.recordsOf(set), settings.seed);
    if (gathered.facts.length === 0) {
      const reasons = Object.entries(gathered.leftOut).map(([reason, count]) => `${count} left out: ${reason}`);
      throw new NuwaError(
        "DATA",
        `no facts in ${[set.files].flat().join(", ")}${reasons.length > 0 ? `; ${reasons.join("; ")}` : ""}`,
        {
          where: `dialogues.facts "${set.name}"`,
          hint: "check files, where, key and answer",
        },
      );
    }
    sets.push(gathered);
  }

  const train: Dialogue[] = [];
  const heldOut: Dialogue[] = [];
  for await (const { record, where } of sources.dialogues) {
    const read = readRecord(record);
    if ("fault" in read) {
      sources.onProblem({ where, message: read.fault });
      continue;
    }
    const { messages, ...rest } = read;
    // By what it says, not by where it is: of two records that say the same, none is held out and the other trained on.
    const held = hashNumber(settings.seed, JSON.stringify(messages)) / 2 ** 48 < settings.held_out_share;
    const learned = settings.last_turn_only === true ? lastAnswerOnly(messages) : messages;
    (held ? heldOut : train).push({ messages: learned, source: where, ...rest });
  }

  const exchanges = [
    ...sets.flatMap((set) => trainingExchanges(set, settings.repeats, settings.seed)),
    ...smallTalk(settings),
  ];
  train.push(
    ...chain(
      shuffleByHash(exchanges, settings.seed, (exchange) => exchange.name),
      settings,
    ),
  );
  if (train.length === 0) {
    throw new NuwaError("DATA", "no dialogues: neither files nor facts nor fixed gave any", { where: "dialogues" });
  }
  return {
    train: shuffleByHash(train, settings.seed, (dialogue) => JSON.stringify(dialogue)),
    heldOut,
    questions: sets.flatMap((set) => heldOutQuestions(set, settings.system)),
    sets,
  };
}
