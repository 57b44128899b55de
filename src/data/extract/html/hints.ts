import type { Element } from "./tree.ts";

// What classes and ids say about a block. The words are those that content management systems and page authors use the
// world over; a word counts where it stands between separators (or at a change from small to capital letter is lost, so
// at the beginning of a class name too).

/** Beginnings of class names and ids that mark what is around the text. */
const BOILERPLATE =
  /(?:^|[\s_-])(?:nav|navi|navbar|navigation|subnav|menu|submenu|breadcrumbs?|footer|footnav|masthead|topbar|sidebar|side-bar|sidenav|aside|widgets?|share|shares|sharing|sharebar|sharethis|addthis|addtoany|sharedaddy|social|socials|socialmedia|follow|follow-us|cookies?|consent|gdpr|newsletter|subscribe|subscription|signup|sign-up|login|register|related|relatedposts|similar|recommend(?:ed|ations?)?|recirc|more-(?:stories|articles|posts|news|from|on)|read-?(?:more|next|also)|most-?(?:read|popular|viewed)|popular|trending|latest|teasers?|promos?|promotions?|ads?|advert|adverts|advertisement|advertising|advertorial|anzeige|werbung|sponsor(?:ed)?|banner|pagination|pager|paging|paginator|post-?nav(?:igation)?|nav-links|prev-?next|next-?prev|tags?|tag-?list|tag-?cloud|tagcloud|taxonomy|byline|author-?(?:bio|box|info|card|profile)|about-?(?:the-?)?author|bio|popup|modal|overlay|lightbox|toolbar|tooltip|dropdown|search|searchform|skip-?(?:link|to)|screen-reader(?:-text)?|sr-only|visually-?hidden|visuallyhidden|hidden|noprint|no-print|copyright|disclaimer|legal|imprint|rating|ratings|vote|voting|jp-relatedposts|taboola|outbrain|gallery-nav|slider|carousel|slideshow|lang-?(?:switch|switcher|select|selector)|languages?-?(?:switch|switcher|select|selector)|toc|table-of-contents|infobox|metadata|post-?meta|entry-?meta|article-?meta|entry-footer|post-footer|article-?footer|print|email|cta|call-to-action|paywall|donate|donation|shop|cart|basket|alert|notice|toolbox|linklist|link-list|links|sitemap|credits?|caption|figcaption|hatnote|navbox|mw-editsection|editsection|reflist|catlinks|noexcerpt)(?:$|[\s_-])/;

/** Readers' comments. */
const COMMENTS =
  /(?:^|[\s_-])(?:comments?|comment-?(?:list|area|section|respond|form|thread)s?|commentlist|disqus|respond|replies|leserkommentare|kommentare?|discussion|livefyre|fb-comments)(?:$|[\s_-])/;

/** What the text of an article stands in. */
const CONTENT =
  /(?:^|[\s_-])(?:article-?(?:body|content|text)|articlebody|articletext|post-?(?:body|content|text|entry)|postcontent|entry-?(?:content|body|text)|entry|story-?(?:body|content|text)|storybody|body-?(?:content|copy|text)|main-?(?:content|text|body)|maincontent|content-?(?:body|main|text|article)|page-?content|text-?content|rich-?text|field-name-body|fulltext|blog-?(?:content|post)|single-?(?:content|post)|hentry|post|article|story|content)(?:$|[\s_-])/;

const BOILERPLATE_TAGS = new Set(["nav", "footer", "aside", "menu"]);
const BOILERPLATE_ROLES = new Set([
  "navigation",
  "contentinfo",
  "complementary",
  "search",
  "dialog",
  "alertdialog",
  "menu",
  "menubar",
  "toolbar",
  "banner",
  "alert",
  "tooltip",
  "tablist",
]);

export type Hint = "boilerplate" | "comments" | undefined;

/** What an element's tag, role, class and id say it is. */
export function boilerplateHint(element: Element): Hint {
  const { tag, attributes, hint } = element;
  if (BOILERPLATE_TAGS.has(tag) || BOILERPLATE_ROLES.has(attributes["role"] ?? "")) return "boilerplate";
  if (hint === "") return undefined;
  if (COMMENTS.test(hint)) return "comments";
  return BOILERPLATE.test(hint) ? "boilerplate" : undefined;
}

export function isHidden({ attributes }: Element): boolean {
  return (
    attributes["hidden"] !== undefined ||
    attributes["aria-hidden"] === "true" ||
    /display:\s*none|visibility:\s*hidden/i.test(attributes["style"] ?? "")
  );
}

export function contentHint({ tag, attributes, hint }: Element): boolean {
  if (tag === "article" || tag === "main" || attributes["role"] === "main") return true;
  return attributes["itemprop"] === "articleBody" || (hint !== "" && CONTENT.test(hint));
}
