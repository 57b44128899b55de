import type { Element, Hints } from "./tree.ts";

// What classes and ids say about a block. The words are those that content management systems and page authors use the
// world over. A class name is cut into words at hyphens, underscores and capital letters.

const NO_HINTS: Hints = { boilerplate: false, comments: false, content: false, lead: false };

/** Class names that describe the page or the post as a whole, not the part of the page that carries them. */
const MODIFIER =
  /^(?:has|no|is|with|without|tag|tags|category|cat|format|type|status|postid|post-\d|page-id|js|show|hide|not|single|template|page-template|post-template|wp-image|size|align)-/;

/** Words that say boilerplate wherever they stand in a class name, also grown together with others. */
const BOILERPLATE_PARTS =
  /breadcrumb|sidebar|newsletter|cookie|related|recommend|sponsor|advert|copyright|disclaimer|disclosure|pagination|navigation|socialmedia|sharing|sharebar|sharethis|addtoany|addthis|sharedaddy|subscri|popup|taboola|outbrain|promot|teaserlist|newsteaser|widget|byline|authorbox|authorinfo|aboutauthor|authorbio|wp_rp|yarpp|caption|bildunter|imagedescription|newsticker|editsection|navbox|catlinks|donat|whatsapp|affiliate|screenreader|skiplink|post-?ratings|moreproducts|gravatar/;

/** Words that say boilerplate when they stand by themselves between the separators. */
const BOILERPLATE_WORDS = new Set(
  "nav navi navbar subnav menu submenu footer footnav masthead topbar sidenav aside share shares sharer social socials follow consent gdpr dsgvo signup register login similar recirc popular trending latest promo promos ads ad anzeige werbung banner pager paging paginator prevnext tags taglist tagcloud taxonomy author authors bio vcard modal overlay lightbox toolbar tooltip dropdown search searchform noprint legal imprint rating ratings vote voting carousel slideshow toc infobox metadata meta metas postmeta dateline timestamp printlink print cta donate shop cart alert notice toolbox linklist sitemap credit credits hatnote reflist mostread mostviewed readmore readalso nextread toplist feedback tracking contactbox kontaktbox login infos playlist meldungen legend references bibliography footnotes sociable".split(
    " ",
  ),
);

/** Pairs of words. */
const BOILERPLATE_PHRASES =
  /\b(?:most (?:read|popular|viewed)|read (?:more|next|also)|more (?:stories|articles|posts|news|from|on)|next (?:post|article|prev)|prev (?:post|next|article)|post (?:nav|meta|footer|tags|links|info)|entry (?:meta|footer|utility|tags|info)|article (?:meta|footer|tags|info|tools)|sign up|call to action|language (?:switcher|selector)|lang (?:switcher|selector)|see also|table of contents|sr only|visually hidden|no print|skip link|skip to|about author|about the author|view more|back link|jump button|teaser list|other info)\b/;

const COMMENT_PARTS = /comment(?!ary)|disqus|livefyre|kommentar|commentaires|comentario/;
const COMMENT_WORDS = new Set("respond replies discussion reviews".split(" "));

const CONTENT_PARTS =
  /article-?(?:body|content|text|detail)|post-?(?:body|content|text)|entry-?(?:content|body|text)|story-?(?:body|content|text)|body-?(?:content|copy|text)|main-?(?:content|text|body)|content-?(?:body|main|text|article)|page-?content|rich-?text|full-?text|artikel-?(?:text|body|inhalt)/;
const CONTENT_WORDS = new Set("hentry post article story content entry text artikel beitrag".split(" "));

const LEAD_WORDS =
  /^(?:lead|lede|intro|introtext|introduction|introduccion|teaser|teasertext|standfirst|excerpt|summary|abstract|chapo|chapeau|vorspann|einleitung|subtitle|subheadline|subheading|subtitulo|untertitel|deck|dek|bajada|entradilla|kicker|leader|preamble|description)$|einleitung|introtext|vorspann|subheadline|standfirst/;

