/**
 * GPT-2's alphabet: every byte as one visible character, so that any token can be written in JSON.
 * Printable Latin-1 stands for itself; the other 68 bytes become U+0100, U+0101, … in order (" " is "Ġ").
 * Source: Radford et al. 2019, `bytes_to_unicode` in openai/gpt-2's encoder.py.
 */
function makeAlphabet(): string[] {
  const alphabet: string[] = [];
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    alphabet.push(String.fromCharCode(visible ? byte : next++));
  }
  return alphabet;
}

/** The character of each byte. */
export const byteCharacters: readonly string[] = makeAlphabet();

const byteOfCharacter = new Map(byteCharacters.map((character, byte) => [character, byte]));

/** The bytes in the order of their characters: the order of ids in a vocabulary trained by Hugging Face. */
export const bytesInVocabularyOrder: readonly number[] = [...byteOfCharacter]
  .sort(([a], [b]) => a.charCodeAt(0) - b.charCodeAt(0))
  .map(([, byte]) => byte);

/** Bytes to their characters: [0x20, 0x61] to "Ġa". */
export function bytesToToken(bytes: Uint8Array): string {
  let token = "";
  for (const byte of bytes) token += byteCharacters[byte];
  return token;
}

/** Characters to their bytes, or undefined when one is not of the alphabet. */
export function tokenToBytes(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfCharacter.get(token.charAt(i));
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}
