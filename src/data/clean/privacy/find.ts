import { isIPv6 } from "node:net";
import { isCardNumber, isIdentityCard } from "./checksums.ts";
import type { PrivacyKind } from "./settings.ts";

/** A place in a text: [start, end) in UTF-16 units. */
export interface Found {
  readonly kind: PrivacyKind;
  readonly start: number;
  readonly end: number;
}

export interface FindOptions {
  readonly publicIpsOnly: boolean;
}

/**
 * Personal data in a text, in order, without overlaps. Where two kinds claim the same digits, the one with the stronger
 * check wins: identity card, card, IP, phone, QQ. Linear in the length of the text.
 *
 * @example find("Write to ann@example.org", { publicIpsOnly: true }) // [{ kind: "email", start: 9, end: 24 }]
 */
export function findPersonalData(text: string, options: FindOptions): Found[] {
  const found: Found[] = [];
  if (text.includes("@")) findEmails(text, found);
  if (/\d/.test(text)) {
    findCards(text, found);
    findIps(text, options, found);
    findPhones(text, found);
    findQq(text, found);
  } else if (text.includes("::")) findIps(text, options, found);
  // Array.prototype.sort is stable: of two that begin at one place the kind searched for first stands first.
  found.sort((a, b) => a.start - b.start);
  const kept: Found[] = [];
  const order: Record<PrivacyKind, number> = { email: 0, identity_card: 1, card: 2, ip: 3, phone: 4, qq: 5 };
  for (const item of found) {
    const last = kept.at(-1);
    if (last === undefined || item.start >= last.end) kept.push(item);
    else if (order[item.kind] < order[last.kind]) kept[kept.length - 1] = item;
  }
  return kept;
}

const LOCAL = /[A-Za-z0-9.!#$%&*+/=?^_{|}~-]/;
const HOST = /[A-Za-z0-9.-]/;
/** `logo@2x.png` is a file. */
const FILE = /\.(?:png|jpe?g|gif|svg|webp|css|js|mjs|ts|json|html?)$/iu;
const HOST_NAME = /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}$/u;

function findEmails(text: string, found: Found[]): void {
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    let start = at;
    while (start > 0 && at - start < 64 && LOCAL.test(text.charAt(start - 1))) start--;
    while (start < at && /[^A-Za-z0-9_]/.test(text.charAt(start))) start++;
    let end = at + 1;
    while (end < text.length && end - at < 254 && HOST.test(text.charAt(end))) end++;
    while (end > at && /[.-]/.test(text.charAt(end - 1))) end--;
    const local = text.slice(start, at);
    const host = text.slice(at + 1, end);
    if (local === "" || local.endsWith(".") || local.includes("..") || !HOST_NAME.test(host) || FILE.test(host))
      continue;
    // git@github.com:owner/name is a place, and so is user:password@host.
    if (/^:[\w~/]/u.test(text.slice(end, end + 2)) || /[:/]/u.test(text.charAt(start - 1))) {
      const mailto = text.slice(Math.max(0, start - 7), start).toLowerCase() === "mailto:";
      if (!mailto && !/[：:]\s?$/u.test(text.slice(Math.max(0, start - 2), start))) continue;
      if (/^:[\w~/]/u.test(text.slice(end, end + 2))) continue;
    }
    found.push({ kind: "email", start, end });
  }
}

// Digits in groups, by one space or hyphen; what stands before and after must not go on with the number or a word.
const DIGIT_RUN = /(?<![\dA-Za-z_.,])\d(?:[ -]?\d){11,22}[Xx]?(?![\dA-Za-z_])/g;

function findCards(text: string, found: Found[]): void {
  for (const match of text.matchAll(DIGIT_RUN)) {
    const [whole] = match;
    const start = match.index;
    const plain = whole.replaceAll(/[ -]/g, "");
    if (isIdentityCard(plain) && !whole.includes("-")) {
      found.push({ kind: "identity_card", start, end: start + whole.length });
      continue;
    }
    // 4 groups of 4, and so on: one kind of separator, and no groups of one digit (a table's row).
    const separators = new Set(whole.match(/[ -]/g) ?? []);
    const groups = whole.split(/[ -]/);
    if (separators.size > 1 || (groups.length > 1 && groups.some((group) => group.length < 3))) continue;
    if (isCardNumber(plain)) found.push({ kind: "card", start, end: start + whole.length });
  }
}

