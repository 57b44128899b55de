import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import { dirname, extname, join } from "node:path";
import { serve } from "@hono/node-server";
import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { streamSSE } from "hono/streaming";
import {
  generationSettings,
  type GenerationEnd,
  type GenerationSettings,
  type LoadedGenerator,
} from "../generate/index.ts";
import { NuwaError } from "../text/errors.ts";
import { ApiError, parseRequest, toApiError } from "./api-error.ts";
import {
  chatForm,
  chatWork,
  completionForm,
  completionWork,
  doWork,
  type AnswerForm,
  type Work,
} from "./completions.ts";
import { Turns } from "./queue.ts";
import { chatRequest, completionRequest } from "./requests.ts";

/** Where {@link startServer} listens, and what it serves. */
export interface ServeOptions {
  /** The name under which requests ask for the model. */
  readonly modelName: string;
  /** Default 127.0.0.1: only this machine. */
  readonly host?: string;
  /** Default 8080; 0 takes any free one. */
  readonly port?: number;
  /** Settings of requests that do not say otherwise. */
  readonly defaults?: Partial<GenerationSettings>;
  /** Folder of the built chat page. Default: the one this package was built with. */
  readonly pageDir?: string;
  readonly log?: (line: string) => void;
}

/** A server that listens. */
export interface RunningServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const largestBody = 4 * 1024 * 1024;

/** The HTTP application: OpenAI's endpoints, and the chat page at `/`. */
export function createApp(loaded: LoadedGenerator, options: ServeOptions): Hono {
  const app = new Hono();
  const turns = new Turns();
  const defaults = generationSettings.parse(options.defaults ?? {});
  const log = options.log ?? (() => {});
  const { modelName } = options;
  const started = Math.floor(Date.now() / 1000);
  const model = { id: modelName, object: "model", created: started, owned_by: "nuwa" };

  app.onError((error, c) => {
    const answer = toApiError(error);
    if (answer.status === 500) log(`${c.req.method} ${c.req.path}: ${error.stack ?? error.message}`);
    return c.json(answer.body, answer.status);
  });
  app.notFound((c) => {
    const error = new ApiError(404, `no such address: ${c.req.method} ${c.req.path}`);
    return c.json(error.body, 404);
  });

  // A page elsewhere whose name is made to point at this machine must not reach the model (DNS rebinding).
  if (isLoopback(options.host ?? "127.0.0.1")) {
    app.use(async (c, next) => {
      const name = new URL(c.req.url).hostname;
      if (!isLoopback(name)) throw new ApiError(403, `this server answers on this machine only, not as "${name}"`);
      await next();
    });
  }
  app.use(
    "/v1/*",
    bodyLimit({
      maxSize: largestBody,
      onError: () => {
        throw new ApiError(413, `the request is larger than ${largestBody / 1024 / 1024} MiB`);
      },
    }),
  );

  app.get("/health", (c) => c.json({ status: "ok", waiting: turns.length }));
  app.get("/v1/models", (c) => c.json({ object: "list", data: [model] }));
  app.get("/v1/models/:id{.+}", (c) => {
    requireModel(c.req.param("id"), modelName);
    return c.json(model);
  });
  app.post("/v1/chat/completions", async (c) => {
    const request = parseRequest(chatRequest, await readBody(c));
    requireModel(request.model, modelName);
    return answer(c, chatWork(loaded, request, defaults), chatForm(modelName), request);
  });
  app.post("/v1/completions", async (c) => {
    const request = parseRequest(completionRequest, await readBody(c));
    requireModel(request.model, modelName);
    return answer(c, completionWork(loaded, request, defaults), completionForm(modelName), request);
  });
  app.on(["GET", "PUT", "DELETE", "PATCH"], ["/v1/chat/completions", "/v1/completions"], () => {
    throw new ApiError(405, "this address takes POST");
  });
  servePage(app, options.pageDir ?? builtPage());

  interface StreamChoice {
    readonly stream?: boolean | null | undefined;
    readonly stream_options?: { readonly include_usage?: boolean | null | undefined } | null | undefined;
  }

  async function answer(c: Context, work: Work, form: AnswerForm, choice: StreamChoice): Promise<Response> {
    const { signal } = c.req.raw;
    if (choice.stream !== true) {
      const texts = work.prompts.map(() => "");
      const ends: (GenerationEnd | undefined)[] = work.prompts.map(() => undefined);
      const usage = await doWork(loaded, work, turns, signal, (event) => {
        if ("end" in event) ends[event.index] = event.end;
        else texts[event.index] += event.text;
      });
      return c.json(form.whole(texts, ends, usage));
    }
    return streamSSE(c, async (stream) => {
      const gone = new AbortController();
      stream.onAbort(() => gone.abort());
      const send = (data: object | undefined) =>
        data === undefined ? undefined : stream.writeSSE({ data: JSON.stringify(data) });
      try {
        for (const index of work.prompts.keys()) await send(form.chunk({ index, start: true }));
        const usage = await doWork(loaded, work, turns, AbortSignal.any([signal, gone.signal]), (event) =>
          send(form.chunk(event)),
        );
        if (choice.stream_options?.include_usage === true) await send(form.usageChunk(usage));
        await stream.writeSSE({ data: "[DONE]" });
      } catch (error) {
        // The status line is sent already; the error goes into the stream, where OpenAI's clients look for it.
        const { body, status } = toApiError(error);
        if (status === 500) log(error instanceof Error ? (error.stack ?? error.message) : String(error));
        await send(body);
      }
    });
  }

  return app;
}

