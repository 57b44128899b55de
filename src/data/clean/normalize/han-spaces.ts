// One Chinese character, digit or mark of Chinese writing by itself between two blanks.
const SINGLE = "[\\p{Script=Han}〇0-9，。、；：？！（）《》“”]";
const RUN = new RegExp(
  `(?<![^\\s，。、；：？！（）《》“”])${SINGLE}(?:[ \\u3000]${SINGLE}){3,}(?![^\\s，。、；：？！（）《》“”])`,
  "gu",
);
const HAN = /\p{Script=Han}/gu;

/**
 * Takes out blanks between single Chinese characters, and digits among them, as PDF files and scans put them in. Blanks
 * between words (北京 上海), a poem's halves and rows of numbers stay: four single characters in a row, most of them Han,
 * are no text that anybody wrote so.
 *
 * @example joinHan("2 0 2 3 年 的 春 天") // "2023年的春天"
 */
export function joinHan(text: string): string {
  if (!/\p{Script=Han} /u.test(text)) return text;
  return text.replace(RUN, (run) => {
    const han = run.match(HAN)?.length ?? 0;
    return 2 * han >= (run.length + 1) / 2 ? run.replace(/[ \u3000]/gu, "") : run;
  });
}
