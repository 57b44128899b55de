import { NuwaError, type JsonValue } from "../text/index.ts";
import {
  chatRoles,
  checkMessages,
  otherChatRoles,
  renderChat,
  type ChatMessage,
  type RenderOptions,
} from "./chat-template.ts";
import type { Tokenizer } from "./types.ts";

/** A rendered dialogue, with the control tokens that the template wrote: those that messages speak of are plain text. */
export interface Rendered {
  readonly text: string;
  readonly controls: readonly { readonly start: number; readonly end: number; readonly id: number }[];
}

/** What of a tokenizer bears on templates; made once for each. */
interface Controls {
  readonly pattern: RegExp | undefined;
  readonly ids: ReadonlyMap<string, number>;
  /** Of each control token, whether it takes the blanks before and after it along, as HF's `lstrip` and `rstrip`. */
  readonly strips: ReadonlyMap<string, { readonly left: boolean; readonly right: boolean }>;
  readonly named: { readonly [name: string]: string };
}

const made = new WeakMap<Tokenizer, Controls>();

function controlsOf(tokenizer: Tokenizer): Controls {
  const known = made.get(tokenizer);
  if (known !== undefined) return known;
  const ids = tokenizer.specialTokens;
  const names = [...ids.keys()].sort((a, b) => b.length - a.length);
  const source = names.map((name) => name.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|");
  const isOne = (text: string): boolean => tokenizer.encode(text, { allowSpecial: true }).length === 1;
  const strips = new Map(names.map((name) => [name, { left: isOne(` ${name}`), right: isOne(`${name} `) }]));
  const roles = { bos_token: tokenizer.bosId, eos_token: tokenizer.eosId, pad_token: tokenizer.padId };
  const unknown = tokenizer.unknownId === undefined ? {} : { unk_token: tokenizer.unknownId };
  const named = Object.fromEntries(
    Object.entries({ ...roles, ...unknown }).map(([name, id]) => [
      name,
      id === undefined ? "" : (tokenizer.idToToken(id) ?? ""),
    ]),
  );
  const controls = { pattern: source === "" ? undefined : new RegExp(source, "g"), ids, strips, named };
  made.set(tokenizer, controls);
  return controls;
}

/** `options` with the tokenizer's `bos_token`, `eos_token`, `pad_token` and `unk_token`. */
export function withTokens(tokenizer: Tokenizer, options: RenderOptions): RenderOptions {
  return { ...options, specialTokens: { ...controlsOf(tokenizer).named, ...options.specialTokens } };
}

/**
 * Renders a dialogue so that it is known which control tokens the template wrote. In what messages say, each name of a
 * control token is broken by a mark while the template runs.
 *
 * @throws NuwaError VALUE for messages that the template refuses, and for a template that reads control tokens in them
 */
export function renderControlled(
  tokenizer: Tokenizer,
  template: string,
  messages: readonly ChatMessage[],
  options: RenderOptions,
): Rendered {
  checkMessages(messages);
  const controls = controlsOf(tokenizer);
  checkRoles(controls, template, messages);
  const all = withTokens(tokenizer, options);
  const text = renderChat(template, messages, all);
  const { pattern } = controls;
  if (pattern === undefined) return { text, controls: [] };
  const mark = unusedMark(template + JSON.stringify(messages) + JSON.stringify(options));
  let isGuarded = false;
  const guard = (value: string): string => {
    const guarded = guardText(value, controls, mark);
    if (guarded !== value) isGuarded = true;
    return guarded;
  };
  const guardedMessages = messages.map((message) => guardMessage(message, guard));
  const guardedOptions = {
    ...all,
    ...(all.tools === undefined ? {} : { tools: all.tools.map((tool) => guardJson(tool, guard)) }),
    ...(all.documents === undefined ? {} : { documents: all.documents.map((one) => guardJson(one, guard)) }),
  };
  // Most dialogues speak of no control token.
  const marked = isGuarded ? renderChat(template, guardedMessages, guardedOptions) : text;
  if (marked.replaceAll(mark, "") !== text) {
    throw new NuwaError("VALUE", "the chat template reads control tokens in what messages say", {
      hint: "leave the names of control tokens out of the messages, or use another template",
    });
  }
  const found: { start: number; end: number; id: number }[] = [];
  let marks = 0;
  let last = 0;
  for (const match of marked.matchAll(pattern)) {
    marks += countMarks(marked, last, match.index, mark);
    last = match.index;
    const start = match.index - marks * mark.length;
    found.push({ start, end: start + match[0].length, id: controls.ids.get(match[0]) ?? 0 });
  }
  return { text, controls: found };
}

/** A role is printed as it is by many templates, so it must not complete the name of a control token. */
function checkRoles(controls: Controls, template: string, messages: readonly ChatMessage[]): void {
  const usual: readonly string[] = [...chatRoles, ...otherChatRoles];
  messages.forEach(({ role }, index) => {
    if (usual.includes(role) || template.includes(`'${role}'`) || template.includes(`"${role}"`)) return;
    const isPart = [...controls.ids.keys()].some((name) => name.includes(role) || role.includes(name));
    if (!isPart && /^[\p{L}\p{N}_ -]+$/u.test(role)) return;
    throw new NuwaError("VALUE", `unknown role ${JSON.stringify(role)}`, { where: `messages[${index}]` });
  });
}

function guardMessage(message: ChatMessage, guard: (text: string) => string): ChatMessage {
  const content = guard(message.content);
  if (message.fields === undefined) return { role: message.role, content };
  const fields = Object.entries(message.fields).map(([name, value]) => [name, guardJson(value, guard)] as const);
  return { role: message.role, content, fields: Object.fromEntries(fields) };
}

function guardJson(value: JsonValue, guard: (text: string) => string): JsonValue {
  if (typeof value === "string") return guard(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => guardJson(one, guard));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, guardJson(one, guard)]));
}

