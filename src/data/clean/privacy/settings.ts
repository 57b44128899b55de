import { z } from "zod";

const action = (what: string) =>
  z.enum(["mask", "remove", "keep"]).default("mask").describe(`${what}: masked, removed from the text, or kept`);

/** The recipe's `privacy` section: what is done with each kind of personal data. */
export const privacySettings = z.strictObject({
  email: action("e-mail addresses"),
  phone: action("telephone numbers with a country or area code, mainland mobile numbers"),
  ip: action("IPv4 and IPv6 addresses"),
  card: action("payment card numbers (issuer's prefix and Luhn checksum)"),
  identity_card: action("Chinese identity card numbers (region, date of birth, checksum)"),
  qq: action("QQ numbers, told by the word before them"),
  public_ips_only: z.boolean().default(true).describe("leave private, loopback and reserved IP addresses alone"),
  masks: z
    .strictObject({
      email: z.string().default("<email>").describe("replacement for email addresses"),
      phone: z.string().default("<phone>").describe("replacement for phone numbers"),
      ip: z.string().default("<ip>").describe("replacement for IP addresses"),
      card: z.string().default("<card>").describe("replacement for bank card numbers"),
      identity_card: z.string().default("<identity card>").describe("replacement for Chinese identity card numbers"),
      qq: z.string().default("<qq>").describe("replacement for QQ numbers"),
    })
    .prefault({})
    .describe("what stands in place of each kind"),
  max_items: z
    .int()
    .min(0)
    .nullable()
    .default(null)
    .describe("a document with more of them in all is dropped: an address list"),
});

export type PrivacySettings = z.output<typeof privacySettings>;
export type PrivacyKind = keyof PrivacySettings["masks"];