// Hints as bits, kept for each class name: the same ones come again within a page and from page to page.
const IS_BOILERPLATE = 1;
const IS_COMMENTS = 2;
const IS_CONTENT = 4;
const IS_LEAD = 8;
const cache = new Map<string, number>();
const CACHE_SIZE = 50_000;

/** What an element's class and id say. */
export function hintsOf(element: Element): Hints {
  if (element.hint === "") return NO_HINTS;
  if (element.hints !== undefined) return element.hints;
  let bits = 0;
  for (const token of element.hint.split(/\s+/)) {
    let known = cache.get(token);
    if (known === undefined) {
      known = bitsOf(token);
      if (cache.size >= CACHE_SIZE) cache.clear();
      cache.set(token, known);
    }
    bits |= known;
  }
  element.hints = ALL_HINTS[bits] ?? NO_HINTS;
  return element.hints;
}

const ALL_HINTS: readonly Hints[] = Array.from({ length: 16 }, (_, bits) => ({
  boilerplate: (bits & IS_BOILERPLATE) !== 0,
  comments: (bits & IS_COMMENTS) !== 0,
  content: (bits & IS_CONTENT) !== 0,
  lead: (bits & IS_LEAD) !== 0,
}));

function bitsOf(className: string): number {
  if (className === "" || MODIFIER.test(className)) return 0;
  const token = className.replace(/([a-z])([A-Z])/g, "$1-$2").toLowerCase();
  const words = token.split(/[-_:.]+/);
  let bits = 0;
  if (COMMENT_PARTS.test(token) || words.some((word) => COMMENT_WORDS.has(word))) bits |= IS_COMMENTS;
  if (
    token === "hidden" ||
    BOILERPLATE_PARTS.test(token) ||
    words.some((word) => BOILERPLATE_WORDS.has(word)) ||
    (words.length > 1 && BOILERPLATE_PHRASES.test(words.join(" ")))
  ) {
    bits |= IS_BOILERPLATE;
  }
  if (CONTENT_PARTS.test(token) || (words.length === 1 && CONTENT_WORDS.has(token))) bits |= IS_CONTENT;
  if (words.some((word) => LEAD_WORDS.test(word))) bits |= IS_LEAD;
  return bits;
}

const BOILERPLATE_TAGS = new Set(["nav", "footer", "aside", "menu", "address", "figcaption", "form", "fieldset"]);
const BOILERPLATE_ROLES = new Set(
  "navigation contentinfo complementary search dialog alertdialog menu menubar toolbar banner alert tooltip tablist".split(
    " ",
  ),
);

/** Whether tag or role say by themselves that this is no main text. */
export function isBoilerplateTag(element: Element): boolean {
  const { tag, attributes } = element;
  if (tag === "figcaption" && isTableCaption(element)) return false;
  return BOILERPLATE_TAGS.has(tag) || BOILERPLATE_ROLES.has(attributes["role"] ?? "");
}

/** A table's caption says what its figures are; a picture's says what is not in the text. */
function isTableCaption({ parent }: Element): boolean {
  return parent?.tag === "figure" && parent.children.some((child) => typeof child !== "string" && hasTable(child));
}

function hasTable(element: Element): boolean {
  for (let at: Element | undefined = element, depth = 0; at !== undefined && depth < 4; depth++) {
    if (at.tag === "table") return true;
    at = at.children.find((child) => typeof child !== "string");
  }
  return false;
}

export function isHidden({ attributes }: Element): boolean {
  if (attributes["hidden"] !== undefined || attributes["aria-hidden"] === "true") return true;
  const style = attributes["style"];
  return style !== undefined && /display:\s*none|visibility:\s*hidden/i.test(style);
}

export function isContent(element: Element): boolean {
  const { tag, attributes } = element;
  if (tag === "article" || tag === "main" || attributes["role"] === "main") return true;
  return attributes["itemprop"] === "articleBody" || hintsOf(element).content;
}
