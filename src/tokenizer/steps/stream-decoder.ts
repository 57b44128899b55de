import { TextDecoder } from "node:util";
import type { StreamDecoder } from "../types.ts";

/** `ignoreBOM` keeps a byte order mark in the text: it is a character like any other here. */
export function utf8Decoder(): TextDecoder {
  return new TextDecoder("utf-8", { ignoreBOM: true });
}

/** A decoder that shows whole characters only. `bytesOf` gives a token's bytes; undefined leaves the token out. */
export function makeStreamDecoder(bytesOf: (id: number) => Uint8Array | undefined): StreamDecoder {
  let decoder = utf8Decoder();
  return {
    push(id) {
      const bytes = bytesOf(id);
      return bytes === undefined ? "" : decoder.decode(bytes, { stream: true });
    },
    flush() {
      const text = decoder.decode();
      decoder = utf8Decoder();
      return text;
    },
  };
}
