import { NuwaError } from "../text/index.ts";
import { renderChat, type ChatMessage, type TemplateInputs } from "./chat-template.ts";
import { unusedMark, withTokens, type Rendered } from "./rendered.ts";
import type { Tokenizer } from "./types.ts";

/** A stretch of the rendered text that is learned. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** More than 0. */
  readonly weight: number;
}

const GENERATION = /\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}/g;

/**
 * What of a rendered dialogue is learned: what the template marks by `{% generation %}`, else the answers, found by what
 * the template does with marks in their place, else by rendering the dialogue turn by turn.
 */
export function learnedSpans(
  tokenizer: Tokenizer,
  template: string,
  messages: readonly ChatMessage[],
  inputs: TemplateInputs,
  rendered: Rendered,
): Span[] {
  const spans =
    spansByGeneration(tokenizer, template, messages, inputs, rendered) ??
    spansByMarks(tokenizer, template, messages, inputs, rendered) ??
    spansByTurns(tokenizer, template, messages, inputs, rendered);
  return spans.filter(({ start, end, weight }) => end > start && weight > 0);
}

function weightOf(message: ChatMessage | undefined): number {
  return message?.role === "assistant" ? (message.weight ?? 1) : 0;
}

/** Undefined where the template has no such blocks, or they cannot be made visible. */
function spansByGeneration(
  tokenizer: Tokenizer,
  template: string,
  messages: readonly ChatMessage[],
  inputs: TemplateInputs,
  { text }: Rendered,
): Span[] | undefined {
  if (template.search(GENERATION) < 0) return undefined;
  const mark = unusedMark(template + text + JSON.stringify(messages));
  // A block that writes a mark keeps the tag's effect on the white space around it.
  const visible = template.replace(GENERATION, (_, before: string, end: string | undefined, after: string) => {
    return `{%${before} if true %}{{ "${mark}${end === undefined ? "b" : "e"}" }}{% endif ${after}%}`;
  });
  const marked = renderChat(visible, messages, withTokens(tokenizer, inputs));
  const pieces = marked.split(mark);
  const blocks: { start: number; end: number }[] = [];
  let at = pieces[0]?.length ?? 0;
  let clean = pieces[0] ?? "";
  let open: number | undefined;
  for (const piece of pieces.slice(1)) {
    if (piece.startsWith("b")) open = at;
    else if (open !== undefined) {
      blocks.push({ start: open, end: at });
      open = undefined;
    }
    clean += piece.slice(1);
    at += piece.length - 1;
  }
  if (clean !== text) return undefined;
  const answers = messages.filter(({ role }) => role === "assistant");
  if (answers.every((message) => weightOf(message) === 1)) return blocks.map((block) => ({ ...block, weight: 1 }));
  if (answers.length !== blocks.length) {
    throw new NuwaError(
      "VALUE",
      `the chat template has ${blocks.length} generation blocks for ${answers.length} answers`,
      {
        hint: "answers of different weight need a block each",
      },
    );
  }
  return blocks.map((block, i) => ({ ...block, weight: weightOf(answers[i]) }));
}

/**
 * Renders with a mark in the place of each content. Undefined where the text is not then what it is with the contents
 * themselves (they are changed beyond trimming, or decide what is written), or where more than content is to be learned.
 */
function spansByMarks(
  tokenizer: Tokenizer,
  template: string,
  messages: readonly ChatMessage[],
  inputs: TemplateInputs,
  rendered: Rendered,
): Span[] | undefined {
  if (messages.some(({ role, fields }) => role === "assistant" && fields !== undefined)) return undefined;
  const { text } = rendered;
  const mark = unusedMark(template + text + JSON.stringify(messages));
  let marked: string;
  try {
    marked = renderChat(
      template,
      messages.map((message, index) => ({ ...message, content: `${mark}${index}${mark}` })),
      withTokens(tokenizer, inputs),
    );
  } catch {
    // The template reads what messages say.
    return undefined;
  }
  // Even places: the template's text. Odd places: the index of a message.
  const pieces = marked.split(new RegExp(`${mark}(\\d+)${mark}`));
  const spans: Span[] = [];
  let at = 0;
  let answer: number | undefined;
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i] ?? "";
    if (i % 2 === 0) {
      if (!text.startsWith(piece, at)) return undefined;
      if (answer !== undefined) {
        const end = at + turnEnd(rendered, at, at + piece.length);
        spans.push({ start: at, end, weight: weightOf(messages[answer]) });
      }
      answer = undefined;
      at += piece.length;
      continue;
    }
    const message = messages[Number(piece)];
    const following = pieces[i + 1] ?? "";
    const content = message?.content ?? "";
    // Many templates trim what they print.
    const shown = [content, content.trim(), content.trimStart(), content.trimEnd()].find((one) => {
      return text.startsWith(one, at) && text.startsWith(following, at + one.length);
    });
    if (shown === undefined) return undefined;
    if (message?.role === "assistant") {
      answer = Number(piece);
      spans.push({ start: at, end: at + shown.length, weight: weightOf(message) });
    }
    at += shown.length;
  }
  return at === text.length ? spans : undefined;
}

/** Where the end of a turn ends, in units from `start`: after the first control token, else after the first character. */
function turnEnd({ controls }: Rendered, start: number, end: number): number {
  const control = controls.find((one) => one.start >= start && one.end <= end);
  return control === undefined ? Math.min(1, end - start) : control.end - start;
}

/**
 * Renders the dialogue up to each answer, and with it: an answer is learned where both are beginnings of the whole, so that
 * the model sees what it will see when it generates. Of the last answer that must hold.
 */
function spansByTurns(
  tokenizer: Tokenizer,
  template: string,
  messages: readonly ChatMessage[],
  inputs: TemplateInputs,
  rendered: Rendered,
): Span[] {
  const { text, controls } = rendered;
  const options = withTokens(tokenizer, inputs);
  const render = (count: number, addGenerationPrompt: boolean): string | undefined => {
    if (count === 0 && !addGenerationPrompt) return "";
    try {
      return renderChat(template, messages.slice(0, count), { ...options, addGenerationPrompt });
    } catch {
      return undefined;
    }
  };
  const spans: Span[] = [];
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  messages.forEach((message, index) => {
    if (weightOf(message) === 0) return;
    const prompt = render(index, true);
    const whole = index === messages.length - 1 ? text : render(index + 1, false);
    const isShown = prompt !== undefined && whole !== undefined && whole.startsWith(prompt) && text.startsWith(whole);
    if (!isShown) {
      if (index < last) return;
      throw new NuwaError(
        "VALUE",
        "the chat template changes what messages say, so answers cannot be told from the rest",
        { where: `messages[${index}]`, hint: "use a template that prints each answer after its generation prompt" },
      );
    }
    // White space after the token that ends a turn is the template's, not the answer's.
    const control = controls.findLast((one) => one.start >= prompt.length && one.end <= whole.length);
    const isEnd = control !== undefined && text.slice(control.end, whole.length).trim() === "";
    spans.push({ start: prompt.length, end: isEnd ? control.end : whole.length, weight: weightOf(message) });
  });
  return spans;
}
