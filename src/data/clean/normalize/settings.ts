import { z } from "zod";

/** The recipe's settings of the clean stage. Steps run in the order of the keys. */
export const cleanSettings = z.strictObject({
  line_endings: z.boolean().default(true).describe("CRLF, CR and Unicode's line separators become newlines"),
  mojibake: z
    .boolean()
    .default(true)
    .describe('repair UTF-8 that was read as windows-1252 ("donâ€™t") or as GBK ("浣犲ソ锛�")'),
  entities: z.boolean().default(true).describe("decode HTML entities left over in the text, outside code"),
  unicode: z.boolean().default(true).describe("Unicode normal form C; lone surrogates become U+FFFD"),
  width: z
    .enum(["keep", "letters", "all"])
    .default("letters")
    .describe("full-width ASCII to half width: letters and digits only, or punctuation too"),
  tags: z
    .boolean()
    .default(false)
    .describe("remove HTML tags, comments, scripts and styles left over in the text; tags in code stay"),
  chinese: z
    .enum(["keep", "simplified"])
    .default("keep")
    .describe("traditional to simplified Chinese characters (OpenCC), by phrase where one character has two"),
  chinese_variant: z
    .enum(["taiwan", "taiwan_words", "hong_kong", "standard"])
    .default("taiwan")
    .describe(
      "whose traditional characters: 看著 is 看着 in Taiwan's; taiwan_words turns its words into the mainland's too",
    ),
  han_spaces: z
    .boolean()
    .default(true)
    .describe("remove spaces that PDF files and scans put between single Chinese characters (中 文 分 词)"),
  emoji: z
    .enum(["words", "keep", "remove"])
    .default("words")
    .describe("emoji to words (English or Chinese, by the document), kept, or removed"),
  invisible: z
    .boolean()
    .default(true)
    .describe("remove control characters, zero-width spaces, soft hyphens, byte order marks, directional marks"),
  hyphenation: z.boolean().default(false).describe("join words broken at line ends; for scanned texts"),
  white_space: z.boolean().default(true).describe("one space inside lines, none at their ends, few empty lines"),
  indentation: z.enum(["keep", "remove"]).default("keep").describe("white space at the beginning of lines"),
  max_blank_lines: z.int().min(0).max(10).default(1).describe("empty lines that may stand in a row"),
});

/** A recipe's section `clean`, checked. */
export type CleanSettings = z.infer<typeof cleanSettings>;
