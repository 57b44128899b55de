import { html, Html } from "../report/html.ts";
import { style } from "../report/style.ts";
import { version } from "../manifest/version.ts";
import type { BoardTable } from "./tables.ts";

/** A leaderboard as one page that needs nothing else. */
export function leaderboardPage(tables: readonly BoardTable[]): string {
  const sections = tables.map(
    ({ title, note, head, rows }) =>
      html`<section>
        <h2>${title}</h2>
        <p class="lead">${note}</p>
        <div class="scroll">
          <table>
            <thead>
              <tr>
                ${head.map((cell) => html`<th>${cell}</th>`)}
              </tr>
            </thead>
            <tbody>
              ${rows.map(
                ({ isOwn, cells }) =>
                  html`<tr${isOwn ? new Html(' class="ours"') : undefined}>
                    ${cells.map((cell) => html`<td>${cell}</td>`)}
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>
      </section>`,
  );
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>Leaderboard · Nuwa</title>
        <style>
          ${new Html(style)}
        </style>
      </head>
      <body>
        <h1>Leaderboard</h1>
        ${sections}
        <footer>Written by Nuwa ${version()}.</footer>
      </body>
    </html> `.text;
}
