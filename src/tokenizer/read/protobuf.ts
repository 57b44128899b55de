import { NuwaError } from "../../text/index.ts";

/** One field of a message: its number and its value, by wire type (varint, 64 bit, bytes, 32 bit). */
export interface ProtobufField {
  readonly number: number;
  readonly value: bigint | Uint8Array | number;
}

/**
 * The fields of one message, in order. Groups (types 3 and 4), which no file in use has, are refused.
 * Source: protobuf.dev, "Encoding".
 *
 * @param where the file's name, for messages
 * @throws NuwaError FILE for a message that is cut short or that is no protobuf
 */
export function* readFields(bytes: Uint8Array, where: string): Generator<ProtobufField> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const fault = (message: string): NuwaError =>
    new NuwaError("FILE", `malformed protobuf at byte ${at} of ${bytes.length}: ${message}`, {
      where,
      hint: "is it a SentencePiece model, whole?",
    });
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined) throw fault("it ends inside a number");
      at++;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw fault("a number of more than ten bytes");
  };
  const need = (size: number): void => {
    if (size > bytes.length - at) throw fault(`expected ${size} more bytes, got ${bytes.length - at}`);
  };
  while (at < bytes.length) {
    const key = varint();
    const number = Number(key >> 3n);
    const type = Number(key & 7n);
    if (number === 0 || number > 0x1fffffff) throw fault(`field number ${number}`);
    switch (type) {
      case 0:
        yield { number, value: varint() };
        break;
      case 1:
        need(8);
        yield { number, value: view.getFloat64(at, true) };
        at += 8;
        break;
      case 2: {
        const size = Number(varint());
        need(size);
        yield { number, value: bytes.subarray(at, at + size) };
        at += size;
        break;
      }
      case 5:
        need(4);
        yield { number, value: view.getFloat32(at, true) };
        at += 4;
        break;
      default:
        throw fault(`wire type ${type}`);
    }
  }
}
