/** What a source's texts are: `kind` in the recipe's `collect` section, `meta.kind` in its documents. */
export const documentKinds = ["web", "book", "poem", "dialogue", "code"] as const;

export type DocumentKind = (typeof documentKinds)[number];
