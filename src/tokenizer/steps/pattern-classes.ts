/** Whose regular expressions a pattern is written in: Oniguruma's (tokenizer.json) or Rust's fancy-regex (tiktoken). */
export type PatternDialect = "oniguruma" | "rust";

/** General categories: long name, short name. */
const categories =
  "Letter L, Cased_Letter LC, Uppercase_Letter Lu, Lowercase_Letter Ll, Titlecase_Letter Lt, Modifier_Letter Lm, Other_Letter Lo, Mark M, Nonspacing_Mark Mn, Spacing_Mark Mc, Enclosing_Mark Me, Number N, Decimal_Number Nd, Letter_Number Nl, Other_Number No, Punctuation P, Connector_Punctuation Pc, Dash_Punctuation Pd, Open_Punctuation Ps, Close_Punctuation Pe, Initial_Punctuation Pi, Final_Punctuation Pf, Other_Punctuation Po, Symbol S, Math_Symbol Sm, Currency_Symbol Sc, Modifier_Symbol Sk, Other_Symbol So, Separator Z, Space_Separator Zs, Line_Separator Zl, Paragraph_Separator Zp, Other C, Control Cc, Format Cf, Unassigned Cn, Private_Use Co, Surrogate Cs";

/** Unicode's scripts by their long names. */
export const scriptNames: readonly string[] = `
  Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki
  Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee
  Chorasmian Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan
  Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Garay Georgian Glagolitic Gothic Grantha Greek Gujarati
  Gunjala_Gondi Gurmukhi Gurung_Khema Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic
  Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi
  Khitan_Small_Script Khmer Khojki Khudawadi Kirat_Rai Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian
  Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui
  Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari
  New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Ol_Onal Old_Hungarian Old_Italic
  Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya
  Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada
  Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Sunuwar Syloti_Nagri Syriac Tagalog
  Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Todhri
  Toto Tulu_Tigalari Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square
`
  .trim()
  .split(/\s+/);

/** A set of characters as JavaScript writes it between brackets. */
export interface CharacterSet {
  readonly body: string;
  readonly isNegated: boolean;
}

/** The letters, marks, digits and connectors that words are made of. */
export const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";

const set = (body: string): CharacterSet => ({ body, isNegated: false });
const allBut = (body: string): CharacterSet => ({ body, isNegated: true });

/** `[[:alpha:]]` and its like, as Oniguruma has them for Unicode. */
export const posixClasses: Readonly<Record<string, CharacterSet>> = {
  alnum: set("\\p{Alphabetic}\\p{Nd}"),
  alpha: set("\\p{Alphabetic}"),
  ascii: set("\\p{ASCII}"),
  blank: set("\\p{Zs}\\t"),
  cntrl: set("\\p{Cc}"),
  digit: set("\\p{Nd}"),
  graph: allBut("\\p{White_Space}\\p{Cc}\\p{Cn}\\p{Cs}"),
  lower: set("\\p{Lowercase}"),
  print: allBut("\\u{2028}\\u{2029}\\p{Cc}\\p{Cn}\\p{Cs}"),
  punct: set("\\p{P}\\p{S}"),
  space: set("\\p{White_Space}"),
  upper: set("\\p{Uppercase}"),
  word: set(WORD),
  xdigit: set("0-9A-Fa-f"),
};

const properties: ReadonlyMap<string, CharacterSet> = new Map([
  ...categories.split(", ").flatMap((pair) => {
    const short = pair.split(" ")[1] ?? "";
    return pair.split(" ").map((name) => [plainName(name), set(`\\p{${short}}`)] as const);
  }),
  ...scriptNames.map((name) => [plainName(name), set(`\\p{Script=${name}}`)] as const),
  ...["Alphabetic", "Uppercase", "Lowercase", "White_Space", "Any", "ASCII", "Emoji"].map(
    (name) => [plainName(name), set(`\\p{${name}}`)] as const,
  ),
]);

/** Oniguruma's own names, of which two mean something else than in brackets. */
const onigurumaProperties: ReadonlyMap<string, CharacterSet> = new Map([
  ...Object.entries(posixClasses),
  ["punct", set("\\p{P}")],
  ["word", set(`${WORD}\\u{b2}\\u{b3}\\u{b9}\\u{bc}-\\u{be}`)],
]);

/** Names are compared without case, blanks, hyphens and underscores. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/[ _-]/g, "");
}

/** What `\p{name}` matches; undefined for a name that is not known here. */
export function characterProperty(name: string, dialect: PatternDialect): CharacterSet | undefined {
  const plain = plainName(name);
  return (dialect === "oniguruma" ? onigurumaProperties.get(plain) : undefined) ?? properties.get(plain);
}
