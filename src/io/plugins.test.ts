import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Registry } from "../text/registry.ts";
import { loadPlugins, pluginAddresses, withPlugins } from "./plugins.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nuwa-plugins-"));
  writeFileSync(join(folder, "good.mjs"), 'export default { optimizers: [{ name: "still", rate: 0 }] };');
  writeFileSync(join(folder, "misspelt.mjs"), "export default { optimisers: [] };");
  writeFileSync(join(folder, "none.mjs"), "export const optimizers = [];");
  writeFileSync(join(folder, "broken.mjs"), 'throw new Error("no such luck");');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Rated {
  readonly name: string;
  readonly rate: number;
}
const isRated = (value: unknown): value is Rated =>
  typeof value === "object" && value !== null && "rate" in value && typeof value.rate === "number";
const optimizers = new Registry<Rated>("optimizer", [{ name: "sgd", rate: 1 }]);
const load = (...files: string[]) => loadPlugins(pluginAddresses(files, folder));

test("a plugin's definitions join the built-in ones", async () => {
  const all = withPlugins(optimizers, "optimizers", await load("good.mjs"), isRated);
  expect(all.names).toEqual(["sgd", "still"]);
  expect(withPlugins(optimizers, "optimizers", [], isRated)).toBe(optimizers);
});

test("what is not such a definition is refused with the file", async () => {
  const never = (value: unknown): value is Rated => value === undefined;
  const plugins = await load("good.mjs");
  expect(() => withPlugins(optimizers, "optimizers", plugins, never)).toThrow(
    expect.objectContaining({ code: "VALUE", where: join(folder, "good.mjs") }),
  );
});

test.each([
  ["misspelt.mjs", { code: "VALUE", hint: 'did you mean "optimizers"?' }],
  ["none.mjs", { code: "VALUE" }],
  ["broken.mjs", { code: "FILE", message: "cannot load this plugin: no such luck" }],
  ["absent.mjs", { code: "FILE" }],
])("%s is refused by name", async (file, error) => {
  await expect(load(file)).rejects.toMatchObject({ ...error, where: join(folder, file) });
});