function requireModel(asked: string, name: string): void {
  if (asked === name) return;
  throw new ApiError(404, `the model "${asked}" does not exist; this server has "${name}"`, {
    param: "model",
    code: "model_not_found",
  });
}

async function readBody(c: Context): Promise<unknown> {
  const text = await c.req.text();
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ApiError(400, `the request body is not JSON: ${error instanceof Error ? error.message : ""}`);
  }
}

function isLoopback(name: string): boolean {
  return name === "localhost" || name === "::1" || name === "[::1]" || /^127(\.\d+){3}$/.test(name);
}

const types: { readonly [extension: string]: string } = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The folder `dist/web` of this package, found from the source as well as from the build. */
function builtPage(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return join(folder, "dist/web");
}

function servePage(app: Hono, folder: string): void {
  const send = async (c: Context, name: string) => {
    const path = join(folder, name);
    const type = types[extname(name)];
    if (type === undefined || !existsSync(path)) return c.notFound();
    return c.body(await readFile(path, "utf8"), 200, {
      "content-type": type,
      "content-security-policy":
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    });
  };
  app.get("/", (c) => send(c, "index.html"));
  app.get("/assets/:name{[A-Za-z0-9_.-]+}", (c) => send(c, join("assets", c.req.param("name"))));
}

/**
 * Starts the server.
 * @throws NuwaError NETWORK when the port is in use or may not be opened, with what to do
 */
export function startServer(loaded: LoadedGenerator, options: ServeOptions): Promise<RunningServer> {
  const host = options.host ?? "127.0.0.1";
  const app = createApp(loaded, options);
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port: options.port ?? 8080 }, ({ port }) => {
      server.off("error", fail);
      const name = host.includes(":") ? `[${host}]` : host;
      resolve({ url: `http://${name}:${port}`, port, close: () => close(server as Server) });
    });
    function fail(error: NodeJS.ErrnoException): void {
      const port = options.port ?? 8080;
      const reasons: { readonly [code: string]: readonly [string, string] } = {
        EADDRINUSE: [`port ${port} is in use`, `choose another with --port, for example --port ${port + 1}`],
        EACCES: [`port ${port} may not be opened`, "ports below 1024 need rights; choose one above with --port"],
        EADDRNOTAVAIL: [`this machine has no address ${host}`, "use --host 127.0.0.1, or 0.0.0.0 for every address"],
      };
      const [message, hint] = reasons[error.code ?? ""] ?? [`cannot listen: ${error.message}`, undefined];
      reject(new NuwaError("NETWORK", message, { where: `${host}:${port}`, hint, cause: error }));
    }
    server.on("error", fail);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