/** Breaks names of control tokens, and their beginnings and ends at the edges, where a template could complete them. */
function guardText(text: string, { pattern, ids }: Controls, mark: string): string {
  if (text === "" || pattern === undefined) return text;
  const names = [...ids.keys()];
  const lead = text.length - text.trimStart().length;
  const body = text.slice(lead).trimEnd();
  const tail = text.slice(lead + body.length);
  const completes = names.some((name) => overlaps(name, body, name.length - 1));
  const isCompleted = names.some((name) => overlaps(body, name, name.length - 1));
  let guarded = body.replace(pattern, (name) => `${name.slice(0, 1)}${mark}${name.slice(1)}`);
  // A name may be hidden in another: what is left is broken too.
  while (guarded.search(pattern) >= 0) {
    guarded = guarded.replace(pattern, (name) => `${name.slice(0, 1)}${mark}${name.slice(1)}`);
  }
  return text.slice(0, lead) + (completes ? mark : "") + guarded + (isCompleted ? mark : "") + tail;
}

/** Whether `first` ends with the beginning of `second`, of up to `most` units. */
function overlaps(first: string, second: string, most: number): boolean {
  for (let length = Math.min(most, first.length, second.length); length > 0; length--) {
    if (second.startsWith(first.slice(-length))) return true;
  }
  return false;
}

function countMarks(text: string, start: number, end: number, mark: string): number {
  let count = 0;
  for (let at = text.indexOf(mark, start); at >= 0 && at < end; at = text.indexOf(mark, at + mark.length)) count++;
  return count;
}

/** A string that does not occur in `text`. Private use characters: no template trims or escapes them. */
export function unusedMark(text: string): string {
  let mark = "\uE000";
  while (text.includes(mark)) mark += "\uE001";
  return mark;
}

/** Blanks that control tokens take along are no text of their own. */
export function stripsOf(tokenizer: Tokenizer, id: number): { readonly left: boolean; readonly right: boolean } {
  const name = tokenizer.idToToken(id);
  return (name === undefined ? undefined : controlsOf(tokenizer).strips.get(name)) ?? { left: false, right: false };
}
