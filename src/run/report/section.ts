import { html, type Html } from "./html.ts";
import { title } from "./words.ts";

/** A section: its heading, one plain sentence on what it shows, and what it shows. */
export function section(heading: string, language: "en" | "zh", lead: string, body: Html): Html {
  return html`<section>
    <h2>${title(heading, language)}</h2>
    <p class="lead">${lead}</p>
    ${body}
  </section>`;
}
