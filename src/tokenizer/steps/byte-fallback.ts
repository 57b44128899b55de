/** The token of a single byte where characters fall back to bytes: `<0x0A>`. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** The byte that a token such as `<0x0A>` stands for, or undefined. */
export function byteOfToken(token: string): number | undefined {
  return /^<0x[0-9A-Fa-f]{2}>$/.test(token) ? Number.parseInt(token.slice(3, 5), 16) : undefined;
}

/** The ids of all 256 byte tokens; undefined where one lacks. */
export function byteFallbackIds(ids: ReadonlyMap<string, number>): readonly (number | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) => ids.get(byteToken(byte)));
}

/** The ids of the bytes of `text`, or undefined when one of them has none. */
export function fallBack(text: string, byteIds: readonly (number | undefined)[]): number[] | undefined {
  const found: number[] = [];
  for (const byte of Buffer.from(text)) {
    const id = byteIds[byte];
    if (id === undefined) return undefined;
    found.push(id);
  }
  return found;
}
