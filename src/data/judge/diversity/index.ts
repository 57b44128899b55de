export { diversityOf } from "./diversity.ts";
export type { Dimension, DiversityTable, Part } from "./diversity.ts";
