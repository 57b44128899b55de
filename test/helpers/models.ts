/** GPT-2's choices in the keys of our own family: what is saved as a GPT-2. */
export const classic = {
  position: "learned",
  norm: "layernorm",
  activation: "gelu_tanh",
  qk_norm: false,
  bias: true,
  tie_word_embeddings: true,
  zero_init_projections: false,
} as const;

/** LLaMA's choices in the keys of our own family: what is saved as a LLaMA. */
export const llamaLike = {
  position: "rope",
  norm: "rmsnorm",
  activation: "swiglu",
  qk_norm: false,
  bias: false,
  tie_word_embeddings: false,
  zero_init_projections: false,
} as const;
