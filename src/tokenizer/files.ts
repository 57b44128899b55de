import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { NuwaError } from "../text/index.ts";
import { readTokenizerJson, type TokenRoles } from "./read-json.ts";
import type { JsonObject, Tokenizer } from "./types.ts";

/**
 * Reads a tokenizer from a folder with `tokenizer.json` (and `tokenizer_config.json`, if there), or from such a file.
 *
 * @throws NuwaError FILE when there is none, or naming the part of it that is malformed or not supported
 * @example const tokenizer = await loadTokenizer("runs/sample/tokenizer");
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  const file = (await isFolder(path)) ? join(path, "tokenizer.json") : path;
  const json = await readJson(file);
  if (json === undefined) {
    throw new NuwaError("FILE", `no tokenizer at ${file}`, {
      hint: "train one with `nuwa tokenizer train`, or give the folder that has tokenizer.json",
    });
  }
  return readTokenizerJson(json, file, roles(await loadTokenizerConfig(dirname(file))));
}

/**
 * The `tokenizer_config.json` of a folder, {} when there is none; `chat_template` is taken from `chat_template.jinja`
 * where that file stands beside it, as newer versions of transformers save it.
 */
export async function loadTokenizerConfig(folder: string): Promise<JsonObject> {
  const config = await readJson(join(folder, "tokenizer_config.json"));
  const object = isJsonObject(config) ? config : {};
  const template = await readText(join(folder, "chat_template.jinja"));
  return template === undefined ? object : { ...object, chat_template: template };
}

/** The chat template that a folder's tokenizer came with, if any. */
export async function loadChatTemplate(folder: string): Promise<string | undefined> {
  const template = (await loadTokenizerConfig(folder))["chat_template"];
  return typeof template === "string" ? template : undefined;
}

/** Writes `tokenizer.json` and `tokenizer_config.json` into `folder`, each by rename, so that none is ever half there. */
export async function saveTokenizer(
  folder: string,
  tokenizer: Tokenizer,
  options: { readonly chatTemplate?: string; readonly modelMaxLength?: number } = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeJson(join(folder, "tokenizer.json"), tokenizer.toJSON());
  await writeJson(join(folder, "tokenizer_config.json"), tokenizerConfig(tokenizer, options));
}

/** What `transformers` needs beside tokenizer.json: the parts that tokens play, and the chat template. */
export function tokenizerConfig(
  tokenizer: Tokenizer,
  options: { readonly chatTemplate?: string; readonly modelMaxLength?: number } = {},
): JsonObject {
  const config: JsonObject = { tokenizer_class: "PreTrainedTokenizerFast", clean_up_tokenization_spaces: false };
  const role = (name: string, id: number | undefined): void => {
    const token = id === undefined ? undefined : tokenizer.idToToken(id);
    if (token !== undefined) config[name] = token;
  };
  role("bos_token", tokenizer.bosId);
  role("eos_token", tokenizer.eosId);
  role("pad_token", tokenizer.padId);
  if (options.modelMaxLength !== undefined) config["model_max_length"] = options.modelMaxLength;
  if (options.chatTemplate !== undefined) config["chat_template"] = options.chatTemplate;
  return config;
}

function roles(config: JsonObject): TokenRoles {
  const name = (key: string): string | undefined => {
    const value = config[key];
    if (typeof value === "string") return value;
    // Older files write a token with its options.
    const content = isJsonObject(value) ? value["content"] : undefined;
    return typeof content === "string" ? content : undefined;
  };
  return { bos: name("bos_token"), eos: name("eos_token"), pad: name("pad_token") };
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** The text of a file; undefined when there is none. */
async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new NuwaError("FILE", `cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

async function readJson(file: string): Promise<unknown> {
  const text = await readText(file);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new NuwaError("FILE", `malformed JSON: ${reason}`, { where: file, hint: "was it cut short?", cause });
  }
}

async function writeJson(file: string, value: JsonObject): Promise<void> {
  await writeFile(`${file}.part`, `${JSON.stringify(value, null, 2)}\n`);
  await rename(`${file}.part`, file);
}
