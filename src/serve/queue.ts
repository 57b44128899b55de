/**
 * Lets one task run at a time, in the order they came. A model has one cache; requests share it by taking turns.
 *
 * @example const answer = await turns.run(() => generate(prompt));
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Tasks that run or wait. */
  get length(): number {
    return this.#waiting;
  }

  run<T>(task: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const mine = this.#last.then(task).finally(() => {
      this.#waiting--;
    });
    this.#last = mine.catch(() => {});
    return mine;
  }
}
