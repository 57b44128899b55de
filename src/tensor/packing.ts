/** Floats that one operand packs at one time, at most, and the most values of a sum in one pass: see native/cpu/kernels/gemm.cc. */
const PACKED_FLOATS = 4 * 2 ** 20;
const DEPTH_MOST = 4096;

/** Scratch memory that the cpu device keeps for products: one block for each operand, as large as the largest needs. */
export class PackingScratch {
  #a = 0;
  #b = 0;

  get bytes(): number {
    return 4 * (this.#a + this.#b);
  }

  /** A product (M, K) · (K, N). The first operand is packed where its rows cannot be read in place. */
  product(M: number, N: number, K: number, packsA: boolean): void {
    this.#b = Math.max(this.#b, packed(N, K));
    if (packsA) this.#a = Math.max(this.#a, packed(M, K));
  }
}

function packed(side: number, K: number): number {
  const depth = Math.ceil(K / Math.ceil(K / DEPTH_MOST));
  return Math.min(PACKED_FLOATS, Math.ceil(side / 16) * 16 * depth);
}
