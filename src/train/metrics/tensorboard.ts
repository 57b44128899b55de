import { readdirSync } from "node:fs";
import { join } from "node:path";
import { WholeFile } from "../../io/whole-file.ts";
import type { MetricsLine } from "./metrics.ts";

/** Castagnoli's polynomial, reversed (RFC 3720, appendix B.4). */
const POLYNOMIAL = 0x82f63b78;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? POLYNOMIAL : 0);
  return crc >>> 0;
});

/** CRC-32C of bytes. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** As TFRecord files have it, so that a checksum of data with a checksum in it is none. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** A TFRecord: length, its checksum, data, its checksum; little-endian. */
function record(data: Uint8Array): Uint8Array {
  const out = new DataView(new ArrayBuffer(data.length + 16));
  out.setBigUint64(0, BigInt(data.length), true);
  out.setUint32(8, maskedCrc(new Uint8Array(out.buffer, 0, 8)), true);
  new Uint8Array(out.buffer).set(data, 12);
  out.setUint32(12 + data.length, maskedCrc(data), true);
  return new Uint8Array(out.buffer);
}

/** Bytes of protocol buffers: a field's key is its number · 8 + its wire type. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

const key = (field: number, type: number): number[] => varint(field * 8 + type);
const integerField = (field: number, value: number): number[] => [...key(field, VARINT), ...varint(value)];
const doubleField = (field: number, value: number): number[] => [
  ...key(field, FIXED64),
  ...new Uint8Array(Float64Array.of(value).buffer),
];
const floatField = (field: number, value: number): number[] => [
  ...key(field, FIXED32),
  ...new Uint8Array(Float32Array.of(value).buffer),
];
const bytesField = (field: number, bytes: ArrayLike<number>): number[] => [
  ...key(field, BYTES),
  ...varint(bytes.length),
  ...Array.from(bytes),
];
const textField = (field: number, text: string): number[] => bytesField(field, new TextEncoder().encode(text));

/**
 * TensorBoard's event files (tensorflow/core/util/event.proto and summary.proto): one for each time that a run starts
 * or goes on, appended to as training goes. A file after the first says from which step it is valid, so that TensorBoard
 * drops what an interrupted run wrote beyond its checkpoint.
 *
 * @throws NuwaError FILE when it cannot be written
 * @example
 * const board = new TensorBoardLog("run/tensorboard", 500);
 * board.append({ type: "step", step: 501, … });
 */
export class TensorBoardLog {
  readonly #folder: string;
  readonly #from: number;
  #file: WholeFile | undefined;

  /** Makes no file before there is something to write. @param step of the checkpoint to go on from; 0 to begin */
  constructor(folder: string, step: number) {
    this.#folder = folder;
    this.#from = step === 0 ? 0 : step + 1;
  }

  append(line: MetricsLine): void {
    const values = Object.entries(scalarsOf(line)).map(([tag, value]) =>
      bytesField(SUMMARY_VALUE, [...textField(TAG, tag), ...floatField(SIMPLE_VALUE, value)]),
    );
    if (values.length === 0) return;
    this.#file ??= begin(this.#folder, this.#from);
    this.#file.write(event(line.step, bytesField(SUMMARY, values.flat())));
  }

  close(): void {
    this.#file?.close();
  }
}

/** A new file with what all of them begin with. */
function begin(folder: string, step: number): WholeFile {
  const file = new WholeFile(join(folder, nextName(folder)));
  try {
    file.write(event(0, textField(FILE_VERSION, "brain.Event:2")));
    file.write(event(step, bytesField(SESSION_LOG, integerField(1, SESSION_START))));
    file.publish();
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}

/** Fields of Event. */
const WALL_TIME = 1;
const STEP = 2;
const FILE_VERSION = 3;
const SUMMARY = 5;
const SESSION_LOG = 7;
/** Fields of Summary and of its values. */
const SUMMARY_VALUE = 1;
const TAG = 1;
const SIMPLE_VALUE = 2;
/** SessionLog's status. */
const SESSION_START = 1;

function event(step: number, rest: readonly number[]): Uint8Array {
  const head = [...doubleField(WALL_TIME, Date.now() / 1000), ...integerField(STEP, step)];
  return record(Uint8Array.from([...head, ...rest]));
}

/** TensorBoard reads the files of a folder in the order of their names, and knows them by `tfevents`. */
function nextName(folder: string): string {
  let last = 0;
  try {
    for (const name of readdirSync(folder)) last = Math.max(last, Number(/tfevents\.(\d+)/.exec(name)?.[1] ?? 0));
  } catch {
    // There is no folder yet.
  }
  return `events.out.tfevents.${Math.max(Math.floor(Date.now() / 1000), last + 1)}.nuwa`;
}

/** What is plotted of a line: curves of training and of held-out data by the same name lie in one group. */
function scalarsOf(line: MetricsLine): Record<string, number> {
  switch (line.type) {
    case "step": {
      const { loss, lr, grad_norm, tokens_per_s, scalars } = line;
      return { ...grouped({ loss, ...scalars }, "training"), learning_rate: lr, grad_norm, tokens_per_s };
    }
    case "eval": {
      const { val_loss, perplexity, bits_per_byte, bits_per_character, scalars } = line;
      return grouped({ loss: val_loss, perplexity, bits_per_byte, bits_per_character, ...scalars }, "held out");
    }
    case "sample":
      return {};
  }
}

function grouped(values: Readonly<Record<string, number | undefined>>, of: string): Record<string, number> {
  const known = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[`${name}/${of}`, value] as const],
  );
  return Object.fromEntries(known);
}
