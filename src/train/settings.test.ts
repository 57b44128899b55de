import { describe, expect, it } from "vitest";
import { NuwaError } from "../text/errors.ts";
import { sftSettings } from "./objectives/dialogue.ts";
import { pretrainSettings } from "./objectives/next-token.ts";
import { decisiveSettings, requireSameSettings, totalSteps } from "./settings.ts";

describe("settings", () => {
  it("need nothing", () => {
    expect(pretrainSettings.parse({})).toMatchObject({ batch: 16, optimizer: { name: "muon" }, clip: 1 });
    expect(sftSettings.parse({})).toMatchObject({ packing: false, optimizer: { name: "adamw", learning_rate: 3e-4 } });
  });

  it("describe every key", () => {
    for (const schema of [pretrainSettings, sftSettings]) {
      for (const [key, value] of Object.entries(schema.shape)) {
        expect(value.description, key).toMatch(/^\S.*\.$/);
      }
    }
  });

  it("refuse unknown keys and two lengths", () => {
    expect(pretrainSettings.safeParse({ stepz: 1 }).success).toBe(false);
    const two = pretrainSettings.safeParse({ steps: 1, tokens: 2 });
    expect(two.error?.issues[0]?.message).toMatch(/one of steps, tokens and epochs/);
  });
});

describe("totalSteps", () => {
  const data = { stepsPerEpoch: 100, tokensPerStep: 64 };
  const of = (settings: object): number => totalSteps(pretrainSettings.parse(settings), data, { steps: 2000 });

  it("takes steps, tokens or epochs", () => {
    expect(of({ steps: 7 })).toBe(7);
    expect(of({ tokens: 640 })).toBe(10);
    expect(of({ tokens: 641 })).toBe(11);
    expect(of({ epochs: 0.5 })).toBe(50);
    expect(of({})).toBe(2000);
    expect(totalSteps(sftSettings.parse({}), data, { epochs: 3 })).toBe(300);
  });
});

describe("requireSameSettings", () => {
  const decisive = (settings: object, more: object = {}) =>
    decisiveSettings(pretrainSettings.parse(settings), { steps: 10, ...more });

  it("lets a run go on when only how it is watched changed", () => {
    const before = decisive({ eval_every: 1, threads: 1, keep: 3, sample_prompts: ["a"] });
    expect(() => requireSameSettings(before, decisive({ log_every: 2 }), "step-1")).not.toThrow();
  });

  it("names every key that matters and changed, with both values", () => {
    const before = decisive({ seed: 1, schedule: { name: "constant" } });
    const now = decisive({ seed: 2, schedule: { name: "cosine" } }, { steps: 20 });
    let error: unknown;
    try {
      requireSameSettings(before, now, "step-1");
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(NuwaError);
    expect(error).toMatchObject({
      code: "TRAINING",
      where: "step-1",
      message:
        "cannot go on from this checkpoint with other settings: schedule.final_ratio (unset before, 0.1 now), " +
        'schedule.name ("constant" before, "cosine" now), seed (1 before, 2 now), steps (10 before, 20 now)',
    });
  });
});