const IPV4 = /(?<![\d.A-Za-z_-])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\dA-Za-z_]|\.\d)/g;
const IPV6 = /(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:|::)[0-9A-Fa-f:]*(?:[0-9A-Fa-f]|::)(?![\w:])/g;
/** "version 1.2.3.4", "§ 1.2.3.4", "第1.2.3.4节" are numbers of something. */
const NUMBERED =
  /(?:version|release|build|firmware|section|chapter|clause|v|ver\.?|§|第|版本|版本号|章节)\s*[:：]?\s*$/iu;

function findIps(text: string, { publicIpsOnly }: FindOptions, found: Found[]): void {
  for (const match of text.matchAll(IPV4)) {
    const octets = match.slice(1, 5).map(Number);
    const padded = match.slice(1, 5).some((octet) => octet.length > 1 && octet.startsWith("0"));
    if (padded || octets.some((octet) => octet > 255)) continue;
    if (publicIpsOnly && !isPublic(octets)) continue;
    if (NUMBERED.test(text.slice(Math.max(0, match.index - 12), match.index))) continue;
    found.push({ kind: "ip", start: match.index, end: match.index + match[0].length });
  }
  if (!text.includes(":")) return;
  for (const match of text.matchAll(IPV6)) {
    const [address] = match;
    if (!isIPv6(address)) continue;
    const groups = address.split(":").filter((group) => group !== "");
    // `a::b` is C++; addresses that reach somebody are in 2000::/3, and have more than two groups.
    const global = /^[23][0-9A-Fa-f]{3}$/u.test(groups[0] ?? "");
    if (groups.length < 3 || (publicIpsOnly && !global)) continue;
    found.push({ kind: "ip", start: match.index, end: match.index + address.length });
  }
}

/** Not for private networks, loopback, link-local, documentation, multicast and the like (RFC 6890). */
function isPublic([a = 0, b = 0, c = 0]: readonly number[]): boolean {
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false;
  if (a === 100 && b >= 64 && b <= 127) return false;
  if ((a === 169 && b === 254) || (a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168)) return false;
  if (a === 192 && b === 0 && (c === 0 || c === 2)) return false;
  return !(
    (a === 198 && (b === 18 || b === 19)) ||
    (a === 198 && b === 51 && c === 100) ||
    (a === 203 && b === 0 && c === 113)
  );
}

