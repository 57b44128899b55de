import { z } from "zod";
import { NuwaError } from "../text/errors.ts";

/** An answer in the form of OpenAI's errors, which its clients know how to read. */
export interface ApiErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

export class ApiError extends Error {
  readonly status: 400 | 403 | 404 | 405 | 413 | 415 | 500;
  readonly body: ApiErrorBody;

  constructor(status: ApiError["status"], message: string, options: { param?: string; code?: string } = {}) {
    super(message);
    this.status = status;
    const type = status === 500 ? "server_error" : status === 404 ? "not_found_error" : "invalid_request_error";
    this.body = { error: { message, type, param: options.param ?? null, code: options.code ?? null } };
  }
}

/** Turns any thrown thing into an answer; a fault of our own says no more than that it is one. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof NuwaError && error.code === "VALUE") {
    return new ApiError(400, error.toLine(), error.where === undefined ? {} : { param: error.where });
  }
  if (error instanceof NuwaError) return new ApiError(500, error.toLine());
  return new ApiError(500, "internal error; the server's log says more");
}

/**
 * Checks a request body.
 * @throws ApiError 400 naming the field, what was expected, and what came
 */
export function parseRequest<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const param =
    issue?.path
      .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
      .join("")
      .replace(/^\./, "") ?? "";
  throw new ApiError(
    400,
    `${param === "" ? "request body" : param}: ${issue?.message ?? "not as expected"}`,
    param === "" ? {} : { param },
  );
}
