/**
 * Unicode's canonical composition (NFC), and U+FFFD for lone surrogates, which have no form in UTF-8. A text below U+0300
 * is its own NFC and is given back as it is.
 */
export function normalizeUnicode(text: string): string {
  if (!MAY_CHANGE.test(text)) return text;
  return text.replace(/\p{Surrogate}/gu, "\ufffd").normalize("NFC");
}

// Everything that NFC can change, with room to spare: combining marks and the few letters, symbols and ideographs that
// decompose (Unicode data, NFC_Quick_Check), Hangul jamo, surrogates.
const MAY_CHANGE = new RegExp(
  "[\\u0300-\\u036f\\u0374\\u037e\\u0387\\u0483-\\u0487\\u0590-\\u1cff\\u1dc0-\\u1fff\\u2000\\u2001\\u20d0-\\u20ff\\u2126" +
    "\\u212a\\u212b\\u2329\\u232a\\u2adc\\u302a-\\u302f\\u3099\\u309a\\ua66f-\\ua6ff\\ua800-\\uabff\\ud800-\\udfff\\uf900-\\ufb4f\\ufe20-\\ufe2f]",
);
