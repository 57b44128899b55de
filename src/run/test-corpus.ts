import { mkdirSync, writeFileSync } from "node:fs";
import * as path from "node:path";

const words =
  "the of and to in that have with river stone lantern orchard winter captain letter window garden harvest silver market bridge mountain story teacher music village evening travel quiet paper doctor engine weather ocean forest people water morning history language number question answer".split(
    " ",
  );

/** Numbers from a seed: Park and Miller's minimal standard generator. Only for making test texts. */
export function seeded(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/**
 * Writes a small corpus with something for every data stage to do: HTML with menus, Markdown, text with odd white space,
 * documents that are too short, copies and near copies, and records that are broken.
 */
export function writeCorpus(folder: string, documents: number, seed = 1): void {
  mkdirSync(folder, { recursive: true });
  const random = seeded(seed);
  const word = (): string => words[Math.floor(random() * words.length)] ?? "the";
  const sentence = (): string => {
    const text = Array.from({ length: 8 + Math.floor(random() * 10) }, word).join(" ");
    return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  };
  const paragraphs = (count: number): string[] =>
    Array.from({ length: count }, () => Array.from({ length: 4 }, sentence).join(" "));
  let last = paragraphs(3);
  const records: string[] = [];
  for (let n = 0; n < documents; n++) {
    const body = n % 11 === 10 ? last : paragraphs(n % 7 === 6 ? 0 : 2 + Math.floor(random() * 4));
    last = body;
    const name = path.join(folder, String(n).padStart(4, "0"));
    if (n % 4 === 0) {
      const html = body.map((text) => `<p>${text}</p>`).join("");
      writeFileSync(
        `${name}.html`,
        `<html><body><nav><a href="/">Home</a> <a href="/a">About</a></nav><main><h1>Title ${n}</h1>${html}</main></body></html>`,
      );
    } else if (n % 4 === 1) writeFileSync(`${name}.md`, `# Title ${n}\n\n${body.join("\n\n")}\n`);
    else if (n % 4 === 2) writeFileSync(`${name}.txt`, body.join(" \t \r\n\r\n\r\n"));
    else records.push(n % 21 === 7 ? '{"text": "cut sho' : JSON.stringify({ text: body.join("\n\n") }));
  }
  writeFileSync(path.join(folder, "records.jsonl"), `${records.join("\n")}\n`);
}
