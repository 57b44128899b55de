export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface ChatSettings {
  readonly temperature: number;
  readonly top_p: number;
  readonly max_tokens: number;
  readonly seed?: number;
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string };
    readonly finish_reason?: string | null;
  }[];
  readonly error?: { readonly message: string };
  readonly usage?: { readonly completion_tokens: number };
}

/** The name of the model behind this page. */
export async function modelName(): Promise<string> {
  const response = await fetch("/v1/models");
  const list = (await response.json()) as { data: { id: string }[] };
  return list.data[0]?.id ?? "";
}

/**
 * Asks for an answer and gives it piece by piece.
 * @returns tokens of the answer
 * @throws Error with the server's own message
 */
export async function* chat(
  model: string,
  messages: readonly Message[],
  settings: ChatSettings,
  signal: AbortSignal,
): AsyncGenerator<string, number> {
  const response = await fetch("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, messages, ...settings, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  if (!response.ok || response.body === null) {
    const body = (await response.json().catch(() => ({}))) as Chunk;
    throw new Error(body.error?.message ?? `${response.status} ${response.statusText}`);
  }
  let tokens = 0;
  for await (const data of serverSentEvents(response.body)) {
    if (data === "[DONE]") break;
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error !== undefined) throw new Error(chunk.error.message);
    tokens = chunk.usage?.completion_tokens ?? tokens;
    const text = chunk.choices?.[0]?.delta?.content;
    if (text !== undefined && text !== "") yield text;
  }
  return tokens;
}

/** The data of each event of a stream. */
async function* serverSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let held = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      held += decoder.decode(value, { stream: !done });
      const events = held.split("\n\n");
      held = events.pop() ?? "";
      for (const event of events) {
        const lines = event.split("\n").filter((line) => line.startsWith("data:"));
        if (lines.length > 0) yield lines.map((line) => line.slice(5).trimStart()).join("\n");
      }
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
