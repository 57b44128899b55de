import { chat, modelName, type ChatSettings, type Message } from "./api.ts";
import { texts, type Texts } from "./texts.ts";

function find<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return element;
}

const list = find("messages", HTMLElement);
const question = find("question", HTMLTextAreaElement);
const send = find("send", HTMLButtonElement);
const dialogue: Message[] = [];
let model = "";
let running: AbortController | undefined;

for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
  element.textContent = texts[element.dataset["text"] as keyof Texts];
}
document.documentElement.lang = texts.send === "发送" ? "zh" : "en";
question.placeholder = texts.placeholder;
send.textContent = texts.send;

function bubble(role: string, content: string): HTMLElement {
  const element = document.createElement("article");
  element.className = role;
  // Only ever text: what a model writes is not markup.
  element.textContent = content;
  list.append(element);
  list.scrollTop = list.scrollHeight;
  return element;
}

function settings(): ChatSettings {
  const number = (id: string) => find(id, HTMLInputElement).valueAsNumber;
  const seed = number("seed");
  return {
    temperature: number("temperature"),
    top_p: number("topP"),
    max_tokens: number("maxTokens"),
    ...(Number.isNaN(seed) ? {} : { seed }),
  };
}

function clear(): void {
  running?.abort();
  dialogue.length = 0;
  list.replaceChildren();
  bubble("hint", texts.empty);
  question.focus();
}

async function answer(): Promise<void> {
  const system = find("system", HTMLTextAreaElement).value.trim();
  const head: Message[] = system === "" ? [] : [{ role: "system", content: system }];
  const element = bubble("assistant", "");
  element.classList.add("writing");
  running = new AbortController();
  send.textContent = texts.stop;
  const start = performance.now();
  let content = "";
  try {
    const pieces = chat(model, [...head, ...dialogue], settings(), running.signal);
    for (;;) {
      const next = await pieces.next();
      if (next.done === true) {
        const rate = next.value / ((performance.now() - start) / 1000);
        element.title = `${next.value} · ${rate.toFixed(0)} ${texts.tokensPerSecond}`;
        break;
      }
      content += next.value;
      element.textContent = content;
      list.scrollTop = list.scrollHeight;
    }
    dialogue.push({ role: "assistant", content });
  } catch (error) {
    if (running.signal.aborted) {
      dialogue.push({ role: "assistant", content });
    } else {
      if (content === "") element.remove();
      dialogue.pop();
      bubble(
        "error",
        error instanceof TypeError ? texts.offline : error instanceof Error ? error.message : String(error),
      );
    }
  } finally {
    element.classList.remove("writing");
    running = undefined;
    send.textContent = texts.send;
  }
}

async function ask(): Promise<void> {
  if (running !== undefined) {
    running.abort();
    return;
  }
  const content = question.value.trim();
  if (content === "") return;
  if (dialogue.length === 0) list.replaceChildren();
  question.value = "";
  dialogue.push({ role: "user", content });
  bubble("user", content);
  await answer();
  question.focus();
}

find("ask", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  void ask();
});
question.addEventListener("keydown", (event) => {
  // isComposing: Enter chooses a word while Chinese is being typed.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (running === undefined) void ask();
});
find("new", HTMLButtonElement).addEventListener("click", clear);

clear();
modelName()
  .then((name) => {
    model = name;
    find("model", HTMLSpanElement).textContent = name;
    document.title = `${name} · Nuwa`;
  })
  .catch(() => bubble("error", texts.offline));
