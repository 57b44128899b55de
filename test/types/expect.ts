/** True when two types are the same, not only assignable. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only for `true`: `expectType<Equal<typeof x, number>>(true)`. */
export function expectType<T extends true>(value: T): T {
  return value;
}
