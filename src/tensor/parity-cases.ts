/** What a device's own tests need to run the cases of `parity/`. */
export { parityCases } from "./parity/cases.ts";
export { Trial, type ParityCase } from "./parity/trial.ts";
