import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { expectGrowth } from "../../../../../test/helpers/growth.ts";
import { extractSettings } from "../settings.ts";
import { extractHtml } from "./extract-html.ts";

const settings = extractSettings.parse({});
const text = (html: string): string => extractHtml(html, settings).text;

const PROSE =
  "The committee met on Tuesday to discuss the plan, and after three hours of talks it agreed, by a narrow vote, to go ahead.";
const page = (body: string): string =>
  `<!doctype html><html lang="en-GB"><head><title>The plan – Site</title></head><body>
  <nav><ul><li><a href="/">Home</a></li><li><a href="/news">News</a></li></ul></nav>
  <div class="cookie-banner">We use cookies to make this site better for you.</div>
  <article><h1>The plan</h1>${body}</article>
  <aside class="related-posts"><h3>Related</h3><ul><li><a href="/x">Another story that you may read</a></li></ul></aside>
  <div id="comments"><p>I do not agree with any of this, not at all, never have.</p></div>
  <footer>© 2026 The Site. All rights reserved.</footer></body></html>`;

describe("main text", () => {
  test("keeps the article and leaves out everything around it", () => {
    expect(text(page(`<p>${PROSE}</p><p>${PROSE}</p>`))).toBe(`The plan\n\n${PROSE}\n\n${PROSE}`);
  });

  test("readers' comments are an option", () => {
    const html = page(`<p>${PROSE}</p>`);
    expect(text(html)).not.toContain("I do not agree");
    expect(extractHtml(html, { ...settings, comments: true }).text).toContain(PROSE);
  });

  test("headings, lists, nested and numbered, and line breaks", () => {
    const body = `<p>${PROSE}</p><h2>What comes next</h2><ul><li>Build the <b>bridge</b>, slowly.<ul><li>Piers come first.</li></ul></li><li>Paint it.</li></ul>
      <ol start="3"><li>Three things.</li><li>Four things.</li></ol><p>One<br>two</p><p>${PROSE}</p>`;
    expect(text(page(body))).toBe(
      `The plan\n\n${PROSE}\n\nWhat comes next\n\n- Build the bridge, slowly.\n  - Piers come first.\n- Paint it.\n3. Three things.\n4. Four things.\n\nOne\ntwo\n\n${PROSE}`,
    );
  });

  test("code is kept to the letter, between fences", () => {
    const code = "def f(x):\n    if x &lt; 1:\n\n        return  x  # ```\n";
    expect(text(page(`<p>${PROSE}</p><pre><code>${code}</code></pre><p>${PROSE}</p>`))).toContain(
      "````\ndef f(x):\n    if x < 1:\n\n        return  x  # ```\n````",
    );
  });

  test("a table of data has a row a line; a table for layout is read as blocks", () => {
    const data = "<table><tr><th>City</th><th>People</th></tr><tr><td>Bern</td><td>134,000</td></tr></table>";
    expect(text(page(`<p>${PROSE}</p>${data}`))).toContain("City | People\nBern | 134,000");
    expect(extractHtml(page(`<p>${PROSE}</p>${data}`), { ...settings, tables: false }).text).not.toContain("Bern");
    const layout = `<table><tr><td><a href="/">Menu</a></td><td><p>${PROSE}</p><p>${PROSE}</p></td></tr></table>`;
    expect(text(`<html><body>${layout}</body></html>`)).toBe(`${PROSE}\n\n${PROSE}`);
  });

  test("formulas: TeX annotation of MathML, alt text of formula pictures", () => {
    const mathml =
      '<math><semantics><mrow><mi>a</mi></mrow><annotation encoding="application/x-tex">a^2+b^2</annotation></semantics></math>';
    const picture = '<img class="mwe-math-fallback-image" alt="{\\displaystyle c^{2}}" src="x.svg">';
    const out = text(
      page(`<p>${PROSE}</p><p>So ${mathml} is, as all of us know, ${picture} and nothing else at all.</p>`),
    );
    expect(out).toContain("So a^2+b^2 is, as all of us know, {\\displaystyle c^{2}} and nothing else at all.");
  });

  test("Chinese: no spaces put in, punctuation kept, short pages found", () => {
    const sentence = "女娲抟黄土作人，剧务，力不暇供，乃引绳于泥中，举以为人。";
    const html = `<html lang="zh-CN"><body><div class="nav"><a href="/">首页</a> <a href="/n">新闻</a></div>
      <div class="content"><h1>女娲造人</h1><p>　　${sentence}</p><p>${sentence}</p></div>
      <div class="related"><a href="/a">相关阅读：盘古开天</a></div><div class="footer">版权所有 京ICP备00000000号</div></body></html>`;
    expect(text(html)).toBe(`女娲造人\n\n${sentence}\n\n${sentence}`);
    expect(extractHtml(html, settings)).toMatchObject({ lang: "zh-CN", title: "女娲造人" });
  });

  test("furigana do not cut words apart", () => {
    const html = page(
      "<p><ruby>東京<rt>とうきょう</rt></ruby>に住んでいます。毎日電車で会社に行きます。とても便利です。</p>",
    );
    expect(text(html)).toContain("東京に住んでいます。");
  });

  test("the lead before the body belongs to it", () => {
    const html = `<body><header class="article-header"><h1>Headline</h1><p class="standfirst">What happened, why it happened, and what will come of it.</p><span class="date">1 May</span></header>
      <div class="article-body"><p>${PROSE}</p><p>${PROSE}</p></div></body>`;
    expect(text(html)).toBe(
      `Headline\n\nWhat happened, why it happened, and what will come of it.\n\n${PROSE}\n\n${PROSE}`,
    );
  });

  test("classes of the page as a whole do not remove the page", () => {
    const html = `<body class="has-sidebar no-comments"><div class="post-1 tag-share category-social format-standard"><p>${PROSE}</p><p>${PROSE}</p></div></body>`;
    expect(text(html)).toBe(`${PROSE}\n\n${PROSE}`);
  });

  test("a page of which strict rules leave nothing is read again with looser ones", () => {
    expect(text(`<body><div class="widget">${PROSE}</div></body>`)).toBe(PROSE);
  });

  test("pointers to other articles inside the text go, sentences that begin alike stay", () => {
    const long = `Read more than one book a week, my teacher said, and you will never be short of words; ${PROSE}`;
    const out = text(page(`<p>${PROSE}</p><p>Read more: <a href="/x">The other plan</a></p><p>${long}</p>`));
    expect(out).toBe(`The plan\n\n${PROSE}\n\n${long}`);
  });
});

