/**
 * Luhn's checksum (ISO/IEC 7812-1, annex B): every second digit from the right doubled, digits summed, a multiple of 10.
 *
 * @example passesLuhn("4111111111111111") // true
 */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const value = i % 2 === 1 ? 2 * digit : digit;
    sum += value > 9 ? value - 9 : value;
  }
  return digits.length > 0 && sum % 10 === 0;
}

/**
 * Whether a run of digits is a payment card number: an issuer's prefix with a length that it uses, and Luhn's checksum.
 * Visa, Mastercard, American Express, Discover, JCB, Diners Club, UnionPay.
 */
export function isCardNumber(digits: string): boolean {
  if (/^(\d)\1*$/u.test(digits) || !passesLuhn(digits)) return false;
  const n = digits.length;
  const starts = (length: number): number => Number(digits.slice(0, length));
  const [two, three, four] = [starts(2), starts(3), starts(4)];
  if (digits[0] === "4") return n === 13 || n === 16 || n === 19;
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return n === 16;
  if (two === 34 || two === 37) return n === 15;
  if (four === 6011 || two === 65 || (three >= 644 && three <= 649)) return n >= 16 && n <= 19;
  if (four >= 3528 && four <= 3589) return n >= 16 && n <= 19;
  if ((three >= 300 && three <= 305) || two === 36 || two === 38 || two === 39) return n === 14;
  return two === 62 && n >= 16 && n <= 19;
}

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK = "10X98765432";
/** Provinces, as GB/T 2260 numbers them; 71 Taiwan, 81 Hong Kong, 82 Macao, 83 the residence permit of Taiwan. */
const PROVINCES = new Set(
  "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83".split(" "),
);

/**
 * Whether 18 characters are a Chinese identity card number (GB 11643-1999): a province, a date of birth that exists
 * (1900 to 2099), and the check character of ISO 7064 MOD 11-2.
 */
export function isIdentityCard(text: string): boolean {
  if (!/^\d{17}[\dXx]$/u.test(text) || !PROVINCES.has(text.slice(0, 2))) return false;
  const [year, month, day] = [Number(text.slice(6, 10)), Number(text.slice(10, 12)), Number(text.slice(12, 14))];
  if (year < 1900 || year > 2099 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return false;
  let sum = 0;
  for (const [i, weight] of WEIGHTS.entries()) sum += weight * (text.charCodeAt(i) - 48);
  return CHECK[sum % 11] === text[17]?.toUpperCase();
}

function daysOf(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}