const BEFORE = "(?<![\\dA-Za-z_./+-]|\\d[ -])";
const AFTER = "(?![\\dA-Za-z_]|[.,-]\\d)";
/** A number in one of the usual spellings. Without a blank or hyphen, most digits that could be one are something else. */
const PHONES = [
  // A mainland mobile number, with or without +86.
  new RegExp(`${BEFORE}(?:(?:\\+|00)?86[ -]?)?1[3-9]\\d(?:\\d{8}|[ -]\\d{4}[ -]?\\d{4})${AFTER}`, "g"),
  // International: + or 00, 8 to 15 digits (E.164), in groups.
  new RegExp(`(?<![\\dA-Za-z_+])\\+[1-9]\\d{0,2}(?:[ -]?\\(\\d{1,4}\\))?(?:[ .-]?\\d{1,4}){2,6}${AFTER}`, "g"),
  new RegExp(`${BEFORE}00[1-9]\\d{0,2}(?:[ -]?\\(\\d{1,4}\\))?(?:[ .-]\\d{1,8}){2,6}${AFTER}`, "g"),
  // North America: area code and exchange do not begin with 0 or 1.
  new RegExp(`${BEFORE}(?:1[ .-])?(?:\\([2-9]\\d{2}\\) ?|[2-9]\\d{2}[.-])[2-9]\\d{2}[.-]\\d{4}${AFTER}`, "g"),
  // Mainland landlines with their area code; Britain's long area codes are written alike.
  new RegExp(
    `${BEFORE}(?:0(?:10|2\\d)[ -]\\d{4}[ -]?\\d{4}|0[3-9]\\d{2}[ -]\\d{3,4}[ -]?\\d{4}|[(（]0\\d{2,3}[)）] ?\\d{3,4}[ -]?\\d{4})${AFTER}`,
    "g",
  ),
  // Germany: area code, slash, number; mobile numbers. France: five pairs. Britain: mobile numbers.
  new RegExp(`${BEFORE}0\\d{2,4} ?/ ?\\d{2,8}(?:[ -]?\\d{2,5}){0,4}(?![\\dA-Za-z_/]|[.,-]\\d)`, "g"),
  new RegExp(`${BEFORE}01[5-7]\\d[ -]\\d{3,4}[ -]?\\d{3,5}${AFTER}`, "g"),
  new RegExp(`${BEFORE}0[1-9](?:([ .])\\d{2})(?:\\1\\d{2}){3}${AFTER}`, "g"),
  new RegExp(`${BEFORE}07\\d{3} \\d{3} ?\\d{3}${AFTER}`, "g"),
];

/** After one of these words any digits are a number, with or without blanks: `电话：02162512345`, `Tel.: 0711 1234567`. */
const ANNOUNCED = new RegExp(
  "(?:电话|電話|手机|手機|传真|傳真|座机|热线|熱線|联系方式|(?<![\\p{L}\\d])(?:tel(?:ephone|efon|éfono|efono)?|phone|fon|mobil(?:e|telefon|funk)?|handy|cell|fax|tél))" +
    "(?:号码|號碼|号| ?(?:no|nr|number|nummer))?\\.?\\s?[:：]?\\s?" +
    "([(（]?\\d{2,5}[)）]?(?:[ ./–-]{0,3}\\d{1,5}){1,6})(?![\\dA-Za-z_])",
  "giu",
);
/** `Fax 2021-10-12` and `Tel. 12.10.2021` are dates. */
const DATE = /^(?:(?:19|20)\d{2}([-./])\d{1,2}\1\d{1,2}|\d{1,2}([-./])\d{1,2}\2(?:19|20)\d{2})$/u;

function findPhones(text: string, found: Found[]): void {
  for (const [k, pattern] of PHONES.entries()) {
    for (const match of text.matchAll(pattern)) {
      const digits = match[0].replaceAll(/\D/g, "");
      if (digits.length < 8 || digits.length > 15) continue;
      // A row of one digit is no number, but for mainland mobile numbers, which are sold for it.
      if (k > 0 && /^(\d)\1*$/u.test(digits.slice(-7))) continue;
      // "+3.14159265" is a number.
      if (/^\+\d+\.\d+$/u.test(match[0])) continue;
      found.push({ kind: "phone", start: match.index, end: match.index + match[0].length });
    }
  }
  for (const match of text.matchAll(ANNOUNCED)) {
    const number = match[1] ?? "";
    const digits = number.replaceAll(/\D/g, "");
    if (digits.length < 8 || digits.length > 15 || DATE.test(number) || /^(\d)\1*$/u.test(digits)) continue;
    const end = match.index + match[0].length;
    found.push({ kind: "phone", start: end - number.length, end });
  }
}

const QQ =
  /(?<![A-Za-z])(?:QQ|扣扣|企鹅号)(?:\s?(?:号码|账号|帐号|群号|客服|咨询|号|群))?\s?(?:是|为|：|:|\s)?\s?([1-9]\d{4,10})(?![\d.%A-Za-z元个万首年])/giu;

function findQq(text: string, found: Found[]): void {
  for (const match of text.matchAll(QQ)) {
    const number = match[1] ?? "";
    const end = match.index + match[0].length;
    found.push({ kind: "qq", start: end - number.length, end });
  }
}
