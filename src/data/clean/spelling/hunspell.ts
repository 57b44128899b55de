interface Affix {
  readonly prefix: boolean;
  /** May stand together with one of the other kind. */
  readonly crosses: boolean;
  readonly strip: string;
  readonly add: string;
  readonly condition: RegExp | undefined;
}

/**
 * All forms of the words of a Hunspell dictionary (hunspell(5)): each word with each prefix and each suffix that its
 * flags allow, and with both where both allow it. Single-character flags; no compounds. Forms that must not be
 * suggested are left out.
 */
export function expandHunspell(aff: string, dic: string): Set<string> {
  const affixes = new Map<string, Affix[]>();
  const headers = new Map<string, boolean>();
  let hidden = "";
  for (const line of aff.split(/\r?\n/u)) {
    const fields = line.trim().split(/\s+/u);
    const [kind, flag, third, fourth, condition] = fields;
    if ((kind === "NOSUGGEST" || kind === "ONLYINCOMPOUND" || kind === "FORBIDDENWORD") && flag !== undefined)
      hidden += flag;
    if ((kind !== "PFX" && kind !== "SFX") || flag === undefined || third === undefined) continue;
    if (!headers.has(`${kind} ${flag}`)) {
      headers.set(`${kind} ${flag}`, third === "Y");
      continue;
    }
    const prefix = kind === "PFX";
    const rule: Affix = {
      prefix,
      crosses: headers.get(`${kind} ${flag}`) ?? false,
      strip: third === "0" ? "" : third,
      add: (fourth ?? "").replace(/\/.*$/u, "").replace(/^0$/u, ""),
      condition:
        condition === undefined || condition === "."
          ? undefined
          : new RegExp(prefix ? `^${condition}` : `${condition}$`, "u"),
    };
    affixes.set(flag, [...(affixes.get(flag) ?? []), rule]);
  }
  const forms = new Set<string>();
  for (const line of dic.split(/\r?\n/u).slice(1)) {
    const [word = "", flags = ""] = (line.split(/\s/u, 1)[0] ?? "").split("/");
    if (word === "" || [...hidden].some((flag) => flags.includes(flag))) continue;
    forms.add(word);
    const rules = [...flags].flatMap((flag) => affixes.get(flag) ?? []);
    for (const rule of rules) {
      const form = apply(word, rule);
      if (form === undefined) continue;
      forms.add(form);
      if (rule.prefix || !rule.crosses) continue;
      for (const other of rules) {
        if (!other.prefix || !other.crosses) continue;
        const both = apply(form, other);
        if (both !== undefined) forms.add(both);
      }
    }
  }
  return forms;
}

function apply(word: string, { prefix, strip, add, condition }: Affix): string | undefined {
  if (condition !== undefined && !condition.test(word)) return undefined;
  if (prefix) return word.startsWith(strip) ? add + word.slice(strip.length) : undefined;
  return word.endsWith(strip) ? word.slice(0, word.length - strip.length) + add : undefined;
}