describe("what looks like a pointer and is the article's", () => {
  const linked = "The miller, the baker and the joiner all said that they had never seen the stone in question.";

  test("paragraphs that are one link each, between the article's others", () => {
    const body = `<p>${PROSE}</p><div class="m"><p><a href="/1"><b>${linked} </b></a></p></div><div class="m"><p><b><a href="/2">${linked}</a></b></p></div><p>${PROSE}</p>`;
    expect(text(page(body))).toBe(`The plan\n\n${PROSE}\n\n${linked}\n\n${linked}\n\n${PROSE}`);
  });

  test("a linked sentence behind the article's last paragraph leads somewhere else", () => {
    expect(text(page(`<p>${PROSE}</p><p>${PROSE}</p><p><a href="/1">${linked}</a></p>`))).not.toContain("miller");
  });

  test("a table's caption is kept, a picture's is not", () => {
    const table = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>";
    const body = `<p>${PROSE}</p><figure><div>${table}</div><figcaption>Table 1: figures</figcaption></figure>
      <figure><img src="a.png"><figcaption>The bridge in 1932.</figcaption></figure><p>${PROSE}</p>`;
    expect(text(page(body))).toBe(`The plan\n\n${PROSE}\n\na | b\n1 | 2\n\nTable 1: figures\n\n${PROSE}`);
  });
});

