import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync } from "node:zlib";

/**
 * The body of a stored HTTP answer as its headers say: chunks joined (RFC 9112, 7.1), then unpacked. Crawlers often
 * store what they have unpacked already and keep the headers: a body that is not what they say stays as it is.
 *
 * @returns undefined when it unpacks to more than `maxBytes`
 */
export function httpBody(
  bytes: Buffer,
  headers: { readonly transfer: string; readonly content: string },
  maxBytes: number,
): Buffer | undefined {
  const body = /\bchunked\b/i.test(headers.transfer) ? (joinChunks(bytes) ?? bytes) : bytes;
  const options = { maxOutputLength: maxBytes, finishFlush: constants.Z_SYNC_FLUSH };
  try {
    switch (headers.content.trim().toLowerCase()) {
      case "gzip":
      case "x-gzip":
        return gunzipSync(body, options);
      case "deflate":
        return (body[0] ?? 0) % 16 === 8 ? inflateSync(body, options) : inflateRawSync(body, options);
      case "br":
        return brotliDecompressSync(body, { maxOutputLength: maxBytes });
      default:
        return body;
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? undefined : body;
  }
}

/** Undefined where the body does not begin with a chunk; what comes after a broken one is left out. */
function joinChunks(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf("\r\n", at);
    const size =
      end < 0 || end - at > 64 ? undefined : /^([0-9a-f]{1,8})\s*(?:;|$)/i.exec(bytes.toString("latin1", at, end));
    if (size?.[1] === undefined) return at === 0 ? undefined : Buffer.concat(parts);
    const length = Number.parseInt(size[1], 16);
    if (length === 0) break;
    parts.push(bytes.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
  return Buffer.concat(parts);
}
