/** The page's style sheet: readable in daylight and at night, on a telephone and on paper. */
export const style = `
:root { color-scheme: light dark; --bg: #fdfdfc; --fg: #1d2126; --soft: #5d6670; --line: #dfe3e6; --card: #f4f6f6;
  --c1: #1f6feb; --c2: #d9480f; --c3: #2b8a3e; --c4: #8a94a0; --c5: #7048e8; --c6: #c2255c; --c7: #0b7285; --c8: #866600; --good: #2b8a3e; --bad: #c92a2a; }
@media (prefers-color-scheme: dark) { :root { --bg: #14171a; --fg: #e6e8ea; --soft: #9aa4ae; --line: #30363c;
  --card: #1d2226; --c1: #6ea8fe; --c2: #ff922b; --c3: #69db7c; --c4: #6c7680; --c5: #b197fc; --c6: #f783ac; --c7: #66d9e8; --c8: #ffd43b; --good: #69db7c; --bad: #ff8787; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 52rem; background: var(--bg); color: var(--fg);
  font: 16px/1.6 system-ui, "PingFang SC", "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .25rem; padding-top: 1rem; border-top: 1px solid var(--line); }
p.lead { margin: 0 0 1rem; color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1.25rem 0; }
.tile { background: var(--card); border-radius: .6rem; padding: .75rem .9rem; }
.tile b { display: block; font-size: 1.45rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .85rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; margin: .5rem 0 1rem; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
th { color: var(--soft); font-weight: 600; }
tr.ours td { font-weight: 600; color: var(--c1); }
figure { margin: 1rem 0; } figure svg { width: 100%; height: auto; overflow: visible; }
figcaption { color: var(--soft); font-size: .85rem; }
.key i { display: inline-block; width: .8rem; height: .25rem; border-radius: 2px; margin: 0 .35rem .2rem .9rem; }
details { margin: .4rem 0; } summary { cursor: pointer; }
blockquote, pre { margin: .4rem 0; padding: .6rem .9rem; background: var(--card); border-radius: .5rem; overflow-wrap: anywhere; }
blockquote { white-space: pre-wrap; } pre { overflow-x: auto; font-size: .8rem; line-height: 1.45; }
.where { color: var(--soft); font-size: .8rem; overflow-wrap: anywhere; }
.prompt { color: var(--c1); } .right { color: var(--good); } .wrong { color: var(--bad); }
dl.qa dt { margin-top: .8rem; } dl.qa dd { margin: 0 0 0 1rem; }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
@media print { body { max-width: none; } details { display: block; } }
`;
