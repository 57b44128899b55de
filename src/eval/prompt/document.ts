/** The fields of one record of a benchmark, as its file has them. */
export type Fields = Readonly<Record<string, unknown>>;

/** One record of a benchmark file. */
export interface Document {
  /** The record's own `id`, or its position in the file. */
  readonly id: string;
  readonly fields: Fields;
  /** `file:line`, for messages. */
  readonly where: string;
}

/** A question and its answer, as they appear among the few-shot examples. */
export interface Turn {
  readonly question: string;
  readonly answer: string;
}