describe("metadata", () => {
  test("title, date, language", () => {
    const html = `<html lang="de_AT"><head><meta property="og:title" content=" Der  Plan "><meta property="article:published_time" content="2021-3-07T10:00"></head><body><p>${PROSE}</p></body></html>`;
    expect(extractHtml(html, settings)).toMatchObject({ title: "Der Plan", date: "2021-03-07", lang: "de-AT" });
  });
  test("what is not a date or a language is none", () => {
    const html = `<html lang="???"><head><meta name="date" content="2021-99-99"></head><body><p>${PROSE}</p></body></html>`;
    const found = extractHtml(html, settings);
    expect([found.date, found.lang, found.title]).toEqual([undefined, undefined, undefined]);
  });
});

describe("hostile and broken pages", () => {
  test.each([
    ["nothing", ""],
    ["white space", " \n\t "],
    ["no tags", "just text & nothing else"],
    ["unclosed everything", `<html><body><div><p>${PROSE}<div><table><tr><td><p>${PROSE}`],
    ["closing tags only", "</div></p></body></html>"],
    ["half a tag", "<div class='"],
    ["half a comment", `<p>${PROSE}</p><!-- never closed <p>x</p>`],
    ["NUL and lone surrogates", `<p>\0\ud800 ${PROSE}</p>`],
    ["text in the head", `<head><div class="content"><p>${PROSE}</p></div>`],
    ["entities without end", `<p>${PROSE} &amp &#x110000; &nosuch; &#xd800;</p>`],
    [
      "XHTML",
      `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>${PROSE}<br/></p></body></html>`,
    ],
  ])("%s", (_, html) => {
    expect(() => text(html)).not.toThrow();
    if (html.includes(PROSE)) expect(text(html)).toContain(PROSE);
  });

  test("class names as in __proto__ and constructor do no harm", () => {
    expect(text(`<div class="__proto__ constructor" id="toString"><p>${PROSE}</p></div>`)).toBe(PROSE);
  });

  test.each(["div", "span", "b", "ul><li", "blockquote", "table><tr><td", "font"])(
    "100,000 nested <%s>, in linear time",
    async (tag) => {
      const nested = (size: number): string => `<body>${`<${tag}>`.repeat(size)}${PROSE}`;
      expect(text(nested(100_000))).toContain(PROSE);
      await expectGrowth(nested, 100_000, text);
    },
  );

  test("a page of 10 MB, and one with a hundred thousand siblings", () => {
    const many = `<body><article>${`<p>${PROSE}</p>`.repeat(70_000)}</article>`;
    expect(text(many).length).toBeGreaterThan(8_000_000);
    expect(text(`<body>${"<a href=x>y</a>".repeat(200_000)}<p>${PROSE}</p>`)).toContain(PROSE);
    expect(text(`<body><ol>${"<li>x".repeat(20_000)}</ol><p>${PROSE}</p>`)).toContain(PROSE);
  });
});

const labelled = `${process.env["NUWA_SHARED"] ?? "../shared"}/data/web-extraction/dev.jsonl.gz`;

test.skipIf(!existsSync(labelled))(
  "F1 on the first 100 labelled pages is at least 0.90 (needs the shared data)",
  () => {
    const lines = gunzipSync(readFileSync(labelled)).toString("utf8").split("\n").slice(0, 100);
    let [found, missed, wrong] = [0, 0, 0];
    const fold = (s: string): string => s.replace(/\s+/g, " ").trim();
    for (const line of lines) {
      const {
        html_base64: bytes,
        with: wanted,
        without: unwanted,
      } = JSON.parse(line) as {
        html_base64: string;
        with: string[];
        without: string[];
      };
      const out = fold(text(Buffer.from(bytes, "base64").toString("utf8")));
      for (const snippet of wanted) {
        if (out.includes(fold(snippet))) found++;
        else missed++;
      }
      for (const snippet of unwanted) if (out.includes(fold(snippet))) wrong++;
    }
    expect((2 * found) / (2 * found + missed + wrong)).toBeGreaterThanOrEqual(0.9);
  },
);
