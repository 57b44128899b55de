/** Line ends of every kind (CRLF, CR, NEL, line and paragraph separator, vertical tab, form feed) become `\n`. */
export function normalizeLineEndings(text: string): string {
  return OTHER_LINE_ENDS.test(text) ? text.replace(/\r\n?|[\u0085\u2028\u2029\v\f]/g, "\n") : text;
}

const OTHER_LINE_ENDS = /[\r\u0085\u2028\u2029\v\f]/;
