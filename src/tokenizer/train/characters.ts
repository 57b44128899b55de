import { NuwaError } from "../../text/index.ts";
import { charactersJson, CharacterTokenizer } from "../models/character-tokenizer.ts";
import { toWellFormed } from "../steps/character-classes.ts";
import { checkSpecialTokens, END_OF_TEXT, PAD, UNKNOWN } from "../special-tokens.ts";
import type { Tokenizer } from "../types.ts";

/**
 * A tokenizer with one token for each character that occurs. Special tokens come first, then characters by code
 * point; without special tokens the ids are nanoGPT's (`sorted(set(text))`).
 *
 * @throws NuwaError DATA when there is no text
 * @example await trainCharacters(["hello"], {}) // e h l o: ids 0 to 3
 */
export async function trainCharacters(
  texts: AsyncIterable<string> | Iterable<string>,
  options: { readonly specialTokens?: readonly string[] } = {},
): Promise<Tokenizer> {
  const specials = checkSpecialTokens(options.specialTokens ?? []);
  const alphabet = new Set<string>();
  for await (const text of texts) for (const character of toWellFormed(text)) alphabet.add(character);
  if (alphabet.size === 0) throw new NuwaError("DATA", "expected text to train a tokenizer on, got none");
  const sorted = [...alphabet].sort((a, b) => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0));
  const added = specials.map((content, id) => ({ id, content, special: true }));
  const characters = new Map(sorted.map((character, index) => [character, specials.length + index]));
  const vocab = new Map([...added.map(({ content, id }) => [content, id] as const), ...characters]);
  const idOf = (token: string): number | undefined => added.find(({ content }) => content === token)?.id;
  return new CharacterTokenizer({
    characters,
    added,
    unknownId: idOf(UNKNOWN),
    bosId: idOf(END_OF_TEXT),
    eosId: idOf(END_OF_TEXT),
    padId: idOf(PAD),
    json: charactersJson(vocab, added),
  });
}
