import type { Document } from "../../../text/document.ts";
import type { DocumentMapper, PartRemoval, Verdict } from "../../stage.ts";
import { findPersonalData } from "./find.ts";
import type { PrivacyKind, PrivacySettings } from "./settings.ts";

/** A text without its personal data, and how many of each kind were masked or removed. */
export interface Protected {
  readonly text: string;
  readonly counts: Partial<Record<PrivacyKind, number>>;
}

/**
 * Masks or removes personal data.
 *
 * @example protectText("Call +44 20 7946 0958.", privacySettings.parse({})) // { text: "Call <phone>.", counts: { phone: 1 } }
 */
export function protectText(text: string, settings: PrivacySettings): Protected {
  const counts: Partial<Record<PrivacyKind, number>> = {};
  let out = "";
  let last = 0;
  for (const { kind, start, end } of findPersonalData(text, { publicIpsOnly: settings.public_ips_only })) {
    if (settings[kind] === "keep") continue;
    counts[kind] = (counts[kind] ?? 0) + 1;
    out += text.slice(last, start) + (settings[kind] === "mask" ? settings.masks[kind] : "");
    last = end;
  }
  return { text: last === 0 ? text : out + text.slice(last), counts };
}

/**
 * The privacy stage. The ledger has a line for each kind that a document had, with how many, and shows the text as it
 * is afterwards: a ledger that quoted what was masked would give it away.
 */
export function createPrivacy(settings: PrivacySettings): DocumentMapper {
  return {
    name: "privacy",
    map(document: Document): Verdict {
      const { text, counts } = protectText(document.text, settings);
      const kinds = Object.entries(counts);
      if (kinds.length === 0) return { keep: document };
      const items = kinds.reduce((sum, [, count]) => sum + count, 0);
      if (settings.max_items !== null && items > settings.max_items) {
        return { drop: { rule: "privacy.max_items", value: items, threshold: settings.max_items, excerpt: text } };
      }
      const parts = kinds.map(([kind, value]): PartRemoval => {
        const mask = settings.masks[kind as PrivacyKind];
        const at = Math.max(0, text.indexOf(mask));
        return { rule: `privacy.${kind}`, value, excerpt: text.slice(Math.max(0, at - 60), at + 140) };
      });
      return { keep: { ...document, text }, parts };
    },
  };
}
