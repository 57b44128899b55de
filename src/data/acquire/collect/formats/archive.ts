import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createTarDecoder } from "modern-tar";
import { InputProblem, readChunks } from "../bytes.ts";
import { formatOf, type InputFile } from "../files.ts";
import type { RawDocument, ReadContext } from "./context.ts";
import { openZip } from "./zip.ts";

/** An archive may hold archives, and those no more. */
const DEEPEST = 2;
const MOST_ENTRIES = 100_000;

interface Member {
  readonly name: string;
  /** @throws InputProblem */
  readonly read: () => Promise<Uint8Array>;
}

/**
 * zip and tar, compressed or not: the files of a known format inside, each read as if it lay on the disk. Its documents' source is
 * `archive.zip!/path/inside`. One member at a time is unpacked, into a temporary file that only this process sees.
 */
export async function* readArchive(file: InputFile, context: ReadContext): AsyncGenerator<RawDocument> {
  const depth = file.name.split("!/").length;
  if (depth > DEEPEST) throw new InputProblem("an archive in an archive in an archive is not read");
  const limit = context.settings.max_file_mb * 1e6;
  const members = file.format === "zip" ? zipMembers(file, context, limit) : tarMembers(file, limit);
  const folder = await mkdtemp(path.join(tmpdir(), "nuwa-archive-"));
  const most = context.settings.max_archive_mb * 1e6;
  let read = 0;
  let unpacked = 0;
  try {
    for await (const member of members) {
      const { format, compression, extension } = formatOf(member.name);
      if (format === undefined || isHidden(member.name)) continue;
      const inner: InputFile = {
        path: path.join(folder, `member${extension}`),
        name: `${file.name}!/${member.name}`,
        format,
        compression,
      };
      read++;
      try {
        const content = await member.read();
        unpacked += content.length;
        if (unpacked > most) {
          context.problem(
            `unpacks to more than max_archive_mb (${context.settings.max_archive_mb} MB), the rest skipped`,
          );
          return;
        }
        await writeFile(inner.path, content, { mode: 0o600 });
        for await (const raw of context.readInner(inner)) yield { name: inner.name, ...raw };
      } catch (error) {
        if (!(error instanceof InputProblem)) throw error;
        const where = error.message.startsWith(member.name) ? "" : `${member.name}: `;
        const hint = error.hint === undefined ? "" : ` (${error.hint})`;
        context.problem(`${where}${error.message}${hint}`);
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (read === 0) throw new InputProblem("holds no file of a known format");
}

/** What programs leave beside files: .DS_Store, __MACOSX/. */
function isHidden(name: string): boolean {
  return name.split("/").some((part) => part.startsWith(".") || part === "__MACOSX");
}

async function* zipMembers(file: InputFile, context: ReadContext, limit: number): AsyncGenerator<Member> {
  const zip = await openZip(file, context.settings.max_file_mb);
  try {
    for (const { name, read } of zip.entries) yield { name, read: () => read(limit) };
  } finally {
    zip.close();
  }
}

async function* tarMembers(file: InputFile, limit: number): AsyncGenerator<Member> {
  const source = ReadableStream.from<Uint8Array>(readChunks(file));
  const entries = source.pipeThrough(createTarDecoder({ strict: true }));
  let count = 0;
  try {
    for await (const { header, body } of entries) {
      if (++count > MOST_ENTRIES) throw new InputProblem(`tar with more than ${MOST_ENTRIES} files`);
      let taken = false;
      if (header.type === "file" || header.type === undefined) {
        yield {
          name: header.name.replace(/^\.?\/+/, ""),
          read: async () => {
            taken = true;
            const chunks: Uint8Array[] = [];
            let total = 0;
            try {
              for await (const chunk of body) {
                total += chunk.length;
                if (total <= limit) chunks.push(chunk);
              }
            } catch (error) {
              throw malformed(error);
            }
            if (total > limit) throw new InputProblem(`larger than ${limit / 1e6} MB`);
            return Buffer.concat(chunks);
          },
        };
      }
      if (!taken) await body.cancel();
    }
  } catch (error) {
    throw malformed(error);
  }
}

/** What the decoder or the file beneath it threw, named. */
function malformed(error: unknown): InputProblem {
  if (error instanceof InputProblem) return error;
  return new InputProblem(`malformed tar: ${(error as Error).message}`, { cause: error });
}
