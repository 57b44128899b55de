import { createInterface } from "node:readline/promises";
import pc from "picocolors";
import { reply, type GenerationSettings, type LoadedGenerator } from "../generate/index.ts";
import type { ChatMessage } from "../tokenizer/index.ts";

export interface ChatLoopOptions {
  readonly loaded: LoadedGenerator;
  readonly settings: GenerationSettings;
  readonly system?: string | undefined;
  readonly input: NodeJS.ReadableStream;
  /** What the model says. */
  readonly output: NodeJS.WritableStream;
  /** Prompts and hints. */
  readonly console: NodeJS.WritableStream;
  readonly interactive: boolean;
}

const help = `/new  a new conversation      /again  another answer
/exit  leave (Ctrl-D too)    Ctrl-C  stop the answer`;

/** A conversation in the terminal, until the input ends. Without a terminal, a line in is an answer out. */
export async function chatLoop(options: ChatLoopOptions): Promise<void> {
  const { loaded, settings, input, output, console, interactive } = options;
  const lines = createInterface({
    input,
    output: interactive ? console : undefined,
    terminal: interactive,
    prompt: pc.bold(pc.cyan("› ")),
  });
  const head: ChatMessage[] = options.system === undefined ? [] : [{ role: "system", content: options.system }];
  let messages: ChatMessage[] = [];
  let answering: AbortController | undefined;
  let answers = 0;
  const hint = (text: string) => {
    if (interactive) console.write(`${pc.dim(text)}\n`);
  };
  lines.on("SIGINT", () => {
    if (answering === undefined) lines.close();
    else answering.abort();
  });
  hint(help);
  if (interactive) lines.prompt();
  for await (const line of lines) {
    const said = line.trim();
    if (said === "/exit" || said === "/quit") break;
    if (said === "/new") {
      messages = [];
      hint("a new conversation");
    } else if (said === "/help") {
      hint(help);
    } else if (said !== "" && !(said === "/again" && messages.length === 0)) {
      if (said === "/again") messages = messages.slice(0, -1);
      else messages = [...messages, { role: "user", content: said }];
      answering = new AbortController();
      // Each answer draws other random numbers, and all of them follow from the one seed.
      const drawn = { ...settings, seed: settings.seed + answers++ };
      let answer = "";
      const pieces = reply(loaded, [...head, ...messages], drawn, { signal: answering.signal });
      for await (const { text } of pieces) {
        answer += text;
        output.write(text);
      }
      output.write("\n");
      answering = undefined;
      messages = [...messages, { role: "assistant", content: answer === "" ? " " : answer }];
    }
    if (interactive) lines.prompt();
  }
  lines.close();
}
