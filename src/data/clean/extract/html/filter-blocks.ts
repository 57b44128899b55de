import type { PageBlock } from "./to-blocks.ts";

// Phrases that open a pointer to something else, in the languages with most pages. Only short blocks are held against
// them, so that an article that begins a paragraph with such words loses nothing.
const POINTER =
  /^[\W_]*(?:read (?:more|also|next)|see also|also read|related(?: (?:articles?|stories|posts|content|topics))?|more (?:on this|from|stories)|recommended|most (?:read|popular)|you may also like|you might also like|share this|follow us|subscribe|sign up|click here|advertisement|tags?:|filed under|posted in|source:|photo(?: credit)?:|image(?: credit)?:|picture:|credit:|copyright|©|all rights reserved|lesen sie|lies auch|mehr zum thema|mehr dazu|mehr aus|auch interessant|das könnte (?:sie|dich)|weitere (?:artikel|informationen|themen|beiträge|meldungen|nachrichten)|weiterlesen|zum weiterlesen|ähnliche|verwandte|passend zum thema|empfehlung|anzeige|werbung|quellen?:|foto:|bild:|titelbild:|zurück zu|über den autor|über die autorin|jetzt anmelden|à lire aussi|lire aussi|lire la suite|voir aussi|sur le même sujet|dans la même rubrique|lea (?:también|más|además|:)|lee (?:también|más)|leer (?:también|más)|le puede interesar|te puede interesar|puedes ver|mira:|ver también|también te puede|leggi anche|potrebbe interessarti|leia (?:também|mais)|veja também|saiba mais|zobacz (?:także|też|również)|czytaj (?:także|też|również|więcej)|więcej|lees ook|lees meer|читайте также|相关(?:阅读|新闻|文章|链接)|延伸阅读|推荐阅读|更多(?:精彩|内容)|责任编辑|来源[:：]|編輯[:：]|编辑[:：])/iu;

/**
 * Takes out of the main content what classes did not tell: pointers to other articles, link lines, headings with nothing
 * under them, labels at the beginning and the end.
 */
export function filterBlocks(blocks: readonly PageBlock[]): PageBlock[] {
  const kept = blocks.filter((block, k) => !isPointer(block) && (!isLinkLine(block) || isLinkedSentence(blocks, k)));
  return withoutEmptyHeadings(kept);
}

function isPointer({ block, length }: PageBlock): boolean {
  return block.kind !== "code" && block.kind !== "row" && length < 160 && POINTER.test(block.text);
}

/** Mostly a link, and no sentence. */
function isLinkLine({ block, length, linkLength }: PageBlock): boolean {
  if (block.kind === "heading" || block.kind === "code") return false;
  return linkLength > 0.6 * length && length < 200;
}

/** Characters of a linked paragraph that can be the article's own, and most of them in a row. */
const LINKED_SENTENCE = 80;
const LINKED_RUN = 3;

/**
 * A whole sentence in a link, in the midst of the article's prose: live reports link each of theirs. What leads to other
 * articles stands before or after the prose, or is no sentence.
 */
function isLinkedSentence(blocks: readonly PageBlock[], at: number): boolean {
  const isSentence = ({ block, length }: PageBlock): boolean =>
    block.kind === "paragraph" && length >= LINKED_SENTENCE && /[.!?。！？…]["'”’»)]*$/u.test(block.text);
  const isLinked = ({ length, linkLength }: PageBlock): boolean => linkLength > 0.6 * length;
  const neighbour = (step: 1 | -1): PageBlock | undefined => {
    for (let k = at + step, run = 0; run < LINKED_RUN; k += step, run++) {
      const block = blocks[k];
      if (block === undefined || !isLinked(block)) return block;
    }
    return undefined;
  };
  const block = blocks[at];
  const [before, after] = [neighbour(-1), neighbour(1)];
  return [block, before, after].every((one) => one !== undefined && isSentence(one));
}

/** A heading is kept for what stands under it. */
function withoutEmptyHeadings(blocks: readonly PageBlock[]): PageBlock[] {
  const kept: PageBlock[] = [];
  let next: PageBlock | undefined;
  for (let k = blocks.length - 1; k >= 0; k--) {
    const block = blocks[k];
    if (block === undefined) continue;
    // A heading as long as a paragraph is one.
    const heading = block.block.kind === "heading" && block.length < 100;
    if (heading && (next === undefined || (next.block.kind === "heading" && levelOf(next) <= levelOf(block)))) continue;
    kept.push(block);
    next = block;
  }
  return kept.reverse();
}

function levelOf({ element }: PageBlock): number {
  for (let at: typeof element | undefined = element; at !== undefined; at = at.parent) {
    if (/^h[1-6]$/.test(at.tag)) return Number(at.tag.slice(1));
  }
  return 7;
}
